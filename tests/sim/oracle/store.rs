//! Oracles on the store, after every transaction that was written.

use super::conflicts::{is_acknowledged, is_in_conflict};
use super::{any_attempted, bits_of, list_of, tag_of, ODD};
use crate::store::{mark_of, Done};
use crate::world::World;
use seakeep::engine::lane::overlay;
use seakeep::engine::plan::Report;
use seakeep::model::{ChangeKind, DocKey, Document, Pending, PendingState, PullState, Row};
use seakeep::native::Json;

impl World {
    /// A transaction was written.
    pub(crate) fn committed(&mut self, done: &Done, empty: bool) {
        self.mix_number(done.kind.len() as u64 * 31 + done.rows.len() as u64 * 7 + done.pending.len() as u64);
        self.chronicle(done);
        self.check_lease(done, empty);
        self.check_budget(done);
        self.check_numbers(done);
        self.check_audit(done);
        self.check_part(done);
        self.note_births(done);
        match (done.kind, &done.report) {
            ("LocalWrite", Report::Written(_)) => {
                self.note_stamps(done);
                self.rival(done);
                self.take_claims(done);
                self.check_transactions(done);
            }
            ("Discard or Edit", Report::Commanded(..)) => {
                self.drop_stamps(done);
                self.loosen_rows(done);
                self.recount(done);
            }
            ("Retry", Report::Commanded(..)) => self.recount(done),
            _ => {}
        }
        self.check_conflicts(done);
        self.check_places(done);
        self.check_documents(done);
        self.check_mark(done);
        self.check_checkpoints(done);
    }

    /// I-14: another tab can tell that a document moved, without any message.
    fn check_mark(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        let doc = |row: Option<&Row<Json>>| row.and_then(|row| row.doc.clone());
        let moved = |(key, before): &(DocKey, Option<Row<Json>>)| doc(before.as_ref()) != doc(disk.main(key));
        if mark_of(disk) == done.mark && done.rows.iter().any(moved) {
            self.broken("I-14", format!("{} moved a document and not what other tabs tell it by", done.kind));
        }
    }

    fn note_births(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        for (seq, before) in &done.pending {
            if let Some(row) = disk.pending(*seq).filter(|_| before.is_none()) {
                let next = self.oracle.born.len() as u64 + 1;
                self.oracle.born.insert(row.mutation_id.to_string(), next);
            }
        }
    }

    /// What the app is told now holds from now on.
    fn take_claims(&mut self, done: &Done) {
        let Report::Written(written) = &done.report else { return };
        for group in &written.groups {
            let Some(asked) = self.tabs[done.tab].open.get(&group.ticket) else { continue };
            if group.result.is_err() {
                continue;
            }
            for claim in asked.claims.clone() {
                self.writes += 1;
                let truth = self.oracle.truths.entry(claim.tag.clone()).or_default();
                truth.promised = true;
                truth.makers[done.profile] = true;
                truth.loose |= claim.removes;
                truth.bits[done.profile] |= claim.bit;
                if let Some(list) = claim.list {
                    truth.lists[done.tab] = list;
                }
            }
        }
    }

    fn loosen_rows(&mut self, done: &Done) {
        for (key, row) in &done.rows {
            self.oracle.loosen(row.as_ref().and_then(|row| row.doc.as_ref()));
            let now = self.profiles[done.profile].disk.main(key).and_then(|row| row.doc.clone());
            self.oracle.loosen(now.as_ref());
        }
        for (_, row) in &done.pending {
            self.oracle.loosen(row.as_ref().and_then(|row| row.data.as_ref().or(row.base.as_ref())));
        }
    }

    /// A person's word gives a change all its attempts again.
    fn recount(&mut self, done: &Done) {
        let counted = |before: &Option<Pending<Json>>| before.as_ref().is_none_or(|row| row.retry_count > 0);
        for (seq, _) in done.pending.iter().filter(|(_, before)| counted(before)) {
            let row = self.profiles[done.profile].disk.pending(*seq).filter(|row| row.retry_count == 0);
            if let Some(row) = row {
                self.oracle.countable.remove(&*row.mutation_id);
            }
        }
    }

    fn check_places(&mut self, done: &Done) {
        for (seq, before) in &done.pending {
            let after = self.profiles[done.profile].disk.pending(*seq).cloned();
            match (before, after) {
                (Some(before), None) => self.check_leaving(done, before),
                (before, Some(after)) => self.check_row(done, before.as_ref(), &after),
                (None, None) => {}
            }
        }
    }

    /// I-03: why a row may leave the outbox.
    fn check_leaving(&mut self, done: &Done, row: &Pending<Json>) {
        let executed = self.oracle.executed_keys.contains(&*row.idempotency_key);
        let id = (row.collection.to_string(), row.id.to_string());
        let gone = self.server.tables.document(&id.0, &id.1).is_none_or(|document| document.text.is_none());
        let fine = match done.kind {
            "Acknowledge" if is_in_conflict(done, row) => true,
            // What was queued behind it meets what was pulled since, and may be without effect there.
            "Acknowledge" if !is_acknowledged(done, row) && self.is_given_up(done, row) => true,
            "Acknowledge" => executed || (row.kind == ChangeKind::Delete && gone) || self.server.restored > 0,
            "LocalWrite" => !row.is_attempted(),
            "Discard or Edit" => true,
            // A server that forgot that it executed an increment refuses its guard: what comes out is there already (S1).
            // So does one that was restored from a backup which had it.
            "Rebase" | "ApplyPage" => {
                self.is_given_up(done, row) || (executed && self.server.forgets) || self.server.restored > 0
            }
            _ => false,
        };
        if !fine {
            let text = format!(
                "{} removed {:?} {} of {}/{}, never executed",
                done.kind, row.kind, row.mutation_id, row.collection, row.id
            );
            self.broken("I-03", text);
        }
    }

    fn check_row(&mut self, done: &Done, before: Option<&Pending<Json>>, row: &Pending<Json>) {
        let disk = &self.profiles[done.profile].disk;
        let listed = disk.main(&DocKey::new(&row.collection, &row.id)).is_some_and(|main| main.lane.contains(&row.seq));
        if !listed {
            return self.broken("I-02", format!("{} left change {} without its document", done.kind, row.mutation_id));
        }
        let countable = self.oracle.countable.get(&*row.mutation_id).copied().unwrap_or(0);
        if row.retry_count > countable {
            let text =
                format!("{} counts {} attempts, the server failed {countable} times", row.mutation_id, row.retry_count);
            return self.broken("I-28", text);
        }
        let most = self.config.sync.as_ref().map_or(0, |sync| sync.max_attempts);
        if row.retry_count >= most && row.state == PendingState::Waiting {
            return self.broken("I-29", format!("{} goes on after {} attempts", row.mutation_id, row.retry_count));
        }
        let same = before.filter(|before| before.mutation_id == row.mutation_id);
        self.check_reason(done, same, row);
        if same.is_some_and(|before| before.is_attempted() && before.sent.is_some() && row.sent.is_none()) {
            self.broken("I-08", format!("{} forgot the payload of {}", done.kind, row.mutation_id));
        }
    }

    fn check_documents(&mut self, done: &Done) {
        for (key, before) in &done.rows {
            let disk = &self.profiles[done.profile].disk;
            let after = disk.main(key).cloned();
            let changes: Vec<Pending<Json>> =
                after.iter().flat_map(|row| &row.lane).filter_map(|seq| disk.pending(*seq).cloned()).collect();
            if let Some(row) = &after {
                self.check_lane(done, key, row, &changes);
                self.check_promises(done, row, &changes);
            }
            self.check_older(done, before.as_ref(), after.as_ref());
            if let (Some(before), None) = (before, &after) {
                self.check_vanished(done, before);
                self.check_swept(done, before);
            }
        }
    }

    fn check_lane(&mut self, done: &Done, key: &DocKey, row: &Row<Json>, changes: &[Pending<Json>]) {
        if changes.len() != row.lane.len() || changes.iter().any(|change| change.id != key.id) {
            return self
                .broken("I-02", format!("{} left {}/{} without its changes", done.kind, key.collection, key.id));
        }
        let Some(last) = changes.last() else { return };
        let top = overlay(changes[0].base.as_ref(), changes);
        let same = match (&top, &row.doc) {
            (Some(top), Some(doc)) => top.same(doc),
            (None, Some(_)) => last.kind != ChangeKind::Delete,
            (None, None) => true,
            (Some(_), None) => false,
        };
        if !same {
            self.broken("I-10", format!("{}: {}/{} is not its changes on its base", done.kind, key.collection, key.id));
        }
    }

    /// I-01: what was acknowledged to the app of this profile is in the document.
    fn check_promises(&mut self, done: &Done, row: &Row<Json>, changes: &[Pending<Json>]) {
        let Some(doc) = &row.doc else { return };
        let Some(tag) = tag_of(doc) else { return };
        if self.is_twin(done.profile, row, &tag) {
            // Whoever writes to one of two copies has two lanes: their order is nobody's promise.
            if let Some(truth) = self.oracle.truths.get_mut(&tag) {
                truth.twin = true;
                truth.loose |= done.kind == "LocalWrite";
            }
            return;
        }
        let Some(truth) = self.oracle.truths.get(&tag).filter(|truth| !truth.loose).cloned() else { return };
        for tab in [2 * done.profile, 2 * done.profile + 1] {
            let (found, wanted) = (list_of(doc, tab), &truth.lists[tab]);
            if found != *wanted && !(wanted.is_empty() && row.is_clean()) {
                return self.broken(
                    "I-01",
                    format!("{}: {tag} holds {found:?} of tab {tab}, acknowledged {wanted:?}", done.kind),
                );
            }
        }
        if row.is_clean() && bits_of(doc) & ODD != 0 {
            let text = format!("{}: {tag} holds a doubled increment, {:#x}", done.kind, bits_of(doc));
            return self.broken("I-04", text);
        }
        let wanted = truth.bits[done.profile];
        if bits_of(doc) & wanted != wanted && !any_attempted(changes) {
            let text = format!("{}: {tag} sums to {:#x}, acknowledged {wanted:#x}", done.kind, bits_of(doc));
            self.broken("I-01", text);
        }
    }

    /// Whether this is the pulled copy of a create whose answer was lost: both stand until it comes again.
    fn is_twin(&self, profile: usize, row: &Row<Json>, tag: &str) -> bool {
        let disk = &self.profiles[profile].disk;
        let has = |doc: &Json| doc.field("tag").and_then(Json::str) == Some(tag);
        let made = |other: &Row<Json>| disk.pending(*other.lane.first()?)?.data.as_ref().map(has);
        let of = |other: &Row<Json>| other.doc.as_ref().map_or_else(|| made(other) == Some(true), has);
        let mut rows = COLLECTIONS_OF_TAGS.iter().flat_map(|name| disk.main_rows(name));
        rows.any(|other| other.id != row.id && of(other))
    }

    /// I-11: an older state of the server never replaces a newer one.
    fn check_older(&mut self, done: &Done, before: Option<&Row<Json>>, after: Option<&Row<Json>>) {
        let (Some(before), Some(after)) = (before, after) else { return };
        let times = before.server_at.zip(after.server_at);
        if self.server.restored == 0 && times.is_some_and(|(before, after)| after < before) {
            self.broken(
                "I-11",
                format!("{}: {} went back from {:?} to {:?}", done.kind, after.id, before.rev, after.rev),
            );
        }
    }

    /// I-01: a document disappears only when somebody removed it.
    fn check_vanished(&mut self, done: &Done, before: &Row<Json>) {
        let Some(tag) = before.doc.as_ref().and_then(tag_of) else { return };
        let promised = self.oracle.truths.get(&tag).is_some_and(|truth| truth.promised && !truth.loose);
        let moved = COLLECTIONS_OF_TAGS.iter().any(|name| {
            self.profiles[done.profile]
                .disk
                .main_rows(name)
                .any(|row| row.doc.as_ref().and_then(tag_of).as_deref() == Some(&*tag))
        });
        if promised && !moved {
            self.broken("I-01", format!("{} removed {tag}, which nobody removed", done.kind));
        }
    }

    /// I-09: what makes room takes no document of which a change waits, parked and conflicted ones included.
    fn check_swept(&mut self, done: &Done, before: &Row<Json>) {
        let disk = &self.profiles[done.profile].disk;
        let waits = before.lane.iter().find_map(|seq| disk.pending(*seq)).cloned();
        if let Some(row) = waits.filter(|row| row.id == before.id) {
            let text = format!("{} took {}/{} away, {} waits", done.kind, row.collection, row.id, row.mutation_id);
            self.broken("I-09", text);
        }
    }

    /// I-12 and I-13: the checkpoint only rises, and never runs ahead of the documents.
    fn check_checkpoints(&mut self, done: &Done) {
        if !matches!(done.kind, "ApplyPage" | "Sweep") {
            return;
        }
        for (name, state) in &*self.profiles[done.profile].pulls.clone() {
            let Some((new, epoch)) = position(state) else { continue };
            let place = (done.profile, name.to_string());
            let now = (epoch.clone(), state.generation, new);
            let last =
                self.oracle.positions.insert(place, now).filter(|last| last.0 == epoch && last.1 == state.generation);
            if let Some((.., last)) = last.filter(|(.., last)| new < *last) {
                return self.broken("I-13", format!("checkpoint of {name} went from {last} to {new}"));
            }
            // A full pull may leave deleted documents out: its sweep at the end finds them.
            if !state.sweeping {
                self.check_covered(done, name, new, &epoch);
            }
        }
    }

    fn check_covered(&mut self, done: &Done, name: &str, position: u64, epoch: &str) {
        if self.server.tables.epoch() != epoch || self.server.restored > 0 {
            return;
        }
        let disk = &self.profiles[done.profile].disk;
        // What could not be kept is asked for by itself, and said to be wanted with the checkpoint.
        let pulls = &self.profiles[done.profile].pulls;
        let state = pulls.iter().find(|(known, _)| **known == *name).map(|(_, state)| state);
        let is_wanted = |id: &str| state.is_some_and(|state| state.wanted.iter().any(|wanted| wanted.id == id));
        let missing = self.server.tables.documents(name).find(|document| {
            let row = disk.main(&DocKey::new(&name.into(), &document.id));
            let row = row.filter(|row| row.is_clean());
            let dirty = disk.main(&DocKey::new(&name.into(), &document.id)).is_some_and(|row| !row.is_clean());
            let current = match (row, document.text.is_some()) {
                (Some(row), true) => row.server_at.is_some_and(|at| at >= document.updated_at),
                // A late answer may hold on to a deleted document until that is asked for by itself (I-18 finds it).
                (Some(_), false) => true,
                (None, alive) => !alive,
            };
            // The copy of a create whose answer came again is asked for by itself.
            let tag = row.and_then(|row| row.doc.as_ref()).and_then(tag_of);
            let copy = tag.and_then(|tag| self.oracle.truths.get(&tag)).is_some_and(|truth| truth.twin);
            document.position <= position && !dirty && !current && !copy && !is_wanted(&document.id)
        });
        if let Some(document) = missing.map(|document| document.id.clone()) {
            self.broken(
                "I-12",
                format!("checkpoint of {name} at {position} covers {document}, the store does not have it"),
            );
        }
    }
}

const COLLECTIONS_OF_TAGS: [&str; 2] = ["cards", "lists"];

fn position(state: &PullState<Json>) -> Option<(u64, String)> {
    let text = state.checkpoint.as_ref()?.as_text()?;
    let (position, epoch) = text.split_once('.')?;
    Some((position.parse().ok()?, epoch.to_owned()))
}
