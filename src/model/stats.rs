//! What sync has done since its numbers were last reset: counters, and how long requests took.
//!
//! One row of `meta`. Two of them add up, so each tab counts for itself and adds what it counted to the stored row.
//! Durations stand in buckets of a quarter of an octave: compact, and a percentile is right within an eighth.

use super::record::{number, object, text, whole};
use super::{Collection, Document, Listed, Map, Record, Time};
use std::rc::Rc;

/// Counters; sizes in bytes, times in milliseconds since the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of SyncStats and are documented there")]
pub struct Stats {
    pub passes: u64,
    pub pushed: u64,
    pub pulled: u64,
    pub retried: u64,
    pub parked: u64,
    pub conflicts: u64,
    pub failures: u64,
    pub sent: u64,
    pub received: u64,
    pub requests: Durations,
    /// When counting began.
    pub since: Time,
    /// How often it began anew.
    pub resets: u64,
    /// Who added last: the same addition is not made twice when its transaction is run again.
    pub last: Option<Rc<str>>,
    /// When a pass last ended without a failure.
    pub synced_at: Option<Time>,
    pub collections: Map<Collection, Counts>,
}

/// The counters of one collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of SyncStats and are documented there")]
pub struct Counts {
    pub pushed: u64,
    pub pulled: u64,
    pub failed: u64,
}

/// Durations, counted in buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Durations {
    buckets: Map<u32, u64>,
    least: u64,
    most: u64,
}

/// The longest duration that is told apart: the longest timeout of a request.
const LONGEST: u64 = 600_000;

impl Stats {
    /// Adds what was counted elsewhere, or meanwhile.
    pub fn add(&mut self, more: &Self) {
        self.passes += more.passes;
        self.pushed += more.pushed;
        self.pulled += more.pulled;
        self.retried += more.retried;
        self.parked += more.parked;
        self.conflicts += more.conflicts;
        self.failures += more.failures;
        self.sent += more.sent;
        self.received += more.received;
        self.requests.add(&more.requests);
        self.synced_at = self.synced_at.max(more.synced_at);
        for (name, counts) in more.collections.iter() {
            self.of(name).add(*counts);
        }
    }

    /// The counters of a collection.
    pub fn of(&mut self, collection: &Collection) -> &mut Counts {
        self.collections.get_or_insert_with(collection.clone(), Counts::default)
    }

    /// Whether a change or a document was counted, and not only that somebody looked.
    pub fn is_news(&self) -> bool {
        self.pushed + self.pulled + self.retried + self.parked + self.conflicts + self.failures > 0
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        !self.is_news() && self.passes + self.sent + self.received == 0 && self.requests.buckets.is_empty()
    }

    /// As the app gets it (`SyncStats`).
    pub fn to_document<D: Document>(&self) -> D {
        let tried = self.pushed + self.failures;
        let rate = if tried == 0 { 1.0 } else { self.pushed as f64 / tried as f64 };
        let counted = self.counters::<D>();
        D::of(&counted).with(&[
            ("successRate", Some(D::number(rate))),
            ("requestMs", Some(self.requests.to_document())),
            ("since", number(Some(self.since))),
            ("byCollection", Some(self.collections_document())),
        ])
    }

    fn counters<D: Document>(&self) -> [(&'static str, Option<D>); 9] {
        [
            ("passes", number(Some(self.passes))),
            ("pushed", number(Some(self.pushed))),
            ("pulled", number(Some(self.pulled))),
            ("retried", number(Some(self.retried))),
            ("parked", number(Some(self.parked))),
            ("conflicts", number(Some(self.conflicts))),
            ("failures", number(Some(self.failures))),
            ("bytesSent", number(Some(self.sent))),
            ("bytesReceived", number(Some(self.received))),
        ]
    }

    fn collections_document<D: Document>(&self) -> D {
        let counts = |counts: &Counts| {
            D::of(&[
                ("pushed", number(Some(counts.pushed))),
                ("pulled", number(Some(counts.pulled))),
                ("failed", number(Some(counts.failed))),
            ])
        };
        let fields: Vec<(&str, Option<D>)> =
            self.collections.iter().map(|(name, of)| (&**name, Some(counts(of)))).listed();
        D::of(&fields)
    }
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, more: Self) {
        self.pushed += more.pushed;
        self.pulled += more.pulled;
        self.failed += more.failed;
    }
}

impl Durations {
    /// Counts one duration in milliseconds.
    pub fn note(&mut self, ms: u64) {
        let ms = ms.min(LONGEST);
        self.least = if self.buckets.is_empty() { ms } else { self.least.min(ms) };
        self.most = self.most.max(ms);
        *self.buckets.get_or_insert_with(bucket(ms), || 0) += 1;
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.buckets.values().sum()
    }

    fn add(&mut self, more: &Self) {
        if more.buckets.is_empty() {
            return;
        }
        self.least = if self.buckets.is_empty() { more.least } else { self.least.min(more.least) };
        self.most = self.most.max(more.most);
        for (bucket, count) in more.buckets.iter() {
            *self.buckets.get_or_insert_with(*bucket, || 0) += count;
        }
    }

    /// The duration that `per_cent` of all do not exceed, within the width of a bucket.
    pub fn percentile(&self, per_cent: u64) -> u64 {
        let wanted = (self.count() * per_cent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter() {
            seen += count;
            if seen >= wanted {
                return middle(*bucket).clamp(self.least, self.most);
            }
        }
        0
    }

    fn to_document<D: Document>(&self) -> D {
        let field = |value: u64| number(Some(value));
        D::of(&[
            ("count", field(self.count())),
            ("min", field(self.least)),
            ("p50", field(self.percentile(50))),
            ("p95", field(self.percentile(95))),
            ("p99", field(self.percentile(99))),
            ("max", field(self.most)),
        ])
    }
}

/// The bucket of a duration: below eight one for each millisecond, then four for each octave.
fn bucket(ms: u64) -> u32 {
    if ms < 8 {
        return ms as u32;
    }
    let octave = ms.ilog2();
    8 + (octave - 3) * 4 + (ms >> (octave - 2) & 3) as u32
}

/// The duration in the middle of a bucket.
fn middle(bucket: u32) -> u64 {
    if bucket < 8 {
        return u64::from(bucket);
    }
    let (octave, quarter) = ((bucket - 8) / 4 + 3, u64::from((bucket - 8) % 4));
    let width = 1_u64 << (octave - 2).min(61);
    (4 + quarter) * width + width / 2
}

impl<D: Document> Record<D> for Stats {
    fn to_record(&self) -> D {
        let rest = [
            ("since", number(Some(self.since))),
            ("resets", number(Some(self.resets))),
            ("last", text(self.last.as_deref())),
            ("syncedAt", number(self.synced_at)),
            ("requests", Some(self.requests.to_record())),
            ("collections", Some(self.collections_document())),
        ];
        object(&self.counters::<D>().into_iter().chain(rest).listed())
    }

    fn from_record(record: &D) -> Option<Self> {
        let count = |field: &str| whole(record, field).unwrap_or(0);
        let mut stats = Self {
            passes: count("passes"),
            pushed: count("pushed"),
            pulled: count("pulled"),
            retried: count("retried"),
            parked: count("parked"),
            conflicts: count("conflicts"),
            failures: count("failures"),
            sent: count("bytesSent"),
            received: count("bytesReceived"),
            since: whole(record, "since")?,
            resets: count("resets"),
            last: record.text_of("last").map(Rc::from),
            synced_at: whole(record, "syncedAt"),
            requests: record.get("requests").and_then(|of| Durations::from_record(&of)).unwrap_or_default(),
            collections: Map::new(),
        };
        let collections = record.get("collections").unwrap_or_else(D::object);
        for name in collections.fields() {
            let Some(of) = collections.get(&name) else { continue };
            let count = |field: &str| whole(&of, field).unwrap_or(0);
            *stats.of(&name.into()) =
                Counts { pushed: count("pushed"), pulled: count("pulled"), failed: count("failed") };
        }
        Some(stats)
    }
}

impl<D: Document> Record<D> for Durations {
    fn to_record(&self) -> D {
        let pairs = self.buckets.iter().flat_map(|(bucket, count)| [u64::from(*bucket), *count]);
        object(&[
            ("min", number(Some(self.least))),
            ("max", number(Some(self.most))),
            ("buckets", Some(D::list(pairs.map(|value| D::number(value as f64)).listed()))),
        ])
    }

    fn from_record(record: &D) -> Option<Self> {
        let values: Vec<u64> =
            record.get("buckets")?.as_list()?.iter().filter_map(|value| Some(value.as_number()? as u64)).listed();
        let buckets =
            values.chunks_exact(2).map(|pair| (pair[0] as u32, pair[1])).filter(|(at, _)| *at <= bucket(LONGEST));
        Some(Self { buckets: buckets.collect(), least: whole(record, "min")?, most: whole(record, "max")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_percentile_is_right_within_an_eighth(mut all in prop::collection::vec(0..LONGEST, 1..200)) {
            let mut durations = Durations::default();
            all.iter().for_each(|ms| durations.note(*ms));
            all.sort_unstable();
            for per_cent in [50, 95, 99] {
                let exact = all[(all.len() * per_cent).div_ceil(100).max(1) - 1] as f64;
                let said = durations.percentile(per_cent as u64) as f64;
                prop_assert!((said - exact).abs() <= exact / 8.0 + 1.0, "p{} {} {}", per_cent, said, exact);
            }
            prop_assert_eq!(durations.count(), all.len() as u64);
        }

        #[test]
        fn parts_add_up_to_the_whole(all in prop::collection::vec(0..LONGEST, 0..60), at in 0_usize..60) {
            let count = |all: &[u64]| {
                let mut stats = Stats { pushed: all.len() as u64, ..Stats::default() };
                all.iter().for_each(|ms| stats.requests.note(*ms));
                *stats.of(&"cards".into()) = Counts { pushed: all.len() as u64, ..Counts::default() };
                stats
            };
            let (left, right) = all.split_at(at.min(all.len()));
            let mut sum = count(left);
            sum.add(&count(right));
            prop_assert_eq!(&sum, &count(&all));
            let stored: Json = sum.to_record();
            prop_assert_eq!(Stats::from_record(&stored), Some(sum));
        }
    }

    #[test]
    fn nothing_tried_is_no_failure() {
        let told: Json = Stats::default().to_document();
        assert_eq!(told.number_of("successRate"), Some(1.0));
        assert_eq!(told.get("requestMs").and_then(|of| of.number_of("p99")), Some(0.0));
    }
}
