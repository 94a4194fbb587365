//! Pages on their way in: how many documents are asked for at once.

use super::Bench;
use crate::engine::input::Input;
use crate::model::DocKey;
use crate::native::Json;
use crate::protocol::{Body, HttpResponse};
use serde_json::json;

#[test]
fn a_long_page_is_followed_by_shorter_ones_until_few_are_asked_for() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 0 }));
    bench.give(Input::Start);
    let mut limits = Vec::new();
    for page in 1..=8 {
        let at = bench.requests.iter().rposition(|(_, _, what)| what.contains("/notes?")).expect("a page is asked for");
        let (_, request, what) = bench.requests[at].clone();
        limits.push(what.split("limit=").nth(1).map(|rest| rest.split('&').next().unwrap_or(rest).to_string()));
        let id = format!("n{page}");
        let item = json!({ "id": id, "revision": "1", "updatedAt": page, "doc": { "id": id } });
        let body = json!({ "items": [item], "checkpoint": page.to_string(), "hasMore": page < 8, "epoch": "e" });
        let body = Body::Json(Json::from(body));
        let length = if page == 2 { 1 << 20 } else { 2 << 20 };
        let result = Ok(HttpResponse { length, ..HttpResponse::new(200, body) });
        bench.give(Input::Responded { request, result });
    }
    let limits: Vec<&str> = limits.iter().flatten().map(String::as_str).collect();
    assert_eq!(limits, ["200", "100", "100", "50", "25", "12", "6", "6"]);
    assert!(bench.disk.main(&DocKey::new(&"notes".into(), "n8")).is_some());
}

/// Answers the page that was asked for last.
fn answer(bench: &mut Bench, what: &str, body: Body<Json>, length: usize) {
    let at = bench.requests.iter().rposition(|(_, _, path)| path.contains(what)).expect("it is asked for");
    let request = bench.requests[at].1;
    let result = Ok(HttpResponse { length, ..HttpResponse::new(200, body) });
    bench.give(Input::Responded { request, result });
}

fn commits_of_a_page(texts: &[usize], length: usize) -> usize {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 0 }));
    bench.give(Input::Start);
    let item = |(n, text): (usize, &usize)| {
        let id = format!("n{n}");
        json!({ "id": id, "revision": "1", "updatedAt": 1, "doc": { "id": id, "text": "x".repeat(*text) } })
    };
    let items: Vec<_> = texts.iter().enumerate().map(item).collect();
    let before = bench.commits;
    let body = json!({ "items": items, "checkpoint": "1", "hasMore": false, "epoch": "e" });
    answer(&mut bench, "/notes?", Body::Json(Json::from(body)), length);
    let last = DocKey::new(&"notes".into(), &format!("n{}", texts.len() - 1));
    assert!(bench.disk.main(&last).is_some(), "all of it");
    bench.commits - before
}

#[test]
fn a_part_holds_no_more_characters_than_a_part_has_but_one_document_in_any_case() {
    let whole = commits_of_a_page(&[100; 10], 1_000);
    assert_eq!(commits_of_a_page(&[100_000; 10], 1_100_000) - whole, 4, "two go together");
    assert_eq!(commits_of_a_page(&[10, 900_000, 10, 10], 1_000_000) - whole, 2, "a long one goes alone");
    assert_eq!(commits_of_a_page(&[2_000; 40], 100_000), whole, "a short page is not measured");
    assert_eq!(commits_of_a_page(&[2_000; 60], 300_000) - whole, 1, "as many as ever");
}

#[test]
fn a_document_that_cannot_be_kept_holds_nothing_up_and_is_asked_for_by_itself() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 0 }));
    bench.give(Input::Start);
    let item = |id: &str| json!({ "id": id, "revision": "1", "updatedAt": 1, "doc": { "id": id } });
    let unfit = json!({ "id": "n2", "revision": "1", "updatedAt": 1, "doc": null, "unfit": true });
    let body = json!({ "items": [item("n1"), unfit, item("n3")], "checkpoint": "3", "hasMore": false, "epoch": "e" });
    answer(&mut bench, "/notes?", Body::Json(Json::from(body)), 0);
    let key = |id: &str| DocKey::new(&"notes".into(), id);
    assert!(bench.disk.main(&key("n1")).is_some() && bench.disk.main(&key("n3")).is_some());
    let nothing = json!({ "items": [], "checkpoint": "3", "hasMore": false, "epoch": "e" });
    answer(&mut bench, "/tags?", Body::Json(Json::from(nothing.clone())), 0);
    for round in 1..=3 {
        answer(&mut bench, "/notes/n2", Body::TooDeep, 0);
        let failed = bench.told.iter().filter(|(_, name, _)| *name == "failed").count();
        assert_eq!(failed, round - 1, "told by each pass that brought nothing else");
        let asked = |bench: &Bench| bench.requests.iter().filter(|(_, _, what)| what.contains("/notes/n2")).count();
        assert_eq!(asked(&bench), round, "after a pause only");
        while asked(&bench) == round {
            let (_, what) = bench.until_request(120_000).expect("it goes on");
            if what.contains("/notes?") {
                answer(&mut bench, "/notes?", Body::Json(Json::from(nothing.clone())), 0);
            }
        }
    }
    answer(&mut bench, "/notes/n2", Body::Json(Json::from(json!({ "id": "n2" }))), 0);
    assert!(bench.disk.main(&key("n2")).is_some(), "once it can be kept");
}

#[test]
fn a_document_that_cannot_be_kept_is_wanted_once_however_often_it_changes() {
    let mut bench = Bench::new(json!({ "url": "https://x.test", "pullInterval": 0, "startDelay": 0 }));
    bench.give(Input::Start);
    let page = |at: u32, more: bool| {
        let item = json!({ "id": "n1", "revision": at.to_string(), "updatedAt": at, "doc": null, "unfit": true });
        Body::Json(Json::from(json!({ "items": [item], "checkpoint": at.to_string(), "hasMore": more, "epoch": "e" })))
    };
    for at in 1..=4 {
        answer(&mut bench, "/notes?", page(at, at < 4), 0);
    }
    let asked = |bench: &Bench| bench.requests.iter().filter(|(_, _, what)| what.contains("/notes/n1")).count();
    answer(&mut bench, "/notes/n1", Body::Json(Json::from(json!({ "id": "n1" }))), 0);
    assert_eq!(asked(&bench), 1);
    assert!(bench.disk.main(&DocKey::new(&"notes".into(), "n1")).is_some());
}
