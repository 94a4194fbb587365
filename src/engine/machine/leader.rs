//! Leadership: taking the lease when there is work, renewing it while there is, stepping down when it is gone.
//!
//! The lease row is the truth; a held lease in memory is only a reason to try. A tab without work asks for nothing,
//! so an idle database costs no transaction.

use super::commits::Purpose;
use super::{Engine, Timer};
use crate::engine::input::Message;
use crate::engine::output::{Event, Output};
use crate::engine::plan::{Fence, ReleaseLease, TakeLease};
use crate::engine::policy::lease::{RENEWAL, TERM};
use crate::model::{Document, Lease, Time};
use std::rc::Rc;

/// How many farewells are remembered.
const MOST_GONE: usize = 16;

impl<D: Document> Engine<D> {
    /// Proof of leadership, while it stands; otherwise asks for the lease.
    pub(super) fn fence(&mut self) -> Option<Fence> {
        if let Some(lease) = self.lease.as_ref().filter(|lease| lease.expires_at > self.now) {
            return Some(Fence(lease.clone()));
        }
        self.ask_lease();
        None
    }

    /// Proof for bookkeeping that is already owed: an expired lease is still tried, for its epoch may stand.
    pub(super) fn old_fence(&self) -> Option<Fence> {
        self.lease.clone().map(Fence)
    }

    pub(super) fn is_leader(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.expires_at > self.now)
    }

    fn ask_lease(&mut self) {
        let waits = self.refused_until.is_some_and(|until| until > self.now && until <= self.now + 2 * TERM + 1);
        if !self.asking && !waits {
            self.asking = true;
            let plan = TakeLease { owner: self.tab.clone(), gone: self.gone.clone(), now: self.now };
            self.commit(Purpose::Lease, Box::new(plan));
        }
    }

    pub(super) fn handle_lease(&mut self, result: Result<Lease, Time>) {
        self.asking = false;
        match result {
            Ok(lease) => self.lease_granted(lease),
            Err(until) => {
                self.step_down();
                let until = until.min(self.now + 2 * TERM) + 1;
                self.refused_until = Some(until);
                self.timers.set(Timer::Lease, until);
                self.outputs.push_back(Output::Broadcast(Message::Outbox));
            }
        }
    }

    fn lease_granted(&mut self, lease: Lease) {
        let new = self.lease.as_ref().is_none_or(|held| held.epoch != lease.epoch);
        self.refused_until = None;
        // A clock that jumped back since it was asked for must not stretch it.
        let lease = Lease { expires_at: lease.expires_at.min(self.now + TERM), ..lease };
        self.timers.set(Timer::Lease, lease.expires_at.saturating_sub(TERM - RENEWAL));
        let epoch = lease.epoch;
        self.lease = Some(lease);
        if new {
            self.gone.clear();
            self.read_outbox();
            self.pulls_loaded = false;
            self.tell_leader(true, epoch);
        }
    }

    /// Another tab holds the lease: what is under way ends, its bookkeeping is fenced off.
    pub(super) fn step_down(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.tell_leader(false, lease.epoch);
        }
    }

    /// A tab said farewell: if it holds the lease, that is free.
    pub(super) fn tab_gone(&mut self, tab: Rc<str>) {
        if self.gone.len() >= MOST_GONE {
            self.gone.remove(0);
        }
        self.gone.push(tab);
        self.refused_until = None;
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
        self.gone.retain(|gone| gone != tab);
    }

    pub(super) fn lease_due(&mut self) {
        let works = !self.flights.is_empty() || !self.pull_flights.is_empty() || self.has_work();
        if works {
            self.refused_until = None;
            self.ask_lease();
        }
    }

    pub(super) fn release_lease(&mut self) {
        if let Some(held) = self.lease.take() {
            self.commit(Purpose::Nothing, Box::new(ReleaseLease { held }));
        }
    }

    fn tell_leader(&mut self, leader: bool, epoch: u64) {
        let detail =
            D::object().with(&[("leader", Some(D::boolean(leader))), ("epoch", Some(D::number(epoch as f64)))]);
        self.tell(Event::Sync { name: "leader", detail });
    }
}
