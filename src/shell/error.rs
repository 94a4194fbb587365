//! What the browser throws, as a [`Failure`].
//!
//! The only place that reads a `DOMException`. It goes by name; the message decides in [`is_dead`] alone, because the
//! families of dead IndexedDB connections have no name of their own. A browser's message can quote a document, so
//! none is ever passed on.

use super::document::JsDoc;
use crate::model::{Code, Failure};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DomException;

/// Old hosts gave the full disk a number before it had its name.
const LEGACY_QUOTA_CODE: u16 = 22;

/// The failure that a thrown value stands for.
pub fn failure_of(thrown: &JsValue) -> Failure {
    let Some(exception) = thrown.dyn_ref::<DomException>() else {
        return Failure::new(Code::StorageUnavailable, "the browser's storage failed");
    };
    let name = exception.name();
    let code = match name.as_str() {
        "QuotaExceededError" => Code::QuotaExceeded,
        _ if exception.code() == LEGACY_QUOTA_CODE => Code::QuotaExceeded,
        "ConstraintError" => Code::UniqueViolation,
        "VersionError" => Code::DbVersionNewer,
        "NotFoundError" => Code::StoreUnknown,
        "AbortError" | "TransactionInactiveError" => Code::TxAborted,
        "TimeoutError" => Code::TxTimeout,
        _ => Code::StorageUnavailable,
    };
    Failure::new(code, ["IndexedDB: ", &name].concat())
}

/// Whether a thrown value belongs to the families that mean "this connection will never work again".
pub fn is_dead(thrown: &JsValue) -> bool {
    const FAMILIES: [&str; 5] = [
        "Connection to Indexed Database server lost",
        "Internal error",
        "without an in-progress transaction",
        "Cannot inject key into script value",
        "onnection is closing",
    ];
    thrown.dyn_ref::<DomException>().is_some_and(|exception| {
        let message = exception.message();
        exception.name() == "InvalidStateError" || FAMILIES.iter().any(|family| holds(&message, family))
    })
}

/// Whether a text has a part; the standard library's search brings kilobytes along.
pub fn holds(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

/// The object that crosses the border for a failure.
pub fn to_js(failure: &Failure) -> JsValue {
    failure.to_document::<JsDoc>().into()
}
