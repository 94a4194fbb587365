//! Leadership: taking the lease when there is work, renewing it while there is, stepping down when it is gone.
//!
//! The lease row is the truth; a held lease in memory is only a reason to try. A tab without work asks for nothing,
//! so an idle database costs no transaction.

use super::commits::Purpose;
use super::{Engine, Phase, Timer};
use crate::engine::input::Message;
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Output};
use crate::engine::plan::{Fence, ReleaseLease, TakeLease};
use crate::engine::policy::lease::{term, Claim, RENEWALS};
use crate::model::{Document, Lease, Map, Seq, Time};
use std::rc::Rc;

/// How many farewells are remembered.
const MOST_GONE: usize = 16;

impl<D: Document> Engine<D> {
    /// Proof of leadership, while it stands; otherwise asks for the lease.
    pub(super) fn fence(&mut self) -> Option<Fence> {
        let Some(lease) = self.seat.lease.clone().filter(|lease| lease.expires_at > self.now) else {
            self.ask_lease();
            return None;
        };
        if !self.seat.asking && !self.timers.is_set(&Timer::Lease) {
            self.timers.set(Timer::Lease, renewal(&lease));
        }
        Some(Fence(lease))
    }

    /// Proof for bookkeeping that is already owed: an expired lease is still tried, for its epoch may stand.
    pub(super) fn old_fence(&self) -> Option<Fence> {
        self.seat.lease.clone().map(Fence)
    }

    pub(super) fn is_leader(&self) -> bool {
        self.seat.lease.as_ref().is_some_and(|lease| lease.expires_at > self.now)
    }

    /// Whether it led last, as far as is known: an idle leader lets its lease run out, and takes it again with the
    /// next work unless another tab did.
    pub(super) fn led_last(&self) -> bool {
        self.seat.lease.is_some()
    }

    pub(super) fn ask_lease(&mut self) {
        let waits = self.seat.refused_until.is_some_and(|until| until > self.now && until <= self.now + 2 * term() + 1);
        if !self.seat.asking && !waits {
            self.seat.asking = true;
            let (owner, gone) = (self.tab.clone(), self.seat.gone.clone());
            self.seat.routine = !self.led_last() && !self.is_urgent();
            let interval = self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval);
            let grace = if self.seat.routine { interval } else { 0 };
            let waits = self.seat.waits.map(|(since, _)| since);
            let claim = Claim { owner, gone, hidden: self.seat.hidden, waits, grace, now: self.now };
            self.commit(Purpose::Lease, Box::new(TakeLease { claim }));
        }
    }

    pub(super) fn handle_lease(&mut self, result: Result<Lease, Time>) {
        self.seat.asking = false;
        match result {
            Ok(lease) => self.lease_granted(lease),
            Err(until) => {
                self.step_down();
                if self.seat.routine && !self.is_urgent() {
                    return self.leave_pulls(until.max(self.now + 1));
                }
                self.note_waiting();
                let until = until.min(self.now + 2 * term()) + 1;
                self.seat.refused_until = Some(until);
                self.timers.set(Timer::Lease, until);
                self.outputs.push_back(Output::Broadcast(Message::Outbox));
            }
        }
    }

    /// Whether there is work that the leader's own routine does not bring along.
    fn is_urgent(&self) -> bool {
        self.first_ready().is_some() || self.must_ask() || self.pulls_urgently() || self.pass.is_awaited()
    }

    fn first_ready(&self) -> Option<Seq> {
        self.outbox.ready(self.now, |entry| self.sends.busy.contains(&entry.seq), 1).first().copied()
    }

    /// Its work waits for another tab: anew when that tab has done what stood first, but for a pass that is asked for,
    /// of which a leader that sends well may still not hear.
    fn note_waiting(&mut self) {
        let first = self.first_ready();
        match self.seat.waits {
            Some((_, known)) if known == first || self.pass.is_wanted() => {}
            _ => self.seat.waits = Some((self.now, first)),
        }
    }

    fn lease_granted(&mut self, lease: Lease) {
        let new = self.seat.lease.as_ref().is_none_or(|held| held.epoch != lease.epoch);
        (self.seat.refused_until, self.seat.waits) = (None, None);
        // A clock that jumped back since it was asked for must not stretch it.
        let lease = Lease { expires_at: lease.expires_at.min(self.now + term()), ..lease };
        self.timers.set(Timer::Lease, renewal(&lease));
        let epoch = lease.epoch;
        self.seat.lease = Some(lease);
        // What it does is said again: a word may have been lost.
        self.seat.said = None;
        self.overhear(None);
        let pause = term().max(self.outbox.len() as u64);
        if new || self.seat.looked_at + pause <= self.now || self.seat.looked_at > self.now {
            // Messages may be lost: what other tabs want done is in the store.
            self.seat.looked_at = self.now;
            self.read_outbox();
            self.pulling.loaded = false;
            self.load_pulls();
        }
        if new {
            self.seat.gone.clear();
            self.sends.suspects = Map::new();
            self.guard_known = false;
            self.tell_leader(true, epoch);
            self.outputs.push_back(Output::Broadcast(Message::Led(epoch)));
        }
    }

    /// Another tab holds the lease: what is under way ends, its bookkeeping is fenced off.
    pub(super) fn step_down(&mut self) {
        if let Some(lease) = self.seat.lease.take() {
            self.pulling.loaded = false;
            self.tell_leader(false, lease.epoch);
        }
    }

    /// Another tab says that it leads by now. Whatever is under way here finds out by its fence; what is at rest
    /// believes it.
    fn believe(&mut self) {
        let heard = self.seat.heard_epoch;
        if !Mutant::NeverBelieves.is_on()
            && self.is_quiet()
            && self.seat.lease.as_ref().is_some_and(|lease| lease.epoch < heard)
        {
            self.step_down();
        }
    }

    /// The lease may be looked at now, whatever was heard of it before.
    pub(super) fn look_at_lease(&mut self) {
        self.seat.refused_until = None;
        if !self.is_leader() && (self.has_work() || self.wants_news()) {
            self.ask_lease();
        }
    }

    /// Wants the lock while this tab leads or waits to; its only use is to be told when another one lets go.
    pub(super) fn want_lock(&mut self) {
        self.believe();
        let works = self.phase == Phase::Running && self.config.sync.is_some();
        let wanted = works && (self.led_last() || self.seat.waits.is_some() || self.wants_news());
        if self.seat.wants_lock != wanted {
            self.seat.wants_lock = wanted;
            self.outputs.push_back(Output::Lock(wanted));
        }
    }

    /// A tab said farewell: if it holds the lease, that is free.
    pub(super) fn tab_gone(&mut self, tab: Rc<str>) {
        if self.seat.gone.len() >= MOST_GONE {
            self.seat.gone.remove(0);
        }
        self.seat.gone.push(tab);
        self.seat.refused_until = None;
        self.timers.set_by(Timer::Lease, self.now);
        if !self.outbox.is_empty() {
            self.timers.set_by(Timer::Reload, self.now);
        }
    }

    /// A page that comes back is not gone after all.
    pub(super) fn come_back(&mut self) {
        self.outputs.push_back(Output::Broadcast(Message::Back(self.tab.clone())));
    }

    pub(super) fn tab_back(&mut self, tab: &Rc<str>) {
        self.seat.gone.retain(|gone| gone != tab);
    }

    pub(super) fn lease_due(&mut self) {
        let under_way = !self.sends.flights.is_empty() || !self.sends.busy.is_empty() || self.is_pulling();
        let listens = self.wants_news() && !self.led_last();
        if under_way || listens || self.has_work() {
            if self.seat.waits.is_some() {
                self.note_waiting();
            }
            self.seat.refused_until = None;
            self.ask_lease();
        } else {
            self.seat.waits = None;
        }
    }

    pub(super) fn release_lease(&mut self) {
        if let Some(held) = self.seat.lease.take() {
            self.commit(Purpose::Nothing, Box::new(ReleaseLease { held }));
        }
    }

    fn tell_leader(&mut self, leader: bool, epoch: u64) {
        let detail = D::of(&[("leader", Some(D::boolean(leader))), ("epoch", Some(D::number(epoch as f64)))]);
        self.tell(Event::Sync { name: "leader", detail });
    }
}

/// When a lease is renewed.
fn renewal(lease: &Lease) -> Time {
    lease.expires_at.saturating_sub(term() - term() / RENEWALS)
}
