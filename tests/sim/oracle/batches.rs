//! The oracle on the breaker and on ordered pauses: what may leave meanwhile.

use crate::net::Wire;
use crate::world::World;
use seakeep::engine::plan::Guard;
use seakeep::engine::policy::breaker::State;

impl World {
    /// I-30: behind an open breaker nothing leaves before its time; I-29: nor in a pause that the server ordered and that
    /// is in the store. A clock that jumped since ends both.
    pub(crate) fn check_breaker(&mut self, wire: &Wire) {
        let profile = &self.profiles[self.tabs[wire.tab].profile];
        let Some(guard) = profile.disk.meta("breaker").and_then(Guard::from_record) else { return };
        let now = self.wall(self.tabs[wire.tab].profile);
        // What a tab had dispatched before it stood still leaves when it runs again: its successor knows better (I-23).
        let leads = profile.lease.clone().is_some_and(|lease| self.tabs[wire.tab].owner == Some(lease.owner));
        if !leads || profile.jumps != 0 {
            return;
        }
        if let Some(pause) = guard.pause.filter(|pause| !pause.is_over(now)) {
            let text = format!("{} leaves {} ms before the server lets it", wire.core.path, pause.until - now);
            return self.broken("I-29", text);
        }
        let State::Open(wait) = guard.breaker else { return };
        if !wait.is_over(now) && wire.core.path != "/_health" {
            let text = format!("{} leaves {} ms before the breaker lets it", wire.core.path, wait.until - now);
            self.broken("I-30", text);
        }
    }
}
