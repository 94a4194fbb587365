//! Batches on the wire: what each member is, and a server that answers them partly, in another order, twice, or for
//! somebody else.
//!
//! A member is judged as it would be alone: what was refused before stays refused for a copy sent before (S3). The
//! core decides about the rest; here only its surroundings and the way of its answer are made worse.

use super::net::Wire;
use super::server::from_core;
use super::world::World;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse};
use seakeep_server::core::CoreRequest;
use serde_json::{json, Value};

/// One change on the wire, alone or in a batch: its key, and what of it may never change under that key (I-08).
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(crate) key: String,
    /// Method, path and body as it would have alone.
    pub(crate) payload: (String, String, String),
    /// Its identity, in a batch.
    pub(crate) mutation: String,
}

/// The changes a request carries.
pub(crate) fn parcels(core: &CoreRequest) -> Vec<Parcel> {
    if core.path == "/_batch" {
        return members(core).iter().map(member_parcel).collect();
    }
    let body = String::from_utf8_lossy(&core.body).into_owned();
    let key = core.header_value("idempotency-key").map(|key| key.trim_matches('"').to_owned());
    let payload = (core.method.clone(), core.path.clone(), body);
    key.into_iter().map(|key| Parcel { key, payload: payload.clone(), mutation: String::new() }).collect()
}

fn members(core: &CoreRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&core.body).unwrap_or_default();
    body["changes"].as_array().cloned().unwrap_or_default()
}

fn member_parcel(member: &Value) -> Parcel {
    let text = |field: &str| member[field].as_str().unwrap_or_default().to_owned();
    let temporary = member["temporary"] == true;
    let method = match (&*text("kind"), temporary, member.get("changes")) {
        ("delete", ..) => "DELETE",
        ("create", true, _) => "POST",
        (_, _, Some(_)) => "PATCH",
        _ => "PUT",
    };
    let path =
        if temporary { format!("/{}", text("collection")) } else { format!("/{}/{}", text("collection"), text("id")) };
    let body = member.get("doc").or_else(|| member.get("changes")).map_or_else(String::new, Value::to_string);
    Parcel { key: text("idempotencyKey"), payload: (method.to_owned(), path, body), mutation: text("mutationId") }
}

/// The status a batch's answer gives for one change; `None` when it gives none.
pub(crate) fn status_of(response: &HttpResponse<Json>, mutation: &str) -> Option<u16> {
    let Body::Json(body) = &response.body else { return None };
    let of = |result: &&Json| result.field("mutationId").and_then(Json::str) == Some(mutation);
    let mut results = body.field("results")?.items().iter().filter(of);
    results.find_map(|result| Some(result.number_of("status")? as u16))
}

impl World {
    /// A batch is at the server.
    pub(crate) fn carry_out_batch(&mut self, wire: &Wire) -> HttpResponse<Json> {
        let list = members(&wire.core);
        if list.len() > self.faults.batch_fits || self.faults.batch_full > 0 {
            return HttpResponse::new(413, Body::Empty);
        }
        let atomic = serde_json::from_slice::<Value>(&wire.core.body).is_ok_and(|body| body["atomic"] == true);
        let fates: Vec<Option<Value>> = list.iter().map(|member| self.member_fate(wire, member)).collect();
        let done = self.done_of(wire, list.len(), atomic);
        let falls = atomic && fates.iter().any(Option::is_some);
        let goes: Vec<Value> = list
            .iter()
            .take(done)
            .zip(&fates)
            .filter(|(_, fate)| fate.is_none() && !falls)
            .map(|(one, _)| one.clone())
            .collect();
        let body = json!({ "changes": goes, "atomic": atomic });
        let core = CoreRequest { body: body.to_string().into_bytes(), ..wire.core.clone() };
        let before = self.server.tables.head();
        let response = self.server.handle(&core, self.now);
        self.executed(before);
        let mut results: Vec<Value> =
            response.json().and_then(|body| body["results"].as_array().cloned()).unwrap_or_default();
        for (member, fate) in list.iter().zip(fates).take(done) {
            let untouched = || json!({ "mutationId": member["mutationId"], "status": 424 });
            results.extend(fate.or_else(|| falls.then(untouched)));
        }
        self.note_refusals(&list, &results);
        self.worsen(&mut results);
        let answer = HttpResponse { body: Body::Json(json!({ "results": results }).into()), ..from_core(&response) };
        HttpResponse { etag: None, ..answer }
    }

    /// How many members the server gets through before it answers: sometimes it leaves out the rest.
    fn done_of(&mut self, wire: &Wire, members: usize, atomic: bool) -> usize {
        let outer = self.chance.enter("part", wire.tab);
        let stops = !atomic && self.chance.hit(self.faults.batch_mess / 2);
        let done = if stops { self.chance.below(members as u64 + 1) as usize } else { members };
        self.chance.leave(outer);
        done
    }

    /// What the server's surroundings say to one member, instead of the server.
    fn member_fate(&mut self, wire: &Wire, member: &Value) -> Option<Value> {
        let key = member["idempotencyKey"].as_str().unwrap_or_default().to_owned();
        let answer = |status: u16| Some(json!({ "mutationId": member["mutationId"], "status": status }));
        if let Some((_, status)) = self.oracle.refused_at.get(&key).filter(|(at, _)| wire.sent_at < *at) {
            return answer(*status);
        }
        let executed = self.server.tables.executions(&key) > 0;
        if !executed && self.chance.hit(self.faults.refused) {
            let status = self.refusing(wire.tab);
            return answer(status);
        }
        if self.chance.hit(self.faults.in_progress) {
            let problem = json!({ "type": "/problems/idempotency-in-progress" });
            return Some(json!({ "mutationId": member["mutationId"], "status": 409, "problem": problem }));
        }
        None
    }

    fn note_refusals(&mut self, list: &[Value], results: &[Value]) {
        for member in list {
            let result = results.iter().find(|result| result["mutationId"] == member["mutationId"]);
            let status = result.and_then(|result| result["status"].as_u64()).unwrap_or(0) as u16;
            let running = result.is_some_and(|result| !result["problem"].is_null() && status == 409);
            if matches!(status, 400..=499 | 501 | 505) && status != 424 && !running {
                let key = member["idempotencyKey"].as_str().unwrap_or_default().to_owned();
                self.oracle.refused_at.insert(key, (self.now, status));
            }
        }
    }

    /// Results are lost, doubled, mixed and foreign.
    fn worsen(&mut self, results: &mut Vec<Value>) {
        if !self.chance.hit(self.faults.batch_mess) {
            return;
        }
        for at in (1..results.len()).rev() {
            results.swap(at, self.chance.below(at as u64 + 1) as usize);
        }
        if self.chance.hit(500) {
            results.truncate(self.chance.below(results.len() as u64 + 1) as usize);
        }
        if let Some(first) = results.first().cloned().filter(|_| self.chance.hit(500)) {
            let mut second = first;
            second["status"] = json!([200, 403, 500][self.chance.below(3) as usize]);
            results.push(second);
        }
        if self.chance.hit(500) {
            results.insert(0, json!({ "mutationId": "nobody's", "status": 200 }));
            results.insert(0, json!({ "status": 200 }));
        }
    }
}
