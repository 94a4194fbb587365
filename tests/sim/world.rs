//! The world: two devices with two tabs each, one server, one time, one stream of chance.
//!
//! Single-threaded and without async: the earliest event is taken, one thing happens, all oracles look. Engines,
//! plans and the server's core are the product's own; the world only decides when things happen and what goes wrong.

use super::chance::Chance;
use super::checks::Place;
use super::conflicts::draw_strategies;
use super::event::{Event, Queue};
use super::faults::Faults;
use super::mishaps::Mishaps;
use super::news::Stream;
use super::oracle::view::View;
use super::oracle::Oracle;
use super::order::Ordering;
use super::schedule::Order;
use super::server::{Server, BASE};
use super::setup::{config, draw_budget, draw_retention, draw_sharing, draw_term};
use super::store::Profile;
use super::strikes::{Point, Points};
use super::tab::{Sleep, Tab};
use super::users::USERS;
use seakeep::engine::config::Config;
use seakeep::engine::input::{Input, Message, Signal};
use seakeep::engine::machine::Engine;
use seakeep::engine::output::Output;
use seakeep::native::Json;
use seakeep::protocol::NetworkFailure;
use std::panic::Location;

/// The collections, in the order of their names.
pub(crate) const COLLECTIONS: [&str; 3] = ["cards", "lists", "pages"];

/// A broken invariant.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) number: &'static str,
    pub(crate) text: String,
    /// The line of the check that found it.
    pub(crate) place: Option<Place>,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) chance: Chance,
    pub(crate) faults: Faults,
    pub(crate) queue: Queue,
    pub(crate) profiles: [Profile; 2],
    pub(crate) tabs: [Tab; 4],
    pub(crate) server: Server,
    pub(crate) oracle: Oracle,
    pub(crate) config: Config,
    /// Open streams of news.
    pub(crate) streams: Vec<Stream>,
    pub(crate) violation: Option<Violation>,
    pub(crate) events: u64,
    /// Scheduling points among them.
    pub(crate) points: u64,
    pub(crate) ordering: Ordering,
    pub(crate) points_met: Points,
    pub(crate) mishaps: Mishaps,
    /// Where two people share a device: whose user is signed out.
    pub(crate) signed_out: Option<usize>,
    pub(crate) hash: u64,
    pub(crate) healed: bool,
    pub(crate) writes: u64,
    pub(crate) traces: bool,
}

impl World {
    /// The world of a seed.
    pub(crate) fn new(order: &Order) -> Self {
        let mut chance = Chance::new(order.seed, order.kept.clone(), order.notes);
        let faults = Faults::draw(&mut chance);
        let mut config = config(&mut chance);
        if let Some(sync) = config.sync.as_mut().filter(|_| faults.long_waits) {
            sync.pull_interval = 0;
        }
        let page_max = [1, 2, 3, 200][chance.below(4) as usize];
        let ordering = Ordering::draw(&mut chance, order.steps);
        let mishaps = Mishaps::draw(&mut chance);
        draw_strategies(&mut chance, &mut config);
        let retention = draw_retention(&mut chance);
        let signed_out = draw_sharing(&mut chance, &mishaps);
        draw_term(&mut chance);
        draw_budget(&mut chance);
        let mut world = Self {
            now: 0,
            chance,
            faults,
            queue: Queue::default(),
            profiles: [Profile::default(), Profile::default()],
            tabs: [Tab::new(0), Tab::new(0), Tab::new(1), Tab::new(1)],
            server: Server::new(page_max, retention),
            oracle: Oracle::default(),
            config,
            streams: Vec::new(),
            violation: None,
            events: 0,
            points: 0,
            ordering,
            points_met: Points::default(),
            mishaps,
            signed_out,
            hash: 0xcbf2_9ce4_8422_2325,
            healed: false,
            writes: 0,
            traces: order.traces,
        };
        world.draw_answers();
        world.draw_lengths();
        world.draw_reads();
        for tab in 0..4 {
            let delay = world.chance.below(2_000);
            world.schedule(delay, Event::Open { tab });
        }
        world.schedule(500, Event::Action);
        world.schedule(1_000, Event::Turn);
        world.schedule(1_500, Event::Stranger);
        world.schedule(20_000, Event::Breath);
        world
    }

    /// The wall clock of a profile.
    pub(crate) fn wall(&self, profile: usize) -> u64 {
        let right = (BASE + self.now) as i64;
        (right + self.profiles[profile].offset + self.mishaps.skew(profile, self.now)).max(0) as u64
    }

    /// Schedules an event; equal times get an order of chance.
    pub(crate) fn schedule(&mut self, delay: u64, event: Event) {
        let tie = self.chance.below(1 << 16);
        self.queue.add(self.now + delay, tie, event);
    }

    /// Says what happens, when somebody listens.
    pub(crate) fn trace(&mut self, text: impl FnOnce() -> String) {
        if self.traces {
            println!("{:>9} {}", self.now, text());
        }
    }

    /// Notes a broken invariant; the first one counts.
    #[track_caller]
    pub(crate) fn broken(&mut self, number: &'static str, text: String) {
        if self.violation.is_none() {
            self.trace(|| format!("VIOLATION {number}: {text}"));
            let at = Location::caller();
            self.violation = Some(Violation { number, text, place: Some((at.file(), at.line())) });
        }
    }

    /// One event. `false` when there is none, or none that may happen yet.
    pub(crate) fn step(&mut self, until: u64) -> bool {
        let Some((at, event)) = self.ordering.next(&mut self.queue, until, self.events) else { return false };
        self.now = self.now.max(at);
        self.events += 1;
        self.points += u64::from(event.is_point());
        let (what, who) = event.name();
        self.chance.enter(what, who);
        self.mix(&event);
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { tab, life, token } => self.wake(tab, life, token),
            Event::Commit { profile } => self.meet_commit(profile),
            Event::Report { tab, life } => {
                let report = if self.tabs[tab].life == life { self.tabs[tab].reports.pop_front() } else { None };
                if let Some((commit, result)) = report {
                    self.deliver(tab, life, Input::Committed { commit, result });
                }
            }
            Event::Reach { wire, fate } => {
                self.strike_tab(Point::Request, wire.number, wire.tab);
                self.strike(Point::Request, wire.number, |world| world.reach(&wire, fate));
            }
            Event::Respond { wire, mut result } => {
                // An answer of the history that was lost does not outlive it (server assumption S7).
                if wire.sent_at < self.server.restored_at {
                    *result = Err(NetworkFailure::Unreachable);
                }
                self.note_failing(&wire, &result);
                self.hear_clock(&wire, &result);
                self.note_read(&wire, &result);
                self.deliver(wire.tab, wire.life, Input::Measured { sent: 3, received: 5 });
                self.deliver(
                    wire.tab,
                    wire.life,
                    Input::Responded { request: wire.request, result: (*result).clone() },
                );
                self.response_arrived(&wire, &result);
            }
            Event::Message { tab, life, message } => self.deliver(tab, life, Input::Message(*message)),
            Event::Action => self.act(),
            Event::Turn => self.turn(),
            Event::Stranger => self.stranger(),
            Event::Thaw { tab, life } => self.thaw(tab, life),
            Event::Open { tab } => self.open(tab),
            Event::News { tab, life, input } => self.deliver(tab, life, *input),
            Event::Said { tab, life, signal } => self.deliver(tab, life, Input::Signal(signal)),
            Event::Breath => self.breathe(),
            Event::Calm => self.server.wants_login = false,
            Event::Mended => self.server.mend(),
            Event::Verdict { tab, life, id, says } => self.verdict(tab, life, id, says),
        }
    }

    /// Gives an input to a tab's life, or keeps it while the tab sleeps.
    pub(crate) fn deliver(&mut self, tab: usize, life: u32, input: Input<Json>) {
        if self.tabs[tab].life != life || self.tabs[tab].engine.is_none() {
            return;
        }
        // Between the word that a page freezes and its freezing a little still happens.
        let drowsy = self.now < self.tabs[tab].drowsy_until && self.tabs[tab].stash.is_empty();
        let passes = self.tabs[tab].sleep == Sleep::Awake
            || (self.tabs[tab].sleep == Sleep::Frozen && (drowsy || matches!(input, Input::Message(_))));
        if passes {
            self.give(tab, input);
        } else {
            self.tabs[tab].stash.push_back(input);
        }
    }

    /// Gives an input to a tab and carries out its orders, as the shell's driver does.
    pub(crate) fn give(&mut self, tab: usize, input: Input<Json>) {
        let Some(mut engine) = self.tabs[tab].engine.take() else { return };
        let life = self.tabs[tab].life;
        let ticks = matches!(input, Input::Tick);
        let hears = Self::tells_outdated(&input);
        self.tabs[tab].overhears |= matches!(input, Input::Message(Message::Doing(_)));
        engine.handle_input(self.wall(self.tabs[tab].profile), input);
        let mut orders = 0;
        loop {
            match engine.poll_output() {
                Output::Wait(wait) => {
                    self.set_timer(tab, wait);
                    break;
                }
                order => {
                    orders += usize::from(!matches!(order, Output::Event(_)));
                    self.carry_out(tab, order);
                }
            }
        }
        self.tabs[tab].lets_out = None;
        self.check_emission(tab);
        self.look_at_engine(tab, &engine);
        self.count_spins(tab, ticks && orders == 0);
        if self.tabs[tab].life == life {
            self.tabs[tab].engine = Some(engine);
            self.note_outdated(tab, hears);
        }
    }

    fn carry_out(&mut self, tab: usize, order: Output<Json>) {
        match order {
            Output::Commit { commit, plan } => self.order_commit(tab, commit, plan),
            Output::Request { request, http } => self.send(tab, request, &http),
            Output::GiveUp { request } => self.given_up(tab, request),
            Output::Broadcast(message) => self.broadcast(tab, &message),
            Output::Lock(wanted) => self.lock(tab, wanted),
            Output::Listen { listen, http } => self.listen(tab, listen, &http),
            Output::StopListen { listen } => self.stop_listening(tab, listen),
            Output::Event(event) => self.told(tab, event),
            Output::Reply { ticket, result } => self.replied(tab, ticket, result),
            Output::Suspend(_) | Output::Wait(_) => {}
        }
    }

    /// The host's timer: monotone, late when throttled, never moved by the wall clock.
    fn set_timer(&mut self, tab: usize, wait: Option<(u64, &'static str)>) {
        let wall = self.wall(self.tabs[tab].profile);
        let wanted = wait.map(|(at, label)| (self.now + at.saturating_sub(wall).min(2_000_000_000), label));
        if self.tabs[tab].wake == wanted && wanted.is_some_and(|(at, _)| at > self.now) {
            return;
        }
        self.tabs[tab].wake = wanted;
        self.tabs[tab].token += 1;
        let Some((at, _)) = wanted else { return };
        let throttled = self.tabs[tab].hidden && self.faults.throttles_hidden;
        let late = match () {
            () if self.chance.hit(self.faults.throttle) => self.chance.below(60_000),
            () if throttled => self.chance.below(60_000),
            () => self.chance.below(5),
        };
        let (life, token) = (self.tabs[tab].life, self.tabs[tab].token);
        self.schedule(at - self.now + late, Event::Wake { tab, life, token });
    }

    fn wake(&mut self, tab: usize, life: u32, token: u64) {
        if self.tabs[tab].life == life && self.tabs[tab].token == token {
            self.tabs[tab].wakes += 1;
            let label = self.tabs[tab].wake.take().map(|(_, label)| label);
            self.trace(|| format!("tab {tab} wakes: {label:?}"));
            self.deliver(tab, life, Input::Tick);
        }
    }

    /// A tab's engine from nothing, over the store as it is.
    pub(crate) fn open(&mut self, tab: usize) {
        if self.tabs[tab].engine.is_some() || self.is_signed_out(tab) || !self.open_store(tab) {
            return;
        }
        let seed = self.chance.seed();
        let now = self.wall(self.tabs[tab].profile);
        self.trace(|| format!("tab {tab} opens"));
        self.forget_clock(tab);
        let profile = self.tabs[tab].profile;
        self.tabs[tab].store_id = self.profiles[profile].store_id;
        self.tabs[tab].view = View::from_now(self.oracle.chronicles[profile].now(), self.tabs[tab].deaf);
        let config = Config { user: Some(USERS[profile].into()), ..self.config.clone() };
        self.tabs[tab].engine = Some(Box::new(Engine::new(config, seed, now)));
        self.give(tab, Input::Start);
        if self.tabs[tab].hidden {
            self.give(tab, Input::Signal(Signal::Hidden));
        }
    }
}
