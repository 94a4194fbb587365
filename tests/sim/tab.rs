//! One tab: an engine over its profile's store, driven as the shell drives it.
//!
//! A tab's life ends by crash or close; what was meant for an earlier life is lost, as in a browser.

use super::event::Stashed;
use super::oracle::view::View;
use super::truthful::Refused;
use seakeep::engine::input::WriteOp;
use seakeep::engine::machine::Engine;
use seakeep::engine::plan::Report;
use seakeep::model::Failure;
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// Whether a tab runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// It runs.
    Awake,
    /// Frozen by the browser, and told so: only messages still arrive.
    Frozen,
    /// Stopped without a word: nothing arrives.
    Stopped,
}

/// One operation of a local write, as the oracle remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) tag: String,
    pub(crate) list: Option<Vec<u64>>,
    pub(crate) bit: u64,
    pub(crate) removes: bool,
}

/// A command that waits for its reply.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) what: &'static str,
    pub(crate) claims: Vec<Claim>,
}

/// The end of one commit on its way to the tab.
pub(crate) type StoreReport = (u32, Result<Report<Json>, Failure>);

/// One tab.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) profile: usize,
    pub(crate) engine: Option<Box<Engine<Json>>>,
    pub(crate) life: u32,
    pub(crate) sleep: Sleep,
    pub(crate) stash: VecDeque<Stashed>,
    /// When the timer is due, and which setting of it counts.
    pub(crate) wake: Option<(u64, &'static str)>,
    pub(crate) token: u64,
    pub(crate) last_ticket: u32,
    pub(crate) open: BTreeMap<u32, Asked>,
    /// The name under which it takes the lease, once seen.
    pub(crate) owner: Option<Rc<str>>,
    /// When the lease that it took last runs out, by its device's clock.
    pub(crate) lease_until: u64,
    /// Whether its page is hidden.
    pub(crate) hidden: bool,
    /// Whether no message reaches it.
    pub(crate) deaf: bool,
    /// Until when things still happen although it was told that it freezes.
    pub(crate) drowsy_until: u64,
    /// Whether it said farewell, so that its lease may be taken before its end.
    pub(crate) gone: bool,
    pub(crate) reports: VecDeque<StoreReport>,
    pub(crate) last_report: u64,
    /// Lists issued but not yet answered, by tag.
    pub(crate) drafts: BTreeMap<String, Vec<u64>>,
    /// Documents as it was told of them.
    pub(crate) view: View,
    /// Changes whose end it promised to tell.
    pub(crate) watched: BTreeSet<String>,
    /// Requests under way, with their idempotency keys.
    pub(crate) requests: BTreeMap<u32, Vec<String>>,
    pub(crate) holds: Vec<u32>,
    pub(crate) stopped: bool,
    pub(crate) last_hold: u32,
    /// Until when the server asked this life to wait, and the life of the clock that counts.
    pub(crate) ordered: Option<(u64, u32)>,
    /// Wakes at the same moment in a row.
    pub(crate) spins: u32,
    /// Commits in the running simulated second.
    pub(crate) burst: (u64, u32),
    pub(crate) wakes: u64,
    /// Whether a transaction of it failed: at a close, what it had counted may be lost.
    pub(crate) unstored: bool,
    /// Whether it has heard what its leader does, so that it tells of that one's passes.
    pub(crate) overhears: bool,
    /// Which version of the code it runs.
    pub(crate) version: u32,
    /// Whether it was told that it freezes and not yet that it runs again.
    pub(crate) dozes: bool,
    /// Whether it was told that its code is too old, and whether it could take that in.
    pub(crate) hears_outdated: bool,
    pub(crate) outdated: bool,
    /// Until when the request that leaves next is the only one, by what it just told.
    pub(crate) lets_out: Option<u64>,
    /// The key that was just let out to see, and the key that the server failed at last.
    pub(crate) sees: Option<String>,
    pub(crate) fails: Option<String>,
    /// Writes of pages without an answer, refused ones, and those of them that were made again.
    pub(crate) pages: BTreeMap<u32, (u64, Vec<WriteOp<Json>>)>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) repeated: BTreeMap<u32, Refused>,
    /// The store it opened last: another one means that it was wiped.
    pub(crate) store_id: u32,
}

impl Tab {
    /// A tab that has not been opened.
    pub(crate) fn new(profile: usize) -> Self {
        Self {
            profile,
            engine: None,
            life: 0,
            sleep: Sleep::Awake,
            stash: VecDeque::new(),
            wake: None,
            token: 0,
            last_ticket: 0,
            open: BTreeMap::new(),
            owner: None,
            lease_until: 0,
            hidden: false,
            deaf: false,
            drowsy_until: 0,
            gone: false,
            reports: VecDeque::new(),
            last_report: 0,
            drafts: BTreeMap::new(),
            view: View::default(),
            watched: BTreeSet::new(),
            requests: BTreeMap::new(),
            holds: Vec::new(),
            stopped: false,
            last_hold: 0,
            ordered: None,
            spins: 0,
            burst: (0, 0),
            wakes: 0,
            unstored: false,
            overhears: false,
            version: 0,
            dozes: false,
            hears_outdated: false,
            outdated: false,
            lets_out: None,
            sees: None,
            fails: None,
            pages: BTreeMap::new(),
            refused: Vec::new(),
            repeated: BTreeMap::new(),
            store_id: 0,
        }
    }

    /// Ends this life: all that lived in memory is gone.
    pub(crate) fn end(&mut self) {
        let (profile, life, last_ticket, token) = (self.profile, self.life + 1, self.last_ticket, self.token + 1);
        *self = Self { life, last_ticket, token, ..Self::new(profile) };
    }

    /// Whether it has an engine that takes input now.
    pub(crate) fn is_awake(&self) -> bool {
        self.engine.is_some() && self.sleep == Sleep::Awake
    }

    /// The next ticket for a command.
    pub(crate) fn ticket(&mut self, asked: Asked) -> u32 {
        self.last_ticket += 1;
        self.open.insert(self.last_ticket, asked);
        self.last_ticket
    }
}
