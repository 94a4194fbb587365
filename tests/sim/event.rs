//! What may happen next in the world, ordered by simulated time; equal times in an order of chance.

use super::net::{Fate, Wire};
use seakeep::engine::input::{Input, Message};
use seakeep::native::Json;
use seakeep::protocol::{HttpResponse, NetworkFailure};
use std::collections::BTreeMap;
use std::rc::Rc;

/// One scheduled event. `life` is the life of the tab it was meant for.
#[derive(Debug)]
pub(crate) enum Event {
    /// A tab's timer.
    Wake { tab: usize, life: u32, token: u64 },
    /// The next transaction of a profile's store runs.
    Commit { profile: usize },
    /// The next report of a tab's store arrives.
    Report { tab: usize, life: u32 },
    /// A request (or a copy of it) reaches the server.
    Reach { wire: Rc<Wire>, fate: Fate },
    /// A response or a failure reaches the tab.
    Respond { wire: Rc<Wire>, result: Box<Result<HttpResponse<Json>, NetworkFailure>> },
    /// A message of another tab.
    Message { tab: usize, life: u32, message: Box<Message<Json>> },
    /// The user, or a program using the library, does something.
    Action,
    /// The surroundings do something.
    Turn,
    /// Another client writes on the server.
    Stranger,
    /// A frozen tab runs again.
    Thaw { tab: usize, life: u32 },
    /// A closed or crashed tab is opened again.
    Open { tab: usize },
    /// The server's mood is over.
    Calm,
}

/// What a sleeping tab gets when it runs again.
pub(crate) type Stashed = Input<Json>;

/// Events by time.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    events: BTreeMap<(u64, u64, u64), Event>,
    count: u64,
}

impl Queue {
    /// Schedules an event; `tie` decides among equal times.
    pub(crate) fn add(&mut self, at: u64, tie: u64, event: Event) {
        self.count += 1;
        self.events.insert((at, tie, self.count), event);
    }

    /// The earliest event.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        self.events.pop_first().map(|((at, ..), event)| (at, event))
    }

    /// When the earliest event is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.events.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Drops what the schedule itself brings about, keeping what is under way.
    pub(crate) fn drop_sources(&mut self) {
        self.events.retain(|_, event| !matches!(event, Event::Action | Event::Turn | Event::Stranger));
    }
}
