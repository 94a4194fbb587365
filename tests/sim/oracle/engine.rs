//! Oracles on one engine: what it says to its app and to other tabs, and that it does not spin.

use super::pulls::is_part;
use crate::event::Event;
use crate::strikes::Point;
use crate::tab::Sleep;
use crate::world::World;
use seakeep::engine::input::Message;
use seakeep::engine::machine::Engine;
use seakeep::engine::output::{Event as Told, Reply};
use seakeep::engine::plan::AnyPlan;
use seakeep::model::{Document, Failure, PendingState};
use seakeep::native::Json;

/// Wakes at one moment without an order that count as spinning.
const MOST_SPINS: u32 = 25;
/// Transactions of one tab in a simulated second that count as spinning.
const MOST_COMMITS: u32 = 150;
/// The same where many documents were written at once: batches that do not fit are halved until they do.
const MANY_COMMITS: u32 = 600;

impl World {
    /// I-45: the counters are those of the entries; and a frozen engine is silent.
    pub(crate) fn look_at_engine(&mut self, tab: usize, engine: &Engine<Json>) {
        self.check_other_lane(tab, engine);
        let (mut pending, mut parked, mut conflicts) = (0, 0, 0);
        for entry in engine.outbox().iter() {
            match entry.state {
                PendingState::Parked => parked += 1,
                PendingState::Conflict => conflicts += 1,
                PendingState::Waiting | PendingState::Sending => pending += 1,
            }
        }
        let outbox = engine.outbox();
        if (outbox.pending(), outbox.parked(), outbox.conflicted()) != (pending, parked, conflicts) {
            let text = format!(
                "tab {tab} counts {} {} {}, holds {pending} {parked} {conflicts}",
                outbox.pending(),
                outbox.parked(),
                outbox.conflicted()
            );
            self.broken("I-45", text);
        }
    }

    /// Wakes that order nothing and come back at once.
    pub(crate) fn count_spins(&mut self, tab: usize, idle: bool) {
        let now = self.now;
        let again = self.tabs[tab].wake.is_some_and(|(at, _)| at <= now);
        let spins = if idle && again { self.tabs[tab].spins + 1 } else { 0 };
        self.tabs[tab].spins = spins;
        if spins > MOST_SPINS {
            let label = self.tabs[tab].wake.map(|(_, label)| label);
            self.broken("I-19", format!("tab {tab} spins on {label:?}"));
        }
    }

    /// Transactions in one simulated second; a frozen page orders none.
    pub(crate) fn count_burst(&mut self, tab: usize, plan: &AnyPlan<Json>) {
        if self.tabs[tab].sleep == Sleep::Frozen {
            return self.broken("I-21", format!("a frozen tab orders a transaction on {:?}", plan.scope().collections));
        }
        // Small parts of a large page follow each other as fast as the store takes them.
        if is_part(plan) {
            return;
        }
        let second = self.now / 1_000;
        let (last, count) = self.tabs[tab].burst;
        self.tabs[tab].burst = if last == second { (second, count + 1) } else { (second, 1) };
        let most = if self.oracle.bulked { MANY_COMMITS } else { MOST_COMMITS };
        if self.tabs[tab].burst.1 > most {
            self.broken(
                "I-19",
                format!("tab {tab} orders {count} transactions in a second, at last on {:?}", plan.scope().collections),
            );
        }
    }

    /// Messages to the other tabs of a profile: each may be lost, or late.
    pub(crate) fn broadcast(&mut self, from: usize, message: &Message<Json>) {
        if matches!(message, Message::Gone(_)) {
            self.tabs[from].gone = true;
        }
        for tab in 0..4 {
            let reaches = tab != from
                && !self.tabs[tab].deaf
                && self.tabs[tab].profile == self.tabs[from].profile
                && self.tabs[tab].engine.is_some();
            if reaches {
                let number = self.meet(Point::Message);
                self.strike(Point::Message, number, |world| world.post(tab, message));
                self.strike_message(number, from, tab);
            }
        }
    }

    fn post(&mut self, tab: usize, message: &Message<Json>) {
        if self.chance.hit(self.faults.message_loss) {
            // What it was told of documents stays old until it looks at the store.
            self.tabs[tab].view.misses = true;
            return;
        }
        let delay = self.chance.delay(5, 500) + 60 * self.faults.message_late;
        let life = self.tabs[tab].life;
        self.schedule(delay, Event::Message { tab, life, message: Box::new(message.clone()) });
    }

    /// The engine tells its app something.
    pub(crate) fn told(&mut self, tab: usize, event: Told<Json>) {
        self.see(tab, &event);
        if let Told::Settled { mutation_id, result } = event {
            self.trace(|| {
                format!(
                    "tab {tab} settles {mutation_id}: {:?}",
                    result.as_ref().map(|done| &done.id).map_err(|failure| failure.code)
                )
            });
            self.tabs[tab].watched.remove(&*mutation_id);
        } else if let Told::Question(detail) = event {
            self.question(tab, &detail);
        } else if let Told::Sync { name, detail } = event {
            self.told_event(tab, name, &detail);
        }
    }

    /// I-42: a failure says what, where and what to do, and nothing of a document.
    fn check_failure(&mut self, failure: &Failure) {
        let said = !failure.message.is_empty() && !failure.code.as_str().is_empty();
        if !said || ["strange", "edited", "\"l", "\"n\""].iter().any(|value| failure.message.contains(value)) {
            self.broken("I-42", format!("{:?} says {:?}", failure.code, failure.message));
        }
    }

    /// I-41: one reply for each command.
    pub(crate) fn replied(&mut self, tab: usize, ticket: u32, result: Result<Reply<Json>, Failure>) {
        let Some(asked) = self.tabs[tab].open.remove(&ticket) else {
            return self.broken("I-41", format!("tab {tab} answers ticket {ticket} which nobody waits for"));
        };
        self.trace(|| {
            format!(
                "tab {tab} answers {} ({ticket}): {:?}",
                asked.what,
                result.as_ref().map(|_| ()).map_err(|failure| failure.code)
            )
        });
        if let Err(failure) = &result {
            self.check_failure(failure);
        }
        self.note_refusal(tab, ticket, result.as_ref().err());
        if let Ok(Reply::Written(outcomes)) = &result {
            self.check_own_writes(tab, &asked);
            self.trace(|| format!("  {:?}", outcomes.iter().map(ToString::to_string).collect::<Vec<_>>()));
            self.tabs[tab].watched.extend(outcomes.iter().filter_map(|outcome| outcome.text_of("mutationId")));
        }
        if !self.tabs[tab].open.values().any(|asked| asked.what == "write") {
            self.tabs[tab].drafts.clear();
        }
        if asked.what == "close" && result.is_ok() {
            self.closing_ended(tab);
        }
    }
}
