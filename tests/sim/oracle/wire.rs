//! Oracles on the wire: what leaves a tab, what the server executed, what it answered.

use super::{bits_of, list_of, tag_of, KeyInfo, Seen, ODD};
use crate::batch::{status_of, Parcel};
use crate::net::Wire;
use crate::world::World;
use seakeep::model::{Document, PendingState};
use seakeep::native::Json;
use seakeep::protocol::date::retry_after;
use seakeep::protocol::{HttpResponse, NetworkFailure};
use seakeep_server::core::memory::LogEntry;
use std::rc::Rc;

impl World {
    /// I-08, I-29, I-35: a request leaves.
    pub(crate) fn request_leaves(&mut self, wire: &Rc<Wire>) {
        self.mix_number(wire.core.body.len() as u64);
        let leaks = |parcel: &Parcel| parcel.payload.1.contains("pending-") || parcel.payload.2.contains("\"pending-");
        if wire.parcels.iter().any(leaks) || wire.core.path.contains("pending-") {
            return self.broken("I-35", format!("{} {} leaves with a temporary id", wire.core.method, wire.core.path));
        }
        let jumps = self.profiles[self.tabs[wire.tab].profile].jumps;
        if self.tabs[wire.tab].ordered.is_some_and(|(until, life)| life == jumps && self.now < until) {
            return self.broken("I-29", format!("{} leaves before the time the server asked for", wire.core.path));
        }
        self.check_request(wire);
        self.check_breaker(wire);
        self.check_half_open(wire);
        for parcel in wire.parcels.clone() {
            self.key_leaves(wire, parcel);
        }
    }

    fn key_leaves(&mut self, wire: &Rc<Wire>, parcel: Parcel) {
        let profile = self.tabs[wire.tab].profile;
        let Parcel { key, payload, .. } = parcel;
        if let Some(known) = self.oracle.keys.get(&key) {
            if known.payload != payload {
                self.broken("I-08", format!("key {key} leaves with {payload:?} after {:?}", known.payload));
            }
            return;
        }
        let row = self.profiles[profile].disk.pending_rows().find(|row| *row.idempotency_key == *key);
        let Some(row) = row else {
            // What was marked in a store that is gone since leaves none the less: nobody has told its tab yet.
            if self.tabs[wire.tab].store_id != self.profiles[profile].store_id {
                return;
            }
            return self.broken("I-03", format!("{} leaves without a row in the outbox", wire.core.path));
        };
        // A tab that does not know yet that another leads may still send what it had marked: its key is the same (I-23).
        let lease = self.profiles[profile].lease.as_ref();
        let leads = lease.is_some_and(|lease| self.tabs[wire.tab].owner.as_ref() == Some(&lease.owner));
        if row.state != PendingState::Sending && leads {
            let state = row.state;
            return self.broken("I-22", format!("{} leaves although its row is {state:?}", wire.core.path));
        }
        let (mutation, row) = (row.mutation_id.to_string(), row.clone());
        self.check_user(profile, &row);
        self.check_group_order(profile, &row, &wire.parcels);
        if let Some(last) = self.oracle.current.get(&mutation) {
            if !self.oracle.keys[last].refused {
                return self.broken("I-08", format!("{mutation} leaves under a new key, the old one was not refused"));
            }
        }
        self.oracle.current.insert(mutation.clone(), key.clone());
        self.oracle.keys.insert(key, KeyInfo { profile, mutation, payload, refused: false });
    }

    /// The server's log may have grown.
    pub(crate) fn executed(&mut self, before: u64) {
        if self.server.tables.head() == before {
            return;
        }
        self.tell_news();
        let entries: Vec<_> =
            self.server.tables.log().filter(|entry| entry.document.position > before).cloned().collect();
        for entry in entries {
            self.entry_added(entry);
        }
    }

    fn entry_added(&mut self, entry: LogEntry) {
        let place = (entry.document.collection.clone(), entry.document.id.clone());
        let value = entry.document.value();
        let tag = value.as_ref().and_then(|value| value.get("tag")?.as_str().map(String::from));
        let tag = tag.or_else(|| self.oracle.seen.get(&place).map(|seen| seen.tag.clone()));
        let twin = tag.and_then(|tag| self.oracle.truths.get(&tag)).is_some_and(|truth| truth.twin);
        if let Some(key) = entry.key {
            self.check_key(&key, &place, twin, value.as_ref().map(|value| value.clone().into()).as_ref());
        }
        match value {
            None => {
                let tag = self.oracle.seen.remove(&place).map(|seen| seen.tag);
                if let Some(truth) = tag.and_then(|tag| self.oracle.truths.get_mut(&tag)) {
                    truth.loose = true;
                }
            }
            Some(value) => self.check_version(place, &value.into()),
        }
    }

    /// I-04 and I-06: each mutation once, and those of one document in the order they were made.
    fn check_key(&mut self, key: &str, (collection, id): &(String, String), twin: bool, doc: Option<&Json>) {
        let known = !self.oracle.executed_keys.insert(key.to_owned());
        let Some(info) = self.oracle.keys.get(key).cloned() else { return };
        let times = self.oracle.executed.entry(info.mutation.clone()).or_default();
        *times += 1;
        if *times > 1 && self.server.forgets && (!known || is_unguarded(&info.payload)) {
            // The server has forgotten that it executed it, and nothing in the request could tell (a guard against what
            // is there cannot, once somebody has removed it); or its guard could, and what was refused then was put on
            // top of itself (S1).
            return self.oracle.loosen(doc);
        }
        if *times > 1 {
            return self.broken("I-04", format!("{} of {collection}/{id} was executed twice", info.mutation));
        }
        let born = self.oracle.born.get(&info.mutation).copied().unwrap_or(0);
        let place = (info.profile, collection.clone(), id.clone());
        let last = self.oracle.last_born.insert(place, born).unwrap_or(0);
        if born < last && !twin {
            self.broken("I-06", format!("{} of {collection}/{id} was executed after a later change", info.mutation));
        }
    }

    fn check_version(&mut self, place: (String, String), doc: &Json) {
        self.check_references(&place.0, doc);
        let Some(tag) = tag_of(doc) else { return };
        if let Some(truth) = self.oracle.truths.get_mut(&tag) {
            truth.published = true;
        }
        let lists = [0, 1, 2, 3].map(|tab| list_of(doc, tab));
        let bits = bits_of(doc);
        let now = Seen { lists, bits, tag: tag.clone() };
        let last = self.oracle.seen.insert(place, now.clone()).unwrap_or_default();
        let loose = self.oracle.truths.get(&tag).is_none_or(|truth| truth.loose);
        if loose || self.server.restored > 0 {
            return;
        }
        for tab in 0..4 {
            if !now.lists[tab].starts_with(&last.lists[tab]) {
                let text = format!("{tag} on the server goes from {:?} to {:?}", last.lists[tab], now.lists[tab]);
                return self.broken("I-06", text);
            }
        }
        if bits & ODD != 0 {
            return self.broken("I-04", format!("{tag} on the server holds a doubled increment, {bits:#x}"));
        }
        if bits & last.bits != last.bits {
            self.broken("I-05", format!("{tag} on the server lost an increment: {:#x} after {:#x}", bits, last.bits));
        }
    }

    /// I-07: what a document refers to was there first.
    fn check_references(&mut self, collection: &str, doc: &Json) {
        if collection != "cards" || self.server.restored > 0 {
            return;
        }
        for (field, target) in [("list", "lists"), ("parent", "cards")] {
            let Some(id) = doc.text_of(field) else { continue };
            // A document that was taken back before it was sent leaves the reference dangling: the app's own doing.
            let taken_back = self.oracle.truths.get(&id).is_some_and(|truth| truth.loose);
            if self.server.tables.document(target, &id).is_none() && !taken_back {
                return self.broken("I-07", format!("a card refers to {target}/{id}, which the server does not know"));
            }
        }
    }

    /// An answer reached its tab: what it allows from now on.
    pub(crate) fn response_arrived(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        for parcel in &wire.parcels {
            self.weigh_answer(wire, parcel, result);
        }
        self.note_way(wire, result);
        if result.as_ref().is_ok_and(|response| response.status < 300) {
            self.give_back(self.tabs[wire.tab].profile, wire.parcels.len());
        }
        self.order_pause(wire, result);
    }

    fn weigh_answer(&mut self, wire: &Wire, parcel: &Parcel, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        let own = result.as_ref().ok().filter(|response| wire.is_batch() && response.status == 200);
        let status = match own {
            Some(response) => status_of(response, &parcel.mutation).unwrap_or(0),
            None => result.as_ref().map_or(0, |response| response.status),
        };
        let Some(info) = self.oracle.keys.get_mut(&parcel.key) else { return };
        let redirected = result.as_ref().is_ok_and(|response| response.redirected);
        info.refused |= (matches!(status, 400..=499 | 501 | 505) && status != 424) || redirected;
        let counts = matches!(status, 400..=599) || redirected || result.is_err();
        let never = if own.is_some() {
            matches!(status, 401 | 409 | 412 | 413 | 424 | 426 | 428 | 429)
        } else {
            never_counts(result)
        };
        *self.oracle.countable.entry(info.mutation.clone()).or_default() += u32::from(counts && !never);
    }

    fn order_pause(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        let Ok(response) = result else { return };
        let tab = &self.tabs[wire.tab];
        if !matches!(response.status, 429 | 503)
            || tab.life != wire.life
            || !tab.is_awake()
            || !tab.requests.contains_key(&wire.request)
        {
            return;
        }
        let Some(pause) =
            response.retry_after.as_deref().and_then(|value| retry_after(value, response.date.as_deref(), 0))
        else {
            return;
        };
        // A clock that runs fast counts the seconds faster.
        let pause = if self.mishaps.runs_true(tab.profile) { pause } else { pause - pause / 16 };
        let jumps = self.profiles[tab.profile].jumps;
        let until = self.tabs[wire.tab].ordered.filter(|(_, life)| *life == jumps).map_or(0, |(until, _)| until);
        self.tabs[wire.tab].ordered = Some((until.max(self.now + pause), jumps));
    }

    /// The engine gave a request up: a timeout that may count.
    pub(crate) fn given_up(&mut self, tab: usize, request: u32) {
        self.trace(|| format!("tab {tab} gives up {request}"));
        self.forget_request(tab, request);
        let keys = self.tabs[tab].requests.remove(&request).unwrap_or_default();
        if !keys.is_empty() {
            // The one that the way failed with last is now this one, whatever another one met before (I-30).
            self.tabs[tab].fails = None;
        }
        for info in keys.iter().filter_map(|key| self.oracle.keys.get(key)) {
            *self.oracle.countable.entry(info.mutation.clone()).or_default() += 1;
        }
    }
}

/// Whether a server that has forgotten a key executes its request again: a create whose id the server gives, and an edit
/// that adds.
fn is_unguarded((method, _, body): &(String, String, String)) -> bool {
    matches!(&**method, "POST" | "PUT") || body.contains("\"n\"")
}

/// I-28: these never consume an attempt.
fn never_counts(result: &Result<HttpResponse<Json>, NetworkFailure>) -> bool {
    match result {
        Ok(response) => {
            let asks =
                response.retry_after.as_deref().and_then(|value| retry_after(value, response.date.as_deref(), 0));
            let never = matches!(response.status, 0 | 300..=399 | 401 | 409 | 412 | 413 | 426 | 428 | 429 | 507 | 511);
            never || response.redirected || (response.status >= 500 && asks.is_some())
        }
        Err(_) => true,
    }
}
