//! The pending row: one change that has not been acknowledged, as it stands in the outbox.
//!
//! The idempotency key is minted when the change is enqueued and belongs to one payload: what was sent once is kept
//! under `sent` and never changes between attempts (I-08). A change that was attempted is never folded into another.

use super::record::{number, object, text, texts, whole};
use super::{Collection, Document, Failure, Listed, Patch, Record, Seq, Time, Wait};
use std::rc::Rc;

/// What a change does to its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Makes it.
    Create,
    /// Changes some of its fields.
    Update,
    /// Removes it.
    Delete,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PendingState {
    /// To be sent when its lane and its pause allow.
    Waiting,
    /// A request is out, or was when the sender died.
    Sending,
    /// Will not succeed without help; stays visible.
    Parked,
    /// Waits for a person to resolve a conflict.
    Conflict,
}

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Before everything.
    High,
    /// What a person did.
    User,
    /// What can wait.
    Background,
}

/// The payload of the first attempt, frozen for all later ones.
#[derive(Debug, Clone)]
pub struct Sent<D> {
    /// HTTP method.
    pub method: Rc<str>,
    /// Body, when the method has one.
    pub body: Option<D>,
    /// Revision of the document it was made from: what guards it, whatever was pulled since.
    pub revision: Option<String>,
}

/// A row of the outbox.
#[derive(Debug, Clone)]
pub struct Pending<D> {
    /// Place in the outbox.
    pub seq: Seq,
    /// Identity of the person's change.
    pub mutation_id: Rc<str>,
    /// Key under which the server executes this payload at most once.
    pub idempotency_key: Rc<str>,
    /// Collection of the document.
    pub collection: Collection,
    /// The document's current id.
    pub id: Rc<str>,
    /// The temporary id it was made with, if any.
    pub temp_id: Option<Rc<str>>,
    /// What the change does.
    pub kind: ChangeKind,
    /// Create: the whole document.
    pub data: Option<D>,
    /// Update: the changed fields.
    pub changes: Patch<D>,
    /// The server's document below this change, for the first of a lane.
    pub base: Option<D>,
    /// Its revision.
    pub base_rev: Option<String>,
    /// When the person made the change, by this device's clock.
    pub created_at: Time,
    /// The server's clock less this device's, as it was known then; `None` while it was not.
    pub skew: Option<i64>,
    /// Counted failures.
    pub retry_count: u32,
    /// Requests in a row that got no answer while others did: five of them park it.
    pub losses: u32,
    /// Why the last attempt failed.
    pub last_error: Option<Failure>,
    /// Where it stands.
    pub state: PendingState,
    /// Pause before the next attempt.
    pub wait: Option<Wait>,
    /// Who goes first.
    pub priority: Priority,
    /// The transaction it belongs to: its members go in order, or as one atomic batch.
    pub group: Option<Rc<str>>,
    /// Whose change it is.
    pub user: Option<Rc<str>>,
    /// What the first attempt sent.
    pub sent: Option<Sent<D>>,
    /// Whether the server has refused what was sent, so that a new payload may take its place.
    pub refused: bool,
    /// Rounds of rebase after a conflict.
    pub rounds: u32,
    /// Writes of the app folded into this change.
    pub writes: u32,
    /// Fields whose last write came after [`Pending::created_at`], and when, by the clock that gave that time.
    pub touched: Vec<(String, Time)>,
    /// The document it was made from, while `base` has moved on and the two have not been compared yet.
    pub origin: Option<D>,
    /// The open conflict that holds it.
    pub conflict: Option<Rc<str>>,
    /// Whether that conflict waits for the app's own function rather than for a person.
    pub asks: bool,
}

impl<D: Document> Pending<D> {
    /// Whether any request with it may have left: then it is immutable.
    pub fn is_attempted(&self) -> bool {
        self.sent.is_some() || self.state == PendingState::Sending
    }

    /// Fields were written again, at a time of this device's clock when it stood so far from the server's. It may have
    /// been set since the change was made: the time is kept as the clock would show it that the change was made by.
    pub fn touch<'f>(&mut self, fields: impl Iterator<Item = &'f str>, now: Time, skew: Option<i64>) {
        self.skew = self.skew.or(skew);
        let moved = self.skew.zip(skew).map_or(0, |(then, skew)| skew.saturating_sub(then));
        let at = now.saturating_add_signed(moved);
        for field in fields.filter(|_| at != self.created_at) {
            self.touched.retain(|(known, _)| known != field);
            self.touched.push((field.into(), at));
        }
    }

    /// The document after this change, on top of `below`.
    pub fn apply(&self, below: Option<&D>) -> Option<D> {
        match self.kind {
            ChangeKind::Create => self.data.clone(),
            ChangeKind::Update => below.map(|doc| self.changes.apply(doc)),
            ChangeKind::Delete => None,
        }
    }
}

impl ChangeKind {
    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The kind of a public name.
    pub fn try_from_text(text: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl PendingState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Sending, Self::Parked, Self::Conflict];

    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending => "sending",
            Self::Parked => "parked",
            Self::Conflict => "conflict",
        }
    }

    /// The state of a public name.
    pub fn try_from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl Priority {
    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::User => "user",
            Self::Background => "background",
        }
    }

    /// The priority of a public name; `user` when it is none.
    pub fn from_text(text: Option<&str>) -> Self {
        match text {
            Some("high") => Self::High,
            Some("background") => Self::Background,
            _ => Self::User,
        }
    }
}

fn patch_record<D: Document>(patch: &Patch<D>) -> Option<D> {
    let set: Vec<(&str, Option<D>)> =
        patch.set.iter().map(|(field, value)| (field.as_str(), Some(value.clone()))).listed();
    let inc: Vec<(&str, Option<D>)> =
        patch.inc.iter().map(|(field, by)| (field.as_str(), Some(D::number(*by)))).listed();
    let unset: Vec<D> = patch.unset.iter().map(|field| D::text(field)).listed();
    (!patch.is_empty()).then(|| {
        object(&[
            ("set", (!set.is_empty()).then(|| D::of(&set))),
            ("unset", (!unset.is_empty()).then(|| D::list(unset))),
            ("inc", (!inc.is_empty()).then(|| D::of(&inc))),
        ])
    })
}

fn patch_from<D: Document>(record: Option<&D>) -> Patch<D> {
    let Some(record) = record else { return Patch::default() };
    let set = record.get("set").unwrap_or_else(D::object);
    let inc = record.get("inc").unwrap_or_else(D::object);
    Patch {
        set: set.fields().into_iter().filter_map(|field| set.get(&field).map(|value| (field, value))).listed(),
        unset: texts(record, "unset"),
        inc: inc.fields().into_iter().filter_map(|field| inc.number_of(&field).map(|by| (field, by))).listed(),
    }
}

fn touched_record<D: Document>(touched: &[(String, Time)]) -> Option<D> {
    let fields: Vec<(&str, Option<D>)> = touched.iter().map(|(field, at)| (field.as_str(), number(Some(*at)))).listed();
    (!fields.is_empty()).then(|| D::of(&fields))
}

fn touched_from<D: Document>(record: Option<D>) -> Vec<(String, Time)> {
    let Some(record) = record else { return Vec::new() };
    record.fields().into_iter().filter_map(|field| whole(&record, &field).map(|at| (field, at))).listed()
}

fn sent_record<D: Document>(sent: &Sent<D>) -> D {
    object(&[
        ("method", Some(D::text(&sent.method))),
        ("body", sent.body.clone()),
        ("rev", text(sent.revision.as_deref())),
    ])
}

impl<D: Document> Record<D> for Pending<D> {
    fn to_record(&self) -> D {
        let some = |value: u32| (value > 0).then(|| D::number(f64::from(value)));
        object(&[
            ("seq", number(Some(self.seq))),
            ("mutationId", Some(D::text(&self.mutation_id))),
            ("idempotencyKey", Some(D::text(&self.idempotency_key))),
            ("collection", Some(D::text(&self.collection))),
            ("id", Some(D::text(&self.id))),
            ("tempId", text(self.temp_id.as_deref())),
            ("kind", Some(D::text(self.kind.as_str()))),
            ("data", self.data.clone()),
            ("changes", patch_record(&self.changes)),
            ("base", self.base.clone()),
            ("baseRev", text(self.base_rev.as_deref())),
            ("createdAt", number(Some(self.created_at))),
            ("skew", self.skew.map(|skew| D::number(skew as f64))),
            ("retryCount", Some(D::number(f64::from(self.retry_count)))),
            ("losses", some(self.losses)),
            ("lastError", self.last_error.as_ref().map(Failure::to_document)),
            ("state", Some(D::text(self.state.as_str()))),
            ("waitingSince", number(self.wait.map(|wait| wait.from))),
            ("nextAttemptAt", number(self.wait.map(|wait| wait.until))),
            ("priority", Some(D::text(self.priority.as_str()))),
            ("group", text(self.group.as_deref())),
            ("user", text(self.user.as_deref())),
            ("sent", self.sent.as_ref().map(sent_record)),
            ("refused", self.refused.then(|| D::boolean(true))),
            ("rounds", some(self.rounds)),
            ("writes", (self.writes > 1).then(|| D::number(f64::from(self.writes)))),
            ("touched", touched_record(&self.touched)),
            ("origin", self.origin.clone()),
            ("conflict", text(self.conflict.as_deref())),
            ("asks", self.asks.then(|| D::boolean(true))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        let wait = whole(record, "waitingSince").zip(whole(record, "nextAttemptAt"));
        let sent = record.get("sent").and_then(|sent| {
            let (body, revision) = (sent.get("body"), sent.text_of("rev"));
            Some(Sent { method: sent.text_of("method")?.into(), body, revision })
        });
        Some(Self {
            seq: whole(record, "seq")?,
            mutation_id: record.text_of("mutationId")?.into(),
            idempotency_key: record.text_of("idempotencyKey")?.into(),
            collection: record.text_of("collection")?.into(),
            id: record.text_of("id")?.into(),
            temp_id: record.text_of("tempId").map(Rc::from),
            kind: ChangeKind::try_from_text(&record.text_of("kind")?)?,
            data: record.get("data"),
            changes: patch_from(record.get("changes").as_ref()),
            base: record.get("base"),
            base_rev: record.text_of("baseRev"),
            created_at: whole(record, "createdAt").unwrap_or(0),
            skew: record.number_of("skew").map(|skew| skew as i64),
            retry_count: whole(record, "retryCount").unwrap_or(0) as u32,
            losses: whole(record, "losses").unwrap_or(0) as u32,
            last_error: record.get("lastError").and_then(|error| Failure::from_document(&error)),
            state: PendingState::try_from_text(&record.text_of("state")?)?,
            wait: wait.map(|(from, until)| Wait { from, until }),
            priority: Priority::from_text(record.text_of("priority").as_deref()),
            group: record.text_of("group").map(Rc::from),
            user: record.text_of("user").map(Rc::from),
            sent,
            refused: record.flag("refused"),
            rounds: whole(record, "rounds").unwrap_or(0) as u32,
            writes: whole(record, "writes").unwrap_or(1) as u32,
            touched: touched_from(record.get("touched")),
            origin: record.get("origin"),
            conflict: record.text_of("conflict").map(Rc::from),
            asks: record.flag("asks"),
        })
    }
}
