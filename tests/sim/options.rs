//! The command line of the simulator.

use super::replay::named;
use seakeep::engine::mutant::Mutant;

/// What to do.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) schedules: u64,
    pub(crate) seed: u64,
    pub(crate) steps: u64,
    pub(crate) threads: u64,
    pub(crate) searches: u64,
    pub(crate) one: bool,
    pub(crate) traces: bool,
    pub(crate) mutants: bool,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) shrink: bool,
    pub(crate) replay: Option<String>,
    pub(crate) singles: bool,
    pub(crate) herd: bool,
    pub(crate) bulk: bool,
    pub(crate) checks: bool,
    pub(crate) write: bool,
    pub(crate) script: Option<String>,
}

/// How to call it.
pub(crate) const USAGE: &str = "\
sim [--schedules N] [--seed S] [--steps N] [--threads N]   run N schedules from seed S (default 2,000, a seed of the time)
sim --seed S --one [--trace]                               run that schedule alone, with its trace
sim --seed S --shrink [--mutant NAME]                      make that failing schedule short and store it (print it)
sim --replay FILE                                          run a stored schedule, with its trace
sim --singles                                              every script with every fault at every point
sim --herd                                                 a thousand clients that meet the server again after it was away
sim --bulk                                                 thousands of documents in one call
sim --script 'NAME/Commit 3/abort'                         one of them (or a script without a fault), with its trace
sim --checks [--mutant NAME] [--schedules N]               which check is triggered by which seeded bug, in N schedules of each
sim --mutants [--mutant NAME] [--searches N] [--write]     measure how fast each seeded bug is caught (into SPEC.md)";

impl Options {
    /// Reads the arguments; the error is what to print.
    pub(crate) fn read(arguments: impl Iterator<Item = String>, fresh_seed: u64) -> Result<Self, String> {
        let mut options = Self {
            schedules: 2_000,
            seed: fresh_seed,
            steps: 300,
            threads: 2,
            searches: 3,
            one: false,
            traces: false,
            mutants: false,
            mutant: None,
            shrink: false,
            replay: None,
            singles: false,
            herd: false,
            bulk: false,
            checks: false,
            write: false,
            script: None,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--one" => options.one = true,
                "--trace" => options.traces = true,
                "--mutants" => options.mutants = true,
                "--shrink" => options.shrink = true,
                "--write" => options.write = true,
                "--herd" => options.herd = true,
                "--bulk" => options.bulk = true,
                "--checks" => options.checks = true,
                "--singles" => options.singles = true,
                "--script" => options.script = arguments.next(),
                "--replay" => options.replay = arguments.next(),
                "--mutant" => {
                    let name = arguments.next().unwrap_or_default();
                    options.mutant = Some(named(&name).ok_or_else(|| format!("no seeded bug is called {name:?}"))?);
                }
                "--schedules" | "--seed" | "--steps" | "--threads" | "--searches" => {
                    let value = arguments.next().and_then(|value| value.replace('_', "").parse().ok());
                    let value = value.ok_or_else(|| format!("{argument} needs a whole number\n{USAGE}"))?;
                    options.set(&argument, value);
                }
                "--help" => return Err(USAGE.to_owned()),
                // What a test runner passes to every harness means nothing here.
                "--no-mutants" => options.searches = 0,
                "--nocapture" | "--quiet" | "-q" | "--test" => {}
                _ => return Err(format!("unknown argument {argument}\n{USAGE}")),
            }
        }
        options.traces |= options.one;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: u64) {
        match name {
            "--schedules" => self.schedules = value,
            "--seed" => self.seed = value,
            "--steps" => self.steps = value.max(1),
            "--threads" => self.threads = value.max(1),
            _ => self.searches = value.max(1),
        }
    }
}
