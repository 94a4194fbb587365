//! What may run now: whether the app, the server, the login or the connection holds requests.
//!
//! Questions only: each answers from what stands, and changes nothing.

use super::push::Auth;
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::policy::network::OnSlow;
use crate::model::Document;

impl<D: Document> Engine<D> {
    /// Whether nothing is under way: no commit, no request.
    pub fn is_quiet(&self) -> bool {
        self.commits.is_empty() && self.sends.flights.is_empty() && self.pulling.flights.is_empty()
    }

    /// Whether nothing runs but what somebody orders: sync is stopped, or the connection too slow for the app.
    pub(super) fn runs_by_order(&self) -> bool {
        let on_slow = self.config.sync.as_ref().map(|sync| sync.on_slow);
        self.stopped || (self.connection.is_slow() && on_slow == Some(OnSlow::Nothing))
    }

    /// Whether pulls run by themselves on this connection.
    pub(super) fn pulls_freely(&self) -> bool {
        !self.connection.is_slow() || self.config.sync.as_ref().is_some_and(|sync| sync.on_slow == OnSlow::All)
    }

    /// Whether the app or the server holds syncing altogether.
    pub(super) fn is_held(&self) -> bool {
        (self.runs_by_order() && !self.pass.is_ordered())
            || self.holds.any()
            || self.needs_update
            || self.config.sync.is_none()
    }

    /// Whether requests may go out now.
    pub(super) fn may_send(&self) -> bool {
        !self.is_held() && matches!(self.auth, Auth::Fine | Auth::Trying(_)) && self.is_way_open()
    }

    /// Whether a request may leave in this moment. What was decided a while ago may be decided otherwise by now: a tab
    /// that stood still has a successor, which may have found the server failing (I-23, I-30).
    pub(super) fn may_leave(&self) -> bool {
        let leads = (self.is_leader() && self.guard_known) || Mutant::SendsPastItsLease.is_on();
        leads && self.is_way_open()
    }

    /// Whether a pull may ask for more.
    pub(super) fn may_pull_on(&self) -> bool {
        self.may_send() && self.may_leave()
    }
}
