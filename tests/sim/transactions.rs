//! Transactions: what users do to two or three documents at once, standing on what they read, and the oracles on it.
//!
//! Every document of a transaction gets one mark of its own (a field that nobody else writes), so that a half of it can be
//! seen. Some stand on what was read long ago: those must be refused when it has changed since. A change of a
//! transaction that is in the outbox takes nothing of other writes in, and none is sent before those in front of it.

use super::batch::Parcel;
use super::oracle::tag_of;
use super::store::Done;
use super::tab::Asked;
use super::world::World;
use seakeep::engine::input::{Command, WriteKind, WriteOp};
use seakeep::engine::outbox::references;
use seakeep::engine::plan::{Expected, GroupDone, Report, WriteOutcome};
use seakeep::engine::query::Query;
use seakeep::model::{is_temporary, Collection, DocKey, Document, Pending, PendingState};
use seakeep::native::Json;
use serde_json::json;
use std::collections::BTreeSet;

/// How far the order of a transaction may be turned round by references.
const MOST_LINKS: usize = 8;

/// A transaction that was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    /// The field that only it writes.
    mark: String,
    /// Its documents, by collection and identity.
    members: Vec<(Collection, String)>,
    /// What it read.
    docs: Vec<(DocKey, Option<Json>)>,
    /// What a query of all documents of a collection told it: how many there were.
    count: Option<(Collection, usize)>,
}

impl World {
    /// Something a user does to several documents at once.
    pub(crate) fn transact(&mut self, tab: usize) {
        let number = self.oracle.write_number();
        let mark = format!("x{number}");
        let mut wanted = Transaction { mark: mark.clone(), members: Vec::new(), docs: Vec::new(), count: None };
        let (mut ops, mut claims) = (Vec::new(), Vec::new());
        for _ in 0..self.chance.range(2, 3) {
            if let Some((mut op, claim)) = self.operation(tab) {
                self.join(&mut wanted, &mut op, tab);
                ops.push(op);
                claims.extend(claim);
            }
        }
        self.read(&mut wanted, tab);
        let mut expected = Expected::default();
        for (key, doc) in &wanted.docs {
            expected.doc(key.clone(), doc.clone());
        }
        if self.chance.hit(300) {
            let docs = self.documents(tab, "cards");
            wanted.count = Some(("cards".into(), docs.len()));
            expected.answer("cards".into(), Query::default(), docs);
        }
        self.command(tab, Asked { what: "write", claims }, Command::Transact(ops, expected));
        let ticket = self.tabs[tab].last_ticket;
        self.oracle.transactions.insert((tab, ticket), wanted);
    }

    /// Marks what an operation writes.
    fn join(&mut self, wanted: &mut Transaction, op: &mut WriteOp<Json>, tab: usize) {
        let mark = wanted.mark.clone();
        let tag = match &mut op.kind {
            WriteKind::Put(doc) | WriteKind::Add(doc) => {
                *doc = doc.with(&[(&mark, Some(json!(1).into()))]);
                tag_of(doc)
            }
            WriteKind::Patch(patch) => {
                patch.set.push((mark, json!(1).into()));
                let disk = &self.profiles[self.tabs[tab].profile].disk;
                disk.main(&op.key()).and_then(|row| tag_of(row.doc.as_ref()?))
            }
            WriteKind::Remove => None,
        };
        wanted.members.extend(tag.map(|tag| (op.collection.clone(), tag)));
    }

    /// Reads a document or two, or remembers what was read before.
    fn read(&mut self, wanted: &mut Transaction, tab: usize) {
        for collection in ["lists", "cards"] {
            let disk = &self.profiles[self.tabs[tab].profile].disk;
            let found: Vec<(DocKey, Option<Json>)> = disk
                .main_rows(collection)
                .map(|row| (DocKey::new(&collection.into(), &row.id), row.doc.clone()))
                .collect();
            if let Some(read) = self.chance.pick(&found).cloned() {
                let old = self.oracle.read_before.insert((tab, collection), read.clone());
                let stale = old.filter(|_| self.chance.hit(300));
                wanted.docs.push(stale.unwrap_or(read));
            }
        }
    }

    fn documents(&self, tab: usize, collection: &str) -> Vec<Json> {
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        disk.main_rows(collection).filter_map(|row| row.doc.clone()).collect()
    }

    /// E-15: each transaction of a commit is in the store as a whole or not at all, and what it read stood.
    pub(crate) fn check_transactions(&mut self, done: &Done) {
        let Report::Written(written) = &done.report else { return };
        let mut before: BTreeSet<DocKey> = BTreeSet::new();
        for group in &written.groups {
            if let Some(wanted) = self.oracle.transactions.remove(&(done.tab, group.ticket)) {
                if let Some((number, text)) = self.fault_of(done, group, &wanted, &before) {
                    return self.broken(number, text);
                }
            }
            before.extend(group.result.iter().flatten().map(|outcome| outcome.key.clone()));
        }
        self.check_untouched(done);
    }

    fn fault_of(
        &self,
        done: &Done,
        group: &GroupDone<Json>,
        wanted: &Transaction,
        before: &BTreeSet<DocKey>,
    ) -> Option<(&'static str, String)> {
        let there = self.marked(done.profile, wanted);
        match &group.result {
            Err(failure) if there.contains(&Some(true)) => {
                Some(("E-15", format!("{} was refused with {} and is half there", wanted.mark, failure.code)))
            }
            Err(_) => None,
            Ok(_) if there.contains(&Some(false)) && there.contains(&Some(true)) => {
                Some(("E-15", format!("only a part of {} was written: {there:?} of {:?}", wanted.mark, wanted.members)))
            }
            Ok(outcomes) => self.stale_read(done, wanted, before).or_else(|| self.loose_change(done, wanted, outcomes)),
        }
    }

    /// Which of its documents hold its mark; `None` for one that is not there, or of whose two copies another was written.
    fn marked(&self, profile: usize, wanted: &Transaction) -> Vec<Option<bool>> {
        let disk = &self.profiles[profile].disk;
        let holds = |(collection, tag): &(Collection, String)| {
            let docs = disk.main_rows(collection).filter_map(|row| row.doc.as_ref());
            let marks = docs.filter(|doc| tag_of(doc).as_ref() == Some(tag)).map(|doc| doc.get(&wanted.mark).is_some());
            let twin = self.oracle.truths.get(tag).is_some_and(|truth| truth.twin);
            marks.reduce(|left, right| left || right).filter(|marked| *marked || !twin)
        };
        wanted.members.iter().map(holds).collect()
    }

    /// I-11 and E-15: what it read is what stood when it was written.
    fn stale_read(
        &self,
        done: &Done,
        wanted: &Transaction,
        before: &BTreeSet<DocKey>,
    ) -> Option<(&'static str, String)> {
        let disk = &self.profiles[done.profile].disk;
        for (key, doc) in &wanted.docs {
            let id = disk.alias(key).filter(|_| is_temporary(&key.id)).cloned();
            let key = id.map_or_else(|| key.clone(), |id| DocKey::new(&key.collection, &id));
            if before.contains(&key) {
                continue;
            }
            let written = done.rows.iter().find(|(written, _)| *written == key).map(|(_, row)| row.as_ref());
            let now = written.unwrap_or_else(|| disk.main(&key)).and_then(|row| row.doc.as_ref());
            if now.is_some() != doc.is_some() || now.zip(doc.as_ref()).is_some_and(|(now, doc)| !now.same(doc)) {
                return Some(("E-15", format!("{} was written on another {}/{}", wanted.mark, key.collection, key.id)));
            }
        }
        let (collection, count) = wanted.count.as_ref().filter(|_| before.is_empty())?;
        let made = done.rows.iter().filter(|(key, _)| key.collection == *collection);
        let stood = |row: Option<&seakeep::model::Row<Json>>| i64::from(row.is_some_and(|row| row.doc.is_some()));
        let moved: i64 = made.map(|(key, row)| stood(disk.main(key)) - stood(row.as_ref())).sum();
        let now = disk.main_rows(collection).filter(|row| row.doc.is_some()).count() as i64;
        let text = || format!("{} counted {count} {collection}, there were {}", wanted.mark, now - moved);
        (now - moved != *count as i64).then(|| ("E-15", text()))
    }

    /// All changes of a transaction are one group: those it wrote. What it made and removed again leaves none, and where
    /// an earlier deletion waits, the removal is answered with that one, which the transaction leaves as it is.
    fn loose_change(
        &self,
        done: &Done,
        wanted: &Transaction,
        outcomes: &[WriteOutcome<Json>],
    ) -> Option<(&'static str, String)> {
        let disk = &self.profiles[done.profile].disk;
        let wrote = |seq: &u64| done.pending.iter().any(|(written, _)| written == seq);
        let seqs = outcomes.iter().filter_map(|outcome| outcome.seq).filter(wrote);
        let rows: Vec<&Pending<Json>> = seqs.filter_map(|seq| disk.pending(seq)).collect();
        let first = rows.first().map(|row| &row.group)?;
        let together = outcomes.len() < 2 || (first.is_some() && rows.iter().all(|row| row.group == *first));
        (!together).then(|| ("E-15", format!("changes of {} are not one group", wanted.mark)))
    }

    /// A local write leaves the changes of earlier transactions as they are.
    fn check_untouched(&mut self, done: &Done) {
        let disk = &self.profiles[done.profile].disk;
        let touched = done.pending.iter().find(|(seq, before)| {
            let before = before.as_ref().filter(|row| row.group.is_some());
            before.is_some_and(|before| disk.pending(*seq).is_none_or(|now| now.writes != before.writes))
        });
        if let Some((_, Some(row))) = touched {
            let text = format!("a later write went into {} of a transaction", row.mutation_id);
            self.broken("E-15", text);
        }
    }

    /// I-06 for transactions: the changes of one leave in order, and none while one of them waits for a person.
    pub(crate) fn check_group_order(&mut self, profile: usize, row: &Pending<Json>, together: &[Parcel]) {
        let Some(group) = &row.group else { return };
        let disk = &self.profiles[profile].disk;
        let others = disk.pending_rows().filter(|other| other.seq != row.seq && other.group.as_ref() == Some(group));
        let leaves = |other: &&Pending<Json>| together.iter().any(|parcel| *parcel.key == *other.idempotency_key);
        let holds = |other: &&Pending<Json>| {
            // A conflict that a pull brings is found while others are already on their way.
            let met = other.state == PendingState::Conflict && other.is_attempted();
            other.state == PendingState::Parked
                || met
                || (other.seq < row.seq && !self.leads_to(profile, other, row.seq, MOST_LINKS))
        };
        let early = others.filter(|other| !leaves(other)).find(holds).cloned();
        if let Some(other) = early {
            let text = format!("{} leaves before {} ({:?})", row.mutation_id, other.mutation_id, other.state);
            self.broken("I-06", text);
        }
    }

    fn leads_to(&self, profile: usize, from: &Pending<Json>, to: u64, links: usize) -> bool {
        let disk = &self.profiles[profile].disk;
        let refers = references(from, &self.config);
        let heads = refers.iter().filter_map(|key| disk.main(key)?.lane.first().copied());
        let heads: Vec<u64> = heads.collect();
        links > 0
            && heads.iter().any(|seq| {
                *seq == to || disk.pending(*seq).is_some_and(|next| self.leads_to(profile, next, to, links - 1))
            })
    }

    /// Whether a change waits because one of its transaction waits for a person, or is blocked itself.
    pub(crate) fn is_group_blocked(&self, profile: usize, row: &Pending<Json>, blocked: &BTreeSet<DocKey>) -> bool {
        let Some(group) = &row.group else { return false };
        let members = self.profiles[profile].disk.pending_rows().filter(|other| other.group.as_ref() == Some(group));
        members.filter(|other| other.seq != row.seq).any(|other| {
            let waits = other.state == PendingState::Parked || (other.state == PendingState::Conflict && !other.asks);
            // Where batches are taken, a transaction goes as one or not at all.
            let batches = self.config.sync.as_ref().is_some_and(|sync| sync.endpoint.batch.is_some());
            waits || ((batches || other.seq < row.seq) && blocked.contains(&DocKey::new(&other.collection, &other.id)))
        })
    }
}
