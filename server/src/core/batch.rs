//! `POST /_batch`: several changes in one request, each judged as if it had come alone.
//!
//! A change has the same fingerprint here as by itself, so a key sent in a lost batch may be repeated
//! alone. In an atomic batch one refusal refuses all; members not at fault answer 424.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

use super::command::{Action, Change};
use super::content::checked_key;
use super::decide::{decide_change, Circumstances};
use super::problem::Problem;
use super::request::CoreResponse;
use super::route::{checked_id, is_collection};
use super::rows::{Decision, Rows, Writes};
use super::rules::Rules;
use super::stamp::entity_tag;

const MOST_CHANGES: usize = 1_000;

/// A well-formed batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    entries: Vec<Entry>,
    atomic: bool,
}

/// One member of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    mutation_id: String,
    id: String,
    change: Result<Change, Problem>,
}

#[derive(Deserialize)]
struct Written {
    changes: Vec<WrittenChange>,
    #[serde(default)]
    atomic: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenChange {
    mutation_id: String,
    idempotency_key: Option<String>,
    collection: String,
    id: String,
    kind: Kind,
    #[serde(default)]
    temporary: bool,
    doc: Option<Map<String, Value>>,
    changes: Option<Map<String, Value>>,
    revision: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Create,
    Update,
    Delete,
}

impl Batch {
    /// Reads a batch. What is wrong with one member is that member's result.
    pub(super) fn parse(body: Map<String, Value>, rules: &Rules) -> Result<Self, Problem> {
        let written = Written::deserialize(Value::Object(body))
            .map_err(|_| Problem::new(400, "invalid-batch", "The batch is not of the profile's form."))?;
        if written.changes.len() > MOST_CHANGES {
            return Err(Problem::new(413, "batch-too-large", "A batch has at most 1,000 changes."));
        }
        let entries = written.changes.into_iter().map(|change| change.into_entry(rules));
        Ok(Self { entries: entries.collect(), atomic: written.atomic })
    }

    /// The members that are well formed.
    pub(super) fn changes(&self) -> impl Iterator<Item = &Change> {
        self.entries.iter().filter_map(|entry| entry.change.as_ref().ok())
    }

    /// The batch with the members refused whose keys are being worked on elsewhere.
    pub(super) fn without(mut self, busy: &BTreeSet<String>) -> Self {
        for entry in &mut self.entries {
            let key = entry.change.as_ref().ok().and_then(|change| change.key.as_ref());
            if key.is_some_and(|key| busy.contains(key)) {
                entry.change = Err(Problem::in_progress());
            }
        }
        self
    }
}

impl WrittenChange {
    fn into_entry(self, rules: &Rules) -> Entry {
        Entry {
            mutation_id: self.mutation_id.clone(),
            id: self.id.clone(),
            change: self.into_change().and_then(|change| change.checked(rules)),
        }
    }

    fn into_change(self) -> Result<Change, Problem> {
        if !is_collection(&self.collection) {
            return Err(Problem::new(404, "unknown-path", "There is no such collection."));
        }
        let creates = matches!(self.kind, Kind::Create);
        let named_by_server = creates && self.temporary;
        let action = match (self.kind, self.doc, self.changes) {
            (Kind::Create, Some(doc), None) if named_by_server => Action::create(doc),
            (Kind::Create | Kind::Update, Some(doc), None) => Action::Put(doc),
            (Kind::Update, None, Some(changes)) => Action::Patch(changes),
            (Kind::Delete, ..) => Action::Delete,
            _ => return Err(Problem::new(422, "invalid-change", "Send either `doc` or `changes`.")),
        };
        let id = if named_by_server { None } else { Some(checked_id(self.id)?) };
        Ok(Change {
            key: self.idempotency_key.map(checked_key).transpose()?,
            collection: self.collection,
            id,
            action,
            if_match: self.revision.as_deref().map(entity_tag),
            if_absent: creates && !named_by_server,
        })
    }
}

/// Decides the members in their order, each on what the ones before it left.
pub(super) fn decide(batch: &Batch, rows: &Rows, at: Circumstances<'_>) -> Decision {
    let mut rows = rows.clone();
    let mut writes = Writes::default();
    let mut fresh_ids = at.fresh_ids.iter();
    let mut responses = Vec::with_capacity(batch.entries.len());
    for entry in &batch.entries {
        let decision = match &entry.change {
            Ok(change) => {
                let wanted = if change.id.is_none() { fresh_ids.next() } else { None };
                decide_change(change, wanted.map_or("", String::as_str), &rows, at)
            }
            Err(problem) => Decision { writes: Writes::default(), response: problem.clone().into_response() },
        };
        rows.apply(&decision.writes);
        writes.extend(decision.writes);
        responses.push(decision.response);
    }
    if batch.atomic && !responses.iter().all(is_success) {
        writes = Writes::default();
        responses = responses.into_iter().map(undone).collect();
    }
    Decision { writes, response: results(&batch.entries, &responses) }
}

fn is_success(response: &CoreResponse) -> bool {
    (200..300).contains(&response.status)
}

/// What a member answers when its batch is refused: what was executed earlier stays so.
fn undone(response: CoreResponse) -> CoreResponse {
    if is_success(&response) && response.header_value("idempotency-replayed").is_none() {
        Problem::new(424, "batch-refused", "Another change of this atomic batch was refused.").into_response()
    } else {
        response
    }
}

fn results(entries: &[Entry], responses: &[CoreResponse]) -> CoreResponse {
    let results: Vec<Value> = entries.iter().zip(responses).map(|(entry, response)| result(entry, response)).collect();
    let body = serde_json::json!({ "results": results }).to_string();
    CoreResponse::with_body(200, "application/json", body.into_bytes())
}

fn result(entry: &Entry, response: &CoreResponse) -> Value {
    let mut result = Map::new();
    let mut put = |name: &str, value: Value| result.insert(name.to_owned(), value);
    put("mutationId", entry.mutation_id.clone().into());
    put("status", response.status.into());
    let body = response.json();
    let is_problem = response.header_value("content-type") == Some("application/problem+json");
    let doc = body.as_ref().filter(|_| !is_problem);
    put("id", doc.map_or_else(|| entry.id.clone().into(), |doc| doc["id"].clone()));
    if let Some(tag) = response.header_value("etag") {
        put("revision", tag.trim_matches('"').into());
    }
    if let Some(seconds) = response.header_value("retry-after").and_then(|text| text.parse::<u64>().ok()) {
        put("retryAfter", seconds.into());
    }
    if response.header_value("idempotency-replayed").is_some() {
        put("replayed", true.into());
    }
    if let Some(body) = body {
        put(if is_problem { "problem" } else { "doc" }, body);
    }
    Value::Object(result)
}
