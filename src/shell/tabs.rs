//! The channel between tabs of one database: hints only, nothing depends on their arrival (pitfalls C7).
//!
//! A host without `BroadcastChannel` has no channel, and all still converges. Saying something costs as much as a read of
//! the store, so what is said within a moment goes out together, each thing once. A hidden page does not wait: its timers
//! may be held back for a minute.

use super::document::JsDoc;
use super::later::{after, later, property, Heard};
use crate::engine::input::Message;
use crate::model::{Document, Listed};
use core::cell::RefCell;
use core::mem::take;
use gloo_timers::callback::Timeout;
use js_sys::Reflect;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::BroadcastChannel;

/// How long what is said waits for more.
const MOMENT_MS: u32 = 10;

/// More at once is not from one of us.
const MOST: usize = 64;

/// A channel that may be closed for a while; closed for good when dropped.
#[derive(Debug)]
#[must_use = "dropping it closes the channel"]
pub struct Tabs {
    name: String,
    /// What is to be said, and the timer that will say it.
    waiting: RefCell<Vec<Message<JsDoc>>>,
    timer: RefCell<Option<Timeout>>,
    channel: RefCell<Option<BroadcastChannel>>,
    heard: Heard,
}

impl Tabs {
    /// Opens the channel of a database; `heard` gets what other tabs say.
    pub fn open(name: &str, heard: impl Fn(JsDoc) + 'static) -> Rc<Self> {
        let heard = Heard::new(move |event: JsValue| {
            JsDoc(property(&event, "data")).as_list().unwrap_or_default().into_iter().take(MOST).for_each(&heard);
        });
        let (name, channel) = (["seakeep:", name].concat(), RefCell::new(None));
        let tabs = Rc::new(Self { name, waiting: RefCell::default(), timer: RefCell::new(None), channel, heard });
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
        self.flush();
        if let Some(channel) = self.channel.take() {
            channel.set_onmessage(None);
            channel.close();
        }
    }

    /// Tells the other tabs in a moment; of the same words one is enough.
    pub fn post(self: &Rc<Self>, message: Message<JsDoc>, is_visible: fn() -> bool) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.iter().any(|other| other.repeats(&message)) {
            return;
        }
        waiting.push(message);
        match waiting.len() {
            1 => drop(waiting),
            MOST => {
                drop(waiting);
                return self.flush();
            }
            _ => return,
        }
        let tabs = self.clone();
        if is_visible() {
            self.timer.replace(Some(after(MOMENT_MS, Box::new(move || tabs.flush()))));
        } else {
            later(Box::new(move || tabs.flush()));
        }
    }

    /// Says now what is to be said.
    pub fn flush(&self) {
        drop(self.timer.take());
        let waiting = take(&mut *self.waiting.borrow_mut());
        if waiting.is_empty() {
            return;
        }
        if let Some(channel) = &*self.channel.borrow() {
            // A channel that cannot carry a hint loses it, as any channel may.
            let _ = channel.post_message(&JsDoc::list(waiting.iter().map(Message::to_document).listed()).0);
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
