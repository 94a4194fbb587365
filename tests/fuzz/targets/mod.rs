//! What is fuzzed: functions that take any bytes and fail only by a panic.
//!
//! Each parses the bytes into what the code under test is given in a browser, calls it, and checks what must hold
//! whatever came. `cargo fuzz` and the tests run the same functions; nothing here draws at random.

mod answer;
mod batches;
mod merges;
mod messages;
mod patches;
mod pulls;
mod pushes;
mod records;
mod times;

/// A target by its name.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    ("pull_page", pulls::pull_page),
    ("batch_results", batches::batch_results),
    ("push_answer", pushes::push_answer),
    ("times", times::times),
    ("merge_patch", patches::merge_patch),
    ("merge", merges::merge),
    ("records", records::records),
    ("messages", messages::messages),
];

/// Runs one target; for programs that know it by name.
#[allow(dead_code, reason = "the fuzzing programs call it")]
pub(crate) fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target of that name");
    target.1(data);
}
