//! Seakeep: write locally, at once; reach your API exactly once, in order; be told the truth about it.
//!
//! The crate is built in floors, and imports point down only:
//!
//! | floor | module | what it is |
//! |---|---|---|
//! | 0 | [`model`] | plain values: documents, rows, mutations, times, errors |
//! | 1 | [`protocol`] | the wire: a change becomes an HTTP request, a response becomes an outcome |
//! | 2, 3 | [`engine`] | every decision: policy, parts, plans, and the machine with two mouths |
//! | 4 | `shell` | browser adapters; carries out what the engine orders (wasm32 only) |
//! | 5 | `bindings` | the wasm-bindgen surface; functions of a few lines (wasm32 only) |
//!
//! Floors 0 to 3 know no browser, no clock and no randomness: the browser crates do not even exist in a native build.
//! `native` is the opposite: a JSON document for tests and the simulator, absent from the shipped module.

/// Checks what must hold wherever the tests run: in every native build. The shipped module has no byte of it.
macro_rules! native_assert {
    ($($check:tt)*) => {
        if cfg!(not(target_arch = "wasm32")) {
            assert!($($check)*);
        }
    };
}

pub mod engine;
pub mod model;
pub mod protocol;

#[cfg(not(target_arch = "wasm32"))]
pub mod native;

#[cfg(target_arch = "wasm32")]
pub mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod shell;
