//! Oracles on a server that fails: one request goes to see whether it is well again, and repeats have a budget.
//!
//! The budget is counted here over all tabs of a device, from what they mark as being sent; the one request is named by
//! the event that the tab tells when it lets it out.

use crate::net::Wire;
use crate::store::Done;
use crate::world::World;
use seakeep::engine::machine::Engine;
use seakeep::engine::plan::Guard;
use seakeep::engine::policy::breaker::State;
use seakeep::engine::policy::budget::{most, refill, MOST};
use seakeep::model::{Document, PendingState};
use seakeep::native::Json;
use seakeep::protocol::{HttpResponse, NetworkFailure};

/// A change that has been ready for so long would have been taken.
const LONG: u64 = 6_000;

/// The request that was let out to see, of one device.
#[derive(Debug, Clone)]
pub(crate) struct Seeing {
    tab: usize,
    life: u32,
    /// Until when nothing else leaves, by the device's clock; over when the breaker has moved.
    until: u64,
    keys: Vec<String>,
    over: bool,
}

/// Repeats that a device may send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowance {
    taken: f64,
    since: u64,
    /// What was given back before the transactions that took it were written, and when last.
    spare: f64,
    spare_at: u64,
}

impl World {
    /// A tab tells of its breaker.
    pub(crate) fn breaker_told(&mut self, tab: usize, detail: &Json) {
        let profile = self.tabs[tab].profile;
        if detail.text_of("state").as_deref() == Some("half-open") {
            self.tabs[tab].lets_out = detail.number_of("until").map(|until| until as u64);
        } else if let Some(seeing) = self.oracle.seeing[profile].as_mut().filter(|seeing| seeing.tab == tab) {
            seeing.over = true;
        }
    }

    /// I-30: behind a half-open breaker one request is out, whichever tab would like to send another one.
    pub(crate) fn check_half_open(&mut self, wire: &Wire) {
        if wire.core.path == "/_health" {
            return;
        }
        let (tab, profile) = (wire.tab, self.tabs[wire.tab].profile);
        let keys: Vec<String> = wire.parcels.iter().map(|parcel| parcel.key.clone()).collect();
        if let Some(until) = self.tabs[tab].lets_out.take() {
            self.tabs[tab].sees = keys.first().filter(|_| keys.len() == 1).cloned();
            self.oracle.seeing[profile] = Some(Seeing { tab, life: wire.life, until, keys, over: false });
            return;
        }
        let now = self.wall(profile);
        let Some(seeing) = self.oracle.seeing[profile].as_ref().filter(|_| self.profiles[profile].jumps == 0) else {
            return;
        };
        let own = (seeing.tab, seeing.life) == (tab, wire.life);
        let again = !keys.is_empty() && keys == seeing.keys;
        let stored = self.profiles[profile].disk.meta("breaker").and_then(Guard::from_record);
        let shut = matches!(stored, Some(Guard { breaker: State::HalfOpen(wait), .. }) if !wait.is_over(now));
        let leads = self.profiles[profile]
            .lease
            .as_ref()
            .is_some_and(|lease| self.tabs[tab].owner.as_ref() == Some(&lease.owner));
        let early = if own { !seeing.over && now < seeing.until && !again } else { shut && leads };
        if early {
            let text = format!("{} leaves tab {tab} while tab {}'s request is out to see", wire.core.path, seeing.tab);
            self.broken("I-30", text);
        }
    }

    /// Which change the server failed at last, as its tab knows. One that was lost or given up (`given_up`) failed later:
    /// then it is that one that does not go to see, and this knows of none.
    pub(crate) fn note_failing(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        let tab = &self.tabs[wire.tab];
        if tab.life != wire.life || tab.engine.is_none() {
            return;
        }
        let failing = |status: u16| matches!(status, 408 | 425 | 500 | 502 | 504 | 520..=529);
        let fails = result.as_ref().is_ok_and(|response| failing(response.status));
        let key = wire.key().filter(|_| fails && tab.is_awake() && tab.requests.contains_key(&wire.request)).cloned();
        self.tabs[wire.tab].fails = key;
    }

    /// I-30: the one request is another change's than the one that the server failed at last, where there is one.
    pub(crate) fn check_other_lane(&mut self, tab: usize, engine: &Engine<Json>) {
        let Some(sees) = self.tabs[tab].sees.take().filter(|sees| self.tabs[tab].fails.as_ref() == Some(sees)) else {
            return;
        };
        let profile = self.tabs[tab].profile;
        let now = self.wall(profile);
        let mutation = self.oracle.keys.get(&sees).map(|info| info.mutation.clone());
        let heads = |seq: u64, key: &seakeep::model::DocKey| {
            self.profiles[profile].disk.main(key).is_some_and(|row| row.lane.first() == Some(&seq))
        };
        let ready = engine.outbox().iter().find(|entry| {
            entry.state == PendingState::Waiting
                && mutation.as_deref() != Some(&*entry.mutation_id)
                && (entry.retry_count == 0 || most() == MOST)
                && entry.wait.get().is_none_or(|wait| wait.until + LONG < now)
                && entry.group.is_none()
                && entry.refers.is_empty()
                && entry.created_at + LONG < now
                && heads(entry.seq, &entry.key)
        });
        let ready = ready.map(|entry| entry.mutation_id.to_string()).filter(|_| self.profiles[profile].jumps == 0);
        if let Some(other) = ready {
            self.broken("I-30", format!("tab {tab} tries {sees} again to see, although {other} is ready"));
        }
    }

    /// I-30: repeats of all tabs of a device together stay within the budget that they share.
    pub(crate) fn check_budget(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        let leaves = |seq: u64| disk.pending(seq).is_some_and(|row| row.state == PendingState::Sending);
        // A transaction that is run again, because its connection died, marks what is marked.
        let repeats = done.pending.iter().filter(|(seq, before)| {
            let before = before.as_ref().filter(|row| row.retry_count > 0 && row.state != PendingState::Sending);
            before.is_some() && done.kind == "Dispatch" && leaves(*seq)
        });
        let repeats = repeats.count() as f64;
        if repeats == 0.0 {
            return;
        }
        let now = self.oracle.ordered_at;
        let allowance = &mut self.oracle.allowances[done.profile];
        // A clock that drifts counts its seconds a little faster.
        let gained = now.saturating_sub(allowance.since) as f64 / refill() as f64 * 1.06;
        allowance.taken = (allowance.taken - gained).max(0.0) + repeats;
        allowance.since = now.max(allowance.since);
        // What is ordered while a success is on its way to its transaction may come one too early.
        let slack = if now > allowance.spare_at + LONG { 0.1 } else { 1.1 };
        if now > allowance.spare_at + LONG {
            allowance.spare = 0.0;
        }
        let (taken, most) = (allowance.taken - allowance.spare, f64::from(most()));
        if taken > most + slack && self.profiles[done.profile].jumps == 0 {
            let text = format!("profile {} repeats {taken:.1} changes, {most} are allowed at once", done.profile);
            self.broken("I-30", text);
        }
    }

    /// A success gives one repeat back.
    pub(crate) fn give_back(&mut self, profile: usize, successes: usize) {
        let allowance = &mut self.oracle.allowances[profile];
        let left = allowance.taken - successes as f64;
        allowance.spare -= left.min(0.0);
        allowance.spare_at = self.now;
        allowance.taken = left.max(0.0);
    }
}
