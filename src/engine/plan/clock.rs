//! Keeps the difference between the server's clock and this device's (design, section 4).
//!
//! Any tab writes it, the last one wins: it holds for the device, not for who sends.

use super::Report;
use crate::engine::store::{MetaKey, Plan, Rows, Scope, Step, Write};
use crate::model::{Document, Time};

/// The row: a difference, and when it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRow {
    /// The server's clock less this device's, in milliseconds.
    pub offset: i64,
    /// When, by this device's clock.
    pub at: Time,
}

impl ClockRow {
    /// As stored; `None` for what is no such row.
    pub fn from_record<D: Document>(record: &D) -> Option<Self> {
        let at = record.number_of("at").filter(|at| *at >= 0.0)?;
        Some(Self { offset: record.number_of("offset")? as i64, at: at as Time })
    }

    fn to_record<D: Document>(self) -> D {
        D::of(&[("offset", Some(D::number(self.offset as f64))), ("at", Some(D::number(self.at as f64)))])
    }
}

/// Writes it.
#[derive(Debug)]
pub struct StoreClock {
    /// What to keep.
    pub row: ClockRow,
}

impl<D: Document> Plan<D, Report<D>> for StoreClock {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: false }
    }

    fn step(&self, _: &Rows<D>) -> Step<D, Report<D>> {
        Step::Done(vec![Write::PutMeta(MetaKey::Clock, self.row.to_record())], Report::Nothing)
    }
}
