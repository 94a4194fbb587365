//! A failure of the store, and whether it killed the connection.

use crate::model::{Code, Failure};
use crate::shell::error;
use wasm_bindgen::JsValue;

/// What went wrong in one attempt.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// The connection will never work again: drop it, open another, ask the plan anew.
    pub(super) dead: bool,
}

impl Fault {
    pub(super) fn new(code: Code, message: &str) -> Self {
        Self { failure: Failure::new(code, message), dead: false }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self { failure, dead: false }
    }
}

impl From<JsValue> for Fault {
    fn from(thrown: JsValue) -> Self {
        Self { failure: error::failure_of(&thrown), dead: error::is_dead(&thrown) }
    }
}

impl From<idb::Error> for Fault {
    fn from(error: idb::Error) -> Self {
        thrown_by(error).into()
    }
}

/// The browser's own exception inside an error of the `idb` crate.
fn thrown_by(error: idb::Error) -> JsValue {
    use idb::Error as E;
    match error {
        E::DomException(exception) => exception.into(),
        E::AddFailed(thrown)
        | E::CountFailed(thrown)
        | E::DeleteFailed(thrown)
        | E::GetAllFailed(thrown)
        | E::GetAllKeysFailed(thrown)
        | E::GetFailed(thrown)
        | E::GetKeyFailed(thrown)
        | E::IndexCreateFailed(thrown)
        | E::IndexDeleteFailed(thrown)
        | E::IndexedDbDeleteFailed(thrown)
        | E::IndexedDbOpenFailed(thrown)
        | E::IndexNotFound(thrown)
        | E::KeyRangeCreateFailed(thrown)
        | E::ObjectStoreCreateFailed(thrown)
        | E::ObjectStoreNotFound(thrown)
        | E::OpenCursorFailed(thrown)
        | E::OpenKeyCursorFailed(thrown)
        | E::UpdateFailed(thrown) => thrown,
        _ => JsValue::UNDEFINED,
    }
}
