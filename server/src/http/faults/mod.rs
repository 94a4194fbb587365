//! Faults on order, for tests: which requests go wrong next, how, and what was asked so far.
//!
//! Only with `--faults`. `rule` is the language, `apply` carries a fault out, `control` is the
//! interface under `/_faults`. The plan here counts rules down and keeps the request log.

mod apply;
mod control;
mod members;
mod rule;
#[cfg(test)]
mod tests;

pub(super) use apply::{respond, Dropped};
pub(super) use control::routes;

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

use crate::core::CoreRequest;
use rule::{Fault, Rule};

const LOG_LENGTH: usize = 10_000;

/// Rules still in force and requests seen.
#[derive(Debug, Default)]
pub(super) struct FaultPlan {
    state: Mutex<State>,
    cut: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    log: VecDeque<Seen>,
}

/// One request in the log.
#[derive(Clone, Debug, Serialize)]
struct Seen {
    time: u64,
    method: String,
    path: String,
    key: Option<String>,
    status: Option<u16>,
    replayed: bool,
    /// Of a batch that was answered without a fault.
    members: Vec<members::Member>,
    fault: Option<Fault>,
}

impl FaultPlan {
    /// The fault of the first rule that matches, counted down.
    fn take(&self, request: &CoreRequest) -> Option<Fault> {
        let rules = &mut self.state().rules;
        let index = rules.iter().position(|rule| rule.matches(request))?;
        let fault = rules[index].fault.clone();
        match rules[index].times {
            0 => {}
            1 => drop(rules.remove(index)),
            _ => rules[index].times -= 1,
        }
        Some(fault)
    }

    /// Orders rules; going offline also ends the event streams that are open.
    fn add(&self, rules: Vec<Rule>) {
        let offline = rules.iter().any(|rule| rule.fault.offline);
        self.state().rules.extend(rules);
        if offline {
            self.cut.send_replace(());
        }
    }

    /// Moves when open event streams have to end.
    pub(super) fn cut(&self) -> watch::Receiver<()> {
        self.cut.subscribe()
    }

    fn rules(&self) -> Vec<Rule> {
        self.state().rules.clone()
    }

    fn clear_rules(&self) {
        self.state().rules.clear();
    }

    fn log(&self) -> Vec<Seen> {
        self.state().log.iter().cloned().collect()
    }

    fn clear_log(&self) {
        self.state().log.clear();
    }

    fn record(&self, seen: Seen) {
        let log = &mut self.state().log;
        if log.len() == LOG_LENGTH {
            log.pop_front();
        }
        log.push_back(seen);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
