//! What the machine gives out: transactions by number, and events. Decides nothing.

use super::commits::Purpose;
use super::Engine;
use crate::engine::output::{Event, Output};
use crate::engine::plan::AnyPlan;
use crate::model::Document;

impl<D: Document> Engine<D> {
    /// Names a transaction, a request or a stream; 0 names none.
    pub(super) fn number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1).max(1);
        self.last_number
    }

    /// Orders a transaction, or keeps it for the one that is being gathered.
    pub(super) fn commit(&mut self, purpose: Purpose<D>, plan: AnyPlan<D>) {
        if self.gathering && purpose.is_outcome() {
            return self.gather(purpose, plan);
        }
        self.order(purpose, plan);
    }

    /// Orders a transaction of its own.
    pub(super) fn order(&mut self, purpose: Purpose<D>, plan: AnyPlan<D>) {
        let commit = self.number();
        self.commits.insert(commit, purpose);
        self.outputs.push_back(Output::Commit { commit, plan });
    }

    /// Tells the face, and counts what it tells.
    pub(super) fn tell(&mut self, event: Event<D>) {
        if let Event::Sync { name, detail } = &event {
            self.count(name, detail);
        }
        self.outputs.push_back(Output::Event(event));
    }
}
