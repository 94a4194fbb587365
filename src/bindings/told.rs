//! What the store tells of itself, handed to the engine and to the app: an upgrade that waits, newer code, a deleted or
//! lost database.
//!
//! Nothing is decided here: the engine hears a signal or a command, the app an event of the database.

use crate::engine::input::{Command, Input, Signal};
use crate::engine::machine::Engine;
use crate::model::Document;
use crate::shell::document::JsDoc;
use crate::shell::mailbox::{Letter, Mailbox};
use crate::shell::store::{StoreEvent, Told};
use crate::shell::tell;
use std::rc::Rc;

/// What the store tells, as an event for the app.
pub(super) fn told(mailbox: &Rc<Mailbox>) -> Told {
    let mailbox = mailbox.clone();
    Rc::new(move |event| {
        // What the engine says of it comes before the handle's own end.
        match event {
            StoreEvent::ClosedForUpgrade => mailbox.post(Letter::Input(Input::Signal(Signal::Outdated))),
            StoreEvent::Deleted => {
                mailbox.post(Letter::Input(Input::Command { ticket: 0, command: Command::Close }));
            }
            StoreEvent::UpgradeBlocked | StoreEvent::StorageLost => {}
        }
        let (name, detail) = match event {
            StoreEvent::UpgradeBlocked => ("upgrade-blocked", JsDoc::object()),
            StoreEvent::ClosedForUpgrade => ("closed-for-upgrade", JsDoc::object()),
            StoreEvent::Deleted => ("deleted", JsDoc::object()),
            StoreEvent::StorageLost => return storage_lost(&mailbox),
        };
        mailbox.post(Letter::Tell(tell::database_event(name, detail)));
    })
}

/// Tells the app how many changes went with the store, and then the engine that they did.
fn storage_lost(mailbox: &Rc<Mailbox>) {
    let own = mailbox.clone();
    let look = move |engine: Option<&Engine<JsDoc>>| {
        let lost = JsDoc::number(engine.map_or(0, |engine| engine.outbox().len()) as f64);
        let detail = JsDoc::of(&[("pendingLost", Some(lost))]);
        own.post(Letter::Tell(tell::database_event("storage-lost", detail)));
    };
    mailbox.post(Letter::Look(Box::new(look)));
    mailbox.post(Letter::Input(Input::Signal(Signal::Wiped)));
}
