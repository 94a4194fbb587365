//! Who may send: a lease with an expiry and an epoch.
//!
//! A holder that freezes or dies simply runs out (pitfalls C1, C4); the next holder's higher epoch fences what the
//! old one still tries to write. An expiry further ahead than two terms is a clock that jumped and counts as expired.

use crate::model::{Lease, Time};
use std::rc::Rc;

/// How long a lease lasts.
pub const TERM: u64 = 15_000;
/// When a holder renews: three times a term.
pub const RENEWAL: u64 = 5_000;

/// The lease that `owner` may write now, or when to ask again.
///
/// The lease of a tab that said farewell is over before its time.
pub fn take(current: Option<&Lease>, owner: &Rc<str>, gone: &[Rc<str>], now: Time) -> Result<Lease, Time> {
    let expires_at = now + TERM;
    match current {
        None => Ok(Lease { owner: owner.clone(), epoch: 1, expires_at }),
        Some(lease) if lease.owner == *owner => Ok(Lease { expires_at, ..lease.clone() }),
        Some(lease) if is_over(lease, now) || gone.contains(&lease.owner) => {
            Ok(Lease { owner: owner.clone(), epoch: lease.epoch + 1, expires_at })
        }
        Some(lease) => Err(lease.expires_at),
    }
}

/// Whether bookkeeping of `holder` may still be written.
pub fn stands(current: Option<&Lease>, holder: &Lease) -> bool {
    current.is_some_and(|lease| lease.owner == holder.owner && lease.epoch == holder.epoch)
}

fn is_over(lease: &Lease, now: Time) -> bool {
    now >= lease.expires_at || lease.expires_at > now + 2 * TERM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(owner: &str, epoch: u64, expires_at: Time) -> Lease {
        Lease { owner: owner.into(), epoch, expires_at }
    }

    #[test]
    fn a_lease_is_taken_renewed_refused_and_taken_over() {
        let me: Rc<str> = "me".into();
        assert_eq!(take(None, &me, &[], 100), Ok(lease("me", 1, 100 + TERM)));
        assert_eq!(
            take(Some(&lease("me", 4, 200)), &me, &[], 100),
            Ok(lease("me", 4, 100 + TERM)),
            "renewal keeps the epoch"
        );
        assert_eq!(take(Some(&lease("other", 4, 200)), &me, &[], 100), Err(200));
        assert_eq!(take(Some(&lease("other", 4, 200)), &me, &[], 200), Ok(lease("me", 5, 200 + TERM)));
        let other: [Rc<str>; 1] = ["other".into()];
        assert_eq!(take(Some(&lease("other", 4, 200)), &me, &other, 100), Ok(lease("me", 5, 100 + TERM)), "a farewell");
        let jumped = lease("other", 4, 100 + 2 * TERM + 1);
        assert_eq!(
            take(Some(&jumped), &me, &[], 100),
            Ok(lease("me", 5, 100 + TERM)),
            "an absurd expiry does not block"
        );
    }

    #[test]
    fn only_the_same_holder_in_the_same_epoch_stands() {
        let held = lease("me", 4, 200);
        assert!(stands(Some(&lease("me", 4, 900)), &held));
        assert!(!stands(Some(&lease("me", 5, 900)), &held));
        assert!(!stands(Some(&lease("other", 4, 900)), &held));
        assert!(!stands(None, &held));
    }
}
