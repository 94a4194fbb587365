//! Bodies and keys of requests: content type, JSON, depth, the idempotency key's two spellings.
//!
//! Refuses what is no JSON object within the limits. Knows no routes and no collections.

use serde_json::{Map, Value};

use super::problem::Problem;
use super::request::CoreRequest;

const LONGEST_KEY: usize = 255;

/// The body as a JSON object.
pub(super) fn object(request: &CoreRequest, depth_limit: usize, patch: bool) -> Result<Map<String, Value>, Problem> {
    check_content_type(request.header_value("content-type"), patch)?;
    let value = serde_json::from_slice(&request.body)
        .map_err(|_| Problem::new(400, "invalid-json", "The request body is not JSON, or is nested too deeply."))?;
    match value {
        value if depth_exceeds(&value, depth_limit) => {
            Err(Problem::new(400, "too-deep", "The request body is nested too deeply."))
        }
        Value::Object(map) => Ok(map),
        _ => Err(Problem::new(422, "not-an-object", "A document is a JSON object.")),
    }
}

fn check_content_type(value: Option<&str>, patch: bool) -> Result<(), Problem> {
    let essence = value.unwrap_or("").split(';').next().unwrap_or("").trim().to_ascii_lowercase();
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
pub(super) fn idempotency_key(request: &CoreRequest) -> Result<Option<String>, Problem> {
    let Some(text) = request.header_value("idempotency-key") else {
        return Ok(None);
    };
    unquote(text.trim()).ok_or_else(unreadable_key).and_then(checked_key).map(Some)
}

/// A key of acceptable length.
pub(super) fn checked_key(key: String) -> Result<String, Problem> {
    if (1..=LONGEST_KEY).contains(&key.len()) {
        Ok(key)
    } else {
        Err(unreadable_key())
    }
}

fn unreadable_key() -> Problem {
    Problem::new(400, "invalid-idempotency-key", "The idempotency key is not readable.")
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
