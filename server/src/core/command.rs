//! From a request to a command: routes, headers and bodies, checked as far as no stored row matters.
//!
//! What passes here is well formed; whether it is also allowed is decided in `decide` with the rows.
//! Refuses unknown paths, methods, content types, bodies that are too large, too deep or not JSON.

use serde_json::{Map, Value};
use std::collections::BTreeSet;

use super::batch::Batch;
use super::content::{idempotency_key, object};
use super::problem::Problem;
use super::request::CoreRequest;
use super::route::{route, Route};
use super::rows::{DocumentKey, Needs, PageNeed};
use super::rules::Rules;
use super::stamp::digest;

// A batch wraps its documents in so many containers.
const BATCH_DEPTH: usize = 3;

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
    /// Several changes, each with its own result.
    Batch(Batch),
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Idempotency key, when one was sent.
    pub key: Option<String>,
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

impl Action {
    /// A create; what the client called the document meanwhile is not part of it.
    pub(super) fn create(mut fields: Map<String, Value>) -> Self {
        fields.shift_remove("id");
        Self::Create(fields)
    }
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
            (Route::Document(name, id), "GET" | "HEAD") => {
                Ok(Self::Get { key: (name, id), if_none_match: owned(request, "if-none-match") })
            }
            (Route::Document(name, id), "PUT" | "PATCH" | "DELETE") => change(request, rules, name, Some(id)),
            (Route::Batch, "POST") => {
                Batch::parse(object(request, rules.depth_limit + BATCH_DEPTH, false)?, rules).map(Self::Batch)
            }
            (route, _) => Err(route.refuse_method()),
        }
    }

    /// The rows this command is decided on.
    pub fn needs(&self) -> Needs {
        match self {
            Self::Health => Needs::default(),
            Self::Get { key, .. } => Needs { documents: vec![key.clone()], ..Needs::default() },
            Self::Pull { need, .. } => Needs { page: Some(need.clone()), ..Needs::default() },
            Self::Change(change) => Needs::of_changes([change]),
            Self::Batch(batch) => Needs::of_changes(batch.changes()),
        }
    }

    /// Whether carrying it out may write.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Change(_) | Self::Batch(_))
    }

    /// How many documents the server has to name.
    pub fn ids_wanted(&self) -> usize {
        self.changes().filter(|change| change.id.is_none()).count()
    }

    /// The idempotency keys it runs under.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.changes().filter_map(|change| change.key.as_deref())
    }

    /// The same command without the changes whose keys are being worked on elsewhere.
    pub fn without(self, busy: &BTreeSet<String>) -> Result<Self, Problem> {
        match self {
            Self::Change(Change { key: Some(key), .. }) if busy.contains(&key) => Err(Problem::in_progress()),
            Self::Batch(batch) => Ok(Self::Batch(batch.without(busy))),
            other => Ok(other),
        }
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        let (one, many) = match self {
            Self::Change(change) => (Some(change), None),
            Self::Batch(batch) => (None, Some(batch.changes())),
            _ => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl Needs {
    fn of_changes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut needs = Self::default();
        for change in changes {
            needs.keys.extend(change.key.clone());
            needs.documents.extend(change.id.clone().map(|id| (change.collection.clone(), id)));
        }
        needs
    }
}

fn pull(request: &CoreRequest, collection: String, rules: &Rules) -> Result<Command, Problem> {
    let limit = match request.query_value("limit") {
        None => rules.page_default,
        Some(text) => text.parse().map_err(|_| Problem::new(400, "invalid-limit", "`limit` is a whole number."))?,
    };
    let need = PageNeed {
        collection,
        since: request.query_value("since").filter(|text| !text.is_empty()).map(str::to_owned),
        limit: limit.clamp(1, rules.page_max),
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
    let target = format!("{}?{query}", request.path);
    Ok(Command::Pull { need, target, if_none_match: owned(request, "if-none-match") })
}

fn change(request: &CoreRequest, rules: &Rules, collection: String, id: Option<String>) -> Result<Command, Problem> {
    let action = match request.method.as_str() {
        "POST" => Action::create(object(request, rules.depth_limit, false)?),
        "PUT" => Action::Put(object(request, rules.depth_limit, false)?),
        "PATCH" => Action::Patch(object(request, rules.depth_limit, true)?),
        _ => Action::Delete,
    };
    let change = Change {
        key: idempotency_key(request)?,
        collection,
        id,
        action,
        if_match: owned(request, "if-match"),
        if_absent: request.header_value("if-none-match").is_some_and(|value| value.trim() == "*"),
    };
    change.checked(rules).map(Command::Change)
}

impl Change {
    /// The change, unless it lacks a precondition that the rules require.
    pub(super) fn checked(self, rules: &Rules) -> Result<Self, Problem> {
        let unguarded = self.id.is_some() && self.if_match.is_none() && !self.if_absent;
        if rules.require_precondition && unguarded {
            return Err(Problem::new(428, "precondition-required", "Send `If-Match` or `If-None-Match: *`."));
        }
        Ok(self)
    }

    /// What a repeat of its key must agree in: method, path and body, wherever the change came from.
    pub fn fingerprint(&self) -> String {
        let (method, fields) = match &self.action {
            Action::Create(fields) => ("POST", Some(fields)),
            Action::Put(fields) => ("PUT", Some(fields)),
            Action::Patch(fields) => ("PATCH", Some(fields)),
            Action::Delete => ("DELETE", None),
        };
        let body = fields.and_then(|fields| serde_json::to_vec(fields).ok()).unwrap_or_default();
        let id = self.id.as_deref().unwrap_or_default();
        digest(&[method.as_bytes(), self.collection.as_bytes(), id.as_bytes(), &body])
    }
}

fn owned(request: &CoreRequest, name: &str) -> Option<String> {
    request.header_value(name).map(str::to_owned)
}
