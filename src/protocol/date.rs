//! Dates of the wire: RFC 9110 IMF-fixdate, RFC 3339 timestamps and `Retry-After`.
//!
//! Only the forms a server is meant to send are read; anything else is `None`. No locale, no clock.

use crate::model::Time;

/// The longest pause a server may ask for (24 h); longer ones are cut (pitfalls D20).
pub const MAX_RETRY_AFTER: u64 = 24 * 60 * 60 * 1_000;

/// A pause from `Retry-After`: seconds, or a date measured against the response's own `Date` (else `now`).
///
/// `None` for what is neither, for negative numbers and for dates that have passed.
pub fn retry_after(value: &str, date: Option<&str>, now: Time) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = value.parse::<u64>().unwrap_or(u64::MAX);
        return Some(seconds.saturating_mul(1_000).min(MAX_RETRY_AFTER));
    }
    let at = http_date(value)?;
    let from = date.and_then(http_date).unwrap_or(now);
    at.checked_sub(from).map(|length| length.min(MAX_RETRY_AFTER))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as a time.
pub fn http_date(text: &str) -> Option<Time> {
    let (weekday, rest) = text.split_once(' ')?;
    weekday.strip_suffix(',')?;
    let mut parts = rest.split(' ');
    let day = whole(parts.next()?, 2)?;
    let month = month(parts.next()?)?;
    let year = whole(parts.next()?, 4)?;
    let seconds = clock(parts.next()?)?;
    (parts.next()? == "GMT" && parts.next().is_none()).then_some(())?;
    Some((days(year, month, day)? * 86_400 + seconds) * 1_000)
}

/// `2026-11-20T06:25:00.123Z` (or with an offset) as a time.
pub fn timestamp(text: &str) -> Option<Time> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (whole(parts.next()?, 4)?, whole(parts.next()?, 2)?, whole(parts.next()?, 2)?);
    parts.next().is_none().then_some(())?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = rest.split_at_checked(zone)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let at = (days(year, month, day)? * 86_400 + clock(time)?) * 1_000 + millis(fraction)?;
    let shift = offset(zone)?;
    u64::try_from(i64::try_from(at).ok()? - shift).ok()
}

fn millis(fraction: &str) -> Option<u64> {
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    let digits = fraction.bytes().chain(*b"000").take(3);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let length = i64::try_from(whole(hours, 2)? * 60 + whole(minutes, 2)?).ok()? * 60_000;
    Some(if zone.starts_with('-') { -length } else { length })
}

fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (whole(parts.next()?, 2)?, whole(parts.next()?, 2)?, whole(parts.next()?, 2)?);
    let fits = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    fits.then_some(hours * 3_600 + minutes * 60 + seconds)
}

fn whole(text: &str, digits: usize) -> Option<u64> {
    let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn month(name: &str) -> Option<u64> {
    const NAMES: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    NAMES.iter().position(|known| *known == name).map(|index| index as u64 + 1)
}

/// Days since 1970-01-01 in the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    ((1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)).then_some(())?;
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_wire() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(http_date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000_000));
        for bad in [
            "",
            "soon",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 25:49:37 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_with_and_without_fractions_and_offsets() {
        assert_eq!(timestamp("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(timestamp("2026-11-20T06:25:00.123Z"), Some(1_795_155_900_123));
        assert_eq!(timestamp("2026-11-20T07:25:00.1+01:00"), Some(1_795_155_900_100));
        assert_eq!(timestamp("2026-11-20T05:25:00.123456-01:00"), Some(1_795_155_900_123));
        for bad in ["", "2026-11-20", "2026-13-20T06:25:00Z", "2026-11-20T06:25Z", "2026-11-20T06:25:00"] {
            assert_eq!(timestamp(bad), None, "{bad}");
        }
    }

    #[test]
    fn retry_after_in_both_forms_and_in_none() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("2", None, 5), Some(2_000));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", date, 0), Some(60_000));
        assert_eq!(retry_after("99999999999999999999999", None, 0), Some(MAX_RETRY_AFTER));
        for bad in ["soon", "-5", "1e99", "", "1.5", "Thu, 01 Jan 1970 00:00:01 GMT"] {
            assert_eq!(retry_after(bad, date, 0), None, "{bad}");
        }
    }
}
