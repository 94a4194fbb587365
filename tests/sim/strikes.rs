//! What single faults there are, where each can mean anything, and how one strikes.
//!
//! A point is a transaction of a store, a request, or a message to another tab. Requests are of five kinds: a fault that
//! only a page can meet is not tried on a change. A fault lasts for the point it strikes, or, where it is a state of the
//! device, the network or the server, for a while; all of them end when the script recovers.

use super::event::Event;
use super::net::Wire;
use super::world::World;
use seakeep::engine::input::Signal;
use std::collections::BTreeMap;

/// What a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// A transaction is about to run.
    Commit,
    /// A request leaves, and reaches the server.
    Request,
    /// A message is sent to another tab.
    Message,
}

/// All of them.
pub(crate) const POINTS: [Point; 3] = [Point::Commit, Point::Request, Point::Message];

/// How long a state of the network or the server lasts, in ms: longer than a lease, shorter than a script's patience.
const WHILE: u64 = 40_000;

// Where a fault can strike, as bits.
pub(crate) const COMMIT: u8 = 1;
const PAGE: u8 = 2;
/// A document asked for by itself.
const ONE: u8 = 4;
/// A change that travels alone.
const CHANGE: u8 = 8;
const BATCH: u8 = 16;
const PROBE: u8 = 32;
pub(crate) const MESSAGE: u8 = 64;
const READ: u8 = PAGE | ONE;
const WRITE: u8 = CHANGE | BATCH;
const REQUEST: u8 = READ | WRITE | PROBE;
/// What happens to a device happens at its transactions and requests.
const DEVICE: u8 = COMMIT | REQUEST;

/// Where faults can strike, with a name for each.
pub(crate) const PLACES: [(&str, u8); 7] = [
    ("commit", COMMIT),
    ("page", PAGE),
    ("one", ONE),
    ("change", CHANGE),
    ("batch", BATCH),
    ("probe", PROBE),
    ("message", MESSAGE),
];

/// Every class of fault, and where it can mean anything. A number is an answer with that status (the HTTP table).
pub(crate) const CLASSES: [(&str, u8); 55] = [
    // The store.
    ("crash_before", COMMIT),
    ("crash_after", COMMIT),
    ("abort", COMMIT),
    ("quota", COMMIT),
    ("slow_commit", COMMIT),
    ("replayed", COMMIT),
    ("power", DEVICE),
    ("wipe", DEVICE),
    // The tab and its page.
    ("crash", DEVICE | MESSAGE),
    ("freeze", DEVICE | MESSAGE),
    ("close", DEVICE),
    ("hide", DEVICE),
    ("deploy", DEVICE),
    ("offline", DEVICE),
    // The clock.
    ("jump", DEVICE),
    ("stand", DEVICE),
    // Between tabs.
    ("message_loss", MESSAGE),
    ("message_late", MESSAGE),
    ("deafen", MESSAGE),
    ("hostile", MESSAGE),
    // The network.
    ("lost_before", REQUEST),
    ("lost_after", REQUEST),
    ("duplicate", REQUEST),
    ("slow", REQUEST),
    ("broken", REQUEST),
    ("html", REQUEST),
    ("redirect", REQUEST),
    ("stall", REQUEST),
    ("cut_out", REQUEST),
    ("cut_in", REQUEST),
    ("barred", CHANGE),
    // The server.
    ("failing", REQUEST),
    ("failing_after", REQUEST),
    ("limited", REQUEST),
    ("down", DEVICE),
    ("login", DEVICE),
    ("renamed", DEVICE),
    ("gone", PAGE),
    ("fickle", PAGE),
    ("stale_page", PAGE),
    ("strange", READ),
    ("etag", PAGE),
    ("odd", READ | WRITE),
    ("bare", CHANGE),
    ("refused", WRITE),
    ("in_progress", WRITE),
    ("batch_mess", BATCH),
    ("batch_full", BATCH),
    ("409", WRITE),
    ("413", WRITE),
    ("426", REQUEST),
    ("428", WRITE),
    ("501", WRITE),
    ("507", REQUEST),
    ("511", REQUEST),
];

/// The one fault of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) point: Point,
    /// Which point of its kind.
    pub(crate) number: u32,
    pub(crate) fault: &'static str,
}

/// Points met so far, and the one where the fault strikes.
#[derive(Debug, Default)]
pub(crate) struct Points {
    pub(crate) met: BTreeMap<Point, u32>,
    /// What each request was.
    pub(crate) requests: Vec<u8>,
    pub(crate) strike: Option<Strike>,
}

impl World {
    /// A transaction is about to run.
    pub(crate) fn meet_commit(&mut self, profile: usize) {
        let job = self.profiles[profile].jobs.front();
        let Some(tab) = job.filter(|job| self.tabs[job.tab].life == job.life).map(|job| job.tab) else {
            return self.run_commit(profile);
        };
        let number = self.meet(Point::Commit);
        self.strike_tab(Point::Commit, number, tab);
        self.strike(Point::Commit, number, |world| world.run_commit(profile));
    }

    /// One more point of a kind; which one it is.
    pub(crate) fn meet(&mut self, point: Point) -> u32 {
        let met = self.points_met.met.entry(point).or_insert(0);
        *met += 1;
        *met
    }

    /// A request leaves.
    pub(crate) fn meet_request(&mut self, wire: &Wire) {
        self.points_met.requests.push(kind_of(wire));
        if let Some(fault) = self.striking(Point::Request, wire.number) {
            self.strike_way(fault, wire);
        }
    }

    fn striking(&self, point: Point, number: u32) -> Option<&'static str> {
        let strike = self.points_met.strike.filter(|strike| (strike.point, strike.number) == (point, number))?;
        Some(strike.fault)
    }

    /// What happens at a point; if it is this run's, with its fault at a rate of 1,000.
    pub(crate) fn strike(&mut self, point: Point, number: u32, happens: impl FnOnce(&mut Self)) {
        let Some(fault) = self.striking(point, number) else { return happens(self) };
        self.trace(|| format!("{fault} strikes {point:?} {number}"));
        let before = self.faults.clone();
        self.faults.rate_of(fault).into_iter().for_each(|rate| *rate = 1_000);
        self.faults.answers.status = fault.parse().unwrap_or(0);
        self.mishaps.set(fault, 1_000);
        happens(self);
        self.mishaps.set(fault, 0);
        self.faults = before;
    }

    /// What happens to the tab or the server at this run's point, instead of to the transaction or request itself.
    pub(crate) fn strike_tab(&mut self, point: Point, number: u32, tab: usize) {
        let Some(fault) = self.striking(point, number) else { return };
        match fault {
            "crash" => self.crash(tab),
            "freeze" => self.freeze(tab),
            "close" => self.close(tab),
            "hide" => {
                self.faults.throttles_hidden = true;
                self.show(tab, true);
            }
            "jump" => self.jump(tab / 2),
            "stand" => self.stop_clock(tab / 2),
            "power" => self.lose_power(tab / 2),
            "wipe" => self.wipe(tab / 2),
            "deploy" => self.deploy(tab),
            "offline" => self.signal(tab, Signal::Offline),
            _ => self.strike_server(fault),
        }
    }

    fn strike_server(&mut self, fault: &str) {
        match fault {
            "login" => {
                self.server.wants_login = true;
                self.schedule(WHILE / 2, Event::Calm);
            }
            "down" => self.server.is_down = true,
            "gone" => self.server.is_gone = true,
            "fickle" => self.server.is_fickle = true,
            "renamed" => self.server.rename(),
            _ => {}
        }
        if matches!(fault, "down" | "gone" | "fickle") {
            self.schedule(WHILE, Event::Mended);
        }
    }

    /// What happens to the way of a request before it leaves.
    fn strike_way(&mut self, fault: &str, wire: &Wire) {
        match fault {
            "cut_out" | "cut_in" => self.cut_off(self.tabs[wire.tab].profile, fault == "cut_out", WHILE),
            "barred" => self.faults.answers.barred = wire.key().cloned(),
            _ => {}
        }
    }

    /// What happens to the tabs at both ends of a message.
    pub(crate) fn strike_message(&mut self, number: u32, from: usize, to: usize) {
        match self.striking(Point::Message, number) {
            Some("freeze") => self.freeze(to),
            Some("crash") => self.crash(to),
            Some("deafen") => {
                self.tabs[to].deaf = true;
                self.tabs[to].view.misses = true;
            }
            Some("hostile") => self.mislead(from),
            _ => {}
        }
    }
}

/// What a request is, for the faults that can meet it.
fn kind_of(wire: &Wire) -> u8 {
    match () {
        () if wire.is_batch() => BATCH,
        () if wire.is_write() => CHANGE,
        () if wire.is_page() => PAGE,
        () if wire.core.path == "/_health" => PROBE,
        () => ONE,
    }
}
