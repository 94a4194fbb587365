//! Everything that can happen to the engine.

use super::plan::{Choice, Expected, Report};
use super::policy::network::Connection;
use crate::model::{Collection, DocKey, Document, Failure, Listed, Patch, Priority, Time};
use crate::protocol::{HttpResponse, NetworkFailure};
use std::rc::Rc;

/// One event. The shell gives exactly one at a time and drains the outputs after it.
#[derive(Debug)]
pub enum Input<D> {
    /// The store is open.
    Start,
    /// The app wants something; the answer carries the ticket.
    Command {
        /// Whom to answer.
        ticket: u32,
        /// What it wants.
        command: Command<D>,
    },
    /// A commit has ended.
    Committed {
        /// Which.
        commit: u32,
        /// Its report, or why nothing was written.
        result: Result<Report<D>, Failure>,
    },
    /// A request has ended.
    Responded {
        /// Which.
        request: u32,
        /// Its response, or why there is none.
        result: Result<HttpResponse<D>, NetworkFailure>,
    },
    /// How large the bodies of a request and of its answer were, in bytes.
    Measured {
        /// What was sent.
        sent: u64,
        /// What was received.
        received: u64,
    },
    /// The browser says something about the page or the network.
    Signal(Signal),
    /// The browser says what the connection is like.
    Network(Connection),
    /// A piece of the server's stream of news.
    Heard {
        /// Which stream.
        listen: u32,
        /// The text.
        text: String,
    },
    /// A stream of news has ended or could not be opened.
    Unheard {
        /// Which.
        listen: u32,
        /// The server's status, or why there is none.
        result: Result<u16, NetworkFailure>,
    },
    /// Another tab says something. A hint: nothing depends on its arrival.
    Message(Message<D>),
    /// An alarm is due.
    Tick,
}

/// What the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `navigator.onLine` became true.
    Online,
    /// `navigator.onLine` became false.
    Offline,
    /// The page became visible.
    Visible,
    /// The page became hidden.
    Hidden,
    /// The page is frozen: nothing may be touched.
    Frozen,
    /// The page leaves for the back/forward cache: as frozen, and nothing may stay open.
    Cached,
    /// The page runs again.
    Resumed,
    /// The database was deleted and made anew, empty.
    Wiped,
    /// The lock between tabs is this one's. It says nothing but that the lease may be looked at now.
    Unlocked,
    /// Newer code has taken the database over: nothing of this one is written any more.
    Outdated,
}

/// What tabs tell each other.
#[derive(Debug, Clone)]
pub enum Message<D> {
    /// Documents of these collections changed.
    Changed(Vec<Collection>),
    /// The outbox changed.
    Outbox,
    /// A setting changed.
    Setting(Rc<str>),
    /// A page goes; the lease of this tab need not run out.
    Gone(Rc<str>),
    /// A page that had gone came back.
    Back(Rc<str>),
    /// A tab took the lease under this epoch.
    Led(u64),
    /// What the leader does, as its app is told: the status.
    Doing(D),
    /// A follower asks the leader for a pass.
    Ask {
        /// To be repeated in the report.
        id: String,
        /// What it asks for.
        wish: Wish,
    },
    /// The leader's report on such a pass.
    Report {
        /// The asked id.
        id: String,
        /// The report, as the app gets it.
        report: D,
    },
}

/// What a pass should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Only this collection.
    pub collection: Option<Collection>,
    /// Send.
    pub push: bool,
    /// Pull.
    pub pull: bool,
    /// Pull from the beginning.
    pub full: bool,
}

/// What the app wants.
#[derive(Debug, Clone)]
pub enum Command<D> {
    /// Write, as one atomic step.
    Write(Vec<WriteOp<D>>),
    /// Write as one atomic step, sent as one unit, if what was read still stands (`TX_CONFLICT`).
    Transact(Vec<WriteOp<D>>, Expected<D>),
    /// Sync now.
    Now(Wish),
    /// Let syncing run.
    Run,
    /// Stop syncing.
    Stop,
    /// Hold syncing for a reason, under a number.
    Hold(u32, String),
    /// Release a hold.
    Release(u32),
    /// Make one change due, or all.
    Retry(Option<String>),
    /// Drop a change.
    Discard(String),
    /// Replace a change's document.
    Edit(String, D),
    /// Take a change back if no attempt was made.
    Cancel(String),
    /// Run a pass at a time, under a number.
    Schedule(u32, Time),
    /// Forget a scheduled pass.
    Unschedule(u32),
    /// What sync has done.
    Stats,
    /// Count anew.
    ResetStats,
    /// A person's choice on an open conflict.
    Resolve(String, Choice<D>),
    /// The app's function on a conflict it was asked about.
    Verdict(String, Choice<D>),
    /// Set or remove a setting.
    Setting(Rc<str>, Option<D>),
    /// End.
    Close,
}

/// One operation of a write, as the face gives it (`WriteOp` in `js/binding-shapes.ts`).
#[derive(Debug, Clone)]
pub struct WriteOp<D> {
    /// The collection.
    pub collection: Collection,
    /// The id; empty for one that is to be made.
    pub id: String,
    /// What it does.
    pub kind: WriteKind<D>,
    /// Who goes first.
    pub priority: Priority,
    /// Saved without sending.
    pub local: bool,
    /// Whether its id is a temporary one that the face made for it just now.
    pub fresh: bool,
}

/// What an operation does.
#[derive(Debug, Clone)]
pub enum WriteKind<D> {
    /// Insert or replace.
    Put(D),
    /// Insert.
    Add(D),
    /// Change fields.
    Patch(Patch<D>),
    /// Remove.
    Remove,
}

impl<D: Document> WriteOp<D> {
    /// Reads the face's object; `None` when it has not the agreed form.
    pub fn from_document(from: &D) -> Option<Self> {
        let kind = match from.text_of("kind")?.as_str() {
            "put" => WriteKind::Put(from.get("doc")?),
            "add" => WriteKind::Add(from.get("doc")?),
            "patch" => WriteKind::Patch(patch(from)),
            "remove" => WriteKind::Remove,
            _ => return None,
        };
        Some(Self {
            collection: from.text_of("collection")?.into(),
            id: from.text_of("id").unwrap_or_default(),
            kind,
            priority: Priority::from_text(from.text_of("priority").as_deref()),
            local: from.flag("local"),
            fresh: from.flag("fresh"),
        })
    }

    /// The document's address.
    pub fn key(&self) -> DocKey {
        DocKey::new(&self.collection, &self.id)
    }
}

fn patch<D: Document>(from: &D) -> Patch<D> {
    let set = from.get("set").unwrap_or_else(D::object);
    let inc = from.get("inc").unwrap_or_else(D::object);
    let unset = from.get("unset").and_then(|list| list.as_list()).unwrap_or_default();
    Patch {
        set: set.fields().into_iter().filter_map(|field| set.get(&field).map(|value| (field, value))).listed(),
        unset: unset.iter().filter_map(Document::as_text).listed(),
        inc: inc.fields().into_iter().filter_map(|field| inc.number_of(&field).map(|by| (field, by))).listed(),
    }
}

impl Wish {
    /// Everything.
    pub fn all() -> Self {
        Self { collection: None, push: true, pull: true, full: false }
    }

    /// Reads the face's object.
    pub fn from_document<D: Document>(from: &D) -> Self {
        Self {
            collection: from.text_of("collection").map(Rc::from),
            push: from.flag("push"),
            pull: from.flag("pull"),
            full: from.flag("full"),
        }
    }
}

impl<D: Document> Message<D> {
    /// Whether it says again what another one said, of the kinds that come often.
    pub fn repeats(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Outbox, Self::Outbox) => true,
            (Self::Changed(own), Self::Changed(others)) => own == others,
            _ => false,
        }
    }

    /// As it goes to other tabs.
    pub fn to_document(&self) -> D {
        let text = |text: &str| Some(D::text(text));
        let flag = |flag: bool| Some(D::boolean(flag));
        match self {
            Self::Changed(collections) => {
                let names = collections.iter().map(|name| D::text(name)).listed();
                D::of(&[("type", text("changed")), ("collections", Some(D::list(names)))])
            }
            Self::Outbox => D::of(&[("type", text("outbox"))]),
            Self::Setting(key) => D::of(&[("type", text("setting")), ("key", text(key))]),
            Self::Gone(tab) => D::of(&[("type", text("gone")), ("tab", text(tab))]),
            Self::Led(epoch) => D::of(&[("type", text("led")), ("epoch", Some(D::number(*epoch as f64)))]),
            Self::Back(tab) => D::of(&[("type", text("back")), ("tab", text(tab))]),
            Self::Ask { id, wish } => {
                let collection = wish.collection.as_deref().map_or_else(D::null, D::text);
                D::of(&[
                    ("type", text("ask")),
                    ("id", text(id)),
                    ("collection", Some(collection)),
                    ("push", flag(wish.push)),
                    ("pull", flag(wish.pull)),
                    ("full", flag(wish.full)),
                ])
            }
            Self::Doing(status) => D::of(&[("type", text("doing")), ("status", Some(status.clone()))]),
            Self::Report { id, report } => {
                D::of(&[("type", text("report")), ("id", text(id)), ("report", Some(report.clone()))])
            }
        }
    }

    /// Reads what another tab sent; anything else on the channel is `None` (pitfalls I17).
    pub fn from_document(from: &D) -> Option<Self> {
        match from.text_of("type")?.as_str() {
            "changed" => {
                let names = from.get("collections")?.as_list()?;
                Some(Self::Changed(names.iter().filter_map(|name| name.as_text().map(Rc::from)).listed()))
            }
            "outbox" => Some(Self::Outbox),
            "setting" => Some(Self::Setting(from.text_of("key")?.into())),
            "gone" => Some(Self::Gone(from.text_of("tab")?.into())),
            "led" => Some(Self::Led(from.number_of("epoch").filter(|epoch| *epoch >= 0.0)? as u64)),
            "back" => Some(Self::Back(from.text_of("tab")?.into())),
            "ask" => Some(Self::Ask { id: from.text_of("id")?, wish: Wish::from_document(from) }),
            "doing" => Some(Self::Doing(from.get("status")?)),
            "report" => Some(Self::Report { id: from.text_of("id")?, report: from.get("report")? }),
            _ => None,
        }
    }
}
