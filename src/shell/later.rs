//! Work for a fresh task: run after what runs now has come to its end, in the order it was asked for.
//!
//! One listener for all of it, so that a task costs no function of its own; and one kind of function for all that the
//! browser calls, since each kind costs code on both sides of the border.

use super::names::name as kept;
use core::cell::{Cell, RefCell};
use gloo_timers::callback::Timeout;
use js_sys::{Function, Promise, Reflect};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Something to be done once.
pub type Work = Box<dyn FnOnce()>;
/// What the browser calls, with an event or with nothing; gone when dropped.
pub type Heard = Closure<dyn Fn(JsValue)>;

thread_local! {
    static QUEUE: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) };
    static RUN: Heard = Closure::new(|_| QUEUE.take().into_iter().for_each(|work| work()));
    static NOW: Promise = Promise::resolve(&JsValue::UNDEFINED);
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = js_sys::Object, js_name = Promise)]
    type Thenable;
    #[wasm_bindgen(method, structural)]
    fn then(this: &Thenable, kept: &JsValue, broken: &JsValue) -> JsValue;
}

/// Runs a piece of work from a fresh task.
pub fn later(work: Work) {
    let is_first = QUEUE.with_borrow_mut(|queue| {
        queue.push(work);
        queue.len() == 1
    });
    if is_first {
        RUN.with(|run| NOW.with(|now| chain(now, run.as_ref(), &JsValue::UNDEFINED)));
    }
}

/// Runs a piece of work after a pause in milliseconds, unless what it gives is dropped before.
pub fn after(pause: u32, work: Work) -> Timeout {
    Timeout::new(pause, work)
}

/// A function for the browser to call once; it belongs to what holds it there, and goes with it.
pub fn once(hear: Box<dyn FnOnce(JsValue)>) -> Function {
    Closure::once_into_js(hear).unchecked_into()
}

/// Tells how a value ends that may be a promise: at the earliest from a fresh task.
pub fn settled(value: &JsValue, then: impl FnOnce(Result<JsValue, JsValue>) + 'static) {
    let then: Box<dyn FnOnce(Result<JsValue, JsValue>)> = Box::new(then);
    let then = Rc::new(RefCell::new(Some(then)));
    let end = |make: fn(JsValue) -> Result<JsValue, JsValue>| {
        let then = then.clone();
        once(Box::new(move |value| {
            let then = then.take();
            if let Some(then) = then {
                then(make(value));
            }
        }))
    };
    chain(&Promise::resolve(value), &end(Ok), &end(Err));
}

/// Hears how a value ended, or that it did not in time.
pub type InTime = Box<dyn FnOnce(Option<Result<JsValue, JsValue>>)>;

/// Tells how a value ends that may be a promise, or that it did not within so many milliseconds.
pub fn settled_within(value: &JsValue, pause: u32, then: InTime) {
    let then = Rc::new(Cell::new(Some(then)));
    let late = then.clone();
    let alarm = after(pause, Box::new(move || late.take().into_iter().for_each(|then| then(None))));
    settled(value, move |ended| {
        drop(alarm);
        if let Some(then) = then.take() {
            then(Some(ended));
        }
    });
}

fn chain(promise: &Promise, kept: &JsValue, broken: &JsValue) {
    // The promise that comes of it has nobody to tell.
    let _ = promise.unchecked_ref::<Thenable>().then(kept, broken);
}

/// Settles a promise; its own functions do not throw.
pub type Settle = Box<dyn FnOnce(Result<JsValue, JsValue>)>;

/// A promise, and what settles it.
pub fn promised() -> (Promise, Settle) {
    let mut ends = None;
    let promise = Promise::new(&mut |resolve: Function, reject: Function| ends = Some((resolve, reject)));
    let settle = move |result: Result<JsValue, JsValue>| {
        let Some((resolve, reject)) = ends else { return };
        let _ = match result {
            Ok(value) => resolve.call1(&JsValue::UNDEFINED, &value),
            Err(error) => reject.call1(&JsValue::UNDEFINED, &error),
        };
    };
    (promise, Box::new(settle))
}

/// A property of a host's object; `undefined` when there is none.
pub fn property(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &kept(name)).unwrap_or_default()
}
