//! Takes, renews and gives back the lease.

use super::Report;
use crate::engine::mutant::Mutant;
use crate::engine::policy::lease::{stands, take, Claim};
use crate::engine::store::{MetaKey, Plan, Read, Rows, Scope, Step, Write};
use crate::model::{Document, Lease, Record};

/// Takes or renews the lease for a tab.
#[derive(Debug)]
pub struct TakeLease {
    /// Who asks.
    pub claim: Claim,
}

impl<D: Document> Plan<D, Report<D>> for TakeLease {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: false }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let read = Read::Meta(MetaKey::Lease);
        if !rows.has(&read) {
            return Step::Need(vec![read]);
        }
        let current = rows.lease();
        if let Some(lease) =
            current.as_ref().filter(|lease| Mutant::LeaseNeverExpires.is_on() && lease.owner != self.claim.owner)
        {
            return Step::Done(Vec::new(), Report::Lease(Err(lease.expires_at)));
        }
        match take(current.as_ref(), &self.claim) {
            Ok(lease) => {
                let write = Write::PutMeta(MetaKey::Lease, lease.to_record());
                Step::Done(vec![write], Report::Lease(Ok(lease)))
            }
            Err(until) => Step::Done(Vec::new(), Report::Lease(Err(until))),
        }
    }
}

/// Ends a lease early, so that another tab need not wait for its expiry.
#[derive(Debug)]
pub struct ReleaseLease {
    /// The lease as held.
    pub held: Lease,
}

impl<D: Document> Plan<D, Report<D>> for ReleaseLease {
    fn scope(&self) -> Scope {
        Scope { collections: Vec::new(), writes: true, strict: false }
    }

    fn may_spend(&self) -> bool {
        true
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, Report<D>> {
        let read = Read::Meta(MetaKey::Lease);
        if !rows.has(&read) {
            return Step::Need(vec![read]);
        }
        if !stands(rows.lease().as_ref(), &self.held) {
            return Step::Done(Vec::new(), Report::Nothing);
        }
        let ended = Lease { expires_at: 0, ..self.held.clone() };
        Step::Done(vec![Write::PutMeta(MetaKey::Lease, ended.to_record())], Report::Nothing)
    }
}
