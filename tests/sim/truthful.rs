//! Whether `retryable` is true: writes that were refused are made again when all is well, word for word.
//!
//! Said to be retryable, the same call must not be refused for the same reason again once the faults have stopped and
//! everything is sent. Said not to be, it must be refused again, unless a document of it has moved since, or the question was whether it is there. Only writes of
//! pages are made again: nothing is promised of their content, so a late one does no harm.

use super::tab::Asked;
use super::world::World;
use seakeep::engine::input::{Command, WriteOp};
use seakeep::model::{Code, Failure};
use seakeep::native::Json;

/// A write that was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    ops: Vec<WriteOp<Json>>,
    code: Code,
    retryable: bool,
    /// The last transaction of its device when it was asked for.
    at: u64,
}

impl World {
    /// A command leaves for its tab: a write of pages is kept until its answer.
    pub(crate) fn keep_pages(&mut self, tab: usize, command: &Command<Json>) {
        let Command::Write(ops) = command else { return };
        if ops.iter().all(|op| &*op.collection == "pages") {
            let next = self.tabs[tab].last_ticket + 1;
            let at = self.oracle.chronicles[self.tabs[tab].profile].now();
            self.tabs[tab].pages.insert(next, (at, ops.clone()));
        }
    }

    /// A write was answered.
    pub(crate) fn note_refusal(&mut self, tab: usize, ticket: u32, failure: Option<&Failure>) {
        let Some((at, ops)) = self.tabs[tab].pages.remove(&ticket) else { return };
        if let Some(Refused { code, retryable, at, ops }) = self.tabs[tab].repeated.remove(&ticket) {
            let chronicle = &self.oracle.chronicles[self.tabs[tab].profile];
            let moved = ops.iter().any(|op| chronicle.moved_since(&op.key(), at));
            let now = failure.map(|failure| failure.code);
            // How full the outbox is a tab knows from its last reading, and what waits for a person keeps it full.
            if now == Some(Code::OutboxFull) {
                return;
            }
            // Whether a document is there is another question each time.
            let asks_store = matches!(code, Code::NotFound | Code::AlreadyExists);
            let lies = if retryable { now == Some(code) } else { now != Some(code) && !moved && !asks_store };
            if lies {
                let text = format!("{code} was said to be retryable: {retryable}; the same call again: {now:?}");
                self.broken("I-42", text);
            }
            return;
        }
        if let Some(failure) = failure {
            let (code, retryable) = (failure.code, failure.code.is_retryable());
            self.tabs[tab].refused.push(Refused { ops, code, retryable, at });
        }
    }

    /// Everything that was refused is asked for again.
    pub(crate) fn repeat_refused(&mut self) -> bool {
        let mut any = false;
        for tab in 0..4 {
            for refused in std::mem::take(&mut self.tabs[tab].refused) {
                if self.tabs[tab].is_awake() {
                    any = true;
                    let next = self.tabs[tab].last_ticket + 1;
                    let ops = refused.ops.clone();
                    self.tabs[tab].repeated.insert(next, refused);
                    self.command(tab, Asked { what: "write", claims: Vec::new() }, Command::Write(ops));
                }
            }
        }
        any
    }
}
