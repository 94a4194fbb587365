//! What may happen next in the world, ordered by simulated time; equal times in an order of chance.

use super::net::{Fate, Wire};
use seakeep::engine::input::{Input, Message, Signal};
use seakeep::native::Json;
use seakeep::protocol::{HttpResponse, NetworkFailure};
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
    /// The browser says something to a tab.
    Said { tab: usize, life: u32, signal: Signal },
    /// Something of a stream of news reaches a tab.
    News { tab: usize, life: u32, input: Box<Input<Json>> },
    /// Streams of news say that they are still there.
    Breath,
    /// The server's mood is over.
    Calm,
    /// The server works again.
    Mended,
    /// The app's function answers a question about a conflict.
    Verdict { tab: usize, life: u32, id: String, says: u64 },
}

impl Event {
    /// Its kind and whose it is: the name of the stream it draws from.
    pub(crate) fn name(&self) -> (&'static str, usize) {
        match self {
            Self::Wake { tab, .. } => ("wake", *tab),
            Self::Commit { profile } => ("commit", *profile),
            Self::Report { tab, .. } => ("report", *tab),
            Self::Reach { wire, .. } => ("reach", wire.tab),
            Self::Respond { wire, .. } => ("respond", wire.tab),
            Self::Message { tab, .. } => ("message", *tab),
            Self::Action => ("action", 0),
            Self::Turn => ("turn", 0),
            Self::Stranger => ("stranger", 0),
            Self::Thaw { tab, .. } => ("thaw", *tab),
            Self::Open { tab } => ("open", *tab),
            Self::Said { tab, .. } => ("said", *tab),
            Self::News { tab, .. } => ("news", *tab),
            Self::Breath => ("breath", 0),
            Self::Calm => ("calm", 0),
            Self::Mended => ("mended", 0),
            Self::Verdict { tab, .. } => ("verdict", *tab),
        }
    }

    /// Whether it is a scheduling point: a commit, a request, a timer, a message, or the end of one.
    pub(crate) fn is_point(&self) -> bool {
        !matches!(
            self,
            Self::Action
                | Self::Turn
                | Self::Stranger
                | Self::Open { .. }
                | Self::Thaw { .. }
                | Self::Calm
                | Self::Mended
        )
    }
}

/// What a sleeping tab gets when it runs again.
pub(crate) type Stashed = Input<Json>;

/// When an event is due, what decides among equal times, and its number.
type Place = (u64, u64, u64);

/// Events by time.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The latest first: there are some twenty, and the earliest is taken from the end.
    events: Vec<(Place, Event)>,
    count: u64,
}

impl Queue {
    /// Schedules an event; `tie` decides among equal times.
    pub(crate) fn add(&mut self, at: u64, tie: u64, event: Event) {
        self.count += 1;
        let place = (at, tie, self.count);
        let index = self.events.partition_point(|(held, _)| *held > place);
        self.events.insert(index, (place, event));
    }

    /// The earliest event.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        self.events.pop().map(|((at, ..), event)| (at, event))
    }

    /// The event of the highest rank among those due by then; the earliest of equals.
    pub(crate) fn best(&self, until: u64, rank: impl Fn(&Event) -> u64) -> Option<&Event> {
        self.index_of_best(until, rank).map(|index| &self.events[index].1)
    }

    /// Takes it.
    pub(crate) fn take_best(&mut self, until: u64, rank: impl Fn(&Event) -> u64) -> Option<(u64, Event)> {
        let ((at, ..), event) = self.events.remove(self.index_of_best(until, rank)?);
        Some((at, event))
    }

    fn index_of_best(&self, until: u64, rank: impl Fn(&Event) -> u64) -> Option<usize> {
        let first = self.events.partition_point(|((at, ..), _)| *at > until);
        (first..self.events.len()).max_by_key(|index| rank(&self.events[*index].1))
    }

    /// When the earliest event is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.events.last().map(|((at, ..), _)| *at)
    }

    /// Drops what the schedule itself brings about, keeping what is under way.
    pub(crate) fn drop_sources(&mut self) {
        self.events.retain(|(_, event)| !matches!(event, Event::Action | Event::Turn | Event::Stranger));
    }

    /// Whether a message between tabs is under way.
    pub(crate) fn has_messages(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Message { .. }))
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
    }
}
