//! The oracle on transactions of several plans: they leave what the plans would leave one after another.

use crate::store::{touched, Job};
use crate::world::World;
use seakeep::engine::disk::Disk;
use seakeep::engine::plan::Report;
use seakeep::engine::store::Write;
use seakeep::model::{DocKey, Failure};
use seakeep::native::Json;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What a transaction touches besides rows of documents and of the outbox.
const META: [&str; 6] = ["mark", "discarded", "conflicts", "pull:cards", "pull:lists", "pull:pages"];

impl World {
    /// I-51: writes what several plans decide together. The plans themselves are run one after another, and all oracles
    /// look at each; then both have to have left the same and to have reported the same.
    pub(crate) fn write_several(&mut self, job: &Job, profile: usize) -> Result<(Report<Json>, bool), Failure> {
        let mut together = self.profiles[profile].disk.clone();
        let (writes, report) = together.decide(&*job.plan)?;
        let before = together.clone();
        together.apply(writes.clone())?;
        let (mut reports, mut empty) = (Vec::new(), true);
        for part in job.plan.parts() {
            let (one, wrote_nothing) = self.write_one(part, job.tab, profile)?;
            reports.push(one);
            empty &= wrote_nothing;
        }
        let disk = &self.profiles[profile].disk;
        let (there, here) = (difference(&before, disk, &writes), difference(&before, &together, &writes));
        let told = format!("{:?}", Report::Several(reports)) == format!("{report:?}");
        if there != here || !told {
            let count = job.plan.parts().len();
            let what = if told { "left" } else { "reported" };
            self.broken("I-51", format!("{count} plans together {what} something else than one after another"));
        }
        Ok((report, empty))
    }
}

/// All that may differ from what stood before: every row of documents and outbox, and what else was written.
fn difference(before: &Disk<Json>, disk: &Disk<Json>, writes: &[Write<Json>]) -> BTreeSet<String> {
    let (documents, places) = touched(writes);
    let mut all = BTreeSet::new();
    let mut see = |name: &str, value: String| {
        all.insert([name, &value].concat());
    };
    let keys = documents.into_iter().chain(rows(disk)).chain(rows(before));
    keys.for_each(|key| see(&format!("{key:?}"), format!("{:?}", disk.main(&key))));
    let places = places.into_iter().chain(disk.pending_rows().chain(before.pending_rows()).map(|row| row.seq));
    places.for_each(|seq| see(&seq.to_string(), format!("{:?}", disk.pending(seq))));
    META.into_iter().for_each(|name| see(name, format!("{:?}", disk.meta(name))));
    disk.conflicts().for_each(|conflict| see("conflict", format!("{conflict:?}")));
    let aliases = writes.iter().filter_map(|write| match write {
        Write::PutAlias(key, _) => Some(key),
        _ => None,
    });
    aliases.for_each(|key| see("alias", format!("{:?}", disk.alias(key))));
    let mut entries: Vec<_> = disk.audit().collect();
    entries.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.n));
    entries.iter().take(writes.len()).for_each(|entry| see("audit", format!("{entry:?}")));
    all
}

fn rows(disk: &Disk<Json>) -> impl Iterator<Item = DocKey> + '_ {
    ["cards", "lists", "pages"].into_iter().flat_map(|name| {
        disk.main_rows(name)
            .filter(|row| !row.is_clean())
            .map(move |row| DocKey { collection: name.into(), id: Rc::clone(&row.id) })
    })
}
