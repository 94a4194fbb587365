//! What a status means for a change: the HTTP table (pitfalls, section J) as one total function.
//!
//! Every status from 0 to 999 has exactly one verdict for every kind of change. Bodies and headers are looked at by
//! the callers; what a verdict leads to is the engine's decision.

use crate::model::{ChangeKind, Code};

/// Problem type of a repeat whose first request still runs (draft-ietf-httpapi-idempotency-key-header).
const IN_PROGRESS: &str = "idempotency-in-progress";
/// Problem type of a key that came with another payload.
const KEY_REUSED: &str = "idempotency-key-reused";

/// What a status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Executed, when the body says so too.
    Done,
    /// The document is gone, which is what a deletion wanted.
    Gone,
    /// The document on the server is not the one the change stands on.
    Conflict,
    /// The document that was to be changed no longer exists there.
    DeletedThere,
    /// The same key is being executed: the same again in a moment.
    InProgress,
    /// Refused for good.
    Park(Code),
    /// Failed for now, and it counts.
    BackOff(Code),
    /// Not who we were.
    NeedsAuth,
    /// Too large: smaller, or parked when it is one change.
    TooLarge,
    /// This version of the app may not speak to the server any more.
    NeedsUpdate,
    /// Slower, for the whole endpoint.
    RateLimited,
    /// The server has no room; the whole endpoint waits long.
    ServerFull,
    /// Somebody between us and the server answered.
    CaptivePortal,
    /// A write was sent elsewhere.
    Redirected,
    /// No answer this profile knows; everything waits.
    Nonsense,
}

/// The verdict on a write. `problem` is the `type` of the problem document, if there is one.
pub fn write_verdict(kind: ChangeKind, status: u16, problem: Option<&str>) -> Verdict {
    let problem_is = |name: &str| problem.is_some_and(|uri| uri.ends_with(name));
    match status {
        200 | 201 | 204 => Verdict::Done,
        300..=399 | 0 => Verdict::Redirected,
        404 | 410 => match kind {
            ChangeKind::Delete => Verdict::Gone,
            ChangeKind::Update => Verdict::DeletedThere,
            ChangeKind::Create => Verdict::Park(Code::NotFound),
        },
        409 if problem_is(IN_PROGRESS) => Verdict::InProgress,
        409 | 412 | 428 => Verdict::Conflict,
        413 => Verdict::TooLarge,
        422 if problem_is(KEY_REUSED) => Verdict::Park(Code::Client),
        _ => common(status),
    }
}

/// The verdict on a read. Redirects have been followed; a vanished page or document is the caller's to notice first.
pub fn read_verdict(status: u16) -> Verdict {
    match status {
        200 => Verdict::Done,
        0 => Verdict::Redirected,
        _ => common(status),
    }
}

fn common(status: u16) -> Verdict {
    match status {
        401 => Verdict::NeedsAuth,
        403 => Verdict::Park(Code::Forbidden),
        400 | 422 => Verdict::Park(Code::Validation),
        404 | 410 => Verdict::Park(Code::NotFound),
        408 => Verdict::BackOff(Code::Timeout),
        426 => Verdict::NeedsUpdate,
        429 => Verdict::RateLimited,
        501 | 505 => Verdict::Park(Code::Server),
        507 => Verdict::ServerFull,
        511 => Verdict::CaptivePortal,
        425 | 500..=599 => Verdict::BackOff(Code::Server),
        400..=499 => Verdict::Park(Code::Client),
        _ => Verdict::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChangeKind::{Create, Delete, Update};

    /// Rows of the table: statuses, and the verdict for create, update and delete.
    const TABLE: &[(&[u16], [Verdict; 3])] = &[
        (&[200, 201, 204], [Verdict::Done; 3]),
        (&[202, 203, 206, 299], [Verdict::Nonsense; 3]),
        (&[0, 300, 301, 302, 303, 304, 307, 308], [Verdict::Redirected; 3]),
        (&[401], [Verdict::NeedsAuth; 3]),
        (&[403], [Verdict::Park(Code::Forbidden); 3]),
        (&[400, 422], [Verdict::Park(Code::Validation); 3]),
        (&[402, 405, 406, 407, 411, 414, 415, 416, 417, 418, 421, 451], [Verdict::Park(Code::Client); 3]),
        (&[404, 410], [Verdict::Park(Code::NotFound), Verdict::DeletedThere, Verdict::Gone]),
        (&[408], [Verdict::BackOff(Code::Timeout); 3]),
        (&[425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 529], [Verdict::BackOff(Code::Server); 3]),
        (&[409, 412, 428], [Verdict::Conflict; 3]),
        (&[413], [Verdict::TooLarge; 3]),
        (&[426], [Verdict::NeedsUpdate; 3]),
        (&[429], [Verdict::RateLimited; 3]),
        (&[501, 505], [Verdict::Park(Code::Server); 3]),
        (&[507], [Verdict::ServerFull; 3]),
        (&[511], [Verdict::CaptivePortal; 3]),
        (&[100, 101, 199, 600, 999], [Verdict::Nonsense; 3]),
    ];

    #[test]
    fn the_table_row_by_row() {
        for (statuses, verdicts) in TABLE {
            for status in *statuses {
                for (kind, verdict) in [Create, Update, Delete].into_iter().zip(verdicts) {
                    assert_eq!(write_verdict(kind, *status, None), *verdict, "{status} on {kind:?}");
                }
            }
        }
    }

    #[test]
    fn every_status_has_a_verdict_and_only_success_is_done() {
        for status in 0..=u16::MAX {
            for kind in [Create, Update, Delete] {
                let done = write_verdict(kind, status, None) == Verdict::Done;
                assert_eq!(done, matches!(status, 200 | 201 | 204), "{status}");
            }
            assert_eq!(read_verdict(status) == Verdict::Done, status == 200, "{status}");
        }
    }

    #[test]
    fn idempotency_problems_are_no_conflicts_and_no_validation() {
        let running = Some("https://x.test/problems/idempotency-in-progress");
        let reused = Some("https://x.test/problems/idempotency-key-reused");
        assert_eq!(write_verdict(Update, 409, running), Verdict::InProgress);
        assert_eq!(write_verdict(Update, 409, reused), Verdict::Conflict);
        assert_eq!(write_verdict(Create, 422, reused), Verdict::Park(Code::Client));
        assert_eq!(write_verdict(Create, 422, running), Verdict::Park(Code::Validation));
    }
}
