//! The end of a full pull: what the server no longer has goes, page by page.
//!
//! Mark and sweep by generation (pitfalls D33): the pages marked what they saw; a clean row that was not seen, and
//! was not acknowledged since the pull began, is gone on the server. A row that waits is kept and asked for by itself: its
//! changes meet what that says.

use super::world::{moved_mark, Change, Effects, Fence};
use super::Report;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{want_also, Collection, DocKey, Document, Listed, PullState, Record, Row, Wanted};
use std::rc::Rc;

/// Rows looked at in one transaction.
const PAGE: usize = 200;

/// The transaction of one part of a sweep.
#[derive(Debug)]
pub struct Sweep {
    /// Proof of leadership.
    pub fence: Fence,
    /// The collection.
    pub collection: Collection,
    /// Where to go on.
    pub after: Option<Rc<str>>,
    /// Rows that go in one transaction at most.
    pub most: usize,
}

impl<D: Document> Plan<D, Report<D>> for Sweep {
    fn scope(&self) -> Scope {
        Scope { collections: vec![self.collection.clone()], writes: true, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let pull = MetaKey::Pull(self.collection.clone());
        let page = Read::MainPage { collection: self.collection.clone(), after: self.after.clone(), limit: PAGE };
        let reads = vec![Fence::read(), Read::Meta(MetaKey::Mark), Read::Meta(pull.clone()), page.clone()];
        let missing = rows.missing(reads);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        let state: PullState<D> = rows.pull_state(&self.collection);
        let found = rows.main_rows(&page);
        let gone: Vec<&Row<D>> = found.iter().filter(|row| is_gone(row, &state)).take(self.most).listed();
        let mut writes: Vec<Write<D>> = gone.iter().map(|row| Write::DeleteMain(self.key(row))).listed();
        let last =
            if gone.len() == self.most { gone.last().copied() } else { found.last().filter(|_| found.len() == PAGE) };
        let next = last.map(|row| row.id.clone());
        let asked = missed(found, next.as_ref(), &state);
        if next.is_none() || !asked.is_empty() {
            let (sweeping, rewinds) = (state.sweeping && next.is_some(), state.rewinds && next.is_some());
            let mut after = PullState { sweeping, rewinds, ..state.clone() };
            want_also(&mut after.wanted, asked.clone());
            writes.push(Write::PutMeta(pull, after.to_record()));
        }
        if !gone.is_empty() {
            writes.push(moved_mark(rows));
        }
        let changes =
            gone.iter().map(|row| Change { key: self.key(row), row_key: row.key.clone(), previous: None, doc: None });
        let effects = Effects { changes: changes.listed(), ..Effects::default() };
        Step::Done(writes, Report::Swept(effects, asked, next))
    }
}

impl Sweep {
    fn key<D>(&self, row: &Row<D>) -> DocKey {
        DocKey { collection: self.collection.clone(), id: row.id.clone() }
    }
}

/// Not seen since this pull began, neither in a page nor in an answer.
fn is_unseen<D: Document>(row: &Row<D>, state: &PullState<D>) -> bool {
    row.is_on_server() && row.seen != state.generation
}

fn is_gone<D: Document>(row: &Row<D>, state: &PullState<D>) -> bool {
    is_unseen(row, state) && (row.is_clean() || Mutant::SweepsWhatWaits.is_on())
}

/// Those of a part that were not seen and wait: whether they are gone is asked for each by itself.
fn missed<D: Document>(found: &[Row<D>], next: Option<&Rc<str>>, state: &PullState<D>) -> Vec<Wanted> {
    let of_part = |row: &&Row<D>| next.is_none_or(|next| row.id <= *next);
    let waits = |row: &&Row<D>| is_unseen(row, state) && !row.is_clean();
    let asked = found.iter().filter(of_part).filter(waits);
    asked.map(|row| Wanted { id: row.id.as_ref().into(), known: row.rev.clone() }).listed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::disk::Disk;
    use crate::model::Lease;
    use crate::native::Json;

    #[test]
    fn what_waits_and_was_not_seen_stays_and_is_asked_for_once() {
        let lease = Lease { owner: "tab".into(), epoch: 1, expires_at: 1_000, since: 0, hidden: false };
        let known = Wanted { id: "a".into(), known: Some("1-x".into()) };
        let state =
            PullState::<Json> { generation: 2, sweeping: true, wanted: vec![known.clone()], ..PullState::default() };
        let notes = Collection::from("notes");
        let waits = |id: &str, seen| {
            let rev = Some("1-x".into());
            Row { lane: vec![7], doc: Some(Json::object()), synced_at: Some(1), rev, seen, ..Row::fresh(id, 1) }
        };
        let unsent = Row { lane: vec![8], doc: Some(Json::object()), ..Row::fresh("c", 1) };
        let rows = [waits("a", 1), waits("b", 2), unsent].map(|row| Write::PutMain(notes.clone(), row));
        let meta = [
            Write::PutMeta(MetaKey::Lease, lease.to_record()),
            Write::PutMeta(MetaKey::Pull(notes.clone()), state.to_record()),
        ];
        let mut disk = Disk::<Json>::default();
        disk.apply(rows.into_iter().chain(meta).collect()).expect("filling");
        let plan = Sweep { fence: Fence(lease), collection: notes.clone(), after: None, most: 4 };
        let Ok(Report::Swept(effects, asked, None)) = disk.run(&plan) else { panic!("it reports what it swept") };
        assert_eq!((effects.changes.len(), &asked), (0, &vec![known.clone()]));
        assert_eq!(disk.main_rows(&notes).count(), 3);
        let after: PullState<Json> = disk.meta("pull:notes").and_then(PullState::from_record).expect("it is stored");
        assert_eq!((after.wanted, after.sweeping), (vec![known], false));
    }

    #[test]
    fn a_transaction_removes_a_part_at_most_and_the_next_one_goes_on_behind_it() {
        let lease = Lease { owner: "tab".into(), epoch: 1, expires_at: 1_000, since: 0, hidden: false };
        let state = PullState::<Json> { generation: 2, sweeping: true, ..PullState::default() };
        let notes = Collection::from("notes");
        let key = |at: &u64| DocKey::new(&notes, &format!("n{at}"));
        let row = |at: u64| {
            let seen = if at % 4 == 0 { 2 } else { 1 };
            Row { doc: Some(Json::object()), synced_at: Some(1), seen, ..Row::fresh(&format!("n{at}"), 1) }
        };
        let rows = (10..22).map(|at| Write::PutMain("notes".into(), row(at)));
        let mut disk = Disk::<Json>::default();
        let meta = [
            Write::PutMeta(MetaKey::Lease, lease.to_record()),
            Write::PutMeta(MetaKey::Pull("notes".into()), state.to_record()),
        ];
        disk.apply(rows.chain(meta).collect()).expect("filling");
        let (mut after, mut gone) = (None, Vec::new());
        loop {
            let plan = Sweep { fence: Fence(lease.clone()), collection: "notes".into(), after, most: 4 };
            let Ok(Report::Swept(effects, _, next)) = disk.run(&plan) else { panic!("it reports what it swept") };
            gone.push(effects.changes.len());
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(gone, [4, 4, 1]);
        let left: Vec<u64> = (10..22).filter(|at| disk.main(&key(at)).is_some()).collect();
        assert_eq!(left, [12, 16, 20]);
    }
}
