//! The network between tabs and server: loses, doubles, delays, reorders, truncates, replaces, stalls.
//!
//! A request is a [`Wire`]; what happens to it is decided when it leaves. A copy that arrives late is judged as the
//! first one was: a key that was refused is not executed by a copy sent before the refusal (server assumption S3).

use super::batch::{parcels, Parcel};
use super::event::Event;
use super::server::{from_core, to_core};
use super::strikes::Point;
use super::world::World;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpRequest, HttpResponse, NetworkFailure};
use seakeep_server::core::CoreRequest;
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) tab: usize,
    pub(crate) life: u32,
    pub(crate) request: u32,
    pub(crate) sent_at: u64,
    pub(crate) core: CoreRequest,
    /// Which request of the schedule it is.
    pub(crate) number: u32,
    /// The changes it carries.
    pub(crate) parcels: Vec<Parcel>,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives.
    Arrives,
    /// It is lost; the tab sees a network failure.
    Lost,
    /// It ends early.
    Broken,
    /// A gateway replaces it by a failure, although the server did its work.
    Failing,
    /// Nobody waits for it.
    Ignored,
}

impl Wire {
    /// Whether it may change something.
    pub(crate) fn is_write(&self) -> bool {
        self.core.method != "GET"
    }

    /// The key of a change that travels alone.
    pub(crate) fn key(&self) -> Option<&String> {
        self.parcels.first().filter(|_| !self.is_batch()).map(|parcel| &parcel.key)
    }

    /// Whether it asks for a page.
    pub(crate) fn is_page(&self) -> bool {
        !self.is_write()
            && self.core.path.trim_start_matches('/').split('/').count() == 1
            && self.core.path != "/_health"
    }

    /// Whether it is a batch.
    pub(crate) fn is_batch(&self) -> bool {
        self.core.path == "/_batch"
    }
}

impl World {
    /// A tab makes a request.
    pub(crate) fn send(&mut self, tab: usize, request: u32, http: &HttpRequest<Json>) {
        self.check_silent(tab, "request");
        let core = to_core(http);
        let wire = Rc::new(Wire {
            tab,
            life: self.tabs[tab].life,
            request,
            sent_at: self.now,
            parcels: parcels(&core),
            core,
            number: self.meet(Point::Request),
        });
        let outer = self.chance.enter("request", tab);
        self.trace(|| {
            format!(
                "tab {tab} requests {request}: {} {} {:?}",
                wire.core.method,
                wire.core.path,
                wire.parcels
                    .iter()
                    .map(|parcel| &parcel.key)
                    .chain(wire.core.query.first().map(|(_, value)| value))
                    .collect::<Vec<_>>()
            )
        });
        let keys = wire.parcels.iter().map(|parcel| parcel.key.clone()).collect();
        self.tabs[tab].requests.insert(request, keys);
        self.note_leaving(&wire);
        self.request_leaves(&wire);
        self.meet_request(&wire);
        self.strike(Point::Request, wire.number, |world| world.route(&wire));
        self.chance.leave(outer);
    }

    fn route(&mut self, wire: &Rc<Wire>) {
        match self.swallowed(wire) {
            Some(true) => return,
            Some(false) => return self.reach_later(wire, Fate::Ignored),
            None => {}
        }
        let faults = self.faults.clone();
        if self.chance.hit(faults.lost_before) || self.is_blocked(wire) || self.is_unreadable(wire) {
            return self.respond(wire, Err(NetworkFailure::Unreachable), 50);
        }
        if self.chance.hit(faults.redirect) {
            let status = if wire.is_write() { self.redirecting(wire.tab) } else { 200 };
            let mut response = HttpResponse::new(status, Body::Empty);
            response.redirected = matches!(status, 0 | 200);
            return self.respond(wire, Ok(response), 50);
        }
        if self.chance.hit(faults.html) {
            let status = self.portal(wire.tab);
            return self.respond(wire, Ok(HttpResponse::new(status, Body::Html)), 50);
        }
        if self.chance.hit(faults.stall) {
            if self.chance.hit(500) {
                self.reach_later(wire, Fate::Ignored);
            }
            return;
        }
        if self.chance.hit(faults.duplicate) {
            self.reach_later(wire, Fate::Ignored);
        }
        let fate = match () {
            () if self.chance.hit(faults.lost_after) => Fate::Lost,
            () if self.chance.hit(faults.broken) => Fate::Broken,
            () if self.chance.hit(faults.failing_after) => Fate::Failing,
            () => Fate::Arrives,
        };
        self.reach_later(wire, fate);
    }

    fn reach_later(&mut self, wire: &Rc<Wire>, fate: Fate) {
        let delay = self.latency();
        self.schedule(delay, Event::Reach { wire: wire.clone(), fate });
    }

    fn latency(&mut self) -> u64 {
        let long = if self.chance.hit(self.faults.slow) { 20_000 } else { 60 };
        1 + self.chance.delay(40, long)
    }

    fn respond(&mut self, wire: &Rc<Wire>, result: Result<HttpResponse<Json>, NetworkFailure>, within: u64) {
        let delay = self.chance.below(within + 1);
        self.schedule(delay, Event::Respond { wire: wire.clone(), result: Box::new(result) });
    }

    /// A request, or a copy of it, is at the server.
    pub(crate) fn reach(&mut self, wire: &Rc<Wire>, fate: Fate) {
        let mut response = match self.refusal(wire) {
            Some(response) => response,
            None => self.carry_out_at_server(wire),
        };
        self.trace(|| {
            format!("server answers {} {} with {} ({fate:?})", wire.core.method, wire.core.path, response.status)
        });
        response = self.twist(wire, response);
        self.change_tag(wire, &mut response);
        response = self.weigh(wire, response);
        let takes = self.length_takes(&response);
        let result = match fate {
            Fate::Ignored => return,
            Fate::Arrives => Ok(response),
            Fate::Lost => Err(NetworkFailure::Unreachable),
            Fate::Broken => Ok(HttpResponse { body: Body::Broken(7), ..response }),
            Fate::Failing => Ok(HttpResponse::new(502, Body::Html)),
        };
        let delay = self.latency() + takes;
        self.schedule(delay, Event::Respond { wire: wire.clone(), result: Box::new(result) });
    }

    fn carry_out_at_server(&mut self, wire: &Rc<Wire>) -> HttpResponse<Json> {
        if let Some(answer) = self.repeated(wire).or_else(|| self.mood(wire)) {
            return answer;
        }
        if wire.is_page() && wire.core.query_value("since").is_none() {
            self.vanish(wire.tab);
        }
        if !wire.is_write() && self.chance.hit(self.faults.stale_page) && !self.pulls_all(wire) {
            if let Some(response) = self.server.stale(&wire.core, self.now) {
                return from_core(&response);
            }
        }
        if !wire.is_write() && self.chance.hit(self.faults.strange) {
            return HttpResponse::new(304, Body::Empty);
        }
        if wire.is_batch() {
            return self.carry_out_batch(wire);
        }
        let before = self.server.tables.head();
        let response = self.server.handle(&wire.core, self.now);
        self.executed(before);
        if let Some(key) = wire.key().filter(|_| (400..500).contains(&response.status)) {
            self.oracle.refused_at.insert(key.clone(), (self.now, response.status));
        }
        let response = from_core(&response);
        let items = response.json().and_then(|body| body.get("items")?.as_list()).map_or(0, |items| items.len());
        if items > self.faults.fits {
            return HttpResponse { body: Body::TooLarge, ..response };
        }
        // Where parts are small, documents are long.
        let is_long = self.config.sync.as_ref().is_some_and(|sync| sync.part == 2);
        HttpResponse { length: if is_long { items << 20 } else { 0 }, ..response }
    }

    /// Whether the request belongs to a full pull: its pages come from one line of states (server assumption S4).
    fn pulls_all(&self, wire: &Wire) -> bool {
        let name = wire.core.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let pulls = &self.profiles[self.tabs[wire.tab].profile].pulls;
        pulls.iter().any(|(known, state)| **known == *name && state.sweeping)
    }

    /// What the server's surroundings say instead of the server.
    fn refusal(&mut self, wire: &Wire) -> Option<HttpResponse<Json>> {
        let refused = wire.key().and_then(|key| self.oracle.refused_at.get(key));
        if let Some((_, status)) = refused.filter(|(at, _)| wire.sent_at < *at) {
            return Some(HttpResponse::new(*status, Body::Empty));
        }
        if self.server.wants_login {
            return Some(HttpResponse::new(401, Body::Empty));
        }
        if self.server.is_down {
            return Some(HttpResponse::new(500, Body::Empty));
        }
        let faults = self.faults.clone();
        if let Some(answer) = self.unasked(wire) {
            return Some(answer);
        }
        if self.chance.hit(faults.limited) {
            let status = [429, 429, 503, 502][self.chance.below(4) as usize];
            return Some(self.later(status, true));
        }
        if self.chance.hit(faults.failing) {
            let status = [500, 502, 503, 504, 408, 425][self.chance.below(6) as usize];
            let status = self.failing(wire.tab, status);
            return Some(self.later(status, false));
        }
        if self.chance.hit(faults.full) {
            self.server.was_full = true;
            return Some(HttpResponse::new(507, Body::Empty));
        }
        if self.chance.hit(faults.outdated) {
            return Some(HttpResponse::new(426, Body::Empty));
        }
        let key = wire.key()?;
        let executed = self.server.tables.executions(key) > 0;
        if !executed && self.chance.hit(faults.refused) {
            let key = key.clone();
            let status = self.refusing(wire.tab);
            self.oracle.refused_at.insert(key, (self.now, status));
            return Some(HttpResponse::new(status, Body::Empty));
        }
        if self.chance.hit(faults.in_progress) {
            let problem = serde_json::json!({ "type": "/problems/idempotency-in-progress" });
            return Some(HttpResponse::new(409, Body::Json(problem.into())));
        }
        None
    }

    fn later(&mut self, status: u16, says: bool) -> HttpResponse<Json> {
        let mut response = HttpResponse::new(status, Body::Empty);
        response.date = Some(seakeep_server::core::http_date(super::server::BASE + self.now));
        if says {
            let seconds = self.chance.below(90);
            let at = super::server::BASE + self.now + seconds * 1_000;
            response.retry_after = Some(match self.chance.below(8) {
                0 => "soon".into(),
                1 | 2 => seakeep_server::core::http_date(at),
                3 if self.faults.long_waits => "999999999999999999999".into(),
                _ => seconds.to_string(),
            });
        }
        response
    }
}
