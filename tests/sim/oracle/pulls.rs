//! Oracles on how pulls write: in short transactions, one at a time, so that a write of the app waits for one of them.

use crate::store::{Done, Profile};
use crate::world::World;
use seakeep::engine::plan::AnyPlan;
use seakeep::model::Document;
use seakeep::native::Json;

impl World {
    /// After each transaction, I-50: a part of a pull has no more documents than a part has, and is no longer.
    pub(crate) fn check_part(&mut self, done: &Done) {
        let most = self.config.sync.as_ref().map_or(usize::MAX, |sync| sync.part);
        if matches!(done.kind, "ApplyPage" | "Sweep") && done.rows.len() > most {
            self.broken("I-50", format!("{} writes {} documents, a part has {most}", done.kind, done.rows.len()));
        }
        let longest = self.config.sync.as_ref().map_or(usize::MAX, |sync| sync.part_length);
        if done.kind == "ApplyPage" && done.rows.len() > 1 && longest < usize::MAX {
            let length = self.length_of(done);
            if length > longest {
                self.broken("I-50", format!("a part of {length} characters, more than {longest}"));
            }
        }
    }

    /// How long the documents are that a part has brought, as far as they are the server's own.
    fn length_of(&self, done: &Done) -> usize {
        let rows = done.rows.iter().filter_map(|(key, before)| {
            let row = self.profiles[done.profile].disk.main(key).filter(|row| row.is_clean())?;
            let doc = row.doc.as_ref()?;
            let known = before.as_ref().and_then(|before| before.doc.as_ref()).is_some_and(|known| known.same(doc));
            (!known).then(|| doc.length())
        });
        rows.sum()
    }

    /// When a transaction is ordered, I-50: no other part of a pull of this tab waits for the store.
    pub(crate) fn check_parts(&mut self, tab: usize, plan: &AnyPlan<Json>) {
        let (life, profile) = (self.tabs[tab].life, self.tabs[tab].profile);
        if is_part(plan) && self.profiles[profile].has_part(tab, life) {
            self.broken("I-50", format!("tab {tab} orders a part of a pull while another one waits"));
        }
    }
}

impl Profile {
    fn has_part(&self, tab: usize, life: u32) -> bool {
        self.jobs.iter().any(|job| job.tab == tab && job.life == life && is_part(&job.plan))
    }
}

/// Pulls are all that writes documents without asking for them to outlive a loss of power.
pub(super) fn is_part(plan: &AnyPlan<Json>) -> bool {
    let scope = plan.scope();
    scope.writes && !scope.strict && scope.collections.len() == 1
}
