//! Floor 5: what the module exports to the face. Parse, hand over, map errors; nothing else.
//!
//! The shapes are those of `js/binding.ts`. Exports take `&self` and post to the driver's mailbox or ask the store;
//! every rejection is an `ErrorOut` object. No document is looked into here.

mod client;
mod config;
mod crash;
mod shapes;
mod told;
mod values;

pub use client::Client;

use crate::model::{Code, Failure};
use crate::shell::error::to_js;
use crate::shell::later::promised;
use crate::shell::store::{self, Done};
use js_sys::Promise;
use wasm_bindgen::prelude::*;

/// Identity of this build; the face refuses a module of another one.
#[wasm_bindgen(js_name = buildId)]
pub fn build_id() -> JsValue {
    JsValue::from_str(option_env!("SEAKEEP_BUILD").unwrap_or_default())
}

/// Opens a database: `config` is a `ClientConfig`, `hooks` are the face's functions.
#[wasm_bindgen(js_name = openClient)]
pub fn open_client(config: JsValue, hooks: JsValue) -> Promise {
    let (promise, settle) = promised();
    let opened = |client: Result<Client, Failure>| settle(client.map(JsValue::from).map_err(|failure| to_js(&failure)));
    Client::open(config.into(), hooks, Box::new(opened));
    promise
}

/// Deletes a database; `PENDING_EXIST` while unsent changes exist, unless they are to be discarded.
#[wasm_bindgen(js_name = destroyDatabase)]
pub fn destroy_database(name: JsValue, discard_pending: bool) -> Promise {
    let name = name.as_string().unwrap_or_default();
    let (promise, settle) = promised();
    let ended: Done<()> = Box::new(|end| settle(end.map(|()| JsValue::UNDEFINED).map_err(|failure| to_js(&failure))));
    if discard_pending {
        store::destroy(&name, ended);
        return promise;
    }
    let destroyed = name.clone();
    let looked = move |pending: Result<bool, Failure>| match pending {
        Ok(false) => store::destroy(&destroyed, ended),
        Ok(true) => {
            let text = "changes are not yet sent; pass discardPending: true to delete them";
            ended(Err(Failure::new(Code::PendingExist, text)));
        }
        Err(failure) => ended(Err(failure)),
    };
    store::pending_exists(&name, Box::new(looked));
    promise
}
