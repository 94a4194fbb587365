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
        let length = if page == 2 { 1_000 } else { 2 << 20 };
        let result = Ok(HttpResponse { length, ..HttpResponse::new(200, body) });
        bench.give(Input::Responded { request, result });
    }
    let limits: Vec<&str> = limits.iter().flatten().map(String::as_str).collect();
    assert_eq!(limits, ["200", "100", "100", "50", "25", "12", "6", "6"]);
    assert!(bench.disk.main(&DocKey::new(&"notes".into(), "n8")).is_some());
}
