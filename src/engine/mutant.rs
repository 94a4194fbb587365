//! Seeded protocol bugs, to prove that the simulator's oracles bite.
//!
//! In the shipped module every switch is off at compile time and the code behind it does not exist. In a native build
//! the simulator turns one on for its own thread; nothing else can.

/// A way to break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each name is the sentence")]
pub enum Mutant {
    PullOverwritesPending,
    CheckpointBeforeData,
    DropBeforeSend,
    NewKeyPerAttempt,
    StalePullAfterAcknowledge,
    SkipBlockedRowOfLane,
    AcknowledgeRemovesLane,
    LeaseNeverExpires,
    NoClockClamp,
    NoRetryAfterFailure,
    TrustAnySuccess,
    CountsUnauthorized,
    FoldIntoAttempted,
    TemporaryIdLeaks,
    IgnoresRetryAfter,
    DocumentWithoutChange,
    CheckpointWithFirstPart,
    TrustsAnyNotModified,
    AsksTheSamePage,
    FoldAcrossTransactions,
    TransactionIgnoresReads,
    TransactionKeepsHalf,
    TallyIgnoresResets,
    TallyCountsTwice,
    ConflictWithoutRecord,
    JudgesInDoubt,
    ForgetsOrigin,
    MergeTakesLocal,
    TakesFromHiddenAtOnce,
    WritesWhileFrozen,
    MissingIsDone,
    ForgetsTheBreaker,
    TransactionOutOfOrder,
    AuditKeepsOne,
    AuditForgetsParked,
    AllTabsListen,
    NewsChangeNothing,
    SendsPastItsLease,
    PagesWhole,
    PartsTogether,
    GuessReplacesDocument,
    GuessReplacesChange,
    MarkStandsStill,
    OutdatedGoesOn,
    OutdatedKeepsWaiting,
    CountsRedirects,
    HoldsWithoutReason,
    BlocksTooSoon,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 48] = [
        Self::PullOverwritesPending,
        Self::CheckpointBeforeData,
        Self::DropBeforeSend,
        Self::NewKeyPerAttempt,
        Self::StalePullAfterAcknowledge,
        Self::SkipBlockedRowOfLane,
        Self::AcknowledgeRemovesLane,
        Self::LeaseNeverExpires,
        Self::NoClockClamp,
        Self::NoRetryAfterFailure,
        Self::TrustAnySuccess,
        Self::CountsUnauthorized,
        Self::FoldIntoAttempted,
        Self::TemporaryIdLeaks,
        Self::IgnoresRetryAfter,
        Self::DocumentWithoutChange,
        Self::CheckpointWithFirstPart,
        Self::TrustsAnyNotModified,
        Self::AsksTheSamePage,
        Self::FoldAcrossTransactions,
        Self::TransactionIgnoresReads,
        Self::TransactionKeepsHalf,
        Self::TallyIgnoresResets,
        Self::TallyCountsTwice,
        Self::ConflictWithoutRecord,
        Self::JudgesInDoubt,
        Self::ForgetsOrigin,
        Self::MergeTakesLocal,
        Self::TakesFromHiddenAtOnce,
        Self::WritesWhileFrozen,
        Self::MissingIsDone,
        Self::ForgetsTheBreaker,
        Self::TransactionOutOfOrder,
        Self::AuditKeepsOne,
        Self::AuditForgetsParked,
        Self::AllTabsListen,
        Self::NewsChangeNothing,
        Self::SendsPastItsLease,
        Self::PagesWhole,
        Self::PartsTogether,
        Self::GuessReplacesDocument,
        Self::GuessReplacesChange,
        Self::MarkStandsStill,
        Self::OutdatedGoesOn,
        Self::OutdatedKeepsWaiting,
        Self::CountsRedirects,
        Self::HoldsWithoutReason,
        Self::BlocksTooSoon,
    ];

    /// Whether this bug is switched on.
    pub fn is_on(self) -> bool {
        cfg!(not(target_arch = "wasm32")) && ACTIVE.get() == Some(self)
    }

    /// Switches a bug on, or all off, for this thread.
    pub fn switch(mutant: Option<Self>) {
        ACTIVE.set(mutant);
    }
}

thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}
