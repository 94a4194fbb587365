//! Results of batches: reordered, missing, doubled, for nobody, of nonsense.

use super::answer::{check_failure, check_pause, response, NOW};
use super::pushes::check_change;
use seakeep::model::{Document, Pending, Record};
use seakeep::native::Json;
use seakeep::protocol::{batch_outcome, BatchOutcome, HttpResponse, Member};
use serde_json::{json, Value};

/// A batch of a create, an update and a delete, and any answer to it.
pub(super) fn batch_results(data: &[u8]) {
    let response = response(data);
    let members = [change("m1", "pending-1-x", "create"), change("m2", "a", "update"), change("m3", "b", "delete")];
    let members: Vec<&Pending<Json>> = members.iter().collect();
    for atomic in [false, true] {
        match batch_outcome(&members, atomic, &response, NOW) {
            BatchOutcome::Results(results, strangers) => check_results(&members, &results, strangers, &response),
            BatchOutcome::NotOffered => assert!(matches!(response.status, 404 | 405 | 410 | 501)),
            BatchOutcome::BackOff { failure, after } | BatchOutcome::Endpoint { failure, after } => {
                check_pause(after);
                check_failure(&failure, &response);
            }
            BatchOutcome::Split(failure) | BatchOutcome::NeedsAuth(failure) | BatchOutcome::NeedsUpdate(failure) => {
                check_failure(&failure, &response);
            }
        }
    }
}

/// One result for each member; an answer is the one that names the member, and is judged like any other.
fn check_results(
    members: &[&Pending<Json>],
    results: &[Member<Json>],
    strangers: usize,
    response: &HttpResponse<Json>,
) {
    assert!(matches!(response.status, 200 | 201) && !response.redirected, "results come with a success only");
    assert_eq!(results.len(), members.len());
    let sent = response.json().and_then(|body| body.get("results")).and_then(|list| list.as_list()).unwrap_or_default();
    assert!(strangers <= sent.len());
    for (member, result) in members.iter().zip(results) {
        let names = |result: &&Json| result.text_of("mutationId").as_deref() == Some(&*member.mutation_id);
        let named: Vec<&Json> = sent.iter().filter(names).collect();
        if let Member::Answered(answer) = result {
            assert!(named.iter().any(|result| result.number_of("status").map(|of| of as u16) == Some(answer.status)));
            check_change(member.kind, member.temp_id.is_some(), &member.id, answer);
        }
    }
}

fn change(mutation: &str, id: &str, kind: &str) -> Pending<Json> {
    let body = json!({ "name": "x" });
    let record = json!({
        "seq": 1, "mutationId": mutation, "idempotencyKey": mutation, "collection": "notes", "id": id, "kind": kind,
        "state": "sending", "sent": { "method": "POST", "body": body },
        "tempId": if kind == "create" { Value::from(id) } else { Value::Null },
    });
    Pending::from_record(&record.into()).expect("a change as it is stored")
}
