//! What the browser does with the page: shows and hides it, freezes it, puts it into the back/forward cache, thaws it.
//!
//! A frozen page touches nothing (design, section 15): what ends while it is frozen is kept and looked at when it runs
//! again. A page that goes into the cache gives up its requests and has everything closed that would keep it out.

use super::{Engine, Phase, Timer};
use crate::engine::input::{Input, Signal};
use crate::engine::mutant::Mutant;
use crate::engine::output::{Event, Output};
use crate::model::{Collection, Document, Listed};
use crate::protocol::NetworkFailure;

/// A page has to be shown or hidden for so long to count as that (pitfalls C12).
const SETTLES: u64 = 250;

impl<D: Document> Engine<D> {
    pub(super) fn handle_signal(&mut self, signal: Signal) {
        if self.phase == Phase::Closed {
            return self.signal_closing(signal);
        }
        match signal {
            Signal::Online | Signal::Offline => self.flag_online(signal == Signal::Online),
            Signal::Visible | Signal::Hidden => {
                self.seat.turns_hidden = signal == Signal::Hidden;
                self.timers.set(Timer::Shown, self.now + SETTLES);
            }
            Signal::Frozen => self.freeze(),
            Signal::Cached => self.enter_cache(),
            Signal::Resumed if self.phase == Phase::Frozen => self.resume(),
            Signal::Unlocked if self.phase == Phase::Running => self.look_at_lease(),
            Signal::Wiped => self.store_wiped(),
            Signal::Outdated => self.outdate(),
            Signal::Resumed | Signal::Unlocked => {}
        }
    }

    /// The last writes of a handle that closes wait while the page is frozen, and end where newer code has the store.
    fn signal_closing(&mut self, signal: Signal) {
        match signal {
            Signal::Outdated => self.outdate(),
            Signal::Frozen | Signal::Cached => self.suspended = true,
            Signal::Resumed => {
                self.suspended = false;
                self.write();
            }
            _ => {}
        }
        self.close_once_ended();
    }

    /// What comes while the page is frozen waits until it runs again.
    pub(super) fn keeps(&mut self, input: Input<D>) -> Option<Input<D>> {
        let ends = matches!(input, Input::Committed { .. } | Input::Responded { .. } | Input::Signal(Signal::Outdated));
        if self.phase != Phase::Frozen || !ends || Mutant::WritesWhileFrozen.is_on() {
            return Some(input);
        }
        self.kept.push(input);
        None
    }

    /// The page has been shown or hidden for a moment.
    pub(super) fn shown(&mut self) {
        let was = std::mem::replace(&mut self.seat.hidden, self.seat.turns_hidden);
        if !self.seat.hidden {
            self.seat.refused_until = None;
            self.trigger("visible", None);
            self.look_around();
        } else if !was && self.is_leader() {
            // The lease says so, so that a visible tab need not wait for its end.
            self.ask_lease();
        }
    }

    /// What others would have to wait for is let go: the lock, the connection, and with it what was to be read in order
    /// to write.
    fn freeze(&mut self) {
        self.phase = Phase::Frozen;
        self.listen_work();
        self.want_lock();
        if !std::mem::replace(&mut self.suspended, true) {
            self.outputs.push_back(Output::Suspend(true));
        }
    }

    /// What its requests did is not known: they are made again, under their keys.
    fn enter_cache(&mut self) {
        self.freeze();
        let requests: Vec<u32> = self.sends.flights.keys().chain(self.pulling.flights.keys()).copied().listed();
        for request in requests {
            self.outputs.push_back(Output::GiveUp { request });
            let result = Err(NetworkFailure::Unreachable);
            self.kept.push(Input::Responded { request, result });
        }
    }

    /// The page runs again: what was kept happens now, and everything may have changed.
    fn resume(&mut self) {
        self.thaw();
        if self.phase != Phase::Running {
            return;
        }
        if self.seat.lease.is_some() && !self.is_leader() {
            self.step_down();
        }
        self.come_back();
        self.tell_all_stale();
        self.write();
        self.read_outbox();
        self.trigger("visible", None);
        self.look_around();
    }

    /// Ends the frost, whatever follows.
    pub(super) fn thaw(&mut self) {
        self.phase = Phase::Running;
        if std::mem::take(&mut self.suspended) {
            self.outputs.push_back(Output::Suspend(false));
        }
        for input in std::mem::take(&mut self.kept) {
            self.happen(input);
        }
    }

    /// Messages that came while the page was frozen were left unread: any document may have changed, also after a
    /// transaction whose end is still to be told.
    fn tell_all_stale(&mut self) {
        let names: Vec<Collection> = self.config.collections.iter().map(|collection| collection.name.clone()).listed();
        if !self.commits.is_empty() {
            self.overtaken.extend(names.iter().cloned());
        }
        self.tell(Event::Stale(names));
    }
}
