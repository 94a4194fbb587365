//! Dates of the wire: the three forms of RFC 9110, RFC 3339 timestamps and `Retry-After`.
//!
//! Only the forms that a recipient has to read are read; anything else is `None`. No locale, no clock.

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
    let at = http_date(value, now)?;
    let from = date.and_then(|date| http_date(date, now)).unwrap_or(now);
    at.checked_sub(from).map(|length| length.min(MAX_RETRY_AFTER))
}

/// A date in one of the three forms of RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, and, as old servers have them,
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`. A year of two digits is the last one that is no more
/// than 50 years after `now`.
pub fn http_date(text: &str, now: Time) -> Option<Time> {
    let mut parts = text.split([' ', ',', '-']).filter(|part| !part.is_empty());
    let first = parts.by_ref().nth(1)?;
    let (date, seconds) = if let Some(month) = month(first) {
        let day = parts.next()?;
        let (day, seconds) = (whole(day, day.len().min(2))?, clock(parts.next()?)?);
        (days(whole(parts.next()?, 4)?, month, day)?, seconds)
    } else {
        let (day, month, year) = (whole(first, 2)?, month(parts.next()?)?, parts.next()?);
        let year = if year.len() == 2 { century(whole(year, 2)?, now) } else { whole(year, 4)? };
        let date = (days(year, month, day)?, clock(parts.next()?)?);
        (parts.next()? == "GMT").then_some(date)?
    };
    parts.next().is_none().then_some((date * 86_400 + seconds) * 1_000)
}

/// The year that two digits stand for.
fn century(digits: u64, now: Time) -> u64 {
    let latest = 1970 + now / 31_556_952_000 + 50;
    latest - (latest - digits) % 100
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

    const NOW: Time = 1_795_155_900_123;

    #[test]
    fn dates_of_the_wire() {
        for (text, at) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000_000),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777_000),
            ("Thursday, 29-Feb-24 12:00:00 GMT", 1_709_208_000_000),
            ("Sun Nov  6 08:49:37 1994", 784_111_777_000),
            ("Thu Feb 29 12:00:00 2024", 1_709_208_000_000),
        ] {
            assert_eq!(http_date(text, NOW), Some(at), "{text}");
        }
        for bad in [
            "",
            "soon",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sunday, 06-Nov-94-1 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37",
            "Sun Nov 06 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sun Nov",
            "Sun Nov 006 08:49:37 1994",
            "Sunday, 6-Nov-94 08:49:37 GMT",
            "Sun Növ  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(bad, NOW), None, "{bad}");
        }
    }

    #[test]
    fn a_year_of_two_digits_is_no_more_than_fifty_years_ahead() {
        let year = |digits: u64, now: Time| century(digits, now);
        assert_eq!([year(76, NOW), year(77, NOW), year(26, NOW), year(0, NOW)], [2076, 1977, 2026, 2000]);
        assert_eq!([year(20, 0), year(21, 0)], [2020, 1921]);
        assert_eq!(http_date("Monday, 06-Nov-67 08:49:37 GMT", 0), None, "before the epoch there is no time");
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
        for date in [date, Some("Sunday, 06-Nov-94 08:49:37 GMT"), Some("Sun Nov  6 08:49:37 1994")] {
            for until in ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"]
            {
                assert_eq!(retry_after(until, date, NOW), Some(60_000), "{until} {date:?}");
            }
        }
        assert_eq!(retry_after("99999999999999999999999", None, 0), Some(MAX_RETRY_AFTER));
        for bad in ["soon", "-5", "1e99", "", "1.5", "Thu, 01 Jan 1970 00:00:01 GMT"] {
            assert_eq!(retry_after(bad, date, 0), None, "{bad}");
        }
    }
}
