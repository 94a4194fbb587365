//! From a request to a command: routes, headers and bodies, checked as far as no stored row matters.
//!
//! What passes here is well formed; whether it is also allowed is decided in `decide` with the rows.
//! Refuses unknown paths, methods, content types, bodies that are too large, too deep or not JSON.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::request::CoreRequest;
use super::rows::{DocumentKey, Needs, PageNeed};
use super::rules::Rules;
use super::stamp::digest;

const LONGEST_ID: usize = 512;
const LONGEST_KEY: usize = 255;

/// A well-formed request.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The reachability probe.
    Health,
    /// One document.
    Get {
        /// Which document.
        key: DocumentKey,
        /// The header `If-None-Match`.
        if_none_match: Option<String>,
    },
    /// One page of a collection's log.
    Pull {
        /// Which page.
        need: PageNeed,
        /// Path and query, which the page's entity tag belongs to.
        target: String,
        /// The header `If-None-Match`.
        if_none_match: Option<String>,
    },
    /// One change.
    Change(Change),
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Idempotency key, when one was sent.
    pub key: Option<String>,
    /// Digest of method, path and body.
    pub fingerprint: String,
    /// The collection.
    pub collection: String,
    /// The document's id; `None` where the server makes it.
    pub id: Option<String>,
    /// What to do.
    pub action: Action,
    /// The header `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Match: *` was sent.
    pub if_absent: bool,
}

/// What a change does, with the document or patch it does it with.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Create, the id made by the server.
    Create(Map<String, Value>),
    /// Create or replace under a known id.
    Put(Map<String, Value>),
    /// Merge-patch (RFC 7396).
    Patch(Map<String, Value>),
    /// Delete.
    Delete,
}

impl Command {
    /// Reads a request; what it refuses needs no row to be refused.
    pub fn parse(request: &CoreRequest, rules: &Rules) -> Result<Self, Problem> {
        if request.body.len() > rules.body_limit {
            return Err(Problem::new(413, "body-too-large", "The request body is too large."));
        }
        match (route(&request.path)?, request.method.as_str()) {
            (Route::Health, "GET" | "HEAD") => Ok(Self::Health),
            (Route::Collection(name), "GET" | "HEAD") => pull(request, name, rules),
            (Route::Collection(name), "POST") => change(request, rules, name, None),
            (Route::Document(name, id), "GET" | "HEAD") => Ok(Self::Get {
                key: (name, id),
                if_none_match: owned(request, "if-none-match"),
            }),
            (Route::Document(name, id), "PUT" | "PATCH" | "DELETE") => change(request, rules, name, Some(id)),
            (route, _) => Err(route.refuse_method()),
        }
    }

    /// The rows this command is decided on.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Health => Needs::default(),
            Self::Get { key, .. } => Needs {
                documents: vec![key.clone()],
                ..Needs::default()
            },
            Self::Pull { need, .. } => Needs {
                page: Some(need.clone()),
                ..Needs::default()
            },
            Self::Change(change) => change.needs(),
        }
    }

    /// Whether carrying it out may write.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Change(_))
    }

    /// Whether the server has to name the document.
    pub fn wants_id(&self) -> bool {
        matches!(self, Self::Change(change) if change.id.is_none())
    }

    /// The idempotency key it runs under.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Change(change) => change.key.as_deref(),
            _ => None,
        }
    }
}

impl Change {
    fn needs(&self) -> Needs {
        let document = self.id.clone().map(|id| (self.collection.clone(), id));
        Needs {
            keys: self.key.iter().cloned().collect(),
            documents: document.into_iter().collect(),
            page: None,
        }
    }
}

enum Route {
    Health,
    Collection(String),
    Document(String, String),
}

impl Route {
    fn refuse_method(&self) -> Problem {
        let allow = match self {
            Self::Health => "GET, HEAD",
            Self::Collection(_) => "GET, HEAD, POST",
            Self::Document(..) => "GET, HEAD, PUT, PATCH, DELETE",
        };
        Problem::new(405, "method-not-allowed", "This path does not know that method.").header("allow", allow)
    }
}

fn route(path: &str) -> Result<Route, Problem> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("_health"), None, None) => Ok(Route::Health),
        (Some(name), None, None) if is_collection(name) => Ok(Route::Collection(name.to_owned())),
        (Some(name), Some(id), None) if is_collection(name) => Ok(Route::Document(name.to_owned(), document_id(id)?)),
        _ => Err(Problem::new(404, "unknown-path", "There is nothing at this path.")),
    }
}

fn is_collection(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && !name.starts_with('_') && name.bytes().all(allowed)
}

fn document_id(segment: &str) -> Result<String, Problem> {
    match percent_decode_str(segment).decode_utf8() {
        Ok(id) if (1..=LONGEST_ID).contains(&id.len()) => Ok(id.into_owned()),
        _ => Err(Problem::new(
            400,
            "invalid-id",
            "An id is UTF-8 text of 1 to 512 bytes.",
        )),
    }
}

fn pull(request: &CoreRequest, collection: String, rules: &Rules) -> Result<Command, Problem> {
    let limit = match request.query_value("limit") {
        None => rules.page_default,
        Some(text) => text
            .parse()
            .map_err(|_| Problem::new(400, "invalid-limit", "`limit` is a whole number."))?,
    };
    let need = PageNeed {
        collection,
        since: request
            .query_value("since")
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
        limit: limit.clamp(1, rules.page_max),
    };
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&request.query)
        .finish();
    let target = format!("{}?{query}", request.path);
    Ok(Command::Pull {
        need,
        target,
        if_none_match: owned(request, "if-none-match"),
    })
}

fn change(request: &CoreRequest, rules: &Rules, collection: String, id: Option<String>) -> Result<Command, Problem> {
    let action = match request.method.as_str() {
        "POST" => Action::Create(object(request, rules, false)?),
        "PUT" => Action::Put(object(request, rules, false)?),
        "PATCH" => Action::Patch(object(request, rules, true)?),
        _ => Action::Delete,
    };
    let change = Change {
        key: idempotency_key(request)?,
        fingerprint: digest(&[request.method.as_bytes(), request.path.as_bytes(), &request.body]),
        collection,
        id,
        action,
        if_match: owned(request, "if-match"),
        if_absent: request
            .header_value("if-none-match")
            .is_some_and(|value| value.trim() == "*"),
    };
    if rules.require_precondition && change.is_unguarded() {
        return Err(Problem::new(
            428,
            "precondition-required",
            "Send `If-Match` or `If-None-Match: *`.",
        ));
    }
    Ok(Command::Change(change))
}

impl Change {
    fn is_unguarded(&self) -> bool {
        self.id.is_some() && self.if_match.is_none() && !self.if_absent
    }
}

fn owned(request: &CoreRequest, name: &str) -> Option<String> {
    request.header_value(name).map(str::to_owned)
}

fn object(request: &CoreRequest, rules: &Rules, patch: bool) -> Result<Map<String, Value>, Problem> {
    check_content_type(request.header_value("content-type"), patch)?;
    let value = serde_json::from_slice(&request.body).map_err(|_| {
        Problem::new(
            400,
            "invalid-json",
            "The request body is not JSON, or is nested too deeply.",
        )
    })?;
    match value {
        value if depth_exceeds(&value, rules.depth_limit) => {
            Err(Problem::new(400, "too-deep", "The request body is nested too deeply."))
        }
        Value::Object(map) => Ok(map),
        _ => Err(Problem::new(422, "not-an-object", "A document is a JSON object.")),
    }
}

fn check_content_type(value: Option<&str>, patch: bool) -> Result<(), Problem> {
    let essence = value
        .unwrap_or("")
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Ok(()),
        "application/merge-patch+json" if patch => Ok(()),
        _ if patch => Err(unsupported().header("accept-patch", "application/merge-patch+json, application/json")),
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Problem {
    Problem::new(415, "unsupported-media-type", "Send JSON with its content type.")
}

fn depth_exceeds(value: &Value, limit: usize) -> bool {
    match value {
        Value::Array(_) | Value::Object(_) if limit == 0 => true,
        Value::Array(items) => items.iter().any(|item| depth_exceeds(item, limit - 1)),
        Value::Object(map) => map.values().any(|item| depth_exceeds(item, limit - 1)),
        _ => false,
    }
}

/// Reads `Idempotency-Key`, a quoted string of structured fields or bare.
fn idempotency_key(request: &CoreRequest) -> Result<Option<String>, Problem> {
    let Some(text) = request.header_value("idempotency-key") else {
        return Ok(None);
    };
    let key = unquote(text.trim()).filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    match key {
        Some(key) => Ok(Some(key)),
        None => Err(Problem::new(
            400,
            "invalid-idempotency-key",
            "The idempotency key is not readable.",
        )),
    }
}

fn unquote(text: &str) -> Option<String> {
    let Some(rest) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.to_owned());
    };
    let inner = rest.strip_suffix('"')?;
    let mut key = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => key.push(letters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            other => key.push(other),
        }
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_quoted_or_bare() {
        for (text, expected) in [
            ("\"abc\"", Some("abc")),
            ("abc", Some("abc")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("\"abc", None),
            ("a\"b", None),
            (r#""a"b""#, None),
            (r#""a\n""#, None),
        ] {
            assert_eq!(unquote(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn depth_is_counted_in_containers() {
        let value: Value = serde_json::from_str("[[1]]").expect("is JSON");
        assert!(depth_exceeds(&value, 1));
        assert!(!depth_exceeds(&value, 2));
    }
}
