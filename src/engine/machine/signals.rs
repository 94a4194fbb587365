//! What the browser and the other tabs say.
//!
//! All of it is hints: each may be false, late, doubled or missing, and none is needed for progress (I-26).

use super::{Engine, Phase, Timer};
use crate::engine::input::Message;
use crate::engine::outbox::Outbox;
use crate::engine::output::Event;
use crate::model::{Code, Document, Failure, Listed, Set};
use std::rc::Rc;

/// Messages of other tabs within this time lead to one reading of the outbox; a long one is read less often.
const GATHER: u64 = 40;
/// Rows that are read in a millisecond, if a reading is to take no more than a part of the time.
const ROWS: u64 = 20;

impl<D: Document> Engine<D> {
    pub(super) fn flag_online(&mut self, online: bool) {
        self.reach.flag(online, self.now);
        if online {
            self.trigger("online", None);
            self.look_around();
        }
    }

    /// Something may have happened while nobody looked.
    pub(super) fn look_around(&mut self) {
        self.reach.hurry(self.now);
        self.try_login();
        if !self.outbox.is_empty() || !self.watches.is_empty() {
            self.timers.set_by(Timer::Reload, self.now + GATHER);
        }
        if !self.stopped && self.config.sync.as_ref().is_some_and(|sync| sync.pull_interval > 0) {
            self.freshen_pulls();
        }
    }

    /// Nothing that was known of the store holds any more. What waited to be sent is lost, and nobody is told that the
    /// server has it; everything is pulled again.
    pub(super) fn store_wiped(&mut self) {
        let text = "the stored data was deleted before the server had this change";
        let watched: Vec<Rc<str>> = self.watches.iter().map(|(mutation_id, _)| mutation_id.clone()).listed();
        for mutation_id in watched {
            self.end_failed(&mutation_id, Failure::new(Code::StorageUnavailable, text).at(self.now));
        }
        self.outbox.renew(Outbox::read());
        // Epochs begin anew, and so do breaker and budget.
        self.seat.heard_epoch = 0;
        self.guard_known = false;
        self.pulling.loaded = false;
        self.pulling.pullers.values_mut().for_each(|puller| puller.state = None);
        self.want_pulls(None);
        if self.phase != Phase::Frozen {
            self.read_outbox();
        }
    }

    pub(super) fn handle_message(&mut self, message: Message<D>) {
        if matches!(self.phase, Phase::Closed | Phase::Frozen) {
            return;
        }
        match message {
            Message::Changed(collections) => {
                if !self.commits.is_empty() {
                    self.overtaken.extend(collections.iter().cloned());
                }
                self.tell(Event::Stale(collections));
            }
            Message::Setting(key) => self.tell(Event::Setting(key)),
            Message::Gone(tab) => self.tab_gone(tab),
            Message::Back(tab) => self.tab_back(&tab),
            Message::Led(epoch) => self.seat.heard_epoch = self.seat.heard_epoch.max(epoch),
            Message::Outbox => {
                let gather = GATHER.max(self.outbox.len() as u64 / ROWS);
                self.timers.set_by(Timer::Reload, self.now + gather);
            }
            Message::Doing(doing) => self.hear_doing(&doing),
            Message::Ask { id, wish } => self.asked(id, wish),
            Message::Report { id, report } => self.report_came(&id, &report),
        }
    }

    /// The end of an own transaction may come after the news of a later one in another tab: what it told is old by then.
    pub(super) fn tell_overtaken(&mut self, last: bool) {
        if !self.overtaken.is_empty() {
            self.tell(Event::Stale(self.overtaken.iter().cloned().listed()));
        }
        if last {
            self.overtaken = Set::new();
        }
    }
}
