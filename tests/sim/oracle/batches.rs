//! The oracle on the breaker: what may leave while it is open.

use crate::net::Wire;
use crate::world::World;
use seakeep::engine::plan::Guard;
use seakeep::engine::policy::breaker::State;

impl World {
    /// I-30: behind an open breaker nothing leaves before its time. A clock that jumped since ends the pause.
    pub(crate) fn check_breaker(&mut self, wire: &Wire) {
        let profile = &self.profiles[self.tabs[wire.tab].profile];
        let guard = profile.disk.meta("breaker").and_then(Guard::from_record);
        let Some(State::Open(wait)) = guard.map(|guard| guard.breaker) else { return };
        let now = self.wall(self.tabs[wire.tab].profile);
        // A tab whose lease was taken before its end (it was hidden, or did not hear) finds out with its next transaction.
        let leads = profile.lease.clone().is_some_and(|lease| self.tabs[wire.tab].owner == Some(lease.owner));
        if leads && profile.jumps == 0 && !wait.is_over(now) && wire.core.path != "/_health" {
            let text = format!("{} leaves {} ms before the breaker lets it", wire.core.path, wait.until - now);
            self.broken("I-30", text);
        }
    }
}
