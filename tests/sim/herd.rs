//! A thousand clients that meet one server again after it was away (pitfalls D23): what they send does not peak.
//!
//! Each client is the product's own engine over a store of its own, with a seed of its own and the options of an app
//! that names none; the server is the reference server's core. No other faults, and no oracles but the count of
//! requests in each window of time: the rest of the simulator looks after what is sent, this after when.

use super::server::{from_core, to_core, Server, BASE, URL};
use seakeep::engine::config::Config;
use seakeep::engine::disk::Disk;
use seakeep::engine::input::{Command, Input, WriteKind, WriteOp};
use seakeep::engine::machine::Engine;
use seakeep::engine::output::Output;
use seakeep::engine::policy::rng::Rng;
use seakeep::model::{PendingState, Priority};
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpRequest, HttpResponse, NetworkFailure};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Clients.
const CLIENTS: usize = 1_000;
/// Changes that each of them makes while the server is away.
const CHANGES: u64 = 3;
/// The busiest window has at most so many times the requests of the mean one.
const MOST: f64 = 3.0;
/// A commit's time, and a request's.
const COMMIT: u64 = 2;
const ROUND_TRIP: u64 = 30;
/// When the server is back.
const RETURNS: u64 = 360_000;
/// How long a client has been closed by then.
const AWAY: u64 = 150_000;
/// What comes within less is compared with as if it had taken so long.
const SHORTEST: u64 = 5_000;
/// How long after that the last change has to be sent.
const PATIENCE: u64 = 120_000;
/// How long after that a client that has nothing to send is looked at: it pulls once.
const GLANCE: u64 = 20_000;

/// How the clients come to meet the server again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reunion {
    /// Open all the time, and answered by nobody.
    Unreachable,
    /// Open all the time, and answered with 503 by a gateway.
    Failing,
    /// Opened all at the moment of the return, with changes that could not be sent before.
    Opened,
    /// Opened all at the moment of the return, with nothing to send.
    OpenedIdle,
}

impl Reunion {
    /// When the server goes. A change counts its attempts where a gateway answers, and is parked in the end.
    fn goes(self) -> u64 {
        if self == Self::Failing {
            RETURNS - 100_000
        } else {
            90_000
        }
    }

    /// Milliseconds of a window in which requests are counted: what comes within seconds is counted closely, what
    /// comes within a minute in windows that hold enough of it not to be ruled by luck.
    fn window(self) -> u64 {
        match self {
            Self::Unreachable | Self::Failing => 1_000,
            Self::Opened | Self::OpenedIdle => 100,
        }
    }
}

/// What happens to a client.
#[derive(Debug)]
enum Happens {
    Opens,
    Closes,
    Writes(u64),
    /// Meant for one life of it, as are wakes, and one setting of its timer.
    Gets(u32, Box<Input<Json>>),
    Wakes(u32, u64),
}

#[derive(Debug)]
struct Client {
    engine: Option<Engine<Json>>,
    disk: Disk<Json>,
    /// Which opening, and which setting of its timer counts.
    life: u32,
    token: u64,
}

struct Herd {
    now: u64,
    reunion: Reunion,
    clients: Vec<Client>,
    server: Server,
    rng: Rng,
    /// Whether the clients draw their pauses.
    jitter: bool,
    /// When, which, and whose.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
    events: BTreeMap<u64, Happens>,
    count: u64,
    /// Requests by window, from the return on.
    requests: Vec<u32>,
    /// When the last change was executed, or, of clients that have none, the last request came.
    last: u64,
}

/// Whether the herd comes back gently in every way; prints how it comes back.
pub(crate) fn prove_spread(seed: u64) -> bool {
    let reunions = [Reunion::Unreachable, Reunion::Failing, Reunion::Opened, Reunion::OpenedIdle];
    let gentle = reunions.map(|reunion| Herd::new(reunion, seed, true).judge());
    // The measure finds what it is there for.
    let storms = [Reunion::Opened, Reunion::OpenedIdle].map(|reunion| !Herd::new(reunion, seed, false).judge());
    gentle.into_iter().chain(storms).all(|fine| fine)
}

impl Herd {
    fn new(reunion: Reunion, seed: u64, jitter: bool) -> Self {
        let client = || Client { engine: None, disk: Disk::default(), life: 0, token: 0 };
        let mut herd = Self {
            now: 0,
            reunion,
            clients: (0..CLIENTS).map(|_| client()).collect(),
            server: Server::new(200, None),
            rng: Rng::from_number(seed),
            jitter,
            due: BinaryHeap::new(),
            events: BTreeMap::new(),
            count: 0,
            requests: Vec::new(),
            last: 0,
        };
        (0..CLIENTS).for_each(|client| herd.plan(client));
        herd
    }

    /// A client's day.
    fn plan(&mut self, client: usize) {
        let first = self.rng.below(60_000);
        self.add(first, client, Happens::Opens);
        for number in 0..CHANGES {
            let at = self.reunion.goes() + 1_000 + self.rng.below(30_000);
            if self.reunion != Reunion::OpenedIdle {
                self.add(at, client, Happens::Writes(number));
            }
        }
        if matches!(self.reunion, Reunion::Opened | Reunion::OpenedIdle) {
            self.add(RETURNS - AWAY, client, Happens::Closes);
            self.add(RETURNS, client, Happens::Opens);
        }
    }

    fn add(&mut self, at: u64, client: usize, happens: Happens) {
        self.count += 1;
        self.events.insert(self.count, happens);
        self.due.push(Reverse((at, self.count, client)));
    }

    fn judge(mut self) -> bool {
        let idle = self.reunion == Reunion::OpenedIdle;
        while let Some(Reverse((at, number, client))) = self.due.pop() {
            if at > RETURNS + if idle { GLANCE } else { PATIENCE } {
                break;
            }
            self.now = at;
            if let Some(happens) = self.events.remove(&number) {
                self.happen(client, happens);
            }
        }
        let waits =
            |client: &Client| client.disk.pending_rows().filter(|row| row.state != PendingState::Parked).count();
        let left: usize = self.clients.iter().map(waits).sum();
        let window = self.reunion.window();
        let windows = (self.last.saturating_sub(RETURNS).max(SHORTEST) / window) as usize + 1;
        let counted = &self.requests[..windows.min(self.requests.len())];
        let (sum, peak) = (counted.iter().sum::<u32>(), counted.iter().copied().max().unwrap_or(0));
        let mean = f64::from(sum) / windows as f64;
        println!(
            "herd, {:?}{}: {sum} requests of {CLIENTS} clients in {} ms: in {window} ms {mean:.1}, at most {peak} \
             ({:.1} times), {left} changes left",
            self.reunion,
            if self.jitter { "" } else { " without jitter" },
            self.last.saturating_sub(RETURNS),
            f64::from(peak) / mean
        );
        f64::from(peak) <= MOST * mean && left == 0
    }

    fn happen(&mut self, client: usize, happens: Happens) {
        match happens {
            Happens::Opens => self.open(client),
            Happens::Closes => {
                self.clients[client].life += 1;
                self.clients[client].engine = None;
            }
            Happens::Writes(number) => self.give(client, write(&format!("c{client}-{number}"), number)),
            Happens::Gets(life, input) if self.clients[client].life == life => self.give(client, *input),
            Happens::Wakes(life, token) if (self.clients[client].life, self.clients[client].token) == (life, token) => {
                self.give(client, Input::Tick);
            }
            Happens::Gets(..) | Happens::Wakes(..) => {}
        }
    }

    fn open(&mut self, client: usize) {
        let seed = std::array::from_fn(|_| self.rng.next_u64());
        // Data of their own: what the others wrote would only have to be read.
        let options = json!({
            "collections": [{ "name": "notes", "path": format!("notes{client}") }],
            "sync": {
                "url": URL, "rest": { "health": "_health" }, "breaker": { "failures": 5, "cooldown": 30_000 },
                "backoff": { "jitter": self.jitter },
            },
        });
        let config = Config::from_document(&Json::from(options));
        self.clients[client].engine = Some(Engine::new(config, seed, BASE + self.now));
        self.give(client, Input::Start);
    }

    fn give(&mut self, client: usize, input: Input<Json>) {
        let Some(mut engine) = self.clients[client].engine.take() else { return };
        engine.handle_input(BASE + self.now, input);
        let life = self.clients[client].life;
        loop {
            match engine.poll_output() {
                Output::Commit { commit, plan } => {
                    let result = self.clients[client].disk.run(&*plan);
                    self.add(
                        self.now + COMMIT,
                        client,
                        Happens::Gets(life, Box::new(Input::Committed { commit, result })),
                    );
                }
                Output::Request { request, http } => {
                    let result = self.answer(&http);
                    let input = Input::Responded { request, result };
                    self.add(self.now + ROUND_TRIP, client, Happens::Gets(life, Box::new(input)));
                }
                Output::Wait(wait) => {
                    self.clients[client].token += 1;
                    let token = self.clients[client].token;
                    if let Some((at, _)) = wait {
                        self.add(at.saturating_sub(BASE).max(self.now), client, Happens::Wakes(life, token));
                    }
                    break;
                }
                _ => {}
            }
        }
        self.clients[client].engine = Some(engine);
    }

    /// What the server, or nobody, says to a request.
    fn answer(&mut self, http: &HttpRequest<Json>) -> Result<HttpResponse<Json>, NetworkFailure> {
        if (self.reunion.goes()..RETURNS).contains(&self.now) {
            let failing = self.reunion == Reunion::Failing;
            return if failing { Ok(HttpResponse::new(503, Body::Empty)) } else { Err(NetworkFailure::Unreachable) };
        }
        if let Some(since) = self.now.checked_sub(RETURNS) {
            let window = (since / self.reunion.window()) as usize;
            self.requests.resize(self.requests.len().max(window + 1), 0);
            self.requests[window] += 1;
        }
        let before = self.server.tables.head();
        let response = self.server.handle(&to_core(http), self.now);
        if self.server.tables.head() > before || self.reunion == Reunion::OpenedIdle {
            self.last = self.now;
        }
        Ok(from_core(&response))
    }
}

fn write(id: &str, number: u64) -> Input<Json> {
    let doc = json!({ "id": id, "n": number });
    let op = WriteOp {
        collection: "notes".into(),
        id: id.into(),
        kind: WriteKind::Put(doc.into()),
        priority: Priority::User,
        local: false,
        fresh: false,
    };
    Input::Command { ticket: number as u32 + 1, command: Command::Write(vec![op]) }
}
