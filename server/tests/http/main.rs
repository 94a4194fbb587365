//! The server over real connections, on memory and on a file: what only the shell can get wrong.
//!
//! The profile's rules have their tests beside the core; here it is restarts, events, faults, limits,
//! static files, other origins, and stopping.

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};
use seakeep_server::http::{start, Options, Running, Sources};
use serde_json::{json, Value};
use std::time::Duration;
use tokio::time::Instant;

struct Server {
    running: Running,
    client: Client,
    root: String,
}

impl Server {
    async fn start(options: &Options) -> Self {
        let running = start(options, Sources::system()).await.expect("starts");
        let root = format!("http://{}", running.address());
        let client = Client::builder().redirect(reqwest::redirect::Policy::none());
        Self { running, client: client.build().expect("a client"), root }
    }

    async fn with_faults() -> Self {
        Self::start(&Options { faults: true, ..Options::for_tests() }).await
    }

    fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, format!("{}{path}", self.root)).timeout(Duration::from_secs(10))
    }

    fn create(&self, key: &str, doc: &Value) -> RequestBuilder {
        let key = format!("\"{key}\"");
        self.ask("POST", "/api/assistants").header("idempotency-key", key).json(doc)
    }

    async fn get(&self, path: &str) -> Response {
        self.ask("GET", path).send().await.expect("an answer")
    }

    async fn order(&self, rules: Value) {
        let ordered = self.ask("POST", "/_faults").json(&rules).send().await.expect("an answer");
        assert_eq!(ordered.status(), 200, "{:?}", ordered.text().await);
    }

    async fn names(&self) -> Vec<String> {
        let page = json_of(self.get("/api/assistants").await).await;
        let name = |item: &Value| item["doc"]["name"].as_str().map(str::to_owned);
        page["items"].as_array().expect("items").iter().filter_map(name).collect()
    }
}

mod faults;

async fn json_of(response: Response) -> Value {
    response.json().await.expect("JSON")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn a_document_is_created_read_and_listed() {
    let server = Server::start(&Options::for_tests()).await;
    let created = server.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    assert_eq!(created.status(), 201);
    assert!(!header(created.headers(), "date").is_empty());
    let doc = json_of(created).await;
    let id = doc["id"].as_str().expect("an id");
    assert_eq!(id.len(), 21);
    assert_eq!(json_of(server.get(&format!("/api/assistants/{id}")).await).await, doc);
    assert_eq!(server.names().await, ["Ada"]);
    assert_eq!(server.get("/api/_health").await.status(), 204);
    let nowhere = server.get("/nowhere").await;
    assert_eq!(
        (nowhere.status().as_u16(), header(nowhere.headers(), "content-type")),
        (404, "application/problem+json")
    );
}

#[tokio::test]
async fn a_restart_on_the_same_file_keeps_documents_keys_and_checkpoints() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { db: Some(folder.path().join("a.db")), ..Options::for_tests() };
    let first = Server::start(&options).await;
    let created = first.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    let doc = json_of(created).await;
    let page = json_of(first.get("/api/assistants").await).await;
    first.running.stop().await;

    let second = Server::start(&options).await;
    let again = second.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    assert_eq!(header(again.headers(), "idempotency-replayed"), "true");
    assert_eq!(json_of(again).await, doc);
    let since = page["checkpoint"].as_str().expect("text");
    let rest = json_of(second.get(&format!("/api/assistants?since={since}")).await).await;
    assert_eq!((&rest["items"], &rest["epoch"]), (&json!([]), &page["epoch"]));
    assert_eq!(second.names().await, ["Ada"]);
}

#[tokio::test]
async fn parallel_repeats_of_one_key_make_one_document() {
    let server = Server::start(&Options::for_tests()).await;
    let doc = json!({ "name": "Ada" });
    let repeats = (0..20).map(|_| server.create("k", &doc).send());
    for answer in futures_util::future::join_all(repeats).await {
        assert!([201, 409].contains(&answer.expect("an answer").status().as_u16()));
    }
    assert_eq!(server.names().await.len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered() {
    let server = Server::start(&Options { body_limit: 1_000, ..Options::for_tests() }).await;
    let body = json!({ "name": "a", "more": "x".repeat(3_000_000) });
    let refused = server.create("k", &body).send().await.expect("an answer");
    assert_eq!(refused.status(), 413);
    assert_eq!(json_of(refused).await["code"], "body-too-large");
}

#[tokio::test]
async fn events_tell_of_changes_and_resume() {
    let server = Server::start(&Options::for_tests()).await;
    let mut live = server.get("/api/_events").await;
    assert_eq!(header(live.headers(), "content-type"), "text/event-stream");
    server.create("k", &json!({ "name": "Ada" })).send().await.expect("an answer");
    let expected = "event: change\nid: 1\ndata: {\"collection\":\"assistants\"}\n\n";
    assert!(read_until(&mut live, expected).await);
    let mut resumed = server.ask("GET", "/api/_events").header("last-event-id", "0").send().await.expect("an answer");
    assert!(read_until(&mut resumed, expected).await);
}

async fn read_until(stream: &mut Response, text: &str) -> bool {
    let mut seen = String::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        seen.push_str(&String::from_utf8_lossy(&chunk));
        if seen.contains(text) {
            return true;
        }
    }
    panic!("saw only {seen:?}")
}

#[tokio::test]
async fn stopping_does_not_wait_for_listeners() {
    let server = Server::start(&Options::for_tests()).await;
    let mut listening = server.get("/api/_events").await;
    listening.chunk().await.expect("a comment");
    let begun = Instant::now();
    server.running.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    while listening.chunk().await.expect("a clean end").is_some() {}
}

#[tokio::test]
async fn files_are_served_fresh_and_with_their_types() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("index.html", "<p>hi"), ("a.wasm", "\0asm"), ("a.js", "1")] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let server = Server::start(&Options { www: Some(folder.path().into()), ..Options::for_tests() }).await;
    for (path, kind) in [("/", "text/html"), ("/a.wasm", "application/wasm"), ("/a.js", "text/javascript")] {
        let file = server.get(path).await;
        assert_eq!(file.status(), 200, "{path}");
        assert!(header(file.headers(), "content-type").starts_with(kind), "{path}");
        assert_eq!(header(file.headers(), "cache-control"), "no-cache");
    }
    assert_eq!(server.get("/api/_health").await.status(), 204);
    assert_eq!(server.get("/none.js").await.status(), 404);
}

#[tokio::test]
async fn other_origins_see_the_headers_they_need() {
    let cors = vec!["*".parse().expect("a header")];
    let server = Server::start(&Options { cors, ..Options::for_tests() }).await;
    let preflight = server.ask("OPTIONS", "/api/assistants").header("origin", "http://a.example");
    let preflight = preflight
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "idempotency-key,if-match");
    let preflight = preflight.send().await.expect("an answer");
    assert_eq!(preflight.status(), 200);
    assert!(header(preflight.headers(), "access-control-allow-methods").contains("PATCH"));
    assert_eq!(header(preflight.headers(), "access-control-allow-headers"), "idempotency-key,if-match");
    let answer =
        server.ask("GET", "/api/assistants").header("origin", "http://a.example").send().await.expect("an answer");
    assert_eq!(header(answer.headers(), "access-control-allow-origin"), "*");
    let exposed = header(answer.headers(), "access-control-expose-headers").to_owned();
    for name in ["etag", "date", "retry-after", "idempotency-replayed", "link"] {
        assert!(exposed.contains(name), "{name} in {exposed}");
    }
}

#[cfg(unix)]
#[test]
fn the_command_says_where_it_listens_and_stops_on_a_signal() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_seakeep-server"))
        .args(["--port", "0", "--quiet"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    std::io::BufReader::new(out).read_line(&mut line).expect("a line");
    assert!(line.starts_with("seakeep-server listening on http://127.0.0.1:"), "{line}");
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert!(child.wait().expect("ends").success());
}
