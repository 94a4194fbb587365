//! Replay lists: a schedule as the questions answered with yes, made short where it fails.
//!
//! Everything that happens in a schedule but need not (an action, a fault, a choice) is a question that its seed
//! answers. A failing schedule is run again with fewer and fewer of them answered yes, as long as the same invariant
//! breaks; what is left is stored and runs with every test. A file is lines of text, `#` begins a remark:
//!
//! ```text
//! seed 77135478                  where times, ids and lengths come from
//! steps 214                      events until the faults stop
//! mutant NoRetryAfterFailure     the seeded bug it was found with, if any
//! yes request 3 12 1             yes to the first question about the 12th request of tab 3
//! ```

use super::chance::Draw;
use super::schedule::{run, Order, Ran};
use seakeep::engine::mutant::Mutant;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Events with streams of their own: what a file may name.
const NAMES: &[&str] = &[
    "world",
    "wake",
    "commit",
    "order",
    "report",
    "request",
    "reach",
    "respond",
    "message",
    "action",
    "turn",
    "stranger",
    "thaw",
    "open",
    "calm",
    "mishap",
    "version",
    "connection",
    "tag",
    "answers",
    "mishaps",
    "twist",
    "wipe",
    "user",
    "mood",
    "said",
    "news",
    "breath",
    "verdict",
    "mended",
    "refusal",
    "redirect",
    "portal",
    "retention",
    "sharing",
    "term",
    "think",
    "rival",
    "vanish",
    "function",
    "unasked",
    "budget",
    "part",
    "minds",
    "gateway",
    "reads",
    "stuck",
];
/// Runs that shortening one schedule may take.
const MOST_RUNS: usize = 4_000;

/// A schedule as a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) yes: BTreeSet<Draw>,
}

impl Replay {
    /// Runs it.
    pub(crate) fn run(&self, traces: bool) -> Ran {
        let kept = Some(self.yes.clone());
        run(&Order { traces, mutant: self.mutant, kept, ..Order::new(self.seed, self.steps) })
    }

    /// The invariant it breaks.
    fn breaks(&self) -> Option<&'static str> {
        self.run(false).violation.map(|violation| violation.number)
    }

    /// As it stands in a file.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("seed {}\nsteps {}\n", self.seed, self.steps);
        if let Some(mutant) = self.mutant {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "mutant {mutant:?}");
        }
        for Draw { what, who, count, number } in &self.yes {
            let _ = writeln!(text, "yes {what} {who} {count} {number}");
        }
        text
    }

    /// Reads a file's text; the error names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut replay = Self { seed: 0, steps: 0, mutant: None, yes: BTreeSet::new() };
        for (at, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let done = match words.as_slice() {
                [] => Some(()),
                ["seed", number] => number.parse().ok().map(|number| replay.seed = number),
                ["steps", number] => number.parse().ok().map(|number| replay.steps = number),
                ["mutant", name] => named(name).map(|mutant| replay.mutant = Some(mutant)),
                ["yes", what, who, count, number] => {
                    draw(what, who, count, number).map(|draw| replay.yes.extend([draw]))
                }
                _ => None,
            };
            done.ok_or_else(|| format!("line {}: {line:?} is no line of a replay list", at + 1))?;
        }
        Ok(replay)
    }
}

/// The seeded bug of a name.
pub(crate) fn named(name: &str) -> Option<Mutant> {
    Mutant::ALL.iter().copied().find(|mutant| format!("{mutant:?}") == name)
}

fn draw(what: &str, who: &str, count: &str, number: &str) -> Option<Draw> {
    let what = NAMES.iter().copied().find(|name| *name == what)?;
    Some(Draw { what, who: who.parse().ok()?, count: count.parse().ok()?, number: number.parse().ok()? })
}

/// A failing schedule made short; `None` when it does not fail.
pub(crate) fn shrink(seed: u64, steps: u64, mutant: Option<Mutant>) -> Option<(Replay, &'static str)> {
    let ran = run(&Order { mutant, notes: true, ..Order::new(seed, steps) });
    let number = ran.violation?.number;
    let mut best = Replay { seed, steps, mutant, yes: ran.noted.into_iter().collect() };
    if best.breaks() != Some(number) {
        return Some((best, number));
    }
    let mut left = MOST_RUNS;
    let mut holds = |replay: &Replay| {
        left = left.saturating_sub(1);
        left > 0 && replay.breaks() == Some(number)
    };
    while best.steps > 1 {
        let shorter = Replay { steps: best.steps / 2, ..best.clone() };
        if !holds(&shorter) {
            break;
        }
        best = shorter;
    }
    let mut size = best.yes.len().div_ceil(2).max(1);
    loop {
        let before = best.yes.len();
        let all: Vec<Draw> = best.yes.iter().copied().collect();
        // From the end: what comes late matters least.
        for part in all.rchunks(size) {
            let yes = best.yes.iter().filter(|draw| !part.contains(draw)).copied().collect();
            let fewer = Replay { yes, ..best.clone() };
            if holds(&fewer) {
                best = fewer;
            }
        }
        if size == 1 && best.yes.len() == before {
            return Some((best, number));
        }
        size = (size / 2).max(1);
    }
}

/// Where stored lists are.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/replays")
}

/// Stores a short schedule under the invariant it breaks; says where.
pub(crate) fn store(replay: &Replay, number: &str, text: &str) -> std::io::Result<PathBuf> {
    let path = folder().join(format!("{number}-{}.replay", replay.seed));
    std::fs::create_dir_all(folder())?;
    std::fs::write(&path, format!("# {number}: {text}\n{}", replay.to_text()))?;
    Ok(path)
}

/// The stored lists, by file name.
pub(crate) fn stored() -> Vec<(String, Result<Replay, String>)> {
    let files = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = files.map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|name| name == "replay"));
    paths.sort();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    paths.iter().map(|path| (name(path), read(path))).collect()
}

/// Reads one list.
pub(crate) fn read(path: &Path) -> Result<Replay, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Replay::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}
