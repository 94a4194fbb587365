//! The mutant table: how many schedules it takes until each seeded bug is caught, and by which oracle.
//!
//! It is the proof that the oracles bite. A mutant that outlives its searches is reported as alive.

use super::schedule::{run, Order};
use seakeep::engine::mutant::Mutant;
use std::path::Path;

/// Schedules within which a mutant must be caught.
pub(crate) const MOST: u64 = 1_000;

/// Where the table in SPEC.md begins.
const TABLE: &str = "| seeded bug | median | worst | caught by |\n|---|---|---|---|\n";

/// The searches for one mutant.
#[derive(Debug)]
pub(crate) struct Hunt {
    pub(crate) mutant: Mutant,
    /// Schedules until it was caught, per search; `None` where it outlived all of them.
    pub(crate) kills: Vec<Option<u64>>,
    pub(crate) by: Vec<&'static str>,
}

impl Hunt {
    /// Several independent searches, each from its own seed.
    pub(crate) fn new(mutant: Mutant, seed: u64, searches: u64, steps: u64) -> Self {
        let mut hunt = Self { mutant, kills: Vec::new(), by: Vec::new() };
        for search in 0..searches {
            let first = seed.wrapping_add(search.wrapping_mul(1_000_003));
            let caught = (0..MOST).find_map(|count| {
                let order = Order { mutant: Some(mutant), ..Order::new(first.wrapping_add(count), steps) };
                let violation = run(&order).violation?;
                // What breaks without the bug as well is no proof.
                run(&Order { mutant: None, ..order }).violation.is_none().then_some((count + 1, violation.number))
            });
            hunt.kills.push(caught.map(|(count, _)| count));
            if let Some((_, number)) = caught.filter(|(_, number)| !hunt.by.contains(number)) {
                hunt.by.push(number);
            }
        }
        hunt
    }

    /// Whether every search caught it.
    pub(crate) fn is_dead(&self) -> bool {
        self.kills.iter().all(Option::is_some)
    }

    /// Name, median, worst, oracles.
    fn cells(&self) -> [String; 4] {
        let mut kills: Vec<u64> = self.kills.iter().map(|kill| kill.unwrap_or(u64::MAX)).collect();
        kills.sort_unstable();
        let text = |count: Option<&u64>| match count {
            Some(&u64::MAX) | None => "alive".to_owned(),
            Some(count) => count.to_string(),
        };
        [format!("{:?}", self.mutant), text(kills.get(kills.len() / 2)), text(kills.last()), self.by.join(" ")]
    }

    /// A row of the table as printed.
    pub(crate) fn row(&self) -> String {
        let [name, median, worst, by] = self.cells();
        format!("{name:<28} {median:>7} {worst:>7}  {by}")
    }
}

/// Puts the table into SPEC.md, in place of the one that stands there.
pub(crate) fn write_table<'h>(hunts: impl Iterator<Item = &'h Hunt>) -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("SPEC.md");
    let text = std::fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(TABLE).unwrap_or((&text, ""));
    let after = rest.find("\n\n").map_or("", |end| &rest[end..]);
    let rows: Vec<String> = hunts.map(|hunt| format!("| {} |", hunt.cells().join(" | "))).collect();
    std::fs::write(&path, format!("{before}{TABLE}{}{after}", rows.join("\n")))
}
