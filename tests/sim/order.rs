//! Which of the events that may happen happens next: by their times alone, or by priorities drawn for their sources.
//!
//! Probabilistic concurrency testing (Burckhardt et al., 2010): each source of events has a priority, the highest one
//! that may run runs, and at d - 1 drawn moments the source that would run falls to the lowest place. A bug that
//! needs d decisions is met with a probability of at least 1/(n·k^(d-1)), for n sources and k scheduling points. An
//! event may be overtaken only by those due within a window, so none waits for ever.

use super::chance::Chance;
use super::event::{Event, Queue};

/// Sources of events: the loop of each tab, its network, the stores, the messages of each profile, the surroundings.
const SOURCES: usize = 13;
/// How far ahead of its time nothing runs, but how much later something may, in ms.
const WINDOWS: [u64; 3] = [50, 1_000, 20_000];

/// How events of a schedule are ordered.
#[derive(Debug)]
pub(crate) enum Ordering {
    /// By time; equal times by chance.
    Uniform,
    /// By priority, within a window of time.
    Priorities { ranks: [u64; SOURCES], window: u64, changes: Vec<u64>, lowest: u64 },
}

impl Ordering {
    /// Half of the schedules go by time, a quarter each by priorities of depth 2 and 3.
    pub(crate) fn draw(chance: &mut Chance, steps: u64) -> Self {
        let depth = chance.below(4);
        let ranks = std::array::from_fn(|source| 1_000_000 + chance.below(1_000_000) * 16 + source as u64);
        let window = WINDOWS[chance.below(3) as usize];
        let changes: Vec<u64> = [chance.below(steps), chance.below(steps)].into();
        match depth {
            0 | 1 => Self::Uniform,
            _ => Self::Priorities { ranks, window, changes: changes[..depth as usize - 1].to_vec(), lowest: 1_000_000 },
        }
    }

    /// What to say of it: 0 for uniform, otherwise the depth.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Uniform => 0,
            Self::Priorities { changes, .. } => changes.len() + 1,
        }
    }

    /// The next event, if one is due by then; `count` is how many there were.
    pub(crate) fn next(&mut self, queue: &mut Queue, until: u64, count: u64) -> Option<(u64, Event)> {
        let due = queue.due().filter(|due| *due <= until)?;
        let Self::Priorities { ranks, window, changes, lowest } = self else { return queue.next() };
        let end = (due + *window).min(until);
        if changes.contains(&count) {
            let source = queue.best(end, |event| ranks[source(event)]).map(source)?;
            *lowest -= 1;
            ranks[source] = *lowest;
        }
        queue.take_best(end, |event| ranks[source(event)])
    }
}

fn source(event: &Event) -> usize {
    match event {
        Event::Wake { tab, .. }
        | Event::Report { tab, .. }
        | Event::Said { tab, .. }
        | Event::Verdict { tab, .. }
        | Event::News { tab, .. } => *tab,
        Event::Reach { wire, .. } | Event::Respond { wire, .. } => 4 + wire.tab,
        Event::Commit { profile } => 8 + profile,
        Event::Message { tab, .. } => 10 + tab / 2,
        Event::Action
        | Event::Turn
        | Event::Stranger
        | Event::Calm
        | Event::Mended
        | Event::Breath
        | Event::Thaw { .. }
        | Event::Open { .. } => 12,
    }
}
