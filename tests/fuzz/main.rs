//! The fuzz targets as part of the tests: on the stored corpora, then on what a seeded hand makes of them.
//!
//! The same targets run for as long as one likes under libFuzzer (`npm run fuzz`). An input that ever failed is kept in
//! fuzz/corpus and is played here first.

#![cfg(not(target_arch = "wasm32"))]

mod change;
mod targets;

use change::Hand;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use targets::TARGETS;

/// Changed inputs for each target: some seconds in all.
const ROUNDS: u64 = 10_000;

#[test]
fn stored_inputs() {
    for (name, target) in TARGETS {
        let corpus = corpus(name);
        assert!(corpus.len() >= 4, "fuzz/corpus/{name} has hardly anything in it");
        for (file, data) in &corpus {
            assert!(catch_unwind(|| target(data)).is_ok(), "{} fails {name}", file.display());
        }
    }
}

#[test]
fn changed_inputs() {
    for (name, target) in TARGETS {
        let inputs: Vec<Vec<u8>> = corpus(name).into_iter().map(|(_, data)| data).collect();
        for seed in 0..ROUNDS {
            let data = Hand::new(seed).change(&inputs);
            if catch_unwind(|| target(&data)).is_err() {
                let file = kept(name, seed, &data);
                panic!("{name} fails on {}: mend it, and move the file to fuzz/corpus/{name}", file.display());
            }
        }
    }
}

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of)
}

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let listed = fs::read_dir(folder("corpus").join(name)).expect("fuzz/corpus/TARGET");
    let mut files: Vec<PathBuf> = listed.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).expect("an input"))).collect()
}

/// Writes a failing input where libFuzzer would.
fn kept(name: &str, seed: u64, data: &[u8]) -> PathBuf {
    let folder = folder("artifacts").join(name);
    let file = folder.join(format!("seed-{seed}"));
    fs::create_dir_all(folder).and_then(|()| fs::write(&file, data)).expect("fuzz/artifacts can be written");
    file
}
