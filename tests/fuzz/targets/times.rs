//! Dates, timestamps and `Retry-After` of any text.

use super::answer::{check_pause, check_time, NOW};
use seakeep::protocol::date::{http_date, retry_after, timestamp};
use seakeep_server::core::http_date as written;

/// Two lines: a header's value, and the answer's own date.
pub(super) fn times(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (value, date) = text.split_once('\n').unwrap_or((&text, ""));
    for now in [0, NOW, u64::MAX] {
        check_pause(retry_after(value, Some(date), now));
        check_pause(retry_after(value, None, now));
    }
    check_time(timestamp(value));
    let at = http_date(value, NOW);
    check_time(at);
    // A leap second at the end of the year 9999 is the one moment that cannot be written.
    if let Some(at) = at.filter(|at| *at <= 253_402_300_799_999) {
        assert_eq!(http_date(&written(at), NOW), Some(at), "a date means what it says: {value}");
    }
}
