//! The outcome of asking for news: a page of a collection, or one document.
//!
//! A page is taken whole or not at all. Every field a server can send is read into a bounded type; what does not fit
//! is `BAD_RESPONSE` with the place, never a guess (pitfalls I20, bad inputs 67 to 73).

use super::date::retry_after;
use super::http::named_revision;
use super::push::{number_text, present, updated_at};
use super::reason::{broken, refusal, FULL, LOGIN, SLOWER, UPDATE};
use super::table::{read_verdict, Verdict};
use super::{Body, HttpResponse, Remote};
use crate::model::{is_id, is_temporary, Code, Document, Failure, Kind, Listed, Time};

/// The longest checkpoint that is taken, in characters of its JSON.
const MAX_CHECKPOINT: usize = 65_536;

/// One entry of a page.
#[derive(Debug, Clone)]
pub struct Item<D> {
    /// The document's id.
    pub id: String,
    /// Its revision.
    pub revision: Option<String>,
    /// The server's `updatedAt`.
    pub at: Option<Time>,
    /// The document; `None` for a tombstone, and for what is unfit.
    pub doc: Option<D>,
    /// What the host could not keep as it came (nested too deep, a number that is none): it is asked for by itself.
    pub unfit: bool,
}

/// A page of a collection's change log.
#[derive(Debug, Clone)]
pub struct Page<D> {
    /// Entries in the order of the log.
    pub items: Vec<Item<D>>,
    /// Position that covers exactly these entries.
    pub checkpoint: Option<D>,
    /// Whether more follows at once.
    pub has_more: bool,
    /// The history this position belongs to.
    pub epoch: Option<String>,
    /// `ETag` of this answer, for this very URL.
    pub etag: Option<String>,
}

/// The end of a pull request.
#[derive(Debug, Clone)]
pub enum PullOutcome<T> {
    /// News.
    News(T),
    /// Nothing new since the answer we hold.
    NotModified,
    /// The server cannot continue from our position.
    Resync,
    /// Later. `after` is the server's own wish.
    Later {
        /// Why.
        failure: Failure,
        /// Pause the server asked for.
        after: Option<u64>,
        /// Whether everything to the server waits, or only this collection.
        endpoint: bool,
    },
    /// Everything waits for a new login.
    NeedsAuth(Failure),
    /// Everything waits for a new version of the app.
    NeedsUpdate(Failure),
}

/// The outcome of a pull of one page.
pub fn page_outcome<D: Document>(response: &HttpResponse<D>, now: Time) -> PullOutcome<Page<D>> {
    match response.status {
        304 => PullOutcome::NotModified,
        410 => PullOutcome::Resync,
        _ => outcome(response, now, |body| page(body, response.etag.clone())),
    }
}

/// The outcome of a request for the document `id`.
pub fn single_outcome<D: Document>(id: &str, response: &HttpResponse<D>, now: Time) -> PullOutcome<Remote<D>> {
    match response.status {
        404 | 410 => PullOutcome::News(Remote::Deleted),
        _ => outcome(response, now, |body| {
            present(body, id, response).ok_or_else(|| "the document must have the id it was asked for by".into())
        }),
    }
}

fn outcome<D: Document, T>(
    response: &HttpResponse<D>,
    now: Time,
    read: impl FnOnce(&D) -> Result<T, String>,
) -> PullOutcome<T> {
    let after = response.retry_after.as_deref().and_then(|value| retry_after(value, response.date.as_deref(), now));
    let later = |failure: Failure, endpoint: bool| PullOutcome::Later { failure, after, endpoint };
    let failure = |code: Code, text: &str| refusal(code, text, response, now);
    if matches!(response.body, Body::Html) && (200..300).contains(&response.status) || response.status == 511 {
        return later(failure(Code::CaptivePortal, "got a web page instead of data; network sign-in? retrying"), true);
    }
    if response.redirected {
        return later(failure(Code::UnexpectedRedirect, "the answer came from another address"), true);
    }
    match read_verdict(response.status) {
        Verdict::Done => match response.json().map(read) {
            Some(Ok(news)) => PullOutcome::News(news),
            Some(Err(place)) => later(failure(Code::BadResponse, &place), false),
            None => later(broken(response, now), false),
        },
        Verdict::NeedsAuth => PullOutcome::NeedsAuth(failure(Code::AuthRequired, LOGIN)),
        Verdict::NeedsUpdate => PullOutcome::NeedsUpdate(failure(Code::UpgradeRequired, UPDATE)),
        Verdict::RateLimited => later(failure(Code::RateLimited, SLOWER), true),
        Verdict::ServerFull => later(failure(Code::ServerFull, FULL), true),
        Verdict::BackOff(code) => {
            later(failure(code, "the server could not answer now"), response.status == 503 && after.is_some())
        }
        Verdict::Park(code) => later(failure(code, "the server refused to list this collection"), false),
        _ => later(broken(response, now), false),
    }
}

fn page<D: Document>(body: &D, etag: Option<String>) -> Result<Page<D>, String> {
    let list = body.get("items").and_then(|items| items.as_list()).ok_or("pull page: \"items\" must be an array")?;
    let items = list.iter().enumerate().map(|(index, from)| item(index, from)).try_listed()?;
    let checkpoint = body.get("checkpoint").filter(|checkpoint| checkpoint.kind() != Kind::Null);
    if checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.to_json().len() > MAX_CHECKPOINT) {
        return Err("pull page: \"checkpoint\" must be JSON of at most 64 KiB".into());
    }
    let has_more = body.flag("hasMore");
    if has_more && checkpoint.is_none() {
        return Err("pull page: \"hasMore\" needs a \"checkpoint\"".into());
    }
    Ok(Page { items, checkpoint, has_more, epoch: body.text_of("epoch"), etag })
}

fn item<D: Document>(index: usize, from: &D) -> Result<Item<D>, String> {
    let id = from.get("id").and_then(|id| id.as_text().or_else(|| number_text(&id)));
    let id = id.filter(|id| is_id(id)).ok_or_else(|| place(index, ".id must be text that can name a document"))?;
    if is_temporary(&id) {
        return Err(place(index, ".id has the form of the library's own temporary ids"));
    }
    let unfit = from.flag("unfit");
    let doc = if unfit || from.flag("deleted") { None } else { Some(document(index, from, &id)?) };
    let at = updated_at(from).or_else(|| doc.as_ref().and_then(updated_at));
    let revision = named_revision(from).map_err(|text| place(index, text))?;
    Ok(Item { revision, at, doc, id, unfit })
}

fn place(index: usize, text: &str) -> String {
    ["pull page: items[", &index.to_string(), "]", text].concat()
}

fn document<D: Document>(index: usize, item: &D, id: &str) -> Result<D, String> {
    let doc = item.get("doc").filter(|doc| doc.kind() == Kind::Object);
    let doc = doc.ok_or_else(|| place(index, ".doc must be an object"))?;
    if doc.text_of("id").as_deref() == Some(id) {
        return Ok(doc);
    }
    Ok(doc.with(&[("id", Some(D::text(id)))]))
}
