//! Oracles after the faults have stopped: everything arrives, everybody agrees, everything comes to rest.

use super::{bits_of, list_of, tag_of};
use crate::tab::Asked;
use crate::world::{World, COLLECTIONS};
use seakeep::engine::input::{Command, Wish};
use seakeep::engine::machine::Engine;
use seakeep::engine::policy::lease::{term, TERM};
use seakeep::engine::policy::reach::FULL_PAUSE;
use seakeep::model::{DocKey, Document, PendingState};
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet};

/// Simulated time that recovery may take: leases, pauses, probes and alarms, several times over.
const RECOVERY: u64 = 1_800_000;
/// The same where the server asked for its longest pause.
const LONG_RECOVERY: u64 = 30 * 3_600_000;
/// Events that recovery may take, whatever the work.
const BASE_EVENTS: u64 = 15_000;
/// The same where a day has to pass.
const LONG_EVENTS: u64 = 400_000;
/// Events that each page of a pull may take.
const EVENTS_PAGE: u64 = 100;
/// Events that each pending change and document may take.
const EVENTS_EACH: u64 = 600;

impl World {
    /// The faults stop; then I-19, I-41, I-18, I-05, I-35, I-45, and rest.
    pub(crate) fn recover(&mut self) {
        self.heal();
        let work: u64 = (0..2).map(|profile| self.profiles[profile].disk.pending_rows().count() as u64).sum();
        let base = if self.faults.long_waits { LONG_EVENTS } else { BASE_EVENTS };
        let most = self.events + base + EVENTS_EACH * (work + 10) + EVENTS_PAGE * self.pages();
        let time = if self.faults.long_waits { LONG_RECOVERY } else { RECOVERY };
        let until = self.now + time;
        if !self.run_until(until, most, Self::is_settled) {
            return self.report_stuck("the outbox does not drain");
        }
        let most = self.events + base + EVENTS_PAGE * self.pages();
        if self.repeat_refused() && !self.run_until(self.now + time, most, Self::is_settled) {
            return self.report_stuck("what was refused and made again does not end");
        }
        for tab in 0..4 {
            self.command(tab, Asked { what: "now", claims: Vec::new() }, Command::Now(Wish::all()));
        }
        let most = self.events + base + EVENTS_PAGE * self.pages();
        if !self.run_until(self.now + time, most, |world| {
            world.is_settled() && world.tabs.iter().all(|tab| tab.open.is_empty())
        }) {
            return self.report_stuck("a pass does not end");
        }
        // A pause that the server ordered in the end, late timers and the last messages still have to pass.
        let quiet = match self.faults.long_waits {
            true => LONG_RECOVERY,
            false if self.server.was_full => 200_000 + FULL_PAUSE,
            false => 200_000,
        };
        // Pages are asked for in halves until they come in time.
        let until = self.now + quiet + if self.faults.reads.in_time.is_some() { 1_500_000 } else { 0 };
        self.run_until(until, u64::MAX, |_| false);
        // An alarm may just have begun something: it ends, and what it said of it arrives.
        let until = self.now + 10_000;
        self.run_until(until, u64::MAX, |world| world.is_settled() && !world.queue.has_messages());
        if self.violation.is_none() {
            self.check_agreement();
            self.check_promises_kept();
            self.check_engines();
            self.check_views();
            self.check_numbers_at_rest();
            (0..2).for_each(|profile| self.check_inbox(profile, "at rest"));
            self.check_leaders();
            self.check_news();
            self.check_rest();
        }
    }

    /// Pages of a full pull of everything, by both devices.
    fn pages(&self) -> u64 {
        let in_time = self.faults.reads.in_time.unwrap_or(usize::MAX);
        let fits = self.server.page_max.min(self.faults.fits).min(in_time);
        let pages = |name: &str| self.server.tables.documents(name).count() / fits + 1;
        2 * COLLECTIONS.iter().map(|name| pages(name)).sum::<usize>() as u64
    }

    /// I-18 and I-35: every clean document is the server's, and every document of the server is here.
    fn check_agreement(&mut self) {
        for profile in 0..2 {
            let leaked = COLLECTIONS.iter().flat_map(|name| self.profiles[profile].disk.main_rows(name)).find(|row| {
                row.is_clean()
                    && (row.id.starts_with("pending-")
                        || row.doc.as_ref().is_some_and(|doc| doc.to_json().contains("\"pending-")))
            });
            if let Some(id) = leaked.map(|row| row.id.to_string()) {
                return self.broken("I-35", format!("profile {profile}: {id} still holds a temporary id"));
            }
            for collection in COLLECTIONS {
                if let Some(text) = self.disagreement(profile, collection) {
                    return self.broken("I-18", format!("profile {profile}: {text}"));
                }
            }
        }
    }

    pub(crate) fn disagreement(&self, profile: usize, collection: &str) -> Option<String> {
        let disk = &self.profiles[profile].disk;
        for document in self.server.tables.documents(collection) {
            let row = disk.main(&DocKey::new(&collection.into(), &document.id));
            let value = document.value().map(Json::from);
            match (row, value) {
                (Some(row), _) if !row.is_clean() => {}
                (Some(row), Some(value)) if row.doc.as_ref().is_some_and(|doc| doc.same(&value)) => {}
                (None, None) => {}
                (row, value) => {
                    let local = row.and_then(|row| row.doc.as_ref()).map(Json::to_string);
                    let remote = value.as_ref().map(Json::to_string);
                    return Some(format!("{collection}/{} is {local:?} here, {remote:?} there", document.id));
                }
            }
        }
        let unknown = disk
            .main_rows(collection)
            .find(|row| row.is_clean() && self.server.tables.document(collection, &row.id).is_none());
        unknown.map(|row| format!("{collection}/{} is here and never was there", row.id))
    }

    /// I-05: what was acknowledged to an app took effect, or is visibly waiting.
    fn check_promises_kept(&mut self) {
        let mut there: BTreeMap<String, Json> = BTreeMap::new();
        for collection in COLLECTIONS {
            let live = self.server.tables.documents(collection).filter_map(|document| document.value().map(Json::from));
            there.extend(live.filter_map(|doc| Some((tag_of(&doc)?, doc))));
        }
        let dirty = [0, 1].map(|profile| self.dirty_tags(profile));
        let mut lost = None;
        for (tag, truth) in self.oracle.truths.iter().filter(|(_, truth)| truth.promised && !truth.loose) {
            let waits = [0, 1].map(|profile| dirty[profile].contains(tag));
            let doc = there.get(tag);
            if doc.is_none() && !waits[0] && !waits[1] {
                lost = Some(format!("{tag} never reached the server"));
            }
            let Some(doc) = doc else { continue };
            let list = (0..4).find(|tab| !waits[tab / 2] && list_of(doc, *tab) != truth.lists[*tab]);
            let bits = (0..3).find(|who| {
                !waits.get(*who).copied().unwrap_or(false) && bits_of(doc) & truth.bits[*who] != truth.bits[*who]
            });
            if list.is_some() || bits.is_some() {
                lost = Some(format!(
                    "{tag} on the server is {}, acknowledged were {:?} and {:x?}",
                    doc, truth.lists, truth.bits
                ));
            }
        }
        if let Some(text) = lost {
            self.broken("I-05", text);
        }
    }

    fn dirty_tags(&self, profile: usize) -> BTreeSet<String> {
        let disk = &self.profiles[profile].disk;
        let rows = COLLECTIONS.iter().flat_map(|name| disk.main_rows(name)).filter(|row| !row.is_clean());
        rows.filter_map(|row| row.doc.as_ref().and_then(tag_of)).collect()
    }

    /// I-41 and I-45: what was promised to be told was told, and the counters are those of the rows.
    fn check_engines(&mut self) {
        for tab in 0..4 {
            let disk = &self.profiles[self.tabs[tab].profile].disk;
            let rows: Vec<(String, PendingState)> =
                disk.pending_rows().map(|row| (row.mutation_id.to_string(), row.state)).collect();
            let count = |wanted| rows.iter().filter(|(_, state)| *state == wanted).count();
            let (parked, conflicts) = (count(PendingState::Parked), count(PendingState::Conflict));
            let counters = (rows.len() - parked - conflicts, parked, conflicts);
            // A tab that heard at the very last that it is too old asks for nothing more.
            let status = self.tabs[tab].engine.as_deref().map(Engine::status);
            let status = status.filter(|status| status.state != "needs-update");
            let told = status.map(|status| (status.pending, status.parked, status.conflicts));
            if let Some(told) = told.filter(|told| *told != counters) {
                let text = format!("tab {tab} says {told:?} pending, parked, in conflict; the store has {counters:?}");
                return self.broken("I-45", text);
            }
            let unsettled = self.tabs[tab].watched.iter().find(|id| !rows.iter().any(|(row, _)| row == *id)).cloned();
            if let Some(id) = unsettled {
                return self.broken("I-41", format!("tab {tab} never told how {id} ended"));
            }
        }
    }

    fn pull_interval(&self) -> u64 {
        self.config.sync.as_ref().map_or(0, |sync| sync.pull_interval)
    }

    /// With nothing to do nothing runs: no timer but those of pulls and of changes that wait for a person.
    fn check_rest(&mut self) {
        let pull_interval = self.pull_interval();
        let length = if pull_interval > 0 { 60_000 } else { 600_000 };
        let before: Vec<u64> = self.tabs.iter().map(|tab| tab.wakes).collect();
        let until = self.now + length;
        self.run_until(until, u64::MAX, |_| false);
        self.check_shown();
        for (tab, before) in before.into_iter().enumerate() {
            // A leader that died may leave a change of a transaction marked as sending behind a parked one of it.
            let held = |state| matches!(state, PendingState::Waiting | PendingState::Sending);
            let waits = self.profiles[self.tabs[tab].profile].disk.pending_rows().any(|row| held(row.state));
            // Where a lease is short, each pull of a collection takes and loses one of its own; a long one is renewed late.
            let each = if term() == TERM { 8 } else { 12 };
            let pulls = length.checked_div(pull_interval).unwrap_or(0) * each;
            // What was heard of the leader is forgotten once.
            let allowed = pulls + if waits { 100 } else { 0 } + u64::from(self.tabs[tab].overhears);
            let wakes = self.tabs[tab].wakes - before;
            if wakes > allowed {
                let label = self.tabs[tab].wake.map(|(_, label)| label);
                return self
                    .broken("I-19", format!("tab {tab} woke {wakes} times with nothing to do, next for {label:?}"));
            }
        }
    }
}

impl World {
    /// I-47: where nothing is pulled by itself, nobody shows a pass at rest, whatever word of the leader was lost.
    fn check_shown(&mut self) {
        for tab in 0..4 {
            let status = self.tabs[tab].engine.as_deref().map(Engine::status);
            let shown = status.filter(|status| status.state == "syncing" || status.progress.is_some());
            if let Some(status) = shown.filter(|_| self.pull_interval() == 0) {
                let text = format!("at rest tab {tab} shows {} {:?}", status.state, status.progress);
                return self.broken("I-47", text);
            }
        }
    }
}
