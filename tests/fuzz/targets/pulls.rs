//! Pages and single documents from a server that sends anything.

use super::answer::{check_failure, check_pause, check_time, has_id, response, NOW};
use seakeep::model::{is_id, Document};
use seakeep::native::Json;
use seakeep::protocol::{page_outcome, single_outcome, HttpResponse, Page, PullOutcome, Remote};

const ID: &str = "a";

/// A page is taken whole or not at all, and only from an answer that is one.
pub(super) fn pull_page(data: &[u8]) {
    let response = response(data);
    match page_outcome(&response, NOW) {
        PullOutcome::News(page) => check_page(&page, &response),
        PullOutcome::NotModified => assert_eq!(response.status, 304),
        PullOutcome::Resync => assert_eq!(response.status, 410),
        other => check_refusal(other, &response),
    }
    match single_outcome(ID, &response, NOW) {
        PullOutcome::News(Remote::Deleted) => assert!(matches!(response.status, 404 | 410)),
        PullOutcome::News(Remote::Unknown) => panic!("an answer about one document knows it"),
        PullOutcome::News(Remote::Present { doc, at, .. }) => {
            check_source(&response);
            assert!(has_id(&doc, ID), "an answer about another document");
            check_time(at);
        }
        other => check_refusal(other, &response),
    }
}

fn check_source(response: &HttpResponse<Json>) {
    assert_eq!(response.status, 200);
    assert!(!response.redirected, "another address answered");
}

fn check_page(page: &Page<Json>, response: &HttpResponse<Json>) {
    check_source(response);
    let sent = response.json().and_then(|body| body.get("items")).and_then(|items| items.as_list());
    assert_eq!(sent.map(|items| items.len()), Some(page.items.len()), "no item is left out");
    for item in &page.items {
        assert!(is_id(&item.id), "an id that fits into no path");
        let fits = |revision: &String| revision.chars().all(|sign| !sign.is_control() && sign <= '\u{ff}');
        assert!(item.revision.as_ref().is_none_or(fits), "a revision that fits into no header");
        check_time(item.at);
        assert!(item.doc.as_ref().is_none_or(|doc| has_id(doc, &item.id)), "the document has the item's id");
    }
    assert!(!page.has_more || page.checkpoint.is_some(), "there is a way on");
    assert!(page.checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.to_json().len() <= 65_536));
}

fn check_refusal<T>(outcome: PullOutcome<T>, response: &HttpResponse<Json>) {
    match outcome {
        PullOutcome::Later { failure, after, .. } => {
            check_pause(after);
            check_failure(&failure, response);
        }
        PullOutcome::NeedsAuth(failure) | PullOutcome::NeedsUpdate(failure) => check_failure(&failure, response),
        PullOutcome::News(_) | PullOutcome::NotModified | PullOutcome::Resync => panic!("not for a document"),
    }
}
