//! Two people on one device: one signs out, the other signs in, and so on. Each has a database of their own.
//!
//! In some schedules the two profiles are the databases of two people of one device: only one of them is signed in, so
//! only that one's tabs are open; the other's changes wait in their database until they are back. In every schedule each
//! profile has its user, whose credentials its requests carry (I-27).

use super::event::Event;
use super::world::World;
use seakeep::engine::mutant::Mutant;
use seakeep::model::Pending;
use seakeep::native::Json;

/// Who the two profiles belong to.
pub(crate) const USERS: [&str; 2] = ["ada", "grace"];

impl World {
    /// Where two people share a device: the other one signs in now.
    pub(crate) fn user_turn(&mut self) {
        let outer = self.chance.enter("user", 0);
        if self.signed_out.is_some() && self.chance.hit(self.mishaps.switches) {
            let (out, on) = if self.signed_out == Some(0) { (1, 0) } else { (0, 1) };
            self.trace(|| format!("{} signs out, {} signs in", USERS[out], USERS[on]));
            self.signed_out = Some(out);
            if Mutant::OneDatabaseForAll.is_on() {
                self.profiles[on].disk = self.profiles[out].disk.clone();
                self.profiles[on].note_meta(true);
                self.chronicle_anew(on);
            }
            for tab in (0..4).filter(|tab| tab / 2 == out) {
                // Most apps close what they leave; some pages just go.
                if self.tabs[tab].is_awake() && self.chance.hit(700) {
                    self.close(tab);
                } else {
                    self.crash(tab);
                }
            }
            for tab in (0..4).filter(|tab| tab / 2 == on) {
                let delay = self.chance.below(2_000);
                self.schedule(delay, Event::Open { tab });
            }
        }
        self.chance.leave(outer);
    }

    /// Whether nobody opens this profile's database: its user is signed out.
    pub(crate) fn is_signed_out(&self, tab: usize) -> bool {
        self.signed_out == Some(self.tabs[tab].profile) && !self.healed
    }

    /// I-27: a change leaves with the credentials of whoever made it.
    pub(crate) fn check_user(&mut self, profile: usize, row: &Pending<Json>) {
        let user = USERS[profile];
        if row.user.as_deref() != Some(user) {
            let text = format!("{} of {:?} leaves with the credentials of {user}", row.mutation_id, row.user);
            self.broken("I-27", text);
        }
    }

    /// I-27: what a person wrote and nobody sent yet is shown to that person only.
    pub(crate) fn check_secret(&mut self, tab: usize, tag: &str) {
        let profile = self.tabs[tab].profile;
        let secret = |truth: &super::oracle::Truth| !truth.published && !truth.makers[profile] && truth.promised;
        if self.oracle.truths.get(tag).is_some_and(secret) {
            let text = format!("tab {tab} of {} is told of {tag}, which never left its maker", USERS[profile]);
            self.broken("I-27", text);
        }
    }
}
