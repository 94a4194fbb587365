//! The decision on a command: from the rows as they are inside one transaction to writes and answer.
//!
//! Pure and total. Time and the id of a new document come in as arguments. Every store runs this same
//! function, so what is proven on tables in memory is what runs on the database.

use super::batch;
use super::change;
use super::command::{Change, Command};
use super::problem::Problem;
use super::pull;
use super::request::CoreResponse;
use super::rows::{Decision, Document, Rows, StoredResult, Writes};
use super::rules::Rules;
use super::stamp::{entity_tag, names_revision};

/// What does not come from the request or the rows.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// What the server accepts.
    pub rules: &'a Rules,
    /// Milliseconds since 1970.
    pub now: u64,
    /// Ids for the documents the server names, as many as the command wants.
    pub fresh_ids: &'a [String],
}

/// Decides one command.
pub fn decide(command: &Command, rows: &Rows, at: Circumstances<'_>) -> Decision {
    match command {
        Command::Health => unwritten(CoreResponse::empty(204)),
        Command::Get { key, if_none_match } => {
            unwritten(get(rows.documents.get(key), if_none_match.as_deref()).unwrap_or_else(Problem::into_response))
        }
        Command::Pull { need, target, if_none_match } => {
            let page = pull::page(rows, need, target, if_none_match.as_deref());
            unwritten(page.unwrap_or_else(Problem::into_response))
        }
        Command::Change(change) => {
            let fresh_id = at.fresh_ids.first().map_or("", String::as_str);
            decide_change(change, fresh_id, rows, at)
        }
        Command::Batch(batch) => batch::decide(batch, rows, at),
    }
}

fn unwritten(response: CoreResponse) -> Decision {
    Decision { writes: Writes::default(), response }
}

fn get(document: Option<&Document>, if_none_match: Option<&str>) -> Result<CoreResponse, Problem> {
    let document = change::live(document)?;
    if if_none_match.is_some_and(|list| names_revision(list, &document.revision, true)) {
        return Ok(CoreResponse::empty(304).header("etag", entity_tag(&document.revision)));
    }
    Ok(change::with_document(200, document))
}

/// Decides one change, alone or in a batch.
pub(super) fn decide_change(change: &Change, fresh_id: &str, rows: &Rows, at: Circumstances<'_>) -> Decision {
    let fingerprint = change.fingerprint();
    let stored = change.key.as_ref().and_then(|key| rows.results.get(key));
    if let Some(stored) = stored {
        return unwritten(repeat(stored, &fingerprint));
    }
    match change::apply(change, fresh_id, rows, at) {
        Ok((document, response)) => executed(change, fingerprint, document, response, at),
        Err(refusal) => unwritten(refusal),
    }
}

fn repeat(stored: &StoredResult, fingerprint: &str) -> CoreResponse {
    if stored.fingerprint == fingerprint {
        return stored.response.clone().header("idempotency-replayed", "true");
    }
    let detail = "This key was used with another method, path or body.";
    Problem::new(422, "idempotency-key-reused", detail).into_response()
}

fn executed(
    change: &Change,
    fingerprint: String,
    document: Document,
    response: CoreResponse,
    at: Circumstances<'_>,
) -> Decision {
    let result =
        change.key.clone().map(|key| StoredResult { key, fingerprint, at: at.now, response: response.clone() });
    let writes = Writes {
        documents: vec![(document, change.key.clone())],
        forget_before: result.as_ref().map(|_| at.now.saturating_sub(at.rules.retention_ms)),
        results: result.into_iter().collect(),
    };
    Decision { writes, response }
}
