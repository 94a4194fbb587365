//! Paths: which names and ids there may be, and what a path stands for.
//!
//! An id is one percent-encoded segment. Refuses everything else under a leading underscore, so that
//! the profile can grow there.

use percent_encoding::percent_decode_str;

use super::problem::Problem;

const LONGEST_ID: usize = 512;

/// What a path names.
pub(super) enum Route {
    /// The reachability probe.
    Health,
    /// Several changes at once.
    Batch,
    /// A collection's log, and the place to create in.
    Collection(String),
    /// Collection and id of one document.
    Document(String, String),
}

impl Route {
    /// The refusal of a method this path does not know.
    pub(super) fn refuse_method(&self) -> Problem {
        let allow = match self {
            Self::Health => "GET, HEAD",
            Self::Batch => "POST",
            Self::Collection(_) => "GET, HEAD, POST",
            Self::Document(..) => "GET, HEAD, PUT, PATCH, DELETE",
        };
        Problem::new(405, "method-not-allowed", "This path does not know that method.").header("allow", allow)
    }
}

/// Reads a path below the API base.
pub(super) fn route(path: &str) -> Result<Route, Problem> {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("_health"), None, None) => Ok(Route::Health),
        (Some("_batch"), None, None) => Ok(Route::Batch),
        (Some(name), None, None) if is_collection(name) => Ok(Route::Collection(name.to_owned())),
        (Some(name), Some(id), None) if is_collection(name) => Ok(Route::Document(name.to_owned(), document_id(id)?)),
        _ => Err(Problem::new(404, "unknown-path", "There is nothing at this path.")),
    }
}

/// Whether a collection may have that name.
pub(super) fn is_collection(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && !name.starts_with('_') && name.bytes().all(allowed)
}

fn document_id(segment: &str) -> Result<String, Problem> {
    let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| invalid_id())?;
    checked_id(decoded.into_owned())
}

/// An id of acceptable length.
pub(super) fn checked_id(id: String) -> Result<String, Problem> {
    if (1..=LONGEST_ID).contains(&id.len()) {
        Ok(id)
    } else {
        Err(invalid_id())
    }
}

fn invalid_id() -> Problem {
    Problem::new(400, "invalid-id", "An id is UTF-8 text of 1 to 512 bytes.")
}
