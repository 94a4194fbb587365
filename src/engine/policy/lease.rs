//! Who may send: a lease with an expiry and an epoch.
//!
//! A holder that freezes or dies simply runs out (pitfalls C1, C4); the next holder's higher epoch fences what the
//! old one still tries to write. An expiry further ahead than two terms is a clock that jumped and counts as expired.

use crate::engine::mutant::Mutant;
use crate::model::{Lease, Time};
use std::rc::Rc;

/// How long a lease lasts.
pub const TERM: u64 = 15_000;

/// The term in force: [`TERM`], but in the simulator, which draws others.
pub fn term() -> u64 {
    if cfg!(target_arch = "wasm32") {
        TERM
    } else {
        DRAWN.get()
    }
}

/// How often a holder renews in a term.
pub const RENEWALS: u64 = 3;

/// Sets the term for this thread, in a native build.
pub fn set_term(term: u64) {
    DRAWN.set(term);
}

thread_local! {
    static DRAWN: core::cell::Cell<u64> = const { core::cell::Cell::new(TERM) };
}

/// How long a visible tab leaves its work to a hidden holder before it may take the lease from it.
pub const PATIENCE: u64 = 1_000;

/// Who asks for the lease, and how it stands there.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The tab.
    pub owner: Rc<str>,
    /// Tabs that said farewell.
    pub gone: Vec<Rc<str>>,
    /// Whether its page is hidden.
    pub hidden: bool,
    /// Since when the same work of it waits for another tab.
    pub waits: Option<Time>,
    /// How long after its end it leaves the lease to the last holder.
    pub grace: u64,
    /// When it asks.
    pub now: Time,
}

/// The lease that a tab may write now, or when to ask again.
///
/// The lease of a tab that said farewell is over before its time. A visible tab whose work waits may take that of a
/// hidden one, for the browser slows that one's timers down (pitfalls C10); any tab whose work waits for two terms may
/// take it, for its holder does not hear. But never sooner than a term after it was taken, so that leaders do not take
/// turns (C3).
pub fn take(current: Option<&Lease>, claim: &Claim) -> Result<Lease, Time> {
    let Some(lease) = current else { return Ok(taken(claim, 1)) };
    if lease.owner == claim.owner {
        // A clock that jumped back must not make it seem taken in the future.
        let since = lease.since.min(claim.now);
        return Ok(Lease { expires_at: claim.now + term(), since, hidden: claim.hidden, ..lease.clone() });
    }
    let until = match claim.grace {
        0 => lease.expires_at.min(handed_over(lease, claim)),
        grace => lease.expires_at + grace,
    };
    if is_absurd(lease, claim.now) || claim.gone.contains(&lease.owner) || until <= claim.now {
        return Ok(taken(claim, lease.epoch + u64::from(!Mutant::KeepsTheEpoch.is_on())));
    }
    Err(if Mutant::AsksMuchPatience.is_on() { until + 9 * term() } else { until })
}

fn taken(claim: &Claim, epoch: u64) -> Lease {
    let Claim { owner, hidden, now, .. } = claim;
    Lease { owner: owner.clone(), epoch, expires_at: now + term(), since: *now, hidden: *hidden }
}

/// From when on a tab whose work waits may take the lease from its living holder.
fn handed_over(lease: &Lease, claim: &Claim) -> Time {
    let waits = claim.waits.filter(|waits| *waits <= claim.now).unwrap_or(claim.now);
    if (lease.hidden && !claim.hidden) || Mutant::TakesBeforeTheEnd.is_on() {
        let least = if Mutant::TakesFromHiddenAtOnce.is_on() { 0 } else { term() };
        return (lease.since + least).max(waits + PATIENCE);
    }
    lease.since.max(waits) + 2 * term()
}

/// Whether bookkeeping of `holder` may still be written.
pub fn stands(current: Option<&Lease>, holder: &Lease) -> bool {
    current.is_some_and(|lease| lease.owner == holder.owner && lease.epoch == holder.epoch)
}

/// Whether its end is so far ahead that the clock must have jumped.
fn is_absurd(lease: &Lease, now: Time) -> bool {
    lease.expires_at > now + 2 * term()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: &str, epoch: u64, expires_at: Time) -> Lease {
        Lease { owner: owner.into(), epoch, expires_at, since: 100, hidden: false }
    }

    fn claim(now: Time) -> Claim {
        Claim { owner: "me".into(), gone: Vec::new(), hidden: false, waits: None, grace: 0, now }
    }

    #[test]
    fn a_lease_is_taken_renewed_refused_and_taken_over() {
        let other = |until| lease("other", 4, until);
        assert_eq!(take(None, &claim(100)), Ok(lease("me", 1, 100 + TERM)));
        let renewed = take(Some(&lease("me", 4, 200)), &claim(150));
        assert_eq!(renewed, Ok(lease("me", 4, 150 + TERM)), "renewal keeps the epoch and the time it was taken");
        assert_eq!(take(Some(&other(200)), &claim(100)), Err(200));
        assert_eq!(take(Some(&other(100)), &claim(100)), Ok(lease("me", 5, 100 + TERM)));
        let told = Claim { gone: vec!["other".into()], ..claim(100) };
        assert_eq!(take(Some(&other(200)), &told), Ok(lease("me", 5, 100 + TERM)), "a farewell");
        let jumped = other(100 + 2 * TERM + 1);
        assert_eq!(take(Some(&jumped), &claim(100)), Ok(lease("me", 5, 100 + TERM)), "an absurd expiry does not block");
        let longest = 100 + 2 * TERM;
        assert_eq!(take(Some(&other(longest)), &claim(100)), Err(longest), "two terms are not absurd");
    }

    #[test]
    fn a_visible_tab_takes_a_hidden_ones_lease_after_a_term_and_a_second_of_waiting() {
        let hidden = Lease { since: 0, hidden: true, ..lease("other", 4, 2 * TERM) };
        let waits = |waits, now| take(Some(&hidden), &Claim { waits, ..claim(now) });
        assert_eq!(waits(None, 100), Err(TERM), "not within a term");
        assert_eq!(waits(None, TERM + 5), Err(TERM + 5 + PATIENCE), "its work waits from now on");
        assert_eq!(waits(Some(TERM), TERM + PATIENCE).map(|lease| lease.epoch), Ok(5));
        let both = Claim { hidden: true, waits: Some(0), ..claim(TERM + PATIENCE) };
        assert_eq!(take(Some(&hidden), &both), Err(2 * TERM), "a hidden tab has no better claim");
        let shown = Lease { hidden: false, ..hidden.clone() };
        assert_eq!(take(Some(&shown), &Claim { waits: Some(0), ..claim(TERM + PATIENCE) }), Err(2 * TERM));
    }

    #[test]
    fn a_holder_that_does_not_hear_is_replaced_after_two_terms_of_waiting() {
        let deaf = Lease { since: 0, ..lease("other", 4, 9 * TERM) };
        let waits = |waits, now| take(Some(&deaf), &Claim { waits: Some(waits), ..claim(now) });
        assert_eq!(waits(6 * TERM, 8 * TERM - 1), Err(8 * TERM));
        assert_eq!(waits(6 * TERM, 8 * TERM).map(|lease| lease.epoch), Ok(5));
    }

    #[test]
    fn routine_leaves_an_idle_leader_its_place() {
        let idle = lease("other", 4, 200);
        let routine = |now| take(Some(&idle), &Claim { grace: 60_000, ..claim(now) });
        assert_eq!(routine(5_000), Err(60_200));
        assert_eq!(routine(60_200).map(|lease| lease.epoch), Ok(5), "it missed its turn");
    }

    #[test]
    fn only_the_same_holder_in_the_same_epoch_stands() {
        let held = lease("me", 4, 200);
        assert!(stands(Some(&lease("me", 4, 900)), &held));
        assert!(!stands(Some(&lease("me", 5, 900)), &held));
        assert!(!stands(Some(&lease("other", 4, 900)), &held));
        assert!(!stands(None, &held));
    }
}
