//! The end of the faults, and whether the outbox drains: what may still wait, and for whom (I-19, I-20).
//!
//! Nothing is judged here but that. What must be true once everything has arrived is in `finale.rs`.

use crate::order::Ordering;
use crate::tab::{Asked, Sleep};
use crate::world::World;
use seakeep::engine::input::{Command, Input, Signal};
use seakeep::engine::machine::Engine;
use seakeep::engine::policy::network::Connection;
use seakeep::model::{ChangeKind, DocKey, Document, Pending, PendingState};
use seakeep::native::Json;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    pub(crate) fn heal(&mut self) {
        self.trace(|| "faults stop".into());
        for profile in 0..2 {
            if self.faults.jump > 0 && self.chance.hit(500) {
                self.jump(profile);
            }
        }
        self.end_mishaps();
        let long_waits = self.faults.long_waits;
        self.faults = self.faults.healed();
        self.faults.long_waits = long_waits;
        self.healed = true;
        self.ordering = Ordering::Uniform;
        self.queue.drop_sources();
        self.server.wants_login = false;
        self.server.mend();
        self.load_newest();
        for tab in 0..4 {
            // A tab that was told to update itself is loaded anew; what it had counted and not stored is lost.
            if self.tabs[tab].engine.as_ref().is_some_and(|engine| engine.status().state == "needs-update") {
                self.oracle.telling.crashes[self.tabs[tab].profile] += 1;
                self.tabs[tab].end();
            }
            self.open(tab);
            let life = self.tabs[tab].life;
            if self.tabs[tab].sleep != Sleep::Awake {
                self.thaw(tab, life);
                self.open(tab);
            }
            self.tabs[tab].deaf = false;
            self.give(tab, Input::Network(Connection::default()));
            self.show(tab, tab % 2 == 1);
            let asked = |what| Asked { what, claims: Vec::new() };
            self.command(tab, asked("run"), Command::Run);
            while let Some(number) = self.tabs[tab].holds.pop() {
                self.command(tab, asked("release"), Command::Release(number));
            }
            if self.chance.hit(700) {
                self.signal(tab, Signal::Online);
            }
        }
    }

    pub(crate) fn run_until(&mut self, until: u64, most: u64, done: impl Fn(&Self) -> bool) -> bool {
        while self.violation.is_none() && self.events < most {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                return done(self);
            }
        }
        false
    }

    pub(crate) fn report_stuck(&mut self, text: &str) {
        let rows = |profile: usize| {
            let row = |row: &Pending<Json>| format!("{}/{} {:?} {:?}", row.collection, row.id, row.kind, row.state);
            self.profiles[profile].disk.pending_rows().map(row).collect::<Vec<_>>()
        };
        let open: Vec<(usize, &str)> =
            (0..4).flat_map(|tab| self.tabs[tab].open.values().map(move |asked| (tab, asked.what))).collect();
        let wakes: Vec<_> =
            self.tabs.iter().map(|tab| tab.wake.map(|(at, label)| (at.saturating_sub(self.now), label))).collect();
        let states = self.tabs.iter().filter_map(|tab| tab.engine.as_deref().map(Engine::status));
        let states: Vec<_> = states.map(|status| (status.state, status.phase, status.pending)).collect();
        let text = format!("{text}: {:?} {:?}, open {open:?}, timers {wakes:?}, {states:?}", rows(0), rows(1));
        self.broken("I-19", text);
    }

    /// Nothing is under way, and what waits waits for a person.
    pub(crate) fn is_settled(&self) -> bool {
        let quiet = self.tabs.iter().all(|tab| tab.engine.as_deref().is_some_and(Engine::is_quiet));
        quiet
            && self.profiles.iter().all(|profile| profile.jobs.is_empty())
            && (0..2).all(|profile| self.is_drained(profile))
    }

    fn is_drained(&self, profile: usize) -> bool {
        if self.profiles[profile].disk.pending_rows().next().is_none() {
            return true;
        }
        let blocked = self.blocked(profile);
        self.profiles[profile].disk.pending_rows().all(|row| blocked.contains(&DocKey::new(&row.collection, &row.id)))
    }

    /// Documents whose lane waits for a person, itself or through what it refers to.
    fn blocked(&self, profile: usize) -> BTreeSet<DocKey> {
        let disk = &self.profiles[profile].disk;
        let mut heads: BTreeMap<DocKey, &Pending<Json>> = BTreeMap::new();
        for row in disk.pending_rows() {
            let key = DocKey::new(&row.collection, &row.id);
            let first = disk.main(&key).and_then(|main| main.lane.first());
            if first == Some(&row.seq) {
                heads.insert(key, row);
            }
        }
        // What the app's function was asked comes to an end by itself.
        let waits = |row: &Pending<Json>| {
            row.state == PendingState::Parked || (row.state == PendingState::Conflict && !row.asks)
        };
        let mut blocked: BTreeSet<DocKey> =
            heads.iter().filter(|(_, row)| waits(row)).map(|(key, _)| key.clone()).collect();
        loop {
            let refers = |row: &Pending<Json>| {
                let targets = [("list", "lists"), ("parent", "cards")].into_iter().filter_map(|(field, target)| {
                    let set =
                        row.changes.set.iter().find(|(name, _)| name == field).and_then(|(_, value)| value.as_text());
                    let id = set.or_else(|| row.data.as_ref()?.text_of(field))?;
                    Some(DocKey::new(&target.into(), &id))
                });
                targets.into_iter().any(|key| {
                    blocked.contains(&key) && heads.get(&key).is_some_and(|head| head.kind == ChangeKind::Create)
                })
            };
            let more: Vec<DocKey> = heads
                .iter()
                .filter(|(key, _)| !blocked.contains(*key))
                .filter(|(_, row)| {
                    (row.collection.as_ref() == "cards" && refers(row)) || self.is_group_blocked(profile, row, &blocked)
                })
                .map(|(key, _)| key.clone())
                .collect();
            if more.is_empty() {
                return blocked;
            }
            blocked.extend(more);
        }
    }
}
