//! The server's streams of news: who listens, what each is told, and how streams end.
//!
//! A stream tells of changes after the position it was opened with; pieces of text end anywhere. It may be refused, lost
//! on the way, or cut; nothing of that may matter but for time.

use super::event::Event;
use super::world::World;
use seakeep::engine::input::Input;
use seakeep::native::Json;
use seakeep::protocol::{HttpRequest, NetworkFailure};

/// An open stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) tab: usize,
    life: u32,
    listen: u32,
    told: u64,
    /// When the last piece of it arrives: what is said later comes later.
    busy: u64,
}

impl World {
    /// A tab opens a stream.
    pub(crate) fn listen(&mut self, tab: usize, listen: u32, http: &HttpRequest<Json>) {
        let life = self.tabs[tab].life;
        let refused = self.chance.hit(self.faults.lost_before) || self.chance.hit(self.faults.failing);
        if refused || self.server.wants_login {
            let result = if self.server.wants_login { Ok(401) } else { Err(NetworkFailure::Unreachable) };
            if self.server.wants_login {
                self.note_denied(tab, life);
            }
            let delay = 1 + self.chance.below(200);
            return self.schedule(delay, Event::News { tab, life, input: Box::new(Input::Unheard { listen, result }) });
        }
        let head = self.server.tables.head();
        let last =
            http.headers.iter().find(|(name, _)| *name == "Last-Event-ID").map(|(_, id)| id.parse().unwrap_or(0));
        let told = last.map_or(head, |last: u64| if last > head { 0 } else { last });
        self.streams.push(Stream { tab, life, listen, told, busy: 0 });
        self.say(tab, life, listen, ": listening\n\n");
        self.tell_news();
    }

    /// A tab closes its stream.
    pub(crate) fn stop_listening(&mut self, tab: usize, listen: u32) {
        self.streams.retain(|stream| stream.tab != tab || stream.listen != listen);
    }

    /// Streams are told what the server's log holds beyond what they were told.
    pub(crate) fn tell_news(&mut self) {
        let head = self.server.tables.head();
        let lives: Vec<u32> = self.tabs.iter().map(|tab| tab.life).collect();
        self.streams.retain(|stream| lives[stream.tab] == stream.life);
        for at in 0..self.streams.len() {
            let Stream { tab, life, listen, told, .. } = self.streams[at].clone();
            let entries = self.server.tables.log().enumerate().skip(if told > head { 0 } else { told as usize });
            let names: std::collections::BTreeSet<String> =
                entries.map(|(_, entry)| entry.document.collection.clone()).collect();
            self.streams[at].told = head;
            for name in names {
                self.say(
                    tab,
                    life,
                    listen,
                    &format!("id: {head}\nevent: change\ndata: {{\"collection\":\"{name}\"}}\n\n"),
                );
            }
        }
    }

    /// A comment line every 20 s, as the profile asks for.
    pub(crate) fn breathe(&mut self) {
        self.schedule(20_000, Event::Breath);
        for Stream { tab, life, listen, .. } in self.streams.clone() {
            self.say(tab, life, listen, ": still here\n\n");
        }
    }

    /// Streams are cut, as gateways do.
    pub(crate) fn cut_streams(&mut self) {
        for stream in std::mem::take(&mut self.streams) {
            let input = Input::Unheard { listen: stream.listen, result: Err(NetworkFailure::Unreachable) };
            let delay = self.chance.below(100);
            self.schedule(delay, Event::News { tab: stream.tab, life: stream.life, input: Box::new(input) });
        }
    }

    fn say(&mut self, tab: usize, life: u32, listen: u32, text: &str) {
        let cut = self.chance.below(text.len() as u64) as usize;
        let delay = 1 + self.chance.below(30);
        let now = self.now;
        let open = self.streams.iter_mut().find(|stream| (stream.tab, stream.listen) == (tab, listen));
        let delay = open.map_or(delay, |stream| {
            let delay = delay.max((stream.busy + 1).saturating_sub(now));
            stream.busy = now + delay + 1;
            delay
        });
        for (delay, piece) in [(delay, &text[..cut]), (delay + 1, &text[cut..])] {
            let input = Input::Heard { listen, text: piece.into() };
            self.schedule(delay, Event::News { tab, life, input: Box::new(input) });
        }
    }

    /// At rest: one stream for each profile where no message was lost, and what is told on it is pulled without being
    /// asked for (E-12).
    pub(crate) fn check_news(&mut self) {
        if self.config.sync.as_ref().is_none_or(|sync| sync.events.is_none()) || self.violation.is_some() {
            return;
        }
        let of = |profile: usize| self.streams.iter().filter(move |stream| stream.tab / 2 == profile);
        let listens = [0, 1].map(|profile| of(profile).count());
        // A tab that was deaf may have missed that another one leads.
        let hearing = [0, 1].map(|profile| of(profile).filter(|stream| !self.tabs[stream.tab].view.misses).count());
        if self.faults.message_loss == 0 && hearing.iter().any(|count| *count > 1) {
            return self.broken("E-12", format!("{listens:?} streams are open at rest"));
        }
        self.faults.stranger = 1_000;
        self.stranger();
        self.queue.drop_sources();
        self.faults.stranger = 0;
        let until = self.now + 120_000;
        self.run_until(until, u64::MAX, |_| false);
        for profile in (0..2).filter(|profile| listens[*profile] > 0) {
            for collection in super::world::COLLECTIONS {
                if let Some(text) = self.disagreement(profile, collection) {
                    let tabs: Vec<usize> = self.streams.iter().map(|stream| stream.tab).collect();
                    let text = format!("news to tabs {tabs:?} changed nothing in profile {profile}: {text}");
                    return self.broken("E-12", text);
                }
            }
        }
    }
}
