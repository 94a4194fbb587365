//! Text forms of time, revisions, entity tags and checkpoints.
//!
//! All of them are opaque to clients. Time comes in as milliseconds since 1970; this file reads no clock.

use sha2::{Digest, Sha256};
use std::time::{Duration, SystemTime};

// The last millisecond of the year 9999: neither text form of time goes further.
const LAST_MS: u64 = 253_402_300_799_999;

/// ISO 8601 with milliseconds, in UTC.
pub(super) fn iso_time(ms: u64) -> String {
    humantime::format_rfc3339_millis(instant(ms)).to_string()
}

/// The form of the `Date` header.
pub fn http_date(ms: u64) -> String {
    httpdate::fmt_http_date(instant(ms))
}

fn instant(ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(ms.min(LAST_MS))
}

/// Half of a SHA-256 over the parts, each set off by its length.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    hash.finalize()[..16].iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The strong entity tag of a revision.
pub(super) fn entity_tag(revision: &str) -> String {
    format!("\"{revision}\"")
}

/// Whether an `If-Match` or `If-None-Match` list names the revision. Weak tags count only when `weak`.
pub(super) fn names_revision(list: &str, revision: &str, weak: bool) -> bool {
    list.split(',').map(str::trim).any(|tag| {
        let strong = if weak { tag.strip_prefix("W/").unwrap_or(tag) } else { tag };
        strong == "*" || strong.strip_prefix('"').and_then(|t| t.strip_suffix('"')) == Some(revision)
    })
}

/// The checkpoint of a log position in that epoch.
pub(super) fn checkpoint(position: u64, epoch: &str) -> String {
    format!("{position}.{epoch}")
}

/// The position of a checkpoint, when it is one of that epoch and not ahead of the log.
pub(super) fn checkpoint_position(text: &str, epoch: &str, head: u64) -> Option<u64> {
    let position: u64 = text.split_once('.')?.0.parse().ok()?;
    (position <= head && text == checkpoint(position, epoch)).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_has_milliseconds_and_an_end() {
        assert_eq!(iso_time(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
        assert_eq!(iso_time(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(http_date(1_700_000_000_007), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(http_date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn tags_are_compared_as_the_header_asks() {
        for (list, weak, expected) in [
            ("\"1-a\"", false, true),
            ("\"0-x\", \"1-a\"", false, true),
            ("*", false, true),
            ("W/\"1-a\"", false, false),
            ("W/\"1-a\"", true, true),
            ("1-a", false, false),
            ("", false, false),
        ] {
            assert_eq!(names_revision(list, "1-a", weak), expected, "{list}");
        }
    }

    #[test]
    fn foreign_checkpoints_are_unknown() {
        assert_eq!(checkpoint_position(&checkpoint(3, "e.1"), "e.1", 3), Some(3));
        for text in ["", "3", "4.e.1", "03.e.1", "+3.e.1", "3.e", "3.e.1x", "-1.e.1", "x"] {
            assert_eq!(checkpoint_position(text, "e.1", 3), None, "{text}");
        }
    }
}
