//! Oracles on leadership: who holds the lease, how long another one waits, and what each tab says of itself.

use crate::net::Wire;
use crate::store::Done;
use crate::tab::Tab;
use crate::world::World;
use seakeep::engine::machine::Engine;
use seakeep::engine::plan::Report;
use seakeep::engine::policy::lease::term;
use seakeep::model::Lease;

impl World {
    /// After each transaction: I-21, I-22, I-24, I-25.
    pub(crate) fn check_lease(&mut self, done: &Done, empty: bool) {
        let (before, after) = (done.lease.clone(), self.profiles[done.profile].lease.clone());
        // A page that came back takes its own lease under another name; one that said farewell gave it up.
        let holds = |holder: &Tab| {
            !holder.gone && before.as_ref().is_some_and(|lease| holder.owner.as_ref() == Some(&lease.owner))
        };
        let held = self.tabs.iter().enumerate().any(|(tab, holder)| tab != done.tab && holds(holder));
        match &done.report {
            Report::Lease(Ok(lease)) => {
                self.tabs[done.tab].owner = Some(lease.owner.clone());
                self.tabs[done.tab].lease_until = lease.expires_at;
            }
            Report::Lease(Err(until)) => self.check_patience(done, *until),
            _ => {}
        }
        if let (Some(before), Some(after)) = (&before, &after) {
            self.check_change_of_hands(done, before, after, held);
        }
        let owner = self.tabs[done.tab].owner.clone();
        let bookkeeping = matches!(done.kind, "Dispatch" | "Settle" | "Rebase" | "ApplyPage" | "Sweep");
        let foreign = before.filter(|lease| bookkeeping && !empty && Some(&lease.owner) != owner.as_ref());
        if let Some(lease) = foreign {
            let text = format!(
                "{} written by {owner:?}, the lease is {}'s until {}",
                done.kind, lease.owner, lease.expires_at
            );
            self.broken("I-22", text);
        }
    }

    fn check_change_of_hands(&mut self, done: &Done, before: &Lease, after: &Lease, held: bool) {
        if after.epoch < before.epoch || (after.owner != before.owner && after.epoch == before.epoch) {
            let text = format!("epoch {} of {} after {} of {}", after.epoch, after.owner, before.epoch, before.owner);
            return self.broken("I-24", text);
        }
        if after.epoch == before.epoch || !held || self.profiles[done.profile].jumps > 0 {
            return;
        }
        if after.since < before.since + term() {
            let text = format!("{} takes the lease of {} within a term of its taking", after.owner, before.owner);
            return self.broken("I-25", text);
        }
        let preferred = before.hidden && !after.hidden;
        let deaf = after.since >= before.since + 2 * term();
        if after.since < before.expires_at && !preferred && !deaf {
            self.broken("I-25", format!("lease of {} taken by {} before its end", before.owner, after.owner));
        }
    }

    /// I-23: what leaves, leaves under a lease that has not run out: a tab that stood still may have a successor.
    pub(crate) fn check_request(&mut self, wire: &Wire) {
        let (tab, now) = (&self.tabs[wire.tab], self.wall(self.tabs[wire.tab].profile));
        if self.profiles[tab.profile].jumps == 0 && tab.lease_until <= now {
            let text =
                format!("{} leaves {} ms after the lease of its tab ran out", wire.core.path, now - tab.lease_until);
            self.broken("I-23", text);
        }
    }

    /// I-21: nobody is told to wait longer than a term, whoever holds the lease and in whatever state.
    fn check_patience(&mut self, done: &Done, until: u64) {
        let now = self.wall(done.profile);
        let routine = self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval);
        if self.profiles[done.profile].jumps == 0 && until > now + term() + routine {
            self.broken("I-21", format!("tab {} is to wait {} ms for the lease", done.tab, until - now));
        }
    }

    /// At rest: where no message was lost, at most one tab of a profile says that it leads, and it is the holder. A tab
    /// that was deaf may have missed its successor's word.
    pub(crate) fn check_leaders(&mut self) {
        if self.faults.message_loss > 0 {
            return;
        }
        for profile in 0..2 {
            let says = |tab: &&Tab| tab.engine.as_deref().map(Engine::status).is_some_and(|status| status.leader);
            let hears = |tab: &&Tab| tab.profile == profile && !tab.view.misses;
            let leaders: Vec<_> = self.tabs.iter().filter(hears).filter(says).collect();
            let holder = self.profiles[profile].lease.clone().map(|lease| lease.owner);
            if leaders.len() > 1 || leaders.iter().any(|tab| tab.owner != holder) {
                let names: Vec<_> = leaders.iter().map(|tab| tab.owner.clone()).collect();
                return self.broken("I-25", format!("{names:?} say that they lead; the lease is {holder:?}'s"));
            }
        }
    }
}
