//! The server of the world: the reference server's own core on tables in memory, with moods and an older replica.
//!
//! It never decides about a change itself; it only adds what surrounds a real server: gateways that fail before or
//! after the change was executed, limits, logins, replicas that lag, backups that are put back.

use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpRequest, HttpResponse};
use seakeep_server::core::memory::MemoryTables;
use seakeep_server::core::{CoreRequest, CoreResponse, Rules};

/// Where the simulated server is.
pub(crate) const URL: &str = "https://sim.test/api";
/// Simulated time 0 on a right clock.
pub(crate) const BASE: u64 = 1_700_000_000_000;

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) tables: MemoryTables,
    /// What a lagging replica still shows.
    pub(crate) replica: MemoryTables,
    /// A backup that may be put back.
    pub(crate) backup: Option<MemoryTables>,
    pub(crate) wants_login: bool,
    /// Whether it fails whatever it is asked.
    pub(crate) is_down: bool,
    /// Whether it knows no checkpoint, or names its history anew for each page.
    pub(crate) is_gone: bool,
    pub(crate) is_fickle: bool,
    /// Whether it ever said that it is full: the longest pause but one that it asks for in so many words.
    pub(crate) was_full: bool,
    /// Whether it repeats its checkpoints with more to come.
    pub(crate) is_stuck: bool,
    /// Items of a page at most.
    pub(crate) page_max: usize,
    /// Whether it forgets results before its time (S1).
    pub(crate) forgets: bool,
    pub(crate) restored: u32,
    pub(crate) restored_at: u64,
    pub(crate) renamed: u32,
    ids: u32,
}

impl Server {
    /// An empty server whose pages hold at most `page_max` items, and which keeps results for so long.
    pub(crate) fn new(page_max: usize, retention: Option<u64>) -> Self {
        let usual = Rules::default();
        let retention_ms = retention.unwrap_or(usual.retention_ms);
        let rules = Rules { page_max, retention_ms, ..usual };
        let tables = MemoryTables::with_rules("e0", rules);
        Self {
            replica: tables.clone(),
            tables,
            backup: None,
            wants_login: false,
            is_down: false,
            is_gone: false,
            is_fickle: false,
            was_full: false,
            is_stuck: false,
            page_max,
            forgets: retention.is_some(),
            restored: 0,
            restored_at: 0,
            renamed: 0,
            ids: 0,
        }
    }

    /// Its bad mood is over.
    pub(crate) fn mend(&mut self) {
        (self.is_down, self.is_gone, self.is_fickle, self.is_stuck) = (false, false, false, false);
    }

    /// Names its history anew.
    pub(crate) fn rename(&mut self) {
        self.renamed += 1;
        let epoch = format!("n{}", self.renamed);
        self.tables.set_epoch(&epoch);
        self.replica = self.tables.clone();
    }

    /// Carries a request out at a simulated time.
    pub(crate) fn handle(&mut self, request: &CoreRequest, now: u64) -> CoreResponse {
        let ids = &mut self.ids;
        self.tables.handle(request, BASE + now, || {
            *ids += 1;
            format!("srv{ids}")
        })
    }

    /// A page as the lagging replica has it; `None` where it would have to go back on what it once served.
    pub(crate) fn stale(&mut self, request: &CoreRequest, now: u64) -> Option<CoreResponse> {
        let since = request.query_value("since")?;
        let position: u64 = since.split_once('.')?.0.parse().ok()?;
        let usable = position <= self.replica.head() && self.replica.epoch() == self.tables.epoch();
        usable.then(|| self.replica.handle(request, BASE + now, String::new))
    }

    /// Puts the backup back under another epoch; says whether there was one.
    pub(crate) fn restore(&mut self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.tables = backup;
        self.restored += 1;
        self.tables.set_epoch(&format!("e{}", self.restored));
        self.replica = self.tables.clone();
        true
    }
}

/// A request as the core takes it.
pub(crate) fn to_core(http: &HttpRequest<Json>) -> CoreRequest {
    let mut request = CoreRequest::new(&http.method, http.url.strip_prefix(URL).unwrap_or(&http.url));
    for (name, value) in &http.headers {
        request = request.header(name, value.clone());
    }
    if let Some(body) = &http.body {
        request.body = body.to_string().into_bytes();
    }
    request
}

/// A response as the shell gives it.
pub(crate) fn from_core(response: &CoreResponse) -> HttpResponse<Json> {
    let header = |name: &str| response.header_value(name).map(String::from);
    let body = match std::str::from_utf8(&response.body).ok().and_then(Json::parse) {
        Some(value) => Body::Json(value),
        None if response.body.is_empty() => Body::Empty,
        None => Body::Broken(response.body.len()),
    };
    HttpResponse {
        etag: header("etag"),
        retry_after: header("retry-after"),
        date: header("date"),
        last_modified: header("last-modified"),
        ..HttpResponse::new(response.status, body)
    }
}
