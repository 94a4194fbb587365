//! One change on one document: preconditions, merge, validation, the document that comes out.
//!
//! Knows nothing of idempotency; a refused change is a response and leaves no trace.

use serde_json::{Map, Value};
use std::sync::Arc;

use super::command::{Action, Change};
use super::decide::Circumstances;
use super::problem::Problem;
use super::request::CoreResponse;
use super::rows::{Document, Rows};
use super::stamp::{digest, entity_tag, iso_time, names_revision};

const MADE_BY_SERVER: [&str; 3] = ["id", "createdAt", "updatedAt"];

/// The document as it becomes, with the answer; or the refusal.
pub(super) fn apply(
    change: &Change,
    fresh_id: &str,
    rows: &Rows,
    at: Circumstances<'_>,
) -> Result<(Document, CoreResponse), CoreResponse> {
    let id = change.id.as_deref().unwrap_or(fresh_id);
    let previous = rows.documents.get(&(change.collection.clone(), id.to_owned()));
    let current = previous.filter(|document| document.text.is_some());
    check_preconditions(change, previous)?;
    let fields = fields_after(change, id, current).map_err(Problem::into_response)?;
    if let Some(fields) = &fields {
        let errors = at.rules.check(&change.collection, fields);
        if !errors.is_empty() {
            return Err(Problem::invalid(errors).into_response());
        }
    }
    let document = Draft { change, id, previous, rows, at }.finish(fields);
    let response = match (&document.text, current) {
        (None, _) => CoreResponse::empty(204),
        (Some(_), None) => with_document(201, &document),
        (Some(_), Some(_)) => with_document(200, &document),
    };
    Ok((document, response))
}

/// The document, when it exists and is not a tombstone.
pub(super) fn live(document: Option<&Document>) -> Result<&Document, Problem> {
    match document {
        Some(document) if document.text.is_some() => Ok(document),
        Some(_) => Err(Problem::new(410, "deleted", "The document was deleted.")),
        None => Err(Problem::new(404, "not-found", "There is no such document.")),
    }
}

/// The document as a response with its entity tag.
pub(super) fn with_document(status: u16, document: &Document) -> CoreResponse {
    let body = document.text.as_deref().unwrap_or_default().as_bytes().to_vec();
    CoreResponse::with_body(status, "application/json", body).header("etag", entity_tag(&document.revision))
}

fn check_preconditions(change: &Change, previous: Option<&Document>) -> Result<(), CoreResponse> {
    let found = live(previous);
    match (&change.action, &change.if_match, found) {
        (Action::Create(_), ..) => Ok(()),
        (Action::Put(_), _, Ok(current)) if change.if_absent => Err(with_document(412, current)),
        (Action::Put(_), None, Err(_)) if change.if_absent || previous.is_none() => Ok(()),
        (_, Some(list), Ok(current)) if !names_revision(list, &current.revision, false) => {
            Err(with_document(412, current))
        }
        (_, _, Ok(_)) => Ok(()),
        (_, _, Err(problem)) => Err(problem.into_response()),
    }
}

/// All fields of the document after the change; `None` when it is deleted.
fn fields_after(change: &Change, id: &str, current: Option<&Document>) -> Result<Option<Map<String, Value>>, Problem> {
    match &change.action {
        Action::Delete => Ok(None),
        Action::Create(fields) => Ok(Some(fields.clone())),
        Action::Put(fields) => check_id(fields, id).map(|()| Some(fields.clone())),
        Action::Patch(patch) => {
            check_id(patch, id)?;
            Ok(Some(merged(current, patch)))
        }
    }
}

fn check_id(fields: &Map<String, Value>, id: &str) -> Result<(), Problem> {
    match fields.get("id") {
        Some(value) if value.as_str() != Some(id) => Err(Problem::invalid_field("id", "differs from the path")),
        _ => Ok(()),
    }
}

fn merged(current: Option<&Document>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut value = current.and_then(Document::value).unwrap_or_default();
    json_patch::merge(&mut value, &Value::Object(patch.clone()));
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

struct Draft<'a> {
    change: &'a Change,
    id: &'a str,
    previous: Option<&'a Document>,
    rows: &'a Rows,
    at: Circumstances<'a>,
}

impl Draft<'_> {
    fn finish(&self, fields: Option<Map<String, Value>>) -> Document {
        let updated_at = self.previous.map_or(self.at.now, |previous| self.at.now.max(previous.updated_at + 1));
        let alive = self.previous.filter(|previous| previous.text.is_some());
        let created_at = alive.map_or(updated_at, |previous| previous.created_at);
        let changes = self.previous.map_or(1, |previous| previous.changes + 1);
        let text = fields.map(|fields| Arc::from(self.text(fields, created_at, updated_at)));
        Document {
            collection: self.change.collection.clone(),
            id: self.id.to_owned(),
            revision: self.revision(changes, text.as_deref()),
            changes,
            created_at,
            updated_at,
            position: self.rows.head + 1,
            text,
        }
    }

    fn text(&self, fields: Map<String, Value>, created_at: u64, updated_at: u64) -> String {
        let mut document = Map::with_capacity(fields.len() + MADE_BY_SERVER.len());
        document.insert("id".to_owned(), self.id.into());
        document.extend(fields.into_iter().filter(|(name, _)| !MADE_BY_SERVER.contains(&name.as_str())));
        document.insert("createdAt".to_owned(), iso_time(created_at).into());
        document.insert("updatedAt".to_owned(), iso_time(updated_at).into());
        Value::Object(document).to_string()
    }

    fn revision(&self, changes: u64, text: Option<&str>) -> String {
        let parts = [&self.rows.epoch, &self.change.collection, self.id, text.unwrap_or_default()];
        format!("{changes}-{}", &digest(&parts.map(str::as_bytes))[..8])
    }
}
