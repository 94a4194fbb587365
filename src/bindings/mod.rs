//! Floor 5: what the module exports to the face. Parse, hand over, map errors; nothing else.
//!
//! The shapes are those of `js/binding.ts`. Exports take `&self` and post to the driver's mailbox or ask the store;
//! every rejection is an `ErrorOut` object. No document is looked into here.

mod client;
mod config;
mod crash;

pub use client::Client;

use crate::model::{Code, Failure};
use crate::shell::error::to_js;
use crate::shell::store;
use wasm_bindgen::prelude::*;

/// Identity of this build; the face refuses a module of another one.
#[wasm_bindgen(js_name = buildId)]
pub fn build_id() -> String {
    option_env!("SEAKEEP_BUILD").unwrap_or_default().into()
}

/// Opens a database: `config` is a `ClientConfig`, `hooks` are the face's functions.
#[wasm_bindgen(js_name = openClient)]
pub async fn open_client(config: JsValue, hooks: JsValue) -> Result<Client, JsValue> {
    Client::open(config.into(), &hooks).await.map_err(|failure| to_js(&failure))
}

/// Deletes a database; `PENDING_EXIST` while unsent changes exist, unless they are to be discarded.
#[wasm_bindgen(js_name = destroyDatabase)]
pub async fn destroy_database(name: String, discard_pending: bool) -> Result<(), JsValue> {
    destroy(&name, discard_pending).await.map_err(|failure| to_js(&failure))
}

async fn destroy(name: &str, discard_pending: bool) -> Result<(), Failure> {
    if !discard_pending && store::pending_exists(name).await? {
        let text = "changes are not yet sent; pass discardPending: true to delete them";
        return Err(Failure::new(Code::PendingExist, text));
    }
    store::destroy(name).await
}
