//! What the leader does, as the tabs that do not send hear and show it: its state, how far it is, why it waits.
//!
//! A hint like every message. The leader says what changed, and says it again with each renewal of its lease; what was
//! heard is shown for a while and then forgotten, so that a lost word only delays. Nothing is decided from it. What an
//! event tells of one change stays with the tab that sent it.

use super::{Engine, Timer};
use crate::engine::input::Message;
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Output, Progress, Status};
use crate::engine::policy::lease::term;
use crate::model::{Document, Failure, Time};

/// States worth showing; after any other one the tab shows its own.
const STATES: [&str; 6] = ["syncing", "waiting", "offline", "needs-auth", "rate-limited", "breaker-open"];
const PHASES: [&str; 3] = ["idle", "pushing", "pulling"];
/// How long a word holds: longer than a leader that is refused a login waits before it asks again.
const HOLDS: u64 = 65_000;
/// A wait that a word may name at most.
const LONGEST: u64 = 86_400_000;

/// What was heard last.
#[derive(Debug)]
pub(super) struct Overheard {
    state: &'static str,
    phase: &'static str,
    next: Option<Time>,
    error: Option<Failure>,
    progress: Option<Progress>,
}

/// What was said last: state, phase, next attempt, how many are done.
pub(super) type Said = (&'static str, &'static str, Option<Time>, usize);

impl<D: Document> Engine<D> {
    /// A leader says what it does, when that has changed.
    pub(super) fn say_doing(&mut self, status: &Status) {
        if !self.is_leader() {
            self.seat.said = None;
            return;
        }
        let syncs = status.state == "syncing";
        let told = self.meter.is_told_at(self.now);
        let before = self.seat.said.map_or(0, |said| said.3);
        let done = status.progress.as_ref().filter(|_| told).map_or(before, |progress| progress.done);
        let says: Said = (status.state, status.phase, status.next_attempt_at.filter(|_| !syncs), done);
        let at_rest = self.seat.said.is_none() && status.state == "idle";
        if self.seat.said != Some(says) && !at_rest {
            self.seat.said = Some(says);
            if let Some(doing) = status.to_document::<D>().get("status") {
                self.outputs.push_back(Output::Broadcast(Message::Doing(doing)));
            }
        }
    }

    /// The leader has said what it does.
    pub(super) fn hear_doing(&mut self, doing: &D) {
        if self.led_last() {
            return;
        }
        let one_of = |names: &[&'static str], field: &str| {
            let text = doing.text_of(field)?;
            names.iter().copied().find(|name| **name == *text)
        };
        let time = |field: &str| doing.number_of(field).map(|at| at as Time).filter(|at| *at <= self.now + LONGEST);
        self.last_synced_at = self.last_synced_at.max(time("lastSyncedAt").filter(|at| *at <= self.now));
        let heard = one_of(&STATES, "state").zip(one_of(&PHASES, "phase")).map(|(state, phase)| Overheard {
            state,
            phase,
            next: time("nextAttemptAt"),
            error: doing.get("error").and_then(|error| Failure::from_document(&error)),
            progress: doing.get("progress").and_then(|progress| progress_of(&progress)),
        });
        self.overhear(heard);
    }

    /// Takes what was heard, or that it is forgotten, and tells what is an event of it.
    pub(super) fn overhear(&mut self, heard: Option<Overheard>) {
        let until = heard.as_ref().map(|heard| (self.now + HOLDS).max(heard.next.unwrap_or(0) + term()));
        self.arm(Timer::Overheard, until.filter(|_| !Mutant::OverheardForEver.is_on()));
        let before = std::mem::replace(&mut self.seat.overheard, heard);
        let opened = |heard: &Option<Overheard>| heard.as_ref().is_some_and(|heard| heard.state == "breaker-open");
        let (was, is) = (opened(&before), opened(&self.seat.overheard));
        let now = self.seat.overheard.as_ref();
        let progress = now.and_then(|heard| heard.progress.as_ref());
        let moved =
            progress.filter(|progress| before.as_ref().and_then(|before| before.progress.as_ref()) != Some(progress));
        let moved = moved.map(Progress::to_document);
        let until = now.and_then(|heard| heard.next).filter(|_| is).map(|at| D::number(at as f64));
        if was != is {
            let state = D::text(if is { "open" } else { "closed" });
            let detail = D::of(&[("state", Some(state)), ("until", until)]);
            self.tell(Event::Sync { name: "breaker", detail });
        }
        if let Some(detail) = moved {
            self.tell(Event::Sync { name: "progress", detail });
        }
    }

    /// Shows what was heard where this tab has nothing of its own to say.
    pub(super) fn show_overheard(&self, status: &mut Status) {
        let own = matches!(status.state, "disabled" | "held" | "needs-update");
        let Some(heard) = self.seat.overheard.as_ref().filter(|_| !own && !self.led_last()) else { return };
        (status.state, status.phase) = (heard.state, heard.phase);
        status.next_attempt_at = heard.next;
        status.progress.clone_from(&heard.progress);
        status.error = heard.error.clone().or(status.error.take());
    }
}

/// Reads what [`Progress::to_document`] wrote; `None` when it is no such thing.
fn progress_of<D: Document>(from: &D) -> Option<Progress> {
    let count = |field: &str| from.number_of(field).filter(|count| *count >= 0.0).map(|count| count as usize);
    let phase = from.text_of("phase")?;
    let (done, total) = (count("done")?, count("total"));
    Some(Progress {
        phase: PHASES.into_iter().find(|name| **name == *phase)?,
        collection: from.text_of("collection").map(Into::into),
        done: total.map_or(done, |total| total.min(done)),
        total,
        remaining: count("remainingMs").map(|ms| ms as u64),
    })
}
