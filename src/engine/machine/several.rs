//! The outcomes of one answer in one transaction: what became of the members of a batch is written together.
//!
//! The plans are those of single answers, in the order in which these would be dealt with, and so are the reports. Where the
//! transaction fails nobody is settled: each is tried again by itself, so that one that cannot be stored holds up no
//! other. Decides nothing about a change.

use super::commits::Purpose;
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::plan::{AnyPlan, Report, Several, MOST_TOGETHER};
use crate::model::{Document, Failure};

impl<D: Document> Engine<D> {
    pub(super) fn gather(&mut self, purpose: Purpose<D>, plan: AnyPlan<D>) {
        self.gathered.0.push(purpose);
        self.gathered.1.push(plan);
        if self.gathered.0.len() == MOST_TOGETHER {
            self.commit_gathered();
        }
    }

    /// Orders the transaction of what was gathered.
    pub(super) fn commit_gathered(&mut self) {
        let (purposes, plans) = std::mem::take(&mut self.gathered);
        if !purposes.is_empty() {
            self.order(Purpose::Several(purposes), Box::new(Several::new(plans)));
        }
    }

    /// A transaction of several ended: each of them hears its own part.
    pub(super) fn several_ended(&mut self, purposes: Vec<Purpose<D>>, result: Result<Report<D>, Failure>) {
        let (reports, failure) = match result {
            Ok(Report::Several(reports)) => (reports, None),
            Ok(_) => return,
            Err(failure) => (Vec::new(), Some(failure)),
        };
        native_assert!(failure.is_some() || reports.len() == purposes.len(), "each of several has its report");
        let mut reports = reports.into_iter();
        for (at, purpose) in purposes.into_iter().enumerate() {
            match (reports.next(), &failure) {
                (Some(report), _) => self.ended(purpose, Ok(report)),
                (None, Some(_)) if at > 0 && Mutant::SeveralGiveUp.is_on() => {}
                (None, Some(failure)) => self.ended(purpose, Err(failure.clone())),
                (None, None) => {}
            }
        }
    }
}
