//! Chooses how a query is answered: by which index or by id, in which key ranges, and what remains.
//!
//! An index lacks the documents without its fields. It may therefore answer only when a condition on each of its
//! paths guarantees the field, or when the rows it has come first and suffice for the limit ([`Access::partial`]).

use super::key::Key;
use super::{Condition, IndexDef, Query, Scalar, Test};
use crate::model::{sort_by, Listed};

/// An end of a range: the key, and whether it is left out.
pub type End = Option<(Key, bool)>;

/// A range of keys; an absent end is open to infinity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Range {
    /// Where it begins.
    pub lower: End,
    /// Where it ends.
    pub upper: End,
}

/// More ranges than this are not worth a request each.
const MAX_RANGES: usize = 64;

/// How to answer a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Access {
    /// Place of the index among those given; `None` reads the collection by id.
    pub index: Option<usize>,
    /// Key ranges without overlap, ascending; none at all when nothing can match.
    pub ranges: Vec<Range>,
    /// Places of the conditions still to be tested on each row.
    pub residual: Vec<usize>,
    /// Whether rows come in the order asked for, so that the limit may stop the reading.
    pub ordered: bool,
    /// Whether a row may come twice.
    pub repeats: bool,
    /// Whether the index lacks rows that come after all of its own: its answer counts only when it fills the limit.
    pub partial: bool,
}

impl Access {
    /// Whether every row in the ranges is an answer.
    pub fn is_exact(&self) -> bool {
        self.residual.is_empty()
    }

    /// Everything, by id.
    pub fn scan(query: &Query) -> Self {
        Self {
            ranges: vec![Range::default()],
            residual: (0..query.conditions.len()).listed(),
            ordered: order(query).next().is_none(),
            ..Self::default()
        }
    }
}

impl Range {
    /// Exactly one key.
    pub fn only(key: Key) -> Self {
        Self { lower: Some((key.clone(), false)), upper: Some((key, false)) }
    }

    /// All keys of the type of a number or text.
    pub(super) fn of_type(key: &Key) -> Self {
        match key {
            Key::Number(_) => Self {
                lower: Some((Key::Number(f64::NEG_INFINITY), false)),
                upper: Some((Key::Number(f64::INFINITY), false)),
            },
            _ => Self { lower: Some((Key::Text("".into()), false)), upper: Some((Key::after_texts(), true)) },
        }
    }

    /// Texts that begin so, and whether the range holds no others.
    fn starting_with(prefix: &str) -> (Self, bool) {
        let kept = prefix.trim_end_matches(|last| last >= '\u{D7FF}');
        let mut upper: String = kept.into();
        let next = upper.pop().and_then(|last| char::from_u32(u32::from(last) + 1));
        upper.extend(next);
        let end = if next.is_some() { Key::Text(upper.into()) } else { Key::after_texts() };
        let range = Self { lower: Some((Key::Text(prefix.into()), false)), upper: Some((end, true)) };
        (range, kept.len() == prefix.len())
    }

    /// Whether a key lies in it.
    pub fn contains(&self, key: &Key) -> bool {
        let above = |(lower, open): &(Key, bool)| key > lower || (!open && key == lower);
        let below = |(upper, open): &(Key, bool)| key < upper || (!open && key == upper);
        self.lower.as_ref().is_none_or(above) && self.upper.as_ref().is_none_or(below)
    }

    /// Whether no key can lie in it; IndexedDB throws on such a range.
    pub fn is_empty(&self) -> bool {
        self.lower
            .as_ref()
            .zip(self.upper.as_ref())
            .is_some_and(|((lower, after), (upper, before))| lower > upper || (lower == upper && (*after || *before)))
    }

    fn and(self, other: Self) -> Self {
        let lower = [self.lower, other.lower].into_iter().flatten();
        let upper = [self.upper, other.upper].into_iter().flatten();
        Self {
            lower: lower.max_by(|left, right| left.0.cmp(&right.0).then(left.1.cmp(&right.1))),
            upper: upper.min_by(|left, right| left.0.cmp(&right.0).then(right.1.cmp(&left.1))),
        }
    }

    /// The compound keys that begin with a prefix and go on with a key of this range. A longer key is greater than
    /// its own beginning, so an end lies before or after all that begin with it.
    fn after(self, prefix: &[Key]) -> Self {
        let end = |(key, after): (Key, bool)| join(prefix, if after { key.successor() } else { key });
        Self {
            lower: self.lower.map(|(key, open)| (end((key, open)), false)),
            upper: self.upper.map(|(key, open)| (end((key, !open)), true)),
        }
    }
}

fn join(prefix: &[Key], last: Key) -> Key {
    Key::List(prefix.iter().cloned().chain([last]).listed())
}

/// The best access for a query on a collection with these indexes.
pub fn choose(query: &Query, indexes: &[IndexDef]) -> Access {
    let by_id = candidate(query, &["id".into()], false).filter(|access| !access.partial).map(|access| (2, access));
    let by_index = indexes.iter().enumerate().filter_map(|(at, index)| {
        let access = candidate(query, &index.path, index.multi)?;
        Some((usize::from(index.unique), Access { index: Some(at), ..access }))
    });
    let ranked = by_id.into_iter().chain(by_index).map(|(bonus, access)| (worth(query, &access) + bonus, access));
    let best = ranked.max_by_key(|(worth, _)| *worth).filter(|(worth, _)| *worth > 0);
    best.map_or_else(|| Access::scan(query), |(_, access)| access)
}

/// Conditions answered by the ranges count most, then equality, then an order that lets the limit stop the reading.
fn worth(query: &Query, access: &Access) -> usize {
    if access.ranges.is_empty() {
        return usize::MAX / 2;
    }
    let answered = query.conditions.len() - access.residual.len();
    let bounded = access.ranges.iter().all(|range| range.lower.is_some());
    let equal = bounded && access.ranges.iter().all(|range| range.lower == range.upper);
    let stops = access.ordered && query.limit.is_some();
    answered * 16 + usize::from(equal) * 8 + usize::from(stops) * 6 + usize::from(bounded)
}

/// What the conditions say about one path.
enum Part {
    /// These values, ascending.
    Values(Vec<Key>),
    Span(Range),
}

fn candidate(query: &Query, path: &[String], multi: bool) -> Option<Access> {
    let mut residual: Vec<usize> = (0..query.conditions.len()).listed();
    let mut prefixes: Vec<Vec<Key>> = vec![Vec::new()];
    let mut span = None;
    let mut loose = Vec::new();
    for field in path {
        let narrows = span.is_none() && loose.is_empty();
        match part(query, field, multi, &mut residual, narrows) {
            None => loose.push(field.as_str()),
            Some(_) if !narrows => {}
            Some(Part::Values(values)) => prefixes = cross(&prefixes, &values)?,
            Some(Part::Span(range)) => span = Some(range),
        }
    }
    let nothing = prefixes.is_empty() || span.as_ref().is_some_and(Range::is_empty);
    let whole = path.len() == prefixes.first().map_or(0, Vec::len);
    let ranges = if nothing { Vec::new() } else { ranges(&prefixes, span.as_ref(), path.len() == 1, whole) };
    let access = Access {
        index: None,
        repeats: multi && !(whole && ranges.len() == 1),
        ordered: is_ordered(query, path, multi, &ranges),
        partial: !loose.is_empty(),
        ranges,
        residual,
    };
    (loose.is_empty() || is_prefix_enough(query, &access, multi, &loose)).then_some(access)
}

/// Rows that an index lacks come after its own only when the field they lack is the first to order by.
fn is_prefix_enough(query: &Query, access: &Access, multi: bool, loose: &[&str]) -> bool {
    let stops = access.ordered && access.is_exact() && query.limit.is_some();
    stops && !multi && !access.ranges.is_empty() && loose.len() == 1 && order(query).next() == Some(loose[0])
}

/// Takes what the conditions say about a path; those that the ranges will answer leave `residual`.
fn part(query: &Query, path: &str, multi: bool, residual: &mut Vec<usize>, answer: bool) -> Option<Part> {
    let on_path = |at: &usize| query.conditions[*at].path == path && query.conditions[*at].any == multi;
    let mine: Vec<usize> = (0..query.conditions.len()).filter(on_path).listed();
    let valued = mine.iter().find_map(|at| Some((*at, values(&query.conditions[*at])?)));
    if let Some((at, values)) = valued {
        residual.retain(|other| !(answer && *other == at));
        return Some(Part::Values(values));
    }
    let spans = mine.iter().filter_map(|at| Some((*at, span_of(&query.conditions[*at])?)));
    let mut whole: Option<Range> = None;
    for (at, (range, exact)) in spans.take(if multi { 1 } else { usize::MAX }) {
        residual.retain(|other| !(answer && exact && *other == at));
        whole = Some(whole.map_or_else(|| range.clone(), |whole| whole.and(range.clone())));
    }
    whole.map(Part::Span)
}

/// The keys of an equality, ascending; `None` when one of its values stands in no index.
fn values(condition: &Condition) -> Option<Vec<Key>> {
    let Test::In(values) = &condition.test else { return None };
    let key = |value: &Scalar| match value {
        Scalar::Key(key) => Some(key.clone()),
        _ => None,
    };
    let mut keys = values.iter().map(key).all_listed()?;
    sort_by(&mut keys, Ord::cmp);
    keys.dedup();
    Some(keys)
}

fn span_of(condition: &Condition) -> Option<(Range, bool)> {
    match &condition.test {
        Test::In(_) => None,
        Test::Within(range) => Some((range.clone(), true)),
        Test::StartsWith(prefix) => Some(Range::starting_with(prefix)),
    }
}

fn cross(prefixes: &[Vec<Key>], values: &[Key]) -> Option<Vec<Vec<Key>>> {
    let with = |prefix: &Vec<Key>, value: &Key| prefix.iter().cloned().chain([value.clone()]).listed();
    let all: Vec<Vec<Key>> =
        prefixes.iter().flat_map(|prefix| values.iter().map(move |value| with(prefix, value))).listed();
    (all.len() <= MAX_RANGES).then_some(all)
}

fn ranges(prefixes: &[Vec<Key>], span: Option<&Range>, single: bool, whole: bool) -> Vec<Range> {
    let range = |prefix: &Vec<Key>| match (span, single, prefix.last()) {
        (Some(span), true, _) => span.clone(),
        (Some(span), false, _) => span.clone().after(prefix),
        (None, true, Some(key)) => Range::only(key.clone()),
        (None, true, None) => Range { lower: Some((Key::first(), false)), upper: None },
        (None, false, Some(_)) if whole => Range::only(Key::List(prefix.clone())),
        (None, false, _) => under(prefix),
    };
    prefixes.iter().map(range).listed()
}

/// All compound keys that begin with a prefix. The lower end names the first key there is: a browser that wrongly puts
/// `null` into an index puts it below.
fn under(prefix: &[Key]) -> Range {
    let lower = Some((join(prefix, Key::first()), false));
    let upper = prefix.split_last().map(|(last, rest)| (join(rest, last.successor()), true));
    Range { lower, upper }
}

/// The paths that decide the order: up to the id, without those that have one value only.
fn order(query: &Query) -> impl Iterator<Item = &str> {
    let asked = query.order_by.iter().map(String::as_str).take_while(|path| *path != "id");
    asked.filter(|path| !is_fixed(query, path))
}

fn is_fixed(query: &Query, path: &str) -> bool {
    let fixes = |condition: &Condition| matches!(&condition.test, Test::In(values) if values.len() == 1);
    query.conditions.iter().any(|condition| condition.path == path && !condition.any && fixes(condition))
}

fn is_ordered(query: &Query, path: &[String], multi: bool, ranges: &[Range]) -> bool {
    if multi {
        return ranges.len() == 1 && ranges[0].lower == ranges[0].upper && order(query).next().is_none();
    }
    let given = path.iter().map(String::as_str).filter(|path| *path != "id" && !is_fixed(query, path));
    order(query).eq(given)
}
