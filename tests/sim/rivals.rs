//! Rivals: another client writes the very field that was written here, at that moment.
//!
//! Strangers (`surroundings.rs`) seldom meet a field that a change of ours waits with; here they do, so that the times of
//! both sides decide (`oracle/stamps.rs`).

use super::store::Done;
use super::world::World;
use seakeep::model::{ChangeKind, DocKey, Pending};
use seakeep::native::Json;
use seakeep_server::core::CoreRequest;
use serde_json::json;

impl World {
    /// After a local write: now and then a rival comes.
    pub(crate) fn rival(&mut self, done: &Done) {
        let outer = self.chance.enter("rival", done.profile);
        let found = done.pending.iter().find_map(|(seq, _)| self.contested(done.profile, *seq));
        if let Some((path, field)) = found.filter(|_| self.chance.hit(700)) {
            let number = self.oracle.write_number();
            let patch = json!({ field: format!("rival{number}") });
            let request = CoreRequest::new("PATCH", &path).header("content-type", "application/merge-patch+json");
            let request = CoreRequest { body: patch.to_string().into_bytes(), ..request };
            self.trace(|| format!("rival: PATCH {path} {field}"));
            let before = self.server.tables.head();
            self.server.handle(&request, self.now);
            self.executed(before);
        }
        self.chance.leave(outer);
    }

    /// The path of a document whose change at this place sets such a field, and the field.
    fn contested(&self, profile: usize, seq: u64) -> Option<(String, &'static str)> {
        let disk = &self.profiles[profile].disk;
        let change = disk.pending(seq).filter(|change| change.kind == ChangeKind::Update)?;
        let sets = |change: &Pending<Json>, field: &str| change.changes.set.iter().any(|(name, _)| name == field);
        let field = ["title", "note"].into_iter().find(|field| sets(change, field))?;
        let row = disk.main(&DocKey::new(&change.collection, &change.id))?;
        row.is_on_server().then(|| (format!("/{}/{}", change.collection, change.id), field))
    }
}
