//! Rarer mishaps, each absent from most schedules: power loss, a connection that dies at the end of a transaction,
//! one-way partitions, clocks that drift or stand still, entity tags that change, messages and documents of strangers.
//!
//! They draw from streams of their own, so that adding one moves no other schedule. All end when the faults stop.

use super::chance::Chance;
use super::event::Event;
use super::net::Wire;
use super::store::Job;
use super::tab::Asked;
use super::world::World;
use seakeep::engine::disk::Disk;
use seakeep::engine::input::{Command, Input, Message, Wish, WriteKind, WriteOp};
use seakeep::engine::plan::Report;
use seakeep::engine::store::{MetaKey, Write};
use seakeep::model::{Document, Failure, Priority};
use seakeep::native::Json;
use seakeep::protocol::HttpResponse;
use serde_json::json;

/// Documents of a bulk write.
const BULK: u64 = 40;
/// Longest partition and longest stop of a clock, in ms.
const LONG: u64 = 60_000;

/// Rates in a thousand, and what is going on.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    /// The device loses its power: transactions since the last strict one may be gone.
    pub(crate) power: u64,
    /// The connection dies after a transaction was committed and before that was told: it is run again.
    replayed: u64,
    partition: u64,
    stops_clock: u64,
    etag: u64,
    hostile: u64,
    bulk: u64,
    /// The store is wiped.
    pub(crate) wipes: u64,
    /// Two people share the device, and take turns.
    pub(crate) switches: u64,
    /// Newer code is deployed.
    pub(crate) deploys: u64,
    /// Whether what a loss of power would leave is kept although none is drawn.
    pub(crate) keeps_states: bool,
    /// Drift of each device's clock, in thousandths.
    drift: [i64; 2],
    /// A partition of a device: whether requests or only answers are lost, and until when.
    partitioned: [Option<(bool, u64)>; 2],
    /// When the clock of a device stopped.
    stopped: [Option<u64>; 2],
    /// What each device's store would be after a loss of power: each state since its last strict transaction.
    safe: [Vec<Disk<Json>>; 2],
}

impl Mishaps {
    /// The mishaps of a seed: each in one schedule of eight.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let outer = chance.enter("mishaps", 0);
        let mut rate = |most: u64| if chance.below(8) == 0 { 1 + chance.below(most) } else { 0 };
        let mut mishaps = Self {
            power: rate(150),
            replayed: rate(100),
            partition: rate(200),
            stops_clock: rate(100),
            etag: rate(400),
            hostile: rate(300),
            bulk: rate(40),
            ..Self::default()
        };
        if chance.below(8) == 0 {
            mishaps.drift = [0, 1].map(|_| chance.below(101) as i64 - 50);
        }
        mishaps.deploys = if chance.below(8) == 0 { 1 + chance.below(100) } else { 0 };
        let mut rate = |most: u64| if chance.below(8) == 0 { 1 + chance.below(most) } else { 0 };
        (mishaps.wipes, mishaps.switches) = (rate(60), rate(200));
        chance.leave(outer);
        mishaps
    }

    /// The rate of one of them, by its name: nothing where it is none of these.
    pub(crate) fn set(&mut self, name: &str, rate: u64) {
        match name {
            "replayed" => self.replayed = rate,
            "etag" => self.etag = rate,
            _ => {}
        }
    }

    /// How far a device's clock stands off by drift, or because it stopped.
    pub(crate) fn skew(&self, profile: usize, now: u64) -> i64 {
        let stands = self.stopped[profile].unwrap_or(now) as i64;
        stands - now as i64 + stands * self.drift[profile] / 1_000
    }

    /// The store of a device is another one now.
    pub(crate) fn forget_safe(&mut self, profile: usize) {
        self.safe[profile].clear();
    }

    /// Whether the clock of a device runs true.
    pub(crate) fn runs_true(&self, profile: usize) -> bool {
        self.drift[profile] == 0 && self.stopped[profile].is_none()
    }
}

impl World {
    /// What may happen at any time.
    pub(crate) fn mishap_turn(&mut self) {
        let outer = self.chance.enter("mishap", 0);
        let profile = self.chance.below(2) as usize;
        let tab = self.chance.below(4) as usize;
        if self.chance.hit(self.mishaps.power) {
            self.lose_power(profile);
        }
        if self.chance.hit(self.mishaps.partition) {
            let length = self.chance.below(LONG);
            let outward = self.chance.hit(500);
            self.cut_off(profile, outward, length);
        }
        match self.mishaps.stopped[profile] {
            Some(since) if self.chance.hit(300) || since + LONG < self.now => self.start_clock(profile),
            None if self.chance.hit(self.mishaps.stops_clock) => self.stop_clock(profile),
            _ => {}
        }
        if self.chance.hit(self.mishaps.hostile) {
            self.mislead(tab);
        }
        if self.chance.hit(self.mishaps.bulk) && self.tabs[tab].is_awake() {
            self.write_bulk(tab);
        }
        self.chance.leave(outer);
    }

    /// A device loses its requests, or only the answers to them.
    pub(crate) fn cut_off(&mut self, profile: usize, outward: bool, length: u64) {
        self.trace(|| format!("profile {profile} is cut off (requests: {outward}) for {length}"));
        self.mishaps.partitioned[profile] = Some((outward, self.now + length));
    }

    /// A device's clock stands still from now on.
    pub(crate) fn stop_clock(&mut self, profile: usize) {
        self.trace(|| format!("clock of profile {profile} stops"));
        self.mishaps.stopped[profile].get_or_insert(self.now);
    }

    /// A clock goes on from where it stood: for the device it is a jump back.
    fn start_clock(&mut self, profile: usize) {
        let wall = self.wall(profile) as i64;
        self.mishaps.stopped[profile] = None;
        let offset = self.profiles[profile].offset + wall - self.wall(profile) as i64;
        self.profiles[profile].offset = offset;
        self.profiles[profile].jumps += 1;
        self.trace(|| format!("clock of profile {profile} goes on"));
    }

    /// No more mishaps; clocks go on from where they are.
    pub(crate) fn end_mishaps(&mut self) {
        for profile in 0..2 {
            let wall = self.wall(profile) as i64;
            self.mishaps.drift[profile] = 0;
            self.mishaps.stopped[profile] = None;
            let off = wall - self.wall(profile) as i64;
            self.profiles[profile].offset += off;
        }
        self.mishaps = Mishaps::default();
    }

    /// After a transaction: what a loss of power would leave.
    pub(crate) fn note_safe(&mut self, profile: usize, strict: bool) {
        if self.mishaps.power > 0 || self.mishaps.keeps_states {
            let safe = &mut self.mishaps.safe[profile];
            if strict {
                safe.clear();
            }
            safe.push(self.profiles[profile].disk.clone());
        }
    }

    /// All tabs of a device die, and the last relaxed transactions with them: a suffix, never a hole (pitfalls B1).
    pub(crate) fn lose_power(&mut self, profile: usize) {
        let states = self.mishaps.safe[profile].len() as u64;
        self.trace(|| format!("profile {profile} loses its power, {states} states since the last strict transaction"));
        (0..4).filter(|tab| tab / 2 == profile).for_each(|tab| self.crash(tab));
        self.oracle.telling.lose(profile);
        self.oracle.positions.retain(|(of, _), _| *of != profile);
        if states > 0 {
            let kept = self.chance.below(states) as usize;
            self.mishaps.safe[profile].truncate(kept + 1);
            if let Some(disk) = self.mishaps.safe[profile].last().cloned() {
                self.oracle.disputes.recall(profile, &disk);
                self.profiles[profile].disk = disk;
                self.profiles[profile].note_meta(true);
                self.chronicle_anew(profile);
                std::mem::take(&mut self.oracle.allowances[profile]);
            }
        }
    }

    /// A transaction; where the connection dies before its end is told, it is run again, unless a new row of the
    /// outbox or the mark proves that it was committed: as the shell's store does.
    pub(crate) fn write_and_tell(&mut self, job: &Job, profile: usize) -> Result<Report<Json>, Failure> {
        let outer = self.chance.enter("connection", profile);
        let dies = self.chance.hit(self.mishaps.replayed);
        self.chance.leave(outer);
        let proves = |write: &Write<Json>| match write {
            Write::AddPending(_) => true,
            Write::PutMeta(MetaKey::Mark, mark) => mark.text_of("by").is_some(),
            _ => false,
        };
        let proof =
            dies && self.profiles[profile].disk.decide(&*job.plan).is_ok_and(|(writes, _)| writes.iter().any(proves));
        let first = self.write(job, profile);
        if !dies || proof || first.is_err() {
            return first;
        }
        self.trace(|| format!("profile {profile}: the connection died, the transaction is run again"));
        // What the first run did is not told, but for the mark, which the face looks at.
        (0..4).filter(|tab| tab / 2 == profile).for_each(|tab| self.tabs[tab].view.misses = true);
        self.write(job, profile)
    }

    /// Whether a partition swallows the request, or lets it through and swallows the answer.
    pub(crate) fn swallowed(&self, wire: &Wire) -> Option<bool> {
        let (outward, until) = self.mishaps.partitioned[self.tabs[wire.tab].profile]?;
        (self.now < until).then_some(outward)
    }

    /// A proxy weakens or drops the entity tag of a page, or says in that of a document that it has compressed it.
    pub(crate) fn change_tag(&mut self, wire: &Wire, response: &mut HttpResponse<Json>) {
        let outer = self.chance.enter("tag", wire.tab);
        let is_page = !wire.is_write() && wire.core.path.trim_start_matches('/').split('/').count() == 1;
        if is_page && response.status == 200 && self.chance.hit(self.mishaps.etag) {
            response.etag = match self.chance.below(3) {
                0 => None,
                1 => response.etag.take().map(|tag| ["W/", &tag].concat()),
                _ => Some(format!("\"{}-gzip\"", self.chance.below(3))),
            };
        }
        let tag = response.etag.as_deref().and_then(|tag| tag.strip_suffix('"')).filter(|_| !is_page);
        if let Some(tag) = tag.filter(|_| self.chance.hit(self.mishaps.etag)) {
            response.etag = Some([tag, "-gzip\""].concat());
        }
        self.chance.leave(outer);
    }

    /// Somebody else posts on the tabs' channel.
    pub(crate) fn mislead(&mut self, tab: usize) {
        let text = ["x", "", "__proto__"][self.chance.below(3) as usize];
        let message: Message<Json> = match self.chance.below(6) {
            0 => Message::Changed(vec![text.into(), "cards".into()]),
            1 => Message::Outbox,
            2 => Message::Gone(text.into()),
            3 => Message::Back(text.into()),
            4 => Message::Ask { id: text.into(), wish: Wish::all() },
            _ => Message::Report { id: text.into(), report: json!({ "__proto__": { "state": 1 } }).into() },
        };
        self.trace(|| format!("somebody posts {message:?} to tab {tab}"));
        let life = self.tabs[tab].life;
        self.schedule(0, Event::Message { tab, life, message: Box::new(message) });
    }

    /// Many documents in one call, with keys that mean something to prototypes.
    fn write_bulk(&mut self, tab: usize) {
        let op = |number: u64| WriteOp {
            collection: "pages".into(),
            id: String::new(),
            kind: WriteKind::Put(json!({ "bulk": number, "__proto__": { "x": 1 }, "constructor": number }).into()),
            priority: Priority::Background,
            local: false,
            fresh: false,
        };
        let ops: Vec<WriteOp<Json>> = (0..BULK).map(op).collect();
        self.oracle.bulked = true;
        let ticket = self.tabs[tab].ticket(Asked { what: "write", claims: Vec::new() });
        self.trace(|| format!("tab {tab} writes {BULK} documents at once ({ticket})"));
        self.give(tab, Input::Command { ticket, command: Command::Write(ops) });
    }
}
