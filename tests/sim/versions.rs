//! Two versions of the code on one device: newer code is deployed, a tab loads it, and the store is closed to the others.
//!
//! As in a browser, the newer one opens the store when every transaction of the older ones has ended, and none of theirs
//! begins after that. A tab that stands still without a word holds its connection: the newer one has to wait for it. The
//! older tabs hear of it sooner or later, and are loaded anew some time after.

use super::event::Event;
use super::tab::Sleep;
use super::world::World;
use seakeep::engine::input::{Input, Signal};
use seakeep::engine::machine::Engine;
use seakeep::engine::store::{MetaKey, Write};
use seakeep::model::{Code, Failure, Lease, Record};
use seakeep::native::Json;

/// How long newer code waits before it tries again to open a store that is held.
const AGAIN: u64 = 5_000;

impl World {
    /// Newer code is deployed; older tabs are loaded anew.
    pub(crate) fn version_turn(&mut self) {
        let outer = self.chance.enter("version", 0);
        let tab = self.chance.below(4) as usize;
        if self.chance.hit(self.mishaps.deploys) {
            self.deploy(tab);
        }
        for tab in 0..4 {
            if self.tabs[tab].outdated && self.chance.hit(300) {
                self.check_outdated(tab);
                self.crash(tab);
            }
        }
        self.chance.leave(outer);
    }

    /// Newer code is deployed, and a tab is loaded anew with it.
    pub(crate) fn deploy(&mut self, tab: usize) {
        let profile = &mut self.profiles[self.tabs[tab].profile];
        profile.deployed += 1;
        let number = profile.deployed;
        self.trace(|| format!("version {number} is deployed; tab {tab} loads it"));
        self.crash(tab);
    }

    /// A tab opens the store with the code that is deployed; `false` when it has to wait for another tab.
    pub(crate) fn open_store(&mut self, tab: usize) -> bool {
        let profile = self.tabs[tab].profile;
        let (version, deployed) = (self.profiles[profile].version, self.profiles[profile].deployed);
        self.tabs[tab].version = deployed;
        if deployed == version {
            return true;
        }
        let others: Vec<usize> = (0..4).filter(|other| *other != tab && self.tabs[*other].profile == profile).collect();
        let holds = |other: &usize| self.tabs[*other].engine.is_some() && self.tabs[*other].sleep == Sleep::Stopped;
        if !self.healed && others.iter().any(holds) {
            self.trace(|| format!("tab {tab} cannot upgrade the store yet"));
            self.schedule(AGAIN, Event::Open { tab });
            return false;
        }
        while !self.profiles[profile].jobs.is_empty() {
            self.run_commit(profile);
        }
        self.trace(|| format!("tab {tab} opens the store as version {deployed}"));
        self.profiles[profile].version = deployed;
        self.end_lease(profile);
        for other in others.into_iter().filter(|other| self.tabs[*other].engine.is_some()).collect::<Vec<_>>() {
            // Its lease has ended with it.
            self.tabs[other].gone = true;
            let (life, delay) = (self.tabs[other].life, self.chance.below(50));
            self.schedule(delay, Event::Said { tab: other, life, signal: Signal::Outdated });
        }
        true
    }

    /// What an upgrade does with the lease of whoever led.
    fn end_lease(&mut self, profile: usize) {
        let device = &mut self.profiles[profile];
        let Some(lease) = device.lease.clone() else { return };
        let ended: Json = Lease { expires_at: 0, ..lease }.to_record();
        // One meta row: nothing can be taken.
        let _ = device.disk.apply(vec![Write::PutMeta(MetaKey::Lease, ended)]);
        device.note_meta(true);
        self.note_safe(profile, true);
    }

    /// Why a transaction of a tab does not begin: its code is older than the store.
    pub(crate) fn version_fault(&self, tab: usize) -> Option<Failure> {
        let is_older = self.tabs[tab].version < self.profiles[self.tabs[tab].profile].version;
        is_older.then(|| Failure::new(Code::DbVersionNewer, "newer code has taken the database over"))
    }

    /// After an input: whether this tab knows by now that its code is too old.
    pub(crate) fn note_outdated(&mut self, tab: usize, hears: bool) {
        let told = &mut self.tabs[tab];
        told.hears_outdated |= hears;
        told.outdated |= told.hears_outdated && !told.dozes;
    }

    /// Whether an input tells a tab so.
    pub(crate) fn tells_outdated(input: &Input<Json>) -> bool {
        match input {
            Input::Signal(signal) => *signal == Signal::Outdated,
            Input::Committed { result: Err(failure), .. } => failure.code == Code::DbVersionNewer,
            _ => false,
        }
    }

    /// I-40: older code that knows of newer code orders nothing any more.
    pub(crate) fn check_silent(&mut self, tab: usize, what: &str) {
        if self.tabs[tab].outdated {
            self.broken("I-40", format!("tab {tab} orders a {what} although newer code has the store"));
        }
    }

    /// I-40 and I-41: it says so to its app, leads no more, and nobody waits for it.
    pub(crate) fn check_outdated(&mut self, tab: usize) {
        let profile = &self.profiles[self.tabs[tab].profile];
        let works = profile.jobs.iter().any(|job| job.tab == tab) || !self.tabs[tab].reports.is_empty();
        if works || self.tabs[tab].sleep != Sleep::Awake {
            return;
        }
        let Some(status) = self.tabs[tab].engine.as_deref().map(Engine::status) else { return };
        if status.state != "needs-update" || status.leader {
            let text = format!("tab {tab} says {} (leads: {}) with too old code", status.state, status.leader);
            return self.broken("I-40", text);
        }
        let open: Vec<&str> = self.tabs[tab].open.values().map(|asked| asked.what).collect();
        let watched = self.tabs[tab].watched.len();
        if !open.is_empty() || watched > 0 || self.tabs[tab].wake.is_some() {
            let text = format!("tab {tab} stepped down and left open: {open:?}, {watched} changes, or an alarm");
            self.broken("I-41", text);
        }
    }

    /// When the faults stop, everybody loads what is deployed.
    pub(crate) fn load_newest(&mut self) {
        for tab in 0..4 {
            let is_older = self.tabs[tab].version < self.profiles[self.tabs[tab].profile].deployed;
            if is_older && self.tabs[tab].engine.is_some() {
                if self.tabs[tab].outdated {
                    self.check_outdated(tab);
                }
                self.oracle.telling.crashes[self.tabs[tab].profile] += 1;
                self.tabs[tab].end();
                self.lock(tab, false);
            }
        }
    }
}
