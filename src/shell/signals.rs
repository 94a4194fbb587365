//! What the browser says about the page and the network, as the engine's signals.
//!
//! Listeners are guards: dropped, they are gone. Nothing is written on `pagehide` (pitfalls A24); a page on its way
//! into the back/forward cache, or frozen, only says so. Hosts without these events say nothing.

use super::document::JsDoc;
use super::later::{property, Heard};
use crate::engine::input::{Input, Signal};
use crate::engine::policy::network::Connection;
use js_sys::Reflect;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::EventTarget;

/// One listener, removed when dropped.
#[derive(Debug)]
#[must_use = "dropping it removes the listener"]
struct Listener {
    target: EventTarget,
    event: &'static str,
    heard: Heard,
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Removing a listener that is gone already is no failure.
        let _ = self.target.remove_event_listener_with_callback(self.event, self.heard.as_ref().unchecked_ref());
    }
}

/// The listeners of one open database.
#[derive(Debug)]
#[must_use = "dropping it removes the listeners"]
pub struct Signals {
    listeners: Vec<Listener>,
}

impl Signals {
    /// Starts listening; `told` gets each signal, `leaving` is called while the page goes.
    pub fn listen(told: impl Fn(Input<JsDoc>) + 'static, leaving: impl Fn() + 'static) -> Self {
        let told = Rc::new(told);
        let global = js_sys::global();
        let document = Reflect::get(&global, &"document".into()).unwrap_or_default();
        let mut signals = Self { listeners: Vec::new() };
        signals.add(&global, "pagehide", move |_| leaving());
        let mut on = |target: &JsValue, event: &'static str, means: fn(&JsValue) -> Option<Signal>| {
            let told = told.clone();
            signals.add(target, event, move |event| {
                if let Some(signal) = means(&event) {
                    told(Input::Signal(signal));
                }
            });
        };
        on(&global, "online", |_| Some(Signal::Online));
        on(&global, "offline", |_| Some(Signal::Offline));
        on(&global, "pagehide", |event| kept(event).then_some(Signal::Cached));
        on(&global, "pageshow", |event| kept(event).then_some(Signal::Resumed));
        on(&document, "freeze", |_| Some(Signal::Frozen));
        on(&document, "resume", |_| Some(Signal::Resumed));
        on(&document, "visibilitychange", |_| Some(if is_visible() { Signal::Visible } else { Signal::Hidden }));
        if let Some(connection) = host_connection() {
            signals.add(&connection.clone(), "change", move |_| told(Input::Network(hints(&connection))));
        }
        signals
    }

    fn add(&mut self, target: &JsValue, event: &'static str, heard: impl Fn(JsValue) + 'static) {
        let has = Reflect::has(target, &"addEventListener".into()).unwrap_or(false);
        if !has {
            return;
        }
        let target: EventTarget = target.clone().unchecked_into();
        let heard = Heard::new(heard);
        if target.add_event_listener_with_callback(event, heard.as_ref().unchecked_ref()).is_ok() {
            self.listeners.push(Listener { target, event, heard });
        }
    }
}

/// What the browser says about the connection, where it says anything.
pub fn connection() -> Option<Connection> {
    host_connection().map(|connection| hints(&connection))
}

fn host_connection() -> Option<JsValue> {
    let get = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let navigator = get(&js_sys::global(), "navigator");
    Some(get(&navigator, "connection")).filter(|connection| navigator.is_object() && connection.is_object())
}

fn hints(connection: &JsValue) -> Connection {
    let hint = |name: &str| Reflect::get(connection, &name.into()).unwrap_or_default();
    let saves = hint("saveData").as_bool().unwrap_or(false);
    Connection { kind: hint("type").as_string(), effective: hint("effectiveType").as_string(), saves }
}

/// Whether the browser says that the network is gone.
pub fn is_flagged_offline() -> bool {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into()).unwrap_or_default();
    let online = if navigator.is_object() { Reflect::get(&navigator, &"onLine".into()).ok() } else { None };
    online.and_then(|online| online.as_bool()) == Some(false)
}

/// Whether a page goes into, or comes from, the back/forward cache.
fn kept(event: &JsValue) -> bool {
    Reflect::get(event, &"persisted".into()).is_ok_and(|kept| kept.is_truthy())
}

/// Whether the page is shown; where there is none, nothing is ever hidden.
pub fn is_visible() -> bool {
    let state = property(&property(&js_sys::global(), "document"), "visibilityState");
    state.as_string().is_none_or(|state| state == "visible")
}
