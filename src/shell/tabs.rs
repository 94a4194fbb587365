//! The channel between tabs of one database: hints only, nothing depends on their arrival (pitfalls C7).
//!
//! A host without `BroadcastChannel` has no channel, and all still converges.

use core::cell::RefCell;
use js_sys::Reflect;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BroadcastChannel, MessageEvent};

/// A channel that may be closed for a while; closed for good when dropped.
#[derive(Debug)]
#[must_use = "dropping it closes the channel"]
pub struct Tabs {
    name: String,
    channel: RefCell<Option<BroadcastChannel>>,
    heard: Closure<dyn FnMut(MessageEvent)>,
}

impl Tabs {
    /// Opens the channel of a database; `heard` gets what other tabs say.
    pub fn open(name: &str, mut heard: impl FnMut(JsValue) + 'static) -> Self {
        let heard = Closure::new(move |event: MessageEvent| heard(event.data()));
        let tabs = Self { name: ["seakeep:", name].concat(), channel: RefCell::new(None), heard };
        tabs.reopen();
        tabs
    }

    /// Opens it again.
    pub fn reopen(&self) {
        let exists = Reflect::has(&js_sys::global(), &"BroadcastChannel".into()).unwrap_or(false);
        let channel = exists.then(|| BroadcastChannel::new(&self.name).ok()).flatten();
        if let Some(channel) = &channel {
            channel.set_onmessage(Some(self.heard.as_ref().unchecked_ref()));
            unref(channel);
        }
        self.close();
        self.channel.replace(channel);
    }

    /// Closes it: an open one may keep a page out of the back/forward cache.
    pub fn close(&self) {
        if let Some(channel) = self.channel.take() {
            channel.set_onmessage(None);
            channel.close();
        }
    }

    /// Tells the other tabs.
    pub fn post(&self, message: &JsValue) {
        if let Some(channel) = &*self.channel.borrow() {
            // A channel that cannot carry a hint loses it, as any channel may.
            let _ = channel.post_message(message);
        }
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        self.close();
    }
}

/// In Node an open channel would keep the process alive.
fn unref(channel: &BroadcastChannel) {
    let unref = Reflect::get(channel, &"unref".into()).ok().and_then(|unref| unref.dyn_into::<js_sys::Function>().ok());
    if let Some(unref) = unref {
        let _ = unref.call0(channel);
    }
}
