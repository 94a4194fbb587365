//! Answers of every row of the HTTP table: refusals of all kinds, success that is none, refusals of a revision that do
//! not bring the document, and changes that alone never get through.
//!
//! Drawn in streams of their own. A 404 or 410 is left to the server's own word: somebody else's would be a lie about
//! the document (server assumption S2).

use super::event::Event;
use super::net::Wire;
use super::world::World;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse};
use serde_json::json;

/// What refuses a change for good.
const REFUSALS: [u16; 17] = [403, 422, 400, 402, 405, 406, 411, 413, 414, 415, 416, 417, 421, 431, 451, 501, 505];
/// Redirects, as a browser shows them that does not follow, and as another host may.
const REDIRECTS: [u16; 6] = [0, 0, 301, 303, 307, 308];

/// Failures that only gateways in front of a server give.
const GATEWAYS: [u16; 10] = [520, 521, 522, 523, 524, 525, 526, 527, 528, 529];
/// What a server says of a change although nothing of it conflicts: some want a condition where there is one, or none.
const UNASKED: [u16; 6] = [409, 409, 412, 428, 501, 413];

/// How often such answers come, of a thousand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    /// A success that says nothing.
    pub(crate) odd: u64,
    /// A refused revision without the document.
    pub(crate) bare: u64,
    /// One change of so many never gets through; 0 is none.
    pub(crate) blocks: u64,
    /// Phases in which every checkpoint is refused, or belongs to another history.
    pub(crate) fickle: u64,
    /// A refusal that nothing led to.
    pub(crate) unasked: u64,
    /// Gateways' own failures instead of the server's.
    pub(crate) gateway: u64,
    /// A person who looks at what is parked, in whichever tab, and mostly gives it up.
    pub(crate) minds: u64,
    /// The status of the one answer of a single fault; 0 is none.
    pub(crate) status: u16,
    /// The key of the one change that a single fault keeps from getting through.
    pub(crate) barred: Option<String>,
}

impl World {
    /// The rates of this schedule.
    pub(crate) fn draw_answers(&mut self) {
        let outer = self.chance.enter("answers", 0);
        self.faults.answers = Answers {
            odd: self.chance.rate(80),
            bare: self.chance.rate(600),
            blocks: if self.chance.below(6) == 0 { 3 } else { 0 },
            fickle: if self.chance.below(8) == 0 { 1 + self.chance.below(150) } else { 0 },
            unasked: self.chance.rate(60),
            gateway: self.chance.rate(700),
            minds: self.chance.rate(120),
            ..Answers::default()
        };
        self.chance.leave(outer);
    }

    /// The server knows no checkpoint for a while, or names its history anew with each page.
    pub(crate) fn mood_turn(&mut self) {
        let outer = self.chance.enter("mood", 0);
        if self.chance.hit(self.faults.answers.fickle) && !self.server.is_down {
            let gone = self.chance.hit(500);
            self.trace(|| format!("server knows no checkpoint (410: {gone})"));
            (self.server.is_gone, self.server.is_fickle) = (gone, !gone);
            let delay = self.chance.below(90_000);
            self.schedule(delay, Event::Mended);
        }
        self.chance.leave(outer);
    }

    /// What such a server says to a request for a page.
    pub(crate) fn mood(&mut self, wire: &Wire) -> Option<HttpResponse<Json>> {
        let is_page = wire.is_page();
        if is_page && self.server.is_fickle {
            self.server.rename();
        }
        (is_page && self.server.is_gone).then(|| HttpResponse::new(410, Body::Empty))
    }

    /// A status of the HTTP table that nothing led to. A refusal is one of a change that was not executed (server
    /// assumption S2), and stays one for every copy of it (S3).
    pub(crate) fn unasked(&mut self, wire: &Wire) -> Option<HttpResponse<Json>> {
        let outer = self.chance.enter("unasked", wire.tab);
        let drawn = wire.is_write() && self.chance.hit(self.faults.answers.unasked);
        let status = match self.faults.answers.status {
            0 if !drawn => 0,
            0 => UNASKED[self.chance.below(UNASKED.len() as u64) as usize],
            status => status,
        };
        self.chance.leave(outer);
        let refuses = matches!(status, 409 | 412 | 413 | 428 | 501);
        if status == 0 || (refuses && wire.parcels.iter().any(|parcel| self.server.tables.executions(&parcel.key) > 0))
        {
            return None;
        }
        self.server.was_full |= status == 507;
        for parcel in wire.parcels.iter().filter(|_| refuses) {
            self.oracle.refused_at.insert(parcel.key.clone(), (self.now, status));
        }
        Some(HttpResponse::new(status, Body::Empty))
    }

    /// Which failure it is: the server's, or one of a gateway.
    pub(crate) fn failing(&mut self, tab: usize, status: u16) -> u16 {
        let outer = self.chance.enter("gateway", tab);
        let gateway = self.chance.hit(self.faults.answers.gateway);
        let status = if gateway { GATEWAYS[self.chance.below(GATEWAYS.len() as u64) as usize] } else { status };
        self.chance.leave(outer);
        status
    }

    /// A status that parks a change.
    pub(crate) fn refusing(&mut self, tab: usize) -> u16 {
        self.one_of("refusal", tab, &REFUSALS)
    }

    /// The status of a write that is sent elsewhere.
    pub(crate) fn redirecting(&mut self, tab: usize) -> u16 {
        self.one_of("redirect", tab, &REDIRECTS)
    }

    /// The status of a sign-in page.
    pub(crate) fn portal(&mut self, tab: usize) -> u16 {
        self.one_of("portal", tab, &[200, 200, 203, 511])
    }

    fn one_of(&mut self, what: &'static str, tab: usize, all: &[u16]) -> u16 {
        let outer = self.chance.enter(what, tab);
        let one = all[self.chance.below(all.len() as u64) as usize];
        self.chance.leave(outer);
        one
    }

    /// Whether somebody between tab and server stops this request whenever it comes, as an ad blocker does.
    pub(crate) fn is_blocked(&self, wire: &Wire) -> bool {
        let blocks = self.faults.answers.blocks;
        let stops =
            |key: &str| key.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)) % 8 < blocks;
        let barred = &self.faults.answers.barred;
        wire.parcels.iter().any(|parcel| (blocks > 0 && stops(&parcel.key)) || barred.as_ref() == Some(&parcel.key))
    }

    /// What becomes of an answer on its way, whatever the server did.
    pub(crate) fn twist(&mut self, wire: &Wire, response: HttpResponse<Json>) -> HttpResponse<Json> {
        let outer = self.chance.enter("twist", wire.tab);
        let Answers { odd, bare, .. } = self.faults.answers;
        let changes = wire.is_write();
        let refused = changes && matches!(response.status, 409 | 412) && response.json().is_some_and(is_document);
        let twisted = match response.status {
            200 | 201 if self.chance.hit(odd) => {
                let body = [Body::Empty, json_body(&json!({})), json_body(&json!([])), Body::TooDeep, Body::TooLarge];
                let body = body[self.chance.below(5) as usize].clone();
                // An update without a body is a success; a page without one is none.
                let status = if matches!(body, Body::Empty) { 202 } else { response.status };
                HttpResponse { body, ..HttpResponse::new(status, Body::Empty) }
            }
            _ if refused && self.chance.hit(bare) => {
                HttpResponse::new([409, 412, 428][self.chance.below(3) as usize], Body::Empty)
            }
            _ => response,
        };
        self.chance.leave(outer);
        twisted
    }
}

fn json_body(value: &serde_json::Value) -> Body<Json> {
    Body::Json(value.clone().into())
}

/// Whether a refusal brought the document, and is no problem document.
fn is_document(body: &Json) -> bool {
    body.get("id").is_some()
}
