//! Oracle on the times of a conflict: the later edit wins, whatever the device's clock has been set to since (I-32).
//!
//! By true time, which the engine never sees. It is asked only where a device could know its clock: the tab that wrote
//! and the one that judged had an answer of the server since the clock last moved, and the edits lie further apart than
//! `Date` can tell. Within the uncertainty the server's side must stand.

use crate::net::Wire;
use crate::server::BASE;
use crate::store::Done;
use crate::tab::Sleep;
use crate::world::World;
use seakeep::engine::merge::{Strategy, UNCERTAINTY};
use seakeep::model::{Conflict, ConflictKind, Document, Pending};
use seakeep::native::Json;
use seakeep::protocol::date::timestamp;
use seakeep::protocol::{HttpResponse, NetworkFailure};
use std::collections::{BTreeMap, BTreeSet};

/// How a device's clock stood: how far off, and how often it had been set.
type Standing = (i64, u32);

/// What a tab learned of the server's clock.
#[derive(Debug, Clone, Copy)]
struct Sure {
    standing: Standing,
    /// How wrong it may be, in milliseconds.
    error: u64,
}

/// When the fields of a change were written.
#[derive(Debug, Default)]
struct Written {
    /// By field, when its value was last seen to change.
    fields: BTreeMap<String, u64>,
    /// When anything of it was last written.
    last: u64,
    /// The largest error of the tabs that wrote it; `None` where one could not know its clock.
    error: Option<u64>,
}

/// What is remembered of clocks and writes.
#[derive(Debug, Default)]
pub(crate) struct Stamps {
    sure: [Option<Sure>; 4],
    /// How the clock stood when a request left, by tab and number.
    left: BTreeMap<(usize, u32), Standing>,
    /// When the running transaction was ordered, and how the clock stood then.
    ordered: (u64, Standing),
    written: BTreeMap<String, Written>,
}

impl World {
    pub(crate) fn standing(&self, tab: usize) -> Standing {
        let profile = self.tabs[tab].profile;
        (self.wall(profile) as i64 - (BASE + self.now) as i64, self.profiles[profile].jumps)
    }

    /// A transaction that was ordered then runs now.
    pub(crate) fn was_ordered(&mut self, at: u64, standing: Standing) {
        self.oracle.stamps.ordered = (at, standing);
    }

    pub(crate) fn note_leaving(&mut self, wire: &Wire) {
        let standing = self.standing(wire.tab);
        self.oracle.stamps.left.insert((wire.tab, wire.request), standing);
    }

    /// Nobody waits for an answer any more.
    pub(crate) fn forget_request(&mut self, tab: usize, request: u32) {
        self.oracle.stamps.left.remove(&(tab, request));
    }

    /// A tab's life ends: it knows nothing any more.
    pub(crate) fn forget_clock(&mut self, tab: usize) {
        self.oracle.stamps.sure[tab] = None;
        self.oracle.stamps.left.retain(|(of, _), _| *of != tab);
    }

    /// An answer reaches a tab: its `Date` tells it the server's clock, to half a second and half the way.
    pub(crate) fn hear_clock(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        let tab = &self.tabs[wire.tab];
        let awake = tab.sleep == Sleep::Awake && tab.life == wire.life && tab.engine.is_some();
        let Some(left) = self.oracle.stamps.left.remove(&(wire.tab, wire.request)) else { return };
        let standing = self.standing(wire.tab);
        let trip = self.now - wire.sent_at;
        let dated = result.as_ref().is_ok_and(|response| response.date.is_some());
        if dated && awake && left == standing && trip < 8_000 {
            self.oracle.stamps.sure[wire.tab] = Some(Sure { standing, error: 520 + trip / 2 });
        } else if dated {
            self.oracle.stamps.sure[wire.tab] = None;
        }
    }

    /// After a local write: when what changed was written.
    pub(crate) fn note_stamps(&mut self, done: &Done) {
        let (at, standing) = self.oracle.stamps.ordered;
        let sure = self.oracle.stamps.sure[done.tab].filter(|sure| sure.standing == standing);
        for (seq, before) in &done.pending {
            let Some(after) = self.profiles[done.profile].disk.pending(*seq) else { continue };
            let fresh = before.is_none();
            let changed = names(before.as_ref(), after);
            let written = self.oracle.stamps.written.entry(after.mutation_id.to_string()).or_default();
            let known = sure.map(|sure| sure.error);
            written.error = if fresh { known } else { written.error.zip(known).map(|(left, right)| left.max(right)) };
            written.last = at;
            written.fields.extend(changed.into_iter().map(|name| (name, at)));
        }
    }

    /// Somebody edited a change: its times are not followed any further.
    pub(crate) fn drop_stamps(&mut self, done: &Done) {
        for row in done.pending.iter().filter_map(|(_, row)| row.as_ref()) {
            self.oracle.stamps.written.remove(&*row.mutation_id);
        }
    }

    /// I-32: a conflict that times decide was decided by the true ones.
    pub(crate) fn check_stamps(&mut self, done: &Done, conflict: &Conflict<Json>) {
        let Some(of) = self.config.collection(&conflict.collection) else { return };
        let strategy = of.conflict;
        let ended = conflict.resolution.as_ref().filter(|ended| &*ended.strategy == strategy.as_str());
        let times_decide = matches!(strategy, Strategy::Fields | Strategy::Latest);
        let result = ended.filter(|_| times_decide && conflict.kind == ConflictKind::EditEdit);
        let Some(result) = result.and_then(|ended| ended.result.as_ref()) else { return };
        let there = conflict.remote.as_ref().and_then(|doc| timestamp(&doc.text_of("updatedAt")?));
        let Some(there) = there else { return };
        let judge = self.oracle.stamps.sure[done.tab].filter(|sure| sure.standing == self.standing(done.tab));
        let Some(written) = self.oracle.stamps.written.get(&*conflict.mutation_id) else { return };
        let (Some(judge), Some(error)) = (judge, written.error) else { return };
        let error = error + judge.error;
        let whole = strategy == Strategy::Latest;
        let names: Vec<String> = if whole {
            let sides = [&conflict.local, &conflict.remote].into_iter().flatten();
            sides.flat_map(Document::fields).filter(|name| !matches!(name.as_str(), "id" | "updatedAt")).collect()
        } else {
            conflict.fields.iter().map(|field| field.path.clone()).collect()
        };
        let value = |side: &Option<Json>, name: &str| side.as_ref().and_then(|doc| doc.get(name));
        let broken = names.iter().find_map(|name| {
            let grouped = of.groups.iter().any(|group| group.contains(name));
            let since =
                if whole { written.last } else { *written.fields.get(name).filter(|_| !grouped && name != "n")? };
            let ours = BASE + since > there + UNCERTAINTY + error;
            let theirs = BASE + written.last + error <= there + UNCERTAINTY;
            let same = |side: Option<Json>| match (side, result.get(name)) {
                (Some(side), Some(result)) => side.same(&result),
                (side, result) => side.is_none() && result.is_none(),
            };
            let wrong =
                (ours && !same(value(&conflict.local, name))) || (theirs && !same(value(&conflict.remote, name)));
            let by = (BASE + since) as i64 - there as i64;
            wrong.then(|| format!("`{name}`, written here {by} ms after the server's side, went to the other"))
        });
        if let Some(text) = broken {
            self.broken("I-32", format!("{}: {}/{}: {text}", done.kind, conflict.collection, conflict.id));
        }
    }
}

/// The fields that a write changed in a change.
fn names(before: Option<&Pending<Json>>, after: &Pending<Json>) -> Vec<String> {
    let content = |row: &Pending<Json>, name: &str| {
        let set = row.changes.set.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
        set.or_else(|| row.data.as_ref().and_then(|data| data.get(name)))
    };
    let fields = |row: &Pending<Json>| {
        let data = row.data.as_ref().map(Document::fields).unwrap_or_default();
        data.into_iter().chain(row.changes.fields().map(String::from)).collect::<BTreeSet<_>>()
    };
    let mut all = fields(after);
    all.extend(before.map(fields).unwrap_or_default());
    let differs = |name: &String| match before {
        None => true,
        Some(before) => match (content(before, name), content(after, name)) {
            (Some(left), Some(right)) => !left.same(&right),
            (left, right) => left.is_some() != right.is_some(),
        },
    };
    all.into_iter().filter(differs).collect()
}
