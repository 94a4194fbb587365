//! The audit entries of a transaction, written with what they record.
//!
//! Their place in the ring stands in the mark of change, which every bookkeeping transaction reads and writes anyway:
//! an entry costs one more put and no read. Local writes are not recorded by themselves, for they are the hot path;
//! what becomes of them is.

use super::world::Noted;
use crate::engine::mutant::Mutant;
use crate::engine::store::{MetaKey, Rows, Write};
use crate::model::{AuditEntry, Document, Listed, Mark, Record, Seq, Time};
use std::rc::Rc;

/// Entries about conflicts that were found or ended.
pub(super) fn settled<D>(noted: &[Noted<D>], user: Option<&Rc<str>>, now: Time) -> Vec<AuditEntry> {
    noted.iter().map(|noted| AuditEntry::of_conflict(&noted.conflict, user, now)).listed()
}

/// Entries about changes that left the outbox because the server's document already is what they want.
pub(super) fn merged<D: Document>(rows: &Rows<D>, removed: &[Seq], entries: &mut Vec<AuditEntry>, now: Time) {
    for change in removed.iter().filter_map(|seq| rows.pending(*seq)) {
        if !entries.iter().any(|entry| entry.mutation_id == change.mutation_id) {
            entries.push(AuditEntry::of(change, "acknowledged", None, now));
        }
    }
}

/// The writes that move the mark and put these entries into the ring; only the newest of very many.
pub(super) fn audited<D: Document>(rows: &Rows<D>, entries: Vec<AuditEntry>) -> Vec<Write<D>> {
    let mark = rows.mark();
    let kept = AuditEntry::CAPACITY as usize;
    let skipped = entries.len().saturating_sub(kept);
    let first = mark.audited;
    let count = if Mutant::AuditKeepsOne.is_on() { 0 } else { (entries.len() - skipped) as u64 };
    let moved = Mark { applied: mark.applied + 1, audited: first + count };
    let numbered = entries.into_iter().skip(skipped).zip(first..);
    let puts = numbered.map(|(entry, n)| Write::PutAudit(Box::new(AuditEntry { n, ..entry })));
    puts.chain([Write::PutMeta(MetaKey::Mark, moved.to_record())]).listed()
}
