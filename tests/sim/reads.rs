//! Reads that fare ill: answers that are too late when they are long, servers that repeat a checkpoint with more to come, and
//! collections that something in the browser blocks. And the oracles on what is made of a refused login and of such a
//! server.
//!
//! Drawn in streams of their own. The slow line stays when the faults stop; the others end.

use super::event::Event;
use super::net::Wire;
use super::world::{World, COLLECTIONS};
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse, NetworkFailure};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// What a long answer takes longer on a slow line; a request may take 30 s.
const LATE: u64 = 40_000;
/// Answers of a server that does not move on, each asked for at once after the one before: two belong to one pull.
const MOST_IN_VAIN: u32 = 8;
/// What is asked within so long after an answer waited for nothing but that.
const AT_ONCE: u64 = 50;

/// How often reads fare so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reads {
    /// Documents of an answer that comes in time, on a slow line.
    pub(crate) in_time: Option<usize>,
    /// Phases in which the server repeats its checkpoint, of a thousand turns.
    stuck: u64,
    /// A collection that cannot be read.
    blocked: Option<&'static str>,
}

/// What the oracles know of reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadsKnown {
    /// Refused logins of each life of a tab, since the app was last told.
    denied: BTreeMap<(usize, u32), u32>,
    /// When an answer in vain arrived last for a collection in a tab, and how many in a row did.
    vain: BTreeMap<(usize, String), (u64, u32)>,
    /// Collections whose last read in this life of a tab was lost.
    pub(crate) lost: BTreeSet<(usize, u32, String)>,
}

impl Reads {
    /// What stays when the faults stop.
    pub(crate) fn healed(&self) -> Self {
        Self { in_time: self.in_time, ..Self::default() }
    }
}

impl Wire {
    /// The collection it reads, if it reads one.
    pub(crate) fn reads(&self) -> Option<&str> {
        let name = self.core.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        (!self.is_write() && !name.starts_with('_')).then_some(name)
    }
}

impl World {
    /// The rates of this schedule.
    pub(crate) fn draw_reads(&mut self) {
        let outer = self.chance.enter("reads", 0);
        let slow = self.chance.hit(60);
        let stuck = self.chance.hit(300);
        let blocked = self.chance.hit(80);
        self.faults.reads = Reads {
            in_time: slow.then(|| [1, 2, 4][self.chance.below(3) as usize]),
            stuck: if stuck { 1 + self.chance.below(400) } else { 0 },
            blocked: blocked.then(|| COLLECTIONS[self.chance.below(3) as usize]),
        };
        self.chance.leave(outer);
    }

    /// The server begins to repeat itself.
    pub(crate) fn stuck_turn(&mut self) {
        let outer = self.chance.enter("stuck", 0);
        if self.chance.hit(self.faults.reads.stuck) && !self.server.is_stuck {
            self.trace(|| "server repeats its checkpoints".into());
            self.server.is_stuck = true;
            let delay = self.chance.below(60_000);
            self.schedule(delay, Event::Mended);
        }
        self.chance.leave(outer);
    }

    /// What such a server says to a request for a page that goes on from somewhere.
    pub(crate) fn repeated(&mut self, wire: &Wire) -> Option<HttpResponse<Json>> {
        let since = wire.core.query_value("since").filter(|_| self.server.is_stuck && wire.is_page())?;
        let epoch = self.server.tables.epoch();
        let page = json!({ "items": [], "checkpoint": since, "hasMore": true, "epoch": epoch });
        Some(HttpResponse::new(200, Body::Json(page.into())))
    }

    /// What an answer takes longer for its length.
    pub(crate) fn length_takes(&self, response: &HttpResponse<Json>) -> u64 {
        let items = response.json().and_then(|body| body.get("items")?.as_list()).map_or(0, |items| items.len());
        if self.faults.reads.in_time.is_some_and(|most| items > most) {
            LATE
        } else {
            0
        }
    }

    /// Whether somebody in the browser stops this read whenever it comes.
    pub(crate) fn is_unreadable(&self, wire: &Wire) -> bool {
        self.faults.reads.blocked.is_some() && wire.reads() == self.faults.reads.blocked
    }

    /// An answer is about to reach its tab.
    pub(crate) fn note_read(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        if result.as_ref().is_ok_and(|response| response.status == 401) {
            self.note_denied(wire.tab, wire.life);
        }
        let vain = result.as_ref().is_ok_and(|response| {
            let same = |body: &Json| {
                body.flag("hasMore") && body.text_of("checkpoint").as_deref() == wire.core.query_value("since")
            };
            response.json().is_some_and(same)
        });
        let Some(name) = wire.reads().filter(|_| wire.is_page()) else { return };
        let known = self.oracle.reads.vain.entry((wire.tab, name.to_owned())).or_default();
        let at_once = wire.sent_at <= known.0 + AT_ONCE;
        *known = (self.now, if vain && at_once { known.1 + 1 } else { u32::from(vain) });
        let count = known.1;
        if count > MOST_IN_VAIN {
            self.broken("I-52", format!("tab {} asked {count} times for the page of {name} that it had", wire.tab));
        }
    }

    /// A login is refused to a tab.
    pub(crate) fn note_denied(&mut self, tab: usize, life: u32) {
        *self.oracle.reads.denied.entry((tab, life)).or_default() += 1;
    }

    /// I-28: before anybody is bothered for a login, new headers were tried.
    pub(crate) fn check_login(&mut self, tab: usize) {
        let life = self.tabs[tab].life;
        let denied = self.oracle.reads.denied.remove(&(tab, life)).unwrap_or(0);
        if denied < 2 {
            self.broken("I-28", format!("tab {tab} wants a login after {denied} refusals"));
        }
    }

    /// Whether a read was lost whose collection's last one was lost too, as far as the tab knows: that says nothing about
    /// the way of others.
    pub(crate) fn is_lost_again(&mut self, wire: &Wire, lost: bool) -> bool {
        let Some(name) = wire.reads() else { return false };
        if !self.tabs[wire.tab].requests.contains_key(&wire.request) {
            return false;
        }
        let place = (wire.tab, wire.life, name.to_owned());
        let known = &mut self.oracle.reads.lost;
        if lost {
            !known.insert(place)
        } else {
            known.remove(&place);
            false
        }
    }
}
