//! Answers to one change: successes that are none, problem documents, conflicts.

use super::answer::{check_failure, check_pause, check_time, has_id, response, NOW};
use seakeep::model::ChangeKind;
use seakeep::native::Json;
use seakeep::protocol::{push_outcome, Accepted, HttpResponse, Outcome, Remote};

const ID: &str = "a";

/// Only a true success acknowledges, whatever else the answer claims.
pub(super) fn push_answer(data: &[u8]) {
    let response = response(data);
    for kind in [ChangeKind::Create, ChangeKind::Update, ChangeKind::Delete] {
        for temporary in [false, true] {
            check_change(kind, temporary && kind == ChangeKind::Create, ID, &response);
        }
    }
}

/// One change's outcome.
pub(super) fn check_change(kind: ChangeKind, temporary: bool, id: &str, response: &HttpResponse<Json>) {
    match push_outcome(kind, temporary, id, response, NOW) {
        Outcome::Done(accepted) => check_accepted(kind, (id, temporary), &accepted, response),
        Outcome::Conflict(Remote::Present { doc, at, .. }) => {
            assert!(matches!(response.status, 409 | 412));
            assert!(has_id(&doc, id), "an answer about another document");
            check_time(at);
        }
        Outcome::Conflict(_) => assert!(matches!(response.status, 404 | 409 | 410 | 412 | 428)),
        Outcome::InProgress => assert_eq!(response.status, 409),
        Outcome::BackOff { failure, after, .. } | Outcome::Endpoint { failure, after } => {
            check_pause(after);
            check_failure(&failure, response);
        }
        Outcome::NeedsAuth(failure) | Outcome::NeedsUpdate(failure) | Outcome::Parked(failure) => {
            check_failure(&failure, response);
        }
    }
}

fn check_accepted(
    kind: ChangeKind,
    (wanted, temporary): (&str, bool),
    accepted: &Accepted<Json>,
    response: &HttpResponse<Json>,
) {
    let gone = kind == ChangeKind::Delete && matches!(response.status, 404 | 410);
    assert!(gone || matches!(response.status, 200 | 201 | 204), "{} is no success", response.status);
    assert!(!response.redirected, "another address answered");
    check_time(accepted.at);
    match (&accepted.id, &accepted.doc) {
        (Some(id), Some(doc)) => {
            assert!(has_id(doc, id) && !id.is_empty());
            assert!(temporary || id == wanted, "an answer about another document");
        }
        (None, None) => assert!(!temporary, "a create without an id needs one from the server"),
        _ => panic!("id and document come together"),
    }
}
