//! A store that is gone while the app runs: the person clears site data, or the browser throws the origin out.
//!
//! As in a browser nobody says so: a tab finds out when its next transaction opens the store again and meets another
//! one, made anew, by whichever tab came first. What had been stored and not sent is lost with it, so nothing of it is
//! promised any more; everything else goes on, and at rest the new store is the server's.

use super::tab::Tab;
use super::world::World;
use seakeep::engine::disk::Disk;
use seakeep::engine::input::{Input, Signal};

impl World {
    /// Whether a store is wiped now.
    pub(crate) fn wipe_turn(&mut self) {
        let outer = self.chance.enter("wipe", 0);
        let profile = self.chance.below(2) as usize;
        if self.chance.hit(self.mishaps.wipes) {
            self.wipe(profile);
        }
        self.chance.leave(outer);
    }

    /// Everything that a device has stored is gone.
    pub(crate) fn wipe(&mut self, profile: usize) {
        self.trace(|| format!("the store of profile {profile} is wiped"));
        let device = &mut self.profiles[profile];
        device.disk = Disk::default();
        device.store_id += 1;
        device.note_meta(true);
        self.mishaps.forget_safe(profile);
        self.oracle.store_wiped(profile);
        self.chronicle_anew(profile);
        // What it was told of documents stays old until it looks at the store.
        (0..4).filter(|tab| tab / 2 == profile).for_each(|tab| self.tabs[tab].view.misses = true);
    }

    /// A tab's transaction opens the store again: when it is another one, the tab hears that first.
    pub(crate) fn find_store(&mut self, tab: usize) {
        let id = self.profiles[self.tabs[tab].profile].store_id;
        let Tab { life, store_id, .. } = self.tabs[tab];
        if store_id == id {
            return;
        }
        // What ended before is told before.
        while let Some((commit, result)) = self.tabs[tab].reports.pop_front() {
            self.deliver(tab, life, Input::Committed { commit, result });
        }
        self.trace(|| format!("tab {tab} finds another store"));
        self.tabs[tab].store_id = id;
        self.tabs[tab].view.forget_all();
        self.tabs[tab].drafts.clear();
        self.deliver(tab, life, Input::Signal(Signal::Wiped));
    }
}
