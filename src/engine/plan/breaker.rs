//! Keeps the breaker and the retry budget in the store: a reload or another tab goes on where this one stood (I-30).

use super::world::Fence;
use super::Report;
use crate::engine::policy::breaker::State;
use crate::engine::policy::budget::Budget;
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{Document, Time, Wait};

/// What is kept of the way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// The breaker.
    pub breaker: State,
    /// The retry budget.
    pub budget: Budget,
    /// A pause of the endpoint that the server ordered.
    pub pause: Option<Wait>,
}

impl Guard {
    /// As stored; `None` for what is no such row.
    pub fn from_record<D: Document>(record: &D) -> Option<Self> {
        let time = |field: &str| record.number_of(field).filter(|number| *number >= 0.0).map(|number| number as Time);
        let span = |from: &str, until: &str| Some(Wait { from: time(from)?, until: time(until)? });
        let wait = || span("from", "until");
        let breaker = match record.text_of("state")?.as_str() {
            "open" => State::Open(wait()?),
            "half-open" => State::HalfOpen(wait()?),
            _ => State::Closed,
        };
        let budget = Budget::stored(time("tokens")? as u32, time("since")?);
        Some(Self { breaker, budget, pause: span("pausedAt", "pausedUntil") })
    }

    /// The write that keeps it.
    pub(super) fn write<D: Document>(&self) -> Write<D> {
        Write::PutMeta(MetaKey::Guard, self.to_record())
    }

    fn to_record<D: Document>(self) -> D {
        let number = |number: u64| Some(D::number(number as f64));
        let (tokens, since) = self.budget.parts();
        let mut fields = vec![("tokens", number(u64::from(tokens))), ("since", number(since))];
        if let State::Open(wait) | State::HalfOpen(wait) = self.breaker {
            fields.extend([("from", number(wait.from)), ("until", number(wait.until))]);
        }
        if let Some(pause) = self.pause {
            fields.extend([("pausedAt", number(pause.from)), ("pausedUntil", number(pause.until))]);
        }
        fields.push(("state", Some(D::text(self.breaker.name()))));
        D::of(&fields)
    }
}

/// Writes it.
#[derive(Debug)]
pub struct StoreGuard {
    /// Proof of leadership.
    pub fence: Fence,
    /// What to keep.
    pub guard: Guard,
}

impl<D: Document> Plan<D, Report<D>> for StoreGuard {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: false }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing = rows.missing(vec![Fence::read()]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        if !self.fence.stands(rows) {
            return Step::Done(Vec::new(), Report::Fenced);
        }
        Step::Done(vec![self.guard.write()], Report::Nothing)
    }
}

/// Reads it.
#[derive(Debug)]
pub struct LoadGuard;

impl<D: Document> Plan<D, Report<D>> for LoadGuard {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: false, strict: false }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let missing = rows.missing(vec![Read::Meta(MetaKey::Guard)]);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        Step::Done(Vec::new(), Report::Guard(rows.meta(&MetaKey::Guard).and_then(Guard::from_record)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;

    #[test]
    fn what_is_kept_comes_back_and_a_damaged_row_is_none() {
        let wait = Wait { from: 5, until: 9 };
        for breaker in [State::Closed, State::Open(wait), State::HalfOpen(wait)] {
            for pause in [None, Some(wait)] {
                let guard = Guard { breaker, budget: Budget::stored(3, 7), pause };
                assert_eq!(Guard::from_record(&guard.to_record::<Json>()), Some(guard));
            }
        }
        for damaged in [r#"{"state": "open", "tokens": 1, "since": 1}"#, r#"{"state": "open"}"#, "{}", "7"] {
            assert_eq!(Guard::from_record(&Json::parse(damaged).expect("JSON")), None, "{damaged}");
        }
    }
}
