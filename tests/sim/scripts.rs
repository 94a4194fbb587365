//! Seventeen canonical scripts: what apps do most, each as a straight line, for runs with a single fault in them.
//!
//! A script runs on a world without faults of its own. A tab that a fault took away is waited for. Documents are named
//! by their tags, as the oracles know them; what they are promised goes through the same claims as everything else.

use super::oracle::{list_of, tag_of, LISTS};
use super::tab::{Asked, Claim};
use super::world::World;
use seakeep::engine::input::{Command, Signal, Wish, WriteKind, WriteOp};
use seakeep::model::{Document, Patch, Priority};
use seakeep::native::Json;
use seakeep_server::core::CoreRequest;
use serde_json::json;

/// A script and its name.
pub(crate) type Script = (&'static str, fn(&mut World));

/// All of them.
pub(crate) const SCRIPTS: [Script; 17] = [
    ("create-offline", create_offline),
    ("update-offline", update_offline),
    ("delete-offline", delete_offline),
    ("temporary-reference", temporary_reference),
    ("pull-under-pending", pull_under_pending),
    ("conflict", conflict),
    ("unauthorized", unauthorized),
    ("parked-retry", parked_retry),
    ("handover", handover),
    ("full-resync", full_resync),
    ("group", group),
    ("close-reopen", close_reopen),
    ("silent-loss", silent_loss),
    ("batch", batch),
    ("batch-references", batch_references),
    ("batch-parked", batch_parked),
    ("batch-group", group),
];

/// Those of them in which changes go together. (What concerns one document only never makes a batch.)
pub(crate) const BATCHED: [&str; 4] = ["batch", "batch-references", "batch-parked", "batch-group"];

/// Longest wait for a tab that a fault took away.
const RETURN: u64 = 400_000;

fn create_offline(world: &mut World) {
    world.offline(true);
    world.make(0, "lists", "a", None);
    world.make(1, "cards", "b", Some("a"));
    world.pass(8_000);
    world.offline(false);
    world.pass(20_000);
    world.make(2, "lists", "c", None);
    world.pass(5_000);
}

fn update_offline(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(5_000);
    world.offline(true);
    world.append(0, "lists", "a");
    world.append(1, "lists", "a");
    world.increment(0, "lists", "a");
    world.pass(5_000);
    world.offline(false);
    world.pass(20_000);
    world.increment(0, "lists", "a");
    world.pass(5_000);
}

fn delete_offline(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.make(0, "cards", "b", None);
    world.pass(5_000);
    world.offline(true);
    world.remove(0, "lists", "a");
    world.make(0, "lists", "c", None);
    world.remove(0, "lists", "c");
    world.pass(5_000);
    world.offline(false);
    world.pass(20_000);
}

fn temporary_reference(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.make(0, "cards", "b", Some("a"));
    world.append(0, "cards", "b");
    world.make(1, "cards", "c", Some("a"));
    world.pass(20);
    world.append(0, "lists", "a");
    world.pass(15_000);
    world.append(1, "cards", "c");
    world.pass(5_000);
}

fn pull_under_pending(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(5_000);
    world.offline(true);
    world.append(0, "lists", "a");
    world.increment(1, "lists", "a");
    world.offline(false);
    world.foreign_patch("lists", "a");
    world.ask(0, Wish { push: false, ..Wish::all() });
    world.pass(3_000);
    world.ask(0, Wish::all());
    world.pass(20_000);
}

fn conflict(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(3_000);
    world.ask(2, Wish::all());
    world.pass(5_000);
    world.offline(true);
    world.append(0, "lists", "a");
    world.append(2, "lists", "a");
    world.increment(0, "lists", "a");
    world.increment(2, "lists", "a");
    world.foreign_patch("lists", "a");
    world.pass(3_000);
    world.offline(false);
    world.pass(40_000);
}

fn unauthorized(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(5_000);
    world.server.wants_login = true;
    world.append(0, "lists", "a");
    world.make(1, "cards", "b", Some("a"));
    world.pass(10_000);
    world.server.wants_login = false;
    world.ask(0, Wish::all());
    world.pass(70_000);
}

fn parked_retry(world: &mut World) {
    world.faults.refused = 1_000;
    world.make(0, "lists", "a", None);
    world.append(0, "lists", "a");
    world.make(0, "cards", "b", Some("a"));
    world.pass(8_000);
    world.faults.refused = 0;
    world.wait_for(0);
    world.command(0, asked("retry all"), Command::Retry(None));
    world.pass(20_000);
}

fn handover(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(4_000);
    world.append(1, "lists", "a");
    world.append(0, "lists", "a");
    world.crash(0);
    world.pass(2_000);
    world.append(1, "lists", "a");
    world.pass(40_000);
    world.append(0, "lists", "a");
    world.pass(5_000);
}

fn full_resync(world: &mut World) {
    for tag in ["a", "b", "c", "d"] {
        world.make(0, "lists", tag, None);
    }
    world.pass(8_000);
    world.ask(2, Wish::all());
    world.pass(5_000);
    world.foreign_delete("lists", "b");
    world.foreign_patch("lists", "c");
    world.server.tables.set_epoch("anew");
    world.server.replica = world.server.tables.clone();
    world.append(0, "lists", "d");
    world.ask(0, Wish { full: true, ..Wish::all() });
    world.ask(2, Wish::all());
    world.pass(30_000);
}

fn group(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(5_000);
    let ops = [world.creation_of(0, "lists", "b", None), world.creation_of(0, "cards", "c", Some("a"))];
    let change = world.patch_of(0, "lists", "a", false);
    world.save(0, ops.into_iter().chain(change).collect());
    world.pass(15_000);
}

fn close_reopen(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(2_000);
    world.append(0, "lists", "a");
    world.wait_for(0);
    world.command(0, asked("close"), Command::Close);
    world.append(1, "lists", "a");
    world.pass(10_000);
    world.append(0, "lists", "a");
    world.pass(10_000);
}

/// The network goes and comes without a word: probes find out.
fn silent_loss(world: &mut World) {
    world.make(0, "lists", "a", None);
    world.pass(5_000);
    world.faults.lost_before = 1_000;
    world.append(0, "lists", "a");
    world.make(1, "cards", "b", Some("a"));
    world.pass(12_000);
    world.faults.lost_before = 0;
    world.pass(40_000);
}

/// Two batches: what was made offline, and edits of it, one of which meets a stranger's.
fn batch(world: &mut World) {
    world.offline(true);
    for tag in ["a", "b", "c", "d"] {
        world.make(0, "lists", tag, None);
    }
    world.make(1, "cards", "e", None);
    world.offline(false);
    world.pass(20_000);
    world.offline(true);
    for tag in ["a", "b", "c"] {
        world.append(0, "lists", tag);
    }
    world.increment(1, "lists", "d");
    world.remove(1, "cards", "e");
    world.foreign_patch("lists", "b");
    world.offline(false);
    world.pass(30_000);
}

/// A batch whose members get ids that others of it, and changes behind them, refer to.
fn batch_references(world: &mut World) {
    world.make(0, "cards", "x", None);
    world.pass(5_000);
    world.offline(true);
    for tag in ["a", "b", "c"] {
        world.make(0, "lists", tag, None);
    }
    world.make(0, "cards", "d", Some("a"));
    world.make(1, "cards", "e", Some("b"));
    world.append(0, "cards", "x");
    world.append(0, "lists", "a");
    world.offline(false);
    world.pass(600);
    world.append(1, "cards", "d");
    world.append(0, "cards", "x");
    world.pass(25_000);
}

/// A batch whose members are refused, an edit behind one of them, and all of it sent again by a person's word.
fn batch_parked(world: &mut World) {
    world.offline(true);
    for tag in ["a", "b", "c"] {
        world.make(0, "lists", tag, None);
    }
    world.faults.refused = 1_000;
    world.offline(false);
    world.pass(8_000);
    world.append(0, "lists", "b");
    world.faults.refused = 0;
    world.wait_for(0);
    world.command(0, asked("retry all"), Command::Retry(None));
    world.pass(20_000);
}

type Written = (WriteOp<Json>, Claim);

fn asked(what: &'static str) -> Asked {
    Asked { what, claims: Vec::new() }
}

impl World {
    /// Lets time pass.
    fn pass(&mut self, length: u64) {
        let until = self.now + length;
        while self.violation.is_none() && self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets time pass until a tab is there again.
    fn wait_for(&mut self, tab: usize) {
        let until = self.now + RETURN;
        while self.violation.is_none() && !self.tabs[tab].is_awake() && self.step(until) {}
        if !self.tabs[tab].is_awake() && self.violation.is_none() {
            self.broken("I-19", format!("tab {tab} did not come back"));
        }
    }

    /// The network goes or comes, and the browser says so.
    fn offline(&mut self, gone: bool) {
        self.faults.lost_before = if gone { 1_000 } else { 0 };
        for tab in 0..4 {
            self.signal(tab, if gone { Signal::Offline } else { Signal::Online });
        }
    }

    fn save(&mut self, tab: usize, written: Vec<Written>) {
        self.wait_for(tab);
        let (ops, claims): (Vec<_>, Vec<_>) = written.into_iter().unzip();
        if !ops.is_empty() && self.violation.is_none() {
            self.command(tab, Asked { what: "write", claims }, Command::Write(ops));
            self.pass(40);
        }
    }

    fn ask(&mut self, tab: usize, wish: Wish) {
        self.wait_for(tab);
        self.command(tab, asked("now"), Command::Now(wish));
    }

    fn make(&mut self, tab: usize, collection: &str, tag: &str, list: Option<&str>) {
        self.wait_for(tab);
        let written = self.creation_of(tab, collection, tag, list);
        self.save(tab, vec![written]);
    }

    fn creation_of(&mut self, tab: usize, collection: &str, tag: &str, list: Option<&str>) -> Written {
        let numbers = vec![self.oracle.write_number()];
        let mut doc = json!({ "tag": tag, LISTS[tab]: numbers.clone(), "title": "new" });
        if let Some(id) = list.and_then(|list| self.id_of(tab, "lists", list)) {
            doc["list"] = json!(id);
        }
        self.oracle.truths.entry(tag.to_owned()).or_default();
        let claim = Claim { tag: tag.to_owned(), list: Some(numbers), bit: 0, removes: false };
        (scripted(collection, "", WriteKind::Put(doc.into())), claim)
    }

    fn append(&mut self, tab: usize, collection: &str, tag: &str) {
        self.wait_for(tab);
        let written = self.patch_of(tab, collection, tag, false);
        self.save(tab, written.into_iter().collect());
    }

    fn increment(&mut self, tab: usize, collection: &str, tag: &str) {
        self.wait_for(tab);
        let written = self.patch_of(tab, collection, tag, true);
        self.save(tab, written.into_iter().collect());
    }

    /// A number more in the tab's list, or an increment; nothing where the document did not come to be.
    fn patch_of(&mut self, tab: usize, collection: &str, tag: &str, adds: bool) -> Option<Written> {
        let id = self.id_of(tab, collection, tag)?;
        let mut claim = Claim { tag: tag.to_owned(), list: None, bit: 0, removes: false };
        let mut patch = Patch::default();
        if adds {
            claim.bit = self.oracle.bit(tag)?;
            patch.inc.push(("n".into(), claim.bit as f64));
        } else {
            let mut list = self.doc_of(tab, collection, tag).map(|doc| list_of(&doc, tab)).unwrap_or_default();
            list.push(self.oracle.write_number());
            patch.set.push((LISTS[tab].into(), Json::from(json!(list))));
            claim.list = Some(list);
        }
        Some((scripted(collection, &id, WriteKind::Patch(patch)), claim))
    }

    fn remove(&mut self, tab: usize, collection: &str, tag: &str) {
        self.wait_for(tab);
        let Some(id) = self.id_of(tab, collection, tag) else { return };
        let claim = Claim { tag: tag.to_owned(), list: None, bit: 0, removes: true };
        self.save(tab, vec![(scripted(collection, &id, WriteKind::Remove), claim)]);
    }

    fn foreign_patch(&mut self, collection: &str, tag: &str) {
        let number = self.oracle.write_number();
        let body = json!({ "ext": number, "title": format!("strange{number}") }).to_string().into_bytes();
        self.foreign("PATCH", collection, tag, body);
    }

    fn foreign_delete(&mut self, collection: &str, tag: &str) {
        self.foreign("DELETE", collection, tag, Vec::new());
    }

    /// Another client of the server, if the document got there.
    fn foreign(&mut self, method: &str, collection: &str, tag: &str, body: Vec<u8>) {
        let live = self.server.tables.documents(collection);
        let mut tagged = live.filter_map(|document| Some((document.id.clone(), Json::from(document.value()?))));
        let Some((id, _)) = tagged.find(|(_, doc)| tag_of(doc).as_deref() == Some(tag)) else { return };
        drop(tagged);
        let request = CoreRequest::new(method, &format!("/{collection}/{id}"));
        let request = request.header("content-type", "application/merge-patch+json");
        let before = self.server.tables.head();
        self.server.handle(&CoreRequest { body, ..request }, self.now);
        self.executed(before);
    }

    fn doc_of(&self, tab: usize, collection: &str, tag: &str) -> Option<Json> {
        let mut rows = self.profiles[self.tabs[tab].profile].disk.main_rows(collection);
        rows.find_map(|row| row.doc.clone().filter(|doc| tag_of(doc).as_deref() == Some(tag)))
    }

    fn id_of(&self, tab: usize, collection: &str, tag: &str) -> Option<String> {
        self.doc_of(tab, collection, tag)?.text_of("id")
    }
}

fn scripted(collection: &str, id: &str, kind: WriteKind<Json>) -> WriteOp<Json> {
    WriteOp { collection: collection.into(), id: id.into(), kind, priority: Priority::User, local: false, fresh: false }
}
