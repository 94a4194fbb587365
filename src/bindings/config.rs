//! The face's `ClientConfig` as what the store needs to open; the engine reads its own part.

use crate::engine::query::IndexDef;
use crate::model::{Document, Listed, Time};
use crate::shell::document::JsDoc;
use crate::shell::store::{StoreConfig, Table};
use std::rc::Rc;

/// The store's part of a configuration.
pub(super) fn store_config(config: &JsDoc, entropy: String, now: Time) -> StoreConfig {
    let collections = config.get("collections").and_then(|list| list.as_list()).unwrap_or_default();
    StoreConfig {
        name: config.text_of("name").unwrap_or_default(),
        version: config.number_of("version").unwrap_or(1.0) as u32,
        writer: config.number_of("writer").unwrap_or(1.0) as u32,
        memory: config.text_of("storage").as_deref() == Some("memory"),
        strict: config.text_of("durability").as_deref() != Some("relaxed"),
        tables: collections.iter().filter_map(table).listed(),
        entropy,
        now,
    }
}

fn table(collection: &JsDoc) -> Option<Table> {
    let list = |name: &str| collection.get(name).and_then(|list| list.as_list()).unwrap_or_default();
    Some(Table {
        name: collection.text_of("name")?.into(),
        indexes: list("indexes").iter().filter_map(index).listed(),
        references: list("references").iter().filter_map(|from| from.text_of("field").map(Rc::from)).listed(),
    })
}

fn index(from: &JsDoc) -> Option<IndexDef> {
    let path = from.get("path")?.as_list()?.iter().filter_map(Document::as_text).listed();
    Some(IndexDef::new(path, from.flag("unique"), from.flag("multi")))
}
