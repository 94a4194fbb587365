//! The engine's events as the objects of the border (`EngineEvent` in `js/binding-events.ts`).

use super::document::JsDoc;
use crate::engine::output::{Event, Settled, Status};
use crate::engine::plan::Change;
use crate::model::{Collection, Document, Failure, Listed};

/// The object of one event; `parked` says whether its change, which ended without success, is parked.
pub fn event_object(event: Event<JsDoc>, parked: bool) -> JsDoc {
    match event {
        Event::Status(status) => status_object(&status),
        Event::Changes { own, changes } => {
            let changes = changes.into_iter().map(change_object).listed();
            tagged("changes", &[("own", Some(JsDoc::boolean(own))), ("changes", Some(JsDoc::list(changes)))])
        }
        Event::Stale(collections) => tagged("stale", &[("collections", Some(names(&collections)))]),
        Event::States(collections) => tagged("states", &[("collections", Some(names(&collections)))]),
        Event::Complete(collection) => tagged("complete", &[("collection", Some(JsDoc::text(&collection)))]),
        Event::Settled { mutation_id, result } => {
            let id = ("mutationId", Some(JsDoc::text(&mutation_id)));
            match result {
                Ok(settled) => tagged("settled", &[id, ("ok", Some(settled_object(settled)))]),
                Err(failure) => tagged("settled", &[id, ("error", Some(error_object(&failure, parked)))]),
            }
        }
        Event::Sync { name, detail } => tagged("sync", &[("name", Some(JsDoc::text(name))), ("detail", Some(detail))]),
        Event::Question(conflict) => tagged("question", &[("conflict", Some(conflict))]),
        Event::Setting(key) => tagged("setting", &[("key", Some(JsDoc::text(&key)))]),
    }
}

/// An event of the database, by its public name.
pub fn database_event(name: &str, detail: JsDoc) -> JsDoc {
    tagged("database", &[("name", Some(JsDoc::text(name))), ("detail", Some(detail))])
}

fn tagged(kind: &str, fields: &[(&str, Option<JsDoc>)]) -> JsDoc {
    JsDoc::of(fields).marked("type", JsDoc::text(kind))
}

fn status_object(status: &Status) -> JsDoc {
    status.to_document::<JsDoc>().marked("type", JsDoc::text("status"))
}

fn change_object(change: Change<JsDoc>) -> JsDoc {
    JsDoc::of(&[
        ("collection", Some(JsDoc::text(&change.key.collection))),
        ("id", Some(JsDoc::text(&change.key.id))),
        ("key", Some(JsDoc::text(&change.row_key))),
        ("previousId", change.previous.as_deref().map(JsDoc::text)),
        ("doc", change.doc),
    ])
}

fn settled_object(settled: Settled<JsDoc>) -> JsDoc {
    JsDoc::of(&[
        ("id", Some(JsDoc::text(&settled.id))),
        ("doc", settled.doc),
        ("revision", settled.revision.as_deref().map(JsDoc::text)),
    ])
}

fn error_object(failure: &Failure, parked: bool) -> JsDoc {
    let error: JsDoc = failure.to_document();
    if parked {
        return error.marked("parked", JsDoc::boolean(true));
    }
    error
}

fn names(collections: &[Collection]) -> JsDoc {
    JsDoc::list(collections.iter().map(|name| JsDoc::text(name)).listed())
}
