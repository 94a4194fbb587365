//! Floor 3: the machine. Two mouths, one owner, no clock.
//!
//! The contract: give exactly one input with [`Engine::handle_input`], then drain [`Engine::poll_output`] until it
//! says [`Output::Wait`]. Time comes with each input, chance from a seeded generator, everything else from reports.
//! Methods are of two kinds: `handle_*` take what happened, everything else decides what follows; after each input
//! `advance` looks once at what may be done now. Nothing here knows a browser.

mod alarms;
mod answers;
mod batches;
mod clock;
mod commands;
mod commits;
mod conflicts;
mod deliver;
mod endpoint;
mod flight;
mod leader;
mod lifecycle;
mod listen;
mod orders;
mod outdated;
mod overheard;
mod pages;
mod pass;
mod permits;
mod progress;
mod pull;
mod pulled;
mod push;
mod results;
mod several;
mod signals;
mod state;
mod stats;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_tabs;
mod triggers;
mod unread;
mod watch;
mod written;

use super::config::Config;
use super::input::{Command, Input, Message};
use super::outbox::Outbox;
use super::output::{Output, Status};
use super::plan::AnyPlan;
use super::policy::breaker::Breaker;
use super::policy::budget::Budget;
use super::policy::holds::Holds;
use super::policy::network::Connection;
use super::policy::reach::Reach;
use super::policy::rng::Rng;
use super::policy::timers::{Timer, Timers};
use super::policy::triggers::Triggers;
use crate::model::{Collection, Document, Listed, Map, Seq, Set, Time};
use clock::ServerClock;
use commits::Purpose;
use conflicts::Question;
use listen::Listener;
use pass::Pass;
use pull::Puller;
use push::Auth;
use state::{Pulling, Seat, Sends, Writes};
use std::collections::VecDeque;
use std::rc::Rc;
use watch::Watches;

/// The engine of one open database in one tab.
#[derive(Debug)]
pub struct Engine<D: Document> {
    config: Rc<Config>,
    /// Identity of this tab, in memory only: a duplicated tab is another one (pitfalls C6).
    tab: Rc<str>,
    rng: Rng,
    now: Time,
    phase: Phase,
    outputs: VecDeque<Output<D>>,
    last_number: u32,
    commits: Map<u32, Purpose<D>>,
    /// Whether outcomes that are ordered now are to be written together, and those that are.
    gathering: bool,
    gathered: (Vec<Purpose<D>>, Vec<AnyPlan<D>>),
    /// Collections that another tab changed while own transactions were on their way.
    overtaken: Set<Collection>,
    /// Who waits for the writes under way, the last transaction having ended.
    closing: Vec<u32>,
    timers: Timers,

    /// Commands that wait for a reading of the outbox, or for the page to thaw.
    deferred: Vec<(u32, Command<D>)>,
    /// Whether what waited is being done, so that nothing waits twice.
    deciding: bool,

    outbox: Outbox,
    /// A reading of the outbox under way: what was read, and what changed here meanwhile.
    reading: Option<Reading>,
    read_again: bool,
    watches: Watches,

    /// The server's stream of news.
    listener: Listener,
    /// What the browser says about the connection.
    connection: Connection,
    /// What ended while the page was frozen.
    kept: Vec<Input<D>>,
    /// Whether the connection and the channel are closed for the back/forward cache.
    suspended: bool,

    reach: Reach,
    holds: Holds,
    stopped: bool,
    auth: Auth,
    needs_update: bool,
    /// Whether newer code has taken the database over.
    outdated: bool,
    breaker: Breaker,
    budget: Budget,
    /// Whether breaker and budget are as this or an earlier leader left them in the store.
    guard_known: bool,
    store_trouble: Vec<Purpose<D>>,

    /// Questions to the app's conflict function, by the change they hold.
    questions: Map<Seq, Question<D>>,
    /// What is known of the server's clock.
    clock: ServerClock,

    pass: Pass<D>,
    triggers: Triggers,
    meter: progress::Meter,
    counting: stats::Counting,
    last_status: Option<Status>,
    last_synced_at: Option<Time>,
    /// The app's writes on their way to the store.
    writes: Writes<D>,
    /// This tab among the others: who leads, who asks.
    seat: Seat,
    /// Changes on their way to the server.
    sends: Sends<D>,
    /// Pages on their way from it.
    pulling: Pulling<D>,
}

/// The ticket of a wish that nobody waits for.
const NOBODY: u32 = 0;

/// How far the machine's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The outbox has not been read yet: writes are taken, nothing is sent.
    Loading,
    /// All is known.
    Running,
    /// The page is frozen: nothing is touched.
    Frozen,
    /// Closed.
    Closed,
}

#[derive(Debug)]
struct Reading {
    outbox: Outbox,
    touched: Set<Seq>,
}

impl<D: Document> Engine<D> {
    /// A machine for one tab. `seed` is 256 bits from a good source; `now` is the wall clock.
    pub fn new(config: Config, seed: [u64; 4], now: Time) -> Self {
        let mut rng = Rng::new(seed);
        let batch_limit = config.sync.as_ref().map_or(1, |sync| sync.batch_size);
        let stopped = config.sync.as_ref().is_none_or(|sync| !sync.auto);
        Self {
            config: Rc::new(config),
            tab: rng.text(16).into(),
            rng,
            now,
            phase: Phase::Loading,
            outputs: VecDeque::new(),
            last_number: 0,
            commits: Map::new(),
            gathering: false,
            gathered: (Vec::new(), Vec::new()),
            overtaken: Set::new(),
            closing: Vec::new(),
            timers: Timers::default(),
            deferred: Vec::new(),
            deciding: false,
            outbox: Outbox::default(),
            reading: None,
            read_again: false,
            watches: Watches::default(),
            listener: Listener::default(),
            connection: Connection::default(),
            kept: Vec::new(),
            suspended: false,
            writes: Writes::new(),
            seat: Seat::default(),
            sends: Sends::new(batch_limit),
            pulling: Pulling::new(),
            reach: Reach::default(),
            holds: Holds::default(),
            stopped,
            auth: Auth::Fine,
            needs_update: false,
            outdated: false,
            breaker: Breaker::default(),
            budget: Budget::full(now),
            guard_known: false,
            store_trouble: Vec::new(),
            questions: Map::new(),
            clock: ServerClock::default(),
            pass: Pass::default(),
            triggers: Triggers::default(),
            meter: progress::Meter::default(),
            counting: stats::Counting::default(),
            last_status: None,
            last_synced_at: None,
        }
    }

    /// Takes one event in. Drain [`Engine::poll_output`] before the next.
    pub fn handle_input(&mut self, now: Time, input: Input<D>) {
        self.turn_clock(now);
        if let Some(input) = self.keeps(input) {
            self.happen(input);
        }
        if self.phase == Phase::Running {
            self.handle_due_timers();
            self.advance();
        }
        self.commit_gathered();
        self.publish_status();
    }

    fn happen(&mut self, input: Input<D>) {
        match input {
            Input::Start => self.handle_start(),
            Input::Command { ticket, command } => self.handle_command(ticket, command),
            Input::Committed { commit, result } => {
                let last = self.handle_committed(commit, result);
                self.tell_overtaken(last);
            }
            Input::Responded { request, result } => {
                if result.is_ok() {
                    self.time_request(request);
                }
                self.handle_responded(request, result);
            }
            Input::Measured { sent, received } => self.handle_measured(sent, received),
            Input::Signal(signal) => self.handle_signal(signal),
            Input::Message(message) => self.handle_message(message),
            Input::Network(connection) => self.connection = connection,
            Input::Heard { listen, text } => self.stream_heard(listen, &text),
            Input::Unheard { listen, result } => self.stream_ended(listen, &result),
            Input::Tick => {}
        }
    }

    /// The next order, or how long nothing is to be done.
    pub fn poll_output(&mut self) -> Output<D> {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let runs = self.phase == Phase::Running;
        Output::Wait(self.timers.next().filter(|_| runs).map(|(at, timer)| (at, timer.label())))
    }

    /// What this tab says when its page goes: its lease need not run out. A hint, like all messages.
    pub fn farewell(&self) -> Message<D> {
        Message::Gone(self.tab.clone())
    }

    /// The outbox as known here.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// The state of sync.
    pub fn status(&self) -> Status {
        self.current_status()
    }

    /// How far the server's clock is ahead of this device's, in milliseconds, as its last `Date` said; 0 before one did.
    pub fn clock_offset(&self) -> i64 {
        self.clock.guess()
    }

    fn handle_start(&mut self) {
        self.read_outbox();
        let start_delay = self.config.sync.as_ref().map_or(0, |sync| sync.start_delay);
        let due = self.now + start_delay - self.start_spread();
        let pulls = self.config.sync.as_ref().is_some_and(|sync| sync.pulls);
        let synced = self.config.synced().filter(|_| pulls);
        let names: Vec<Collection> = synced.map(|collection| collection.name.clone()).listed();
        for name in names {
            self.pulling.pullers.insert(name.clone(), Puller::default());
            if !self.stopped {
                self.timers.set(Timer::Pull(name), due);
            }
        }
    }

    /// Looks once at everything that may be done now. Every path that could start work again passes here, and each is
    /// guarded by something that was used up: a due time, a place in the window, a busy mark.
    fn advance(&mut self) {
        self.push_work();
        // The next request is on its way before what became of the last one is written.
        self.commit_gathered();
        self.pull_work();
        self.measure_progress();
        self.ask_work();
        self.pass_work();
        self.forget_triggers();
        // Who hears here that it leads no more closes its stream at once.
        self.want_lock();
        self.listen_work();
        self.arm_timers();
    }
}
