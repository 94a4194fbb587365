//! Requests and responses as plain values.
//!
//! The shell turns a request into a fetch and a fetch's end into a response. Bodies are parsed by the host's own JSON
//! parser before they get here; a body that is no JSON stays what it is: no answer of our server.

use super::push::number_text;
use crate::model::{Code, Document, Failure};

/// A request to be made.
#[derive(Debug, Clone)]
pub struct HttpRequest<D> {
    /// Method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers the library sets; the app's own come at send time.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body.
    pub body: Option<D>,
}

impl<D> HttpRequest<D> {
    /// Whether it may change something: then redirects are not followed.
    pub fn is_write(&self) -> bool {
        self.method != "GET"
    }
}

/// A response's body.
#[derive(Debug, Clone)]
pub enum Body<D> {
    /// No bytes.
    Empty,
    /// JSON.
    Json(D),
    /// A web page.
    Html,
    /// Anything else, or JSON that ended early; its length in UTF-16 units.
    Broken(usize),
    /// Longer than is read; what follows was not waited for.
    TooLarge,
    /// JSON that is nested deeper than is read.
    TooDeep,
}

/// A response as it arrived.
#[derive(Debug, Clone)]
pub struct HttpResponse<D> {
    /// Status; 0 for an opaque redirect.
    pub status: u16,
    /// Whether a redirect was met (not followed for writes) or the answer came from another origin.
    pub redirected: bool,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// `Date`, as it came.
    pub date: Option<String>,
    /// `Last-Modified`, as it came.
    pub last_modified: Option<String>,
    /// The body.
    pub body: Body<D>,
    /// How long the body's text was; 0 where nobody counted.
    pub length: usize,
}

impl<D> HttpResponse<D> {
    /// A response with nothing but a status and a body.
    pub fn new(status: u16, body: Body<D>) -> Self {
        Self {
            status,
            redirected: false,
            etag: None,
            retry_after: None,
            date: None,
            last_modified: None,
            body,
            length: 0,
        }
    }

    /// The revision the `ETag` names: without quotes, and without what a proxy that compressed the body has added. A weak tag
    /// stays marked `W/` and is never used to guard a write (pitfalls D10).
    pub fn revision(&self) -> Option<String> {
        let tag = revision(self.etag.as_deref()?);
        let plain = CODINGS.iter().find_map(|coding| tag.strip_suffix(coding).filter(|plain| !plain.is_empty()));
        Some(plain.filter(|_| !tag.starts_with("W/")).map_or_else(|| tag.clone(), String::from))
    }

    /// Whether the server does not know who we are.
    pub fn is_denied(&self) -> bool {
        self.status == 401 && !self.redirected
    }

    /// The JSON body, if it is one.
    pub fn json(&self) -> Option<&D> {
        match &self.body {
            Body::Json(body) => Some(body),
            _ => None,
        }
    }
}

/// A revision without the quotes of an entity tag.
fn revision(tag: &str) -> String {
    let tag = tag.trim();
    tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(tag).to_string()
}

/// What proxies put at the end of an entity tag when they compress (Jetty, Apache): the server knows it without.
const CODINGS: [&str; 3] = ["--gzip", "-gzip", "-br"];

/// The longest revision, in characters.
const MAX_REVISION: usize = 1_000;

/// The field `revision` of a record, a number as its decimal string. It has to stand in `If-Match` one day, so one that
/// no header can hold is refused.
pub(super) fn named_revision<D: Document>(from: &D) -> Result<Option<String>, &'static str> {
    let named = from.get("revision").and_then(|named| named.as_text().or_else(|| number_text(&named)));
    let fits =
        |text: &str| text.len() <= MAX_REVISION && text.chars().all(|sign| !sign.is_control() && sign <= '\u{ff}');
    match named {
        Some(text) if !fits(&text) => Err(".revision must fit into a header"),
        named => Ok(named.as_deref().map(revision)),
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkFailure {
    /// Nothing came back: no network, refused, blocked, lost.
    Unreachable,
    /// The deadline passed.
    TimedOut,
    /// The app's `fetch` gave something that is no response.
    NotAResponse,
    /// The app's `auth` threw, never settled or gave what cannot be sent: everything waits for it.
    AuthFailed(Failure),
}

impl NetworkFailure {
    /// Its code and text.
    pub fn into_failure(self) -> Failure {
        let (code, text) = match self {
            Self::Unreachable => (Code::Network, "the server could not be reached"),
            Self::TimedOut => (Code::Timeout, "the server did not answer in time"),
            Self::NotAResponse => (Code::TransportResult, "fetch hook must return a Response"),
            Self::AuthFailed(failure) => return failure,
        };
        Failure::new(code, text)
    }
}
