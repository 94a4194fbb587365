//! What browsers, clocks, servers and strangers do while nobody asked them to.

use super::event::Event;
use super::oracle::{bits_of, tag_of};
use super::tab::{Asked, Sleep};
use super::world::{World, COLLECTIONS};
use seakeep::engine::input::{Command, Input, Signal};
use seakeep::engine::machine::Engine;
use seakeep::engine::policy::network::Connection;
use seakeep::native::Json;
use seakeep::protocol::NetworkFailure;
use seakeep_server::core::CoreRequest;
use serde_json::json;

const YEAR: u64 = 365 * 24 * 3_600 * 1_000;

impl World {
    /// The surroundings' turn.
    pub(crate) fn turn(&mut self) {
        let delay = self.chance.delay(3_000, 30_000);
        self.schedule(delay, Event::Turn);
        self.mishap_turn();
        self.version_turn();
        self.wipe_turn();
        self.user_turn();
        self.mood_turn();
        self.stuck_turn();
        let tab = self.chance.below(4) as usize;
        let faults = self.faults.clone();
        if self.chance.hit(faults.crash) {
            self.crash(tab);
        } else if self.chance.hit(faults.freeze) {
            self.freeze(tab);
        } else if self.chance.hit(faults.close) {
            self.close(tab);
        } else if self.chance.hit(faults.jump) {
            self.jump(tab / 2);
        } else if self.chance.hit(faults.flags) {
            let signal = [Signal::Online, Signal::Offline][self.chance.below(2) as usize];
            self.signal(tab, signal);
        } else if self.chance.hit(faults.hides) {
            self.show(tab, !self.tabs[tab].hidden);
        } else if self.chance.hit(faults.slows) {
            self.slow_down(tab);
        } else if self.chance.hit(faults.deafens) {
            self.tabs[tab].deaf = !self.tabs[tab].deaf;
            self.tabs[tab].view.misses = true;
        }
        self.server_turn();
    }

    fn server_turn(&mut self) {
        let faults = self.faults.clone();
        if self.chance.hit(faults.login) && !self.server.wants_login {
            self.server.wants_login = true;
            let delay = self.chance.below(90_000);
            self.schedule(delay, Event::Calm);
        }
        if self.chance.hit(faults.down) && !self.server.is_down {
            self.server.is_down = true;
            let delay = self.chance.below(120_000);
            self.schedule(delay, Event::Mended);
        }
        if self.chance.hit(300) {
            self.server.replica = self.server.tables.clone();
        }
        if faults.restore > 0 && self.chance.hit(100) && self.server.backup.is_none() {
            self.server.backup = Some(self.server.tables.clone());
        } else if self.chance.hit(faults.restore) && self.server.restore() {
            self.trace(|| "server is restored from its backup".into());
            self.server.restored_at = self.now;
            self.oracle.server_restored();
        }
        if self.chance.hit(faults.cut) {
            self.cut_streams();
        }
        if self.chance.hit(faults.forget) {
            self.trace(|| "server names its history anew".into());
            self.server.rename();
        }
    }

    /// A tab dies where it stands.
    pub(crate) fn crash(&mut self, tab: usize) {
        if self.tabs[tab].engine.is_none() {
            return;
        }
        self.trace(|| format!("tab {tab} dies"));
        self.oracle.telling.crashes[self.tabs[tab].profile] += 1;
        if self.chance.hit(500) {
            let farewell = self.tabs[tab].engine.as_deref().map(Engine::farewell);
            farewell.into_iter().for_each(|farewell| self.broadcast(tab, &farewell));
        }
        self.tabs[tab].end();
        self.lock(tab, false);
        let delay = self.chance.delay(2_000, 60_000);
        self.schedule(delay, Event::Open { tab });
    }

    pub(crate) fn close(&mut self, tab: usize) {
        if self.tabs[tab].is_awake() {
            self.command(tab, Asked { what: "close", claims: Vec::new() }, Command::Close);
        }
    }

    /// `close()` has settled: nothing may be left open.
    pub(crate) fn closing_ended(&mut self, tab: usize) {
        // A store that fails at the very end loses what was counted since the last time.
        self.oracle.telling.crashes[self.tabs[tab].profile] += u32::from(self.tabs[tab].unstored);
        let open: Vec<&str> = self.tabs[tab].open.values().map(|asked| asked.what).collect();
        if !open.is_empty() {
            let text = format!("tab {tab} closed and left open: {open:?}");
            return self.broken("I-41", text);
        }
        if !self.tabs[tab].watched.is_empty() {
            let text = format!("tab {tab} closed and left {} changes unsettled", self.tabs[tab].watched.len());
            return self.broken("I-41", text);
        }
        self.trace(|| format!("tab {tab} is closed"));
        self.tabs[tab].end();
        let delay = self.chance.delay(2_000, 60_000);
        self.schedule(delay, Event::Open { tab });
    }

    pub(crate) fn freeze(&mut self, tab: usize) {
        if !self.tabs[tab].is_awake() {
            return;
        }
        let told = self.chance.hit(500);
        self.trace(|| format!("tab {tab} freezes (told: {told})"));
        if told {
            let signal = if self.chance.hit(500) { Signal::Cached } else { Signal::Frozen };
            self.tabs[tab].dozes = true;
            self.give(tab, Input::Signal(signal));
            self.tabs[tab].drowsy_until = self.now + self.chance.below(3_000);
        }
        self.tabs[tab].sleep = if told { Sleep::Frozen } else { Sleep::Stopped };
        let life = self.tabs[tab].life;
        let delay = self.chance.delay(40_000, 300_000);
        self.schedule(delay, Event::Thaw { tab, life });
    }

    /// A frozen tab runs again: what came meanwhile comes now; requests under way were often cut.
    pub(crate) fn thaw(&mut self, tab: usize, life: u32) {
        if self.tabs[tab].life != life || self.tabs[tab].engine.is_none() || self.tabs[tab].sleep == Sleep::Awake {
            return;
        }
        let told = self.tabs[tab].sleep == Sleep::Frozen;
        self.tabs[tab].sleep = Sleep::Awake;
        self.trace(|| format!("tab {tab} thaws"));
        let first = self.chance.hit(500);
        if told && first {
            self.tabs[tab].dozes = false;
            self.give(tab, Input::Signal(Signal::Resumed));
        }
        let cut = self.chance.hit(300);
        while let Some(input) = self.tabs[tab].stash.pop_front() {
            let input = match input {
                Input::Responded { request, .. } if cut => {
                    Input::Responded { request, result: Err(NetworkFailure::Unreachable) }
                }
                other => other,
            };
            self.give(tab, input);
        }
        if told && !first {
            self.tabs[tab].dozes = false;
            self.give(tab, Input::Signal(Signal::Resumed));
        }
        if !told {
            self.give(tab, Input::Tick);
        }
    }

    /// A device's wall clock is set anew.
    pub(crate) fn jump(&mut self, profile: usize) {
        let far = self.faults.far_jumps && self.chance.hit(500);
        let most = if far { 10 * YEAR } else { [2_000, 60_000, 86_400_000][self.chance.below(3) as usize] };
        let length = self.chance.below(most) as i64;
        let back = self.chance.hit(500);
        let offset = self.profiles[profile].offset + if back { -length } else { length };
        let most = (10 * YEAR) as i64;
        self.profiles[profile].offset = offset.clamp(-most, most);
        self.profiles[profile].jumps += 1;
        self.trace(|| format!("clock of profile {profile} jumps {}{length} ms", if back { "-" } else { "+" }));
    }

    /// A page is shown or hidden, now and then several times at once.
    pub(crate) fn show(&mut self, tab: usize, hidden: bool) {
        if !self.tabs[tab].is_awake() {
            return;
        }
        self.tabs[tab].hidden = hidden;
        let (now, before) = if hidden { (Signal::Hidden, Signal::Visible) } else { (Signal::Visible, Signal::Hidden) };
        if self.chance.hit(200) {
            self.signal(tab, now);
            self.signal(tab, before);
        }
        self.signal(tab, now);
    }

    /// The browser says that the connection is another one.
    pub(crate) fn slow_down(&mut self, tab: usize) {
        if self.tabs[tab].is_awake() {
            let effective = ["4g", "2g", "slow-2g", "3g"][self.chance.below(4) as usize];
            let connection = Connection { kind: None, effective: Some(effective.into()), saves: self.chance.hit(100) };
            self.give(tab, Input::Network(connection));
        }
    }

    /// A tab asks for the lock of its profile, or lets it go. Whoever dies lets go as well.
    pub(crate) fn lock(&mut self, tab: usize, wanted: bool) {
        if !self.faults.locks {
            return;
        }
        let queue = &mut self.profiles[self.tabs[tab].profile].lock;
        let first = queue.first().copied();
        queue.retain(|waiting| *waiting != tab);
        if wanted {
            queue.push(tab);
        }
        self.grant_lock(self.tabs[tab].profile, first);
    }

    fn grant_lock(&mut self, profile: usize, before: Option<usize>) {
        let Some(tab) = self.profiles[profile].lock.first().copied().filter(|first| Some(*first) != before) else {
            return;
        };
        let (life, delay) = (self.tabs[tab].life, self.chance.below(20));
        self.schedule(delay, Event::Said { tab, life, signal: Signal::Unlocked });
    }

    /// The browser says something, true or not.
    pub(crate) fn signal(&mut self, tab: usize, signal: Signal) {
        if self.tabs[tab].is_awake() {
            self.trace(|| format!("tab {tab} hears {signal:?}"));
            self.give(tab, Input::Signal(signal));
        }
    }

    /// Another client of the same server writes.
    pub(crate) fn stranger(&mut self) {
        let delay = self.chance.delay(8_000, 60_000);
        self.schedule(delay, Event::Stranger);
        if !self.chance.hit(self.faults.stranger) {
            return;
        }
        let collection = COLLECTIONS[self.chance.below(3) as usize];
        let live: Vec<(String, Json)> = self
            .server
            .tables
            .documents(collection)
            .filter_map(|document| Some((document.id.clone(), Json::from(document.value()?))))
            .collect();
        let before = self.server.tables.head();
        let request = match self.chance.pick(&live).cloned() {
            Some((id, _)) if self.chance.hit(self.faults.stranger_deletes) => {
                CoreRequest::new("DELETE", &format!("/{collection}/{id}"))
            }
            Some((id, doc)) if self.chance.hit(800) => {
                let patch = self.strange_patch(&doc);
                let request = CoreRequest::new("PATCH", &format!("/{collection}/{id}"));
                let request = request.header("content-type", "application/merge-patch+json");
                CoreRequest { body: patch.to_string().into_bytes(), ..request }
            }
            _ => {
                let number = self.oracle.write_number();
                CoreRequest::new("POST", &format!("/{collection}")).json(&json!({ "by": "stranger", "v": number }))
            }
        };
        self.trace(|| format!("stranger: {} {}", request.method, request.path));
        self.server.handle(&request, self.now);
        self.executed(before);
    }

    /// Another client deletes what waits here to be changed, just before everything is pulled anew: no page has it.
    pub(crate) fn vanish(&mut self, tab: usize) {
        let outer = self.chance.enter("vanish", tab);
        if self.chance.hit(if self.faults.stranger_deletes > 0 { 700 } else { 0 }) {
            let disk = &self.profiles[self.tabs[tab].profile].disk;
            let waiting = |name: &str| disk.main_rows(name).find(|row| !row.is_clean() && row.is_on_server());
            let found = COLLECTIONS.iter().find_map(|name| Some((*name, waiting(name)?.id.to_string())));
            if let Some((collection, id)) = found {
                self.trace(|| format!("stranger: DELETE /{collection}/{id}"));
                let before = self.server.tables.head();
                self.server.handle(&CoreRequest::new("DELETE", &format!("/{collection}/{id}")), self.now);
                self.executed(before);
            }
        }
        self.chance.leave(outer);
    }

    fn strange_patch(&mut self, doc: &Json) -> serde_json::Value {
        let number = self.oracle.write_number();
        let mut patch = json!({ "ext": number });
        if self.chance.hit(300) {
            patch["title"] = json!(format!("strange{number}"));
        }
        let Some(tag) = tag_of(doc).filter(|tag| !tag.starts_with("shared")) else { return patch };
        if self.chance.hit(500) {
            if let Some(bit) = self.oracle.bit(&tag) {
                patch["n"] = json!(bits_of(doc) + bit);
                if let Some(truth) = self.oracle.truths.get_mut(&tag) {
                    truth.bits[2] |= bit;
                }
            }
        }
        patch
    }
}
