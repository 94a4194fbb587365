//! The driver: the only owner of the engine.
//!
//! It takes one letter at a time from its mailbox, gives it to the engine, drains the orders and has the adapters carry
//! them out; their ends come back as letters. Answers to the app go out first; events and requests run from a fresh
//! task, so no function of the app ever runs while the engine is borrowed.

use super::clock;
use super::document::JsDoc;
use super::error::to_js;
use super::farewell;
use super::later::{after, later, property, settled};
use super::lock::Lock;
use super::mailbox::{Letter, Mailbox};
use super::net::{self, Calls};
use super::news::{News, Newsroom};
use super::signals::{connection, is_flagged_offline, is_visible, Signals};
use super::store::Store;
use super::tabs::Tabs;
use crate::engine::input::{Input, Message, Signal};
use crate::engine::machine::Engine;
use crate::engine::output::{Event, Output, Reply};
use crate::engine::plan::AnyPlan;
use crate::model::{Document, Failure, Map, PendingState, Time};
use crate::protocol::HttpRequest;
use gloo_timers::callback::Timeout;
use js_sys::{Array, Function};
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::AbortController;

/// The longest host timer: longer waits are cut and looked at again.
const LONGEST_TIMER: u64 = 0x7fff_ffff;

/// Everything the driver needs.
#[derive(Debug)]
pub struct Driver {
    /// Name of the database.
    pub name: String,
    /// The engine.
    pub engine: Engine<JsDoc>,
    /// Its store.
    pub store: Rc<Store>,
    /// The app's fetch and auth.
    pub calls: Rc<Calls>,
    /// Takes the events.
    pub news: Rc<Newsroom>,
    /// Asks for the lock between tabs.
    pub lock: Function,
    /// Where letters come from.
    pub mailbox: Rc<Mailbox>,
    /// Whether to ask the browser to keep the data, once something waits.
    pub persist: bool,
}

/// Drives the engine until its mailbox is closed.
pub fn drive(driver: Driver) {
    let Driver { name, engine, store, calls, news, lock, mailbox, persist } = driver;
    let tabs = Tabs::open(&name, hear(&mailbox));
    let signals = Signals::listen(signal_to(&mailbox), leave(&name, &engine, &tabs));
    let mut running = Running {
        engine,
        store,
        calls,
        news,
        lock: Lock::new(&name, lock, &mailbox),
        mailbox: mailbox.clone(),
        tabs,
        name: name.clone(),
        timer: None,
        requests: Map::new(),
        persist,
    };
    running.take(Letter::Input(Input::Start));
    if let Some(connection) = connection() {
        running.take(Letter::Input(Input::Network(connection)));
    }
    if !is_visible() {
        running.take(Letter::Input(Input::Signal(Signal::Hidden)));
    }
    if is_flagged_offline() {
        running.take(Letter::Input(Input::Signal(Signal::Offline)));
    }
    if let Some(message) = farewell::found(&name).and_then(|word| Message::from_document(&word)) {
        running.take(Letter::Input(Input::Message(message)));
    }
    mailbox.read_by(Box::new(move |letter| {
        let _listening = &signals;
        running.take(letter);
    }));
}

fn hear(mailbox: &Rc<Mailbox>) -> impl Fn(JsDoc) + 'static {
    let mailbox = mailbox.clone();
    move |said| {
        if let Some(message) = Message::from_document(&said) {
            mailbox.post(Letter::Input(Input::Message(message)));
        }
    }
}

fn signal_to(mailbox: &Rc<Mailbox>) -> impl Fn(Input<JsDoc>) + 'static {
    let mailbox = mailbox.clone();
    move |input| mailbox.post(Letter::Input(input))
}

/// While the page goes nothing is written to the store; the word is for those who come after.
fn leave(name: &str, engine: &Engine<JsDoc>, tabs: &Rc<Tabs>) -> impl Fn() + 'static {
    let (name, word, tabs) = (name.to_string(), engine.farewell().to_document(), tabs.clone());
    move || {
        Message::from_document(&word).into_iter().for_each(|farewell| tabs.post(farewell, is_visible));
        tabs.flush();
        farewell::leave(&name, &word);
    }
}

struct Running {
    engine: Engine<JsDoc>,
    store: Rc<Store>,
    calls: Rc<Calls>,
    news: Rc<Newsroom>,
    lock: Lock,
    mailbox: Rc<Mailbox>,
    tabs: Rc<Tabs>,
    name: String,
    timer: Option<(Time, Timeout)>,
    requests: Map<u32, AbortController>,
    persist: bool,
}

impl Running {
    fn take(&mut self, letter: Letter) {
        let mut answered = false;
        match letter {
            Letter::Input(input) => {
                if let Input::Responded { request, .. } | Input::Unheard { listen: request, .. } = &input {
                    self.requests.remove(request);
                }
                if matches!(input, Input::Tick) {
                    self.timer = None;
                }
                self.engine.handle_input(clock::now(), input);
                answered = self.drain();
            }
            Letter::Look(look) => look(Some(&self.engine)),
            Letter::Tell(event) => self.news.add(News::Object(event)),
        }
        self.news.tell(answered);
    }

    /// Carries everything out; says whether a write was answered.
    fn drain(&mut self) -> bool {
        let mut answered = false;
        loop {
            match self.engine.poll_output() {
                Output::Commit { commit, plan } => self.commit(commit, plan),
                Output::Request { request, http } => self.request(request, http),
                Output::GiveUp { request } => drop(self.requests.remove(&request).map(|request| request.abort())),
                Output::Broadcast(message) => self.tabs.post(message, is_visible),
                Output::Listen { listen, http } => self.listen(listen, http),
                Output::StopListen { listen } => drop(self.requests.remove(&listen).map(|stream| stream.abort())),
                Output::Lock(wanted) => self.lock.want(wanted),
                Output::Suspend(suspended) => self.suspend(suspended),
                Output::Event(event) => self.note(event),
                Output::Reply { ticket, result } => {
                    answered |= matches!(&result, Ok(Reply::Written(_)));
                    self.mailbox.answer(ticket, answer(result));
                }
                Output::Wait(until) => {
                    self.wait(until.map(|(at, _)| at));
                    return answered;
                }
            }
        }
    }

    fn note(&mut self, event: Event<JsDoc>) {
        if self.persist && matches!(&event, Event::Status(status) if status.pending > 0) {
            self.persist = false;
            later(Box::new(ask_to_persist));
        }
        let parked = |id: &str| self.engine.outbox().find(id).is_some_and(|entry| entry.state == PendingState::Parked);
        let parked = matches!(&event, Event::Settled { mutation_id, result: Err(_) } if parked(mutation_id));
        self.news.add(News::Event(event, parked));
    }

    fn commit(&self, commit: u32, plan: AnyPlan<JsDoc>) {
        let mailbox = self.mailbox.clone();
        let done = move |result| mailbox.post(Letter::Input(Input::Committed { commit, result }));
        self.store.run(plan, Box::new(done));
    }

    fn request(&mut self, request: u32, http: HttpRequest<JsDoc>) {
        let (calls, mailbox) = (self.calls.clone(), self.mailbox.clone());
        let Ok(controller) = AbortController::new() else { return };
        let signal = controller.signal();
        self.requests.insert(request, controller);
        let done = move |result, (sent, received): net::Sizes| {
            if sent + received > 0 {
                mailbox.post(Letter::Input(Input::Measured { sent, received }));
            }
            mailbox.post(Letter::Input(Input::Responded { request, result }));
        };
        later(Box::new(move || net::send(calls, http, signal, Box::new(done))));
    }

    fn listen(&mut self, listen: u32, http: HttpRequest<JsDoc>) {
        let (calls, mailbox, heard) = (self.calls.clone(), self.mailbox.clone(), self.mailbox.clone());
        let Ok(controller) = AbortController::new() else { return };
        let signal = controller.signal();
        self.requests.insert(listen, controller);
        let heard = Rc::new(move |text| heard.post(Letter::Input(Input::Heard { listen, text })));
        let done = Box::new(move |result| mailbox.post(Letter::Input(Input::Unheard { listen, result })));
        later(Box::new(move || net::listen(calls, http, signal, heard, done)));
    }

    /// What would keep the page out of the back/forward cache is closed; the store opens again when it is asked.
    fn suspend(&self, suspended: bool) {
        self.store.suspend(suspended);
        if suspended {
            self.tabs.close();
        } else {
            self.tabs.reopen();
            // A page that came back has not left: its word is taken back.
            drop(farewell::found(&self.name));
        }
    }

    fn wait(&mut self, until: Option<Time>) {
        if self.timer.as_ref().map(|(at, _)| *at) == until {
            return;
        }
        self.timer = until.map(|at| {
            let mailbox = self.mailbox.clone();
            let length = at.saturating_sub(clock::now()).min(LONGEST_TIMER);
            (at, after(length as u32, Box::new(move || mailbox.post(Letter::Input(Input::Tick)))))
        });
    }
}

fn answer(result: Result<Reply<JsDoc>, Failure>) -> Result<JsValue, JsValue> {
    match result {
        Ok(Reply::Written(outcomes)) => Ok(outcomes.into_iter().map(|outcome| outcome.0).collect::<Array>().into()),
        Ok(Reply::Report(report)) => Ok(report.0),
        Ok(Reply::Count(count)) => Ok(JsDoc::number(count as f64).0),
        Ok(Reply::Done) => Ok(JsValue::UNDEFINED),
        Err(failure) => Err(to_js(&failure)),
    }
}

/// `navigator.storage.persist()`, where there is one; a refusal changes nothing.
fn ask_to_persist() {
    let storage = property(&property(&js_sys::global(), "navigator"), "storage");
    if let Ok(ask) = property(&storage, "persist").dyn_into::<Function>() {
        if let Ok(asked) = ask.call0(&storage) {
            settled(&asked, drop);
        }
    }
}
