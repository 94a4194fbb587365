//! Two versions of the code on one database: the older one steps down.
//!
//! The store keeps older code out from the moment at which newer code has opened it (`shell/store/open.rs`): not one
//! transaction of the two is open at the same time. What is left to do here is to say so and to stop: what waits stays
//! in the outbox, and the newer code sends it. Nothing is decided about the newer code's rows, for none is ever read.

use super::{Engine, Phase};
use crate::engine::input::Command;
use crate::engine::mutant::Mutant;
use crate::engine::output::Output;
use crate::model::{Code, Document, Failure, Listed};

/// Why nothing is written any more.
pub(super) fn outdated() -> Failure {
    let text = "newer code has taken the database over: load it; what was acknowledged is kept and will be sent";
    Failure::new(Code::DbVersionNewer, text)
}

impl<D: Document> Engine<D> {
    /// Steps down for good: no lease, no request, no transaction, no alarm. Writes that were not stored are refused, those
    /// of a handle that closes as well.
    pub(super) fn outdate(&mut self) {
        if Mutant::OutdatedGoesOn.is_on() {
            return;
        }
        self.outdated = true;
        self.refuse_waiting();
        if self.phase == Phase::Closed {
            return;
        }
        self.step_down();
        self.require_update();
        self.outputs.push_back(Output::Broadcast(self.farewell()));
        self.end();
        self.do_deferred();
    }

    fn refuse_waiting(&mut self) {
        let groups = std::mem::take(&mut self.writes.queue).into_iter().chain(std::mem::take(&mut self.writes.alone));
        for group in groups.listed() {
            self.writes.open -= group.operations.len();
            self.refuse(group.ticket, outdated());
        }
    }

    /// What a command gets after the end.
    pub(super) fn refuse_ended(&mut self, ticket: u32, command: &Command<D>) {
        match command {
            Command::Close if self.outdated => {
                self.closing.push(ticket);
                self.close_once_ended();
            }
            Command::Now(_) if self.outdated => {
                self.pass.wait(ticket);
                self.pass_closed();
            }
            _ if self.outdated => self.refuse(ticket, outdated()),
            _ => self.refuse(ticket, Failure::new(Code::Closed, "this handle is closed")),
        }
    }
}
