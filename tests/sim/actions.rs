//! What users do: writes whose fate the oracles can see, and commands on the outbox and on sync.

use super::event::Event;
use super::oracle::{list_of, tag_of, LISTS};
use super::tab::{Asked, Claim};
use super::world::World;
use seakeep::engine::input::{Command, Input, Wish, WriteKind, WriteOp};
use seakeep::model::{Collection, Document, Patch, PendingState, Priority, Row};
use seakeep::native::Json;
use serde_json::json;

/// Documents of one collection on one device after which no more are made.
const MOST_DOCUMENTS: usize = 6;

impl World {
    /// Something a user does, and when the next one comes.
    pub(crate) fn act(&mut self) {
        let delay = self.chance.delay(1_500, 40_000);
        self.schedule(delay, Event::Action);
        // A question that only a replay answers with no.
        if !self.chance.hit(1_000) {
            return;
        }
        let awake: Vec<usize> = (0..4).filter(|tab| self.tabs[*tab].is_awake()).collect();
        let Some(tab) = self.chance.pick(&awake).copied() else { return };
        if self.mind_parked(tab) {
            return;
        }
        if self.chance.hit(self.faults.sync_commands) {
            return self.sync_command(tab);
        }
        if self.chance.hit(60) && self.resolve_command(tab) {
            return;
        }
        if self.chance.hit(self.faults.outbox_commands) {
            return self.outbox_command(tab);
        }
        if self.chance.hit(self.faults.transactions) {
            return self.transact(tab);
        }
        let count = if self.chance.hit(150) { self.chance.range(2, 3) } else { 1 };
        let mut ops = Vec::new();
        let mut claims = Vec::new();
        for _ in 0..count {
            if let Some((op, claim)) = self.operation(tab) {
                ops.push(op);
                claims.extend(claim);
            }
        }
        if !ops.is_empty() {
            self.command(tab, Asked { what: "write", claims }, Command::Write(ops));
        }
    }

    /// Gives a command to a tab.
    pub(crate) fn command(&mut self, tab: usize, asked: Asked, command: Command<Json>) {
        let next = self.tabs[tab].last_ticket + 1;
        self.trace(|| format!("tab {tab} is asked to {} ({next}): {}", asked.what, brief(&command)));
        self.keep_pages(tab, &command);
        let ticket = self.tabs[tab].ticket(asked);
        self.give(tab, Input::Command { ticket, command });
    }

    /// One write that a user might do now, and what it promises.
    pub(crate) fn operation(&mut self, tab: usize) -> Option<(WriteOp<Json>, Option<Claim>)> {
        if self.chance.hit(120) {
            return Some((self.page_operation(tab), None));
        }
        let collection = if self.chance.hit(500) { "lists" } else { "cards" };
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let rows: Vec<Row<Json>> = disk.main_rows(collection).filter(|row| row.doc.is_some()).cloned().collect();
        let makes = rows.is_empty() || (rows.len() < MOST_DOCUMENTS && self.chance.hit(300));
        if makes {
            return Some(self.creation(tab, collection));
        }
        let row = self.chance.pick(&rows)?.clone();
        let doc = row.doc?;
        let tag = tag_of(&doc)?;
        if self.chance.hit(self.faults.removes) {
            let claim = Claim { tag, list: None, bit: 0, removes: true };
            return Some((self.write_op(collection, &row.id, WriteKind::Remove), Some(claim)));
        }
        let (mut patch, claim) = self.change(tab, &doc, tag);
        if collection == "cards" && self.chance.hit(self.faults.circles) {
            Self::turn_reference(&row.id, &mut patch);
        }
        Some((self.write_op(collection, &row.id, WriteKind::Patch(patch)), Some(claim)))
    }

    fn change(&mut self, tab: usize, doc: &Json, tag: String) -> (Patch<Json>, Claim) {
        let mut patch = Patch::default();
        let mut claim = Claim { tag: tag.clone(), list: None, bit: 0, removes: false };
        let what = self.chance.below(8);
        if what != 1 {
            let draft = self.tabs[tab].drafts.get(&tag).cloned();
            let known = self.oracle.truths.get(&tag).filter(|truth| !truth.loose).map(|truth| truth.lists[tab].clone());
            let mut list = draft.or(known).unwrap_or_else(|| list_of(doc, tab));
            list.push(self.oracle.write_number());
            patch.set.push((LISTS[tab].into(), Json::from(json!(list))));
            self.tabs[tab].drafts.insert(tag.clone(), list.clone());
            claim.list = Some(list);
        }
        if matches!(what, 1..=3) && !tag.starts_with("shared") {
            if let Some(bit) = self.oracle.bit(&tag) {
                patch.inc.push(("n".into(), bit as f64));
                claim.bit = bit;
            }
        }
        if what == 4 {
            patch.set.push(("title".into(), Json::from(json!(format!("t{}", self.chance.below(5))))));
        }
        match self.chance.below(12) {
            0 => patch.set.push(("note".into(), Json::null())),
            1 => patch.unset.push("note".into()),
            _ => {}
        }
        (patch, claim)
    }

    fn creation(&mut self, tab: usize, collection: &str) -> (WriteOp<Json>, Option<Claim>) {
        let number = self.oracle.write_number();
        let shared = self.chance.hit(self.faults.shared_ids);
        let (id, tag) = match () {
            () if shared => {
                let tag = format!("shared-{collection}{}", self.chance.below(2));
                (tag.clone(), tag)
            }
            () if self.chance.hit(300) => (format!("own{number}"), format!("own{number}")),
            () => (String::new(), format!("doc{number}")),
        };
        // An id that two apps chose may exist already: then nothing of this is written, or it goes on where it stands.
        let known = self.oracle.truths.get(&tag).map(|truth| truth.lists[tab].clone());
        let mut list = self.tabs[tab].drafts.get(&tag).cloned().or(known).unwrap_or_default();
        list.push(number);
        let mut doc = json!({ "tag": tag.clone(), LISTS[tab]: list.clone(), "title": "new" });
        if !id.is_empty() {
            doc["id"] = json!(id);
        }
        if collection == "cards" {
            self.refer(tab, &mut doc);
        }
        self.oracle.truths.entry(tag.clone()).or_default();
        self.tabs[tab].drafts.insert(tag.clone(), list.clone());
        let kind = if id.is_empty() { WriteKind::Put(doc.into()) } else { WriteKind::Add(doc.into()) };
        (self.write_op(collection, &id, kind), Some(Claim { tag, list: Some(list), bit: 0, removes: false }))
    }

    fn refer(&mut self, tab: usize, doc: &mut serde_json::Value) {
        for (field, target) in [("list", "lists"), ("parent", "cards")] {
            let disk = &self.profiles[self.tabs[tab].profile].disk;
            let ids: Vec<String> =
                disk.main_rows(target).filter(|row| row.doc.is_some()).map(|row| row.id.to_string()).collect();
            if self.chance.hit(500) {
                if let Some(id) = self.chance.pick(&ids) {
                    doc[field] = json!(id);
                }
            }
        }
    }

    /// A card comes to refer to itself. (Longer circles, of temporary and own ids mixed, are not drawn: SPEC section 7.)
    fn turn_reference(own: &str, patch: &mut Patch<Json>) {
        patch.set.push(("parent".into(), Json::from(json!(own))));
    }

    /// Pages are written as a whole, removed and written anew: nothing of their content is promised.
    fn page_operation(&mut self, tab: usize) -> WriteOp<Json> {
        let id = format!("page{}", self.chance.below(3));
        let number = self.oracle.write_number();
        let doc = json!({ "id": id, "by": tab, "v": number, "deep": { "x": self.chance.below(3) } });
        let kind = match self.chance.below(6) {
            0 => WriteKind::Remove,
            1 => WriteKind::Add(doc.into()),
            2 => WriteKind::Patch(Patch { set: vec![("v".into(), json!(number).into())], ..Patch::default() }),
            _ => WriteKind::Put(doc.into()),
        };
        self.write_op("pages", &id, kind)
    }

    fn write_op(&mut self, collection: &str, id: &str, kind: WriteKind<Json>) -> WriteOp<Json> {
        let priority =
            [Priority::High, Priority::User, Priority::User, Priority::Background][self.chance.below(4) as usize];
        WriteOp { collection: collection.into(), id: id.into(), kind, priority, local: false, fresh: false }
    }

    fn sync_command(&mut self, tab: usize) {
        let asked = |what| Asked { what, claims: Vec::new() };
        match self.chance.below(12) {
            0 => {
                self.tabs[tab].stopped = true;
                self.command(tab, asked("stop"), Command::Stop);
            }
            1 => {
                self.tabs[tab].stopped = false;
                self.command(tab, asked("run"), Command::Run);
            }
            2 => {
                self.tabs[tab].last_hold += 1;
                let number = self.tabs[tab].last_hold;
                self.tabs[tab].holds.push(number);
                self.command(tab, asked("hold"), Command::Hold(number, "typing".into()));
            }
            3 => {
                if let Some(number) = self.tabs[tab].holds.pop() {
                    self.command(tab, asked("release"), Command::Release(number));
                }
            }
            4..=7 => self.telling_command(tab),
            _ => {
                let collection: Option<Collection> = self.chance.hit(300).then(|| "cards".into());
                let (push, pull, full) = (self.chance.hit(800), self.chance.hit(800), self.chance.hit(200));
                self.command(tab, asked("now"), Command::Now(Wish { collection, push, pull, full }));
            }
        }
    }

    /// Scheduled passes and the numbers of sync.
    fn telling_command(&mut self, tab: usize) {
        let asked = |what| Asked { what, claims: Vec::new() };
        let number = self.chance.below(3) as u32;
        match self.chance.below(4) {
            0 => {
                let wall = self.wall(self.tabs[tab].profile);
                let at = [wall / 2, wall + self.chance.below(90_000), u64::MAX][self.chance.below(3) as usize];
                self.command(tab, asked("schedule"), Command::Schedule(number, at));
            }
            1 => self.command(tab, asked("unschedule"), Command::Unschedule(number)),
            2 => self.command(tab, asked("stats"), Command::Stats),
            _ => self.command(tab, asked("reset stats"), Command::ResetStats),
        }
    }

    /// What is parked is given up or tried again, in another tab than the one that parked it as often as not.
    fn mind_parked(&mut self, tab: usize) -> bool {
        let outer = self.chance.enter("minds", tab);
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let parked = disk.pending_rows().find(|row| row.state == PendingState::Parked);
        let parked =
            parked.map(|row| row.mutation_id.to_string()).filter(|_| self.chance.hit(self.faults.answers.minds));
        let asked = |what| Asked { what, claims: Vec::new() };
        match &parked {
            Some(mutation) if self.chance.hit(700) => {
                self.command(tab, asked("discard"), Command::Discard(mutation.clone()));
            }
            Some(mutation) => self.command(tab, asked("retry"), Command::Retry(Some(mutation.clone()))),
            None => {}
        }
        self.chance.leave(outer);
        parked.is_some()
    }

    fn outbox_command(&mut self, tab: usize) {
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let rows: Vec<(String, Option<Json>)> = disk
            .pending_rows()
            .map(|row| {
                let main = disk.main(&seakeep::model::DocKey::new(&row.collection, &row.id));
                (row.mutation_id.to_string(), main.and_then(|main| main.doc.clone()))
            })
            .collect();
        let Some((mutation, doc)) = self.chance.pick(&rows).cloned() else { return };
        let asked = |what| Asked { what, claims: Vec::new() };
        match self.chance.below(6) {
            0 => self.command(tab, asked("retry all"), Command::Retry(None)),
            1 | 2 => self.command(tab, asked("retry"), Command::Retry(Some(mutation))),
            3 => self.command(tab, asked("discard"), Command::Discard(mutation)),
            4 => self.command(tab, asked("cancel"), Command::Cancel(mutation)),
            _ => {
                let title = json!(format!("edited{}", self.chance.below(9)));
                let Some(doc) = doc.map(|doc| doc.with(&[("title", Some(title.into()))])) else { return };
                self.command(tab, asked("edit"), Command::Edit(mutation, doc));
            }
        }
    }
}

fn brief(command: &Command<Json>) -> String {
    match command {
        Command::Write(ops) | Command::Transact(ops, _) => {
            let brief = |op: &WriteOp<Json>| {
                let kind = match &op.kind {
                    WriteKind::Put(doc) => format!("put {doc}"),
                    WriteKind::Add(doc) => format!("add {doc}"),
                    WriteKind::Patch(patch) => {
                        let set: Vec<String> =
                            patch.set.iter().map(|(field, value)| format!("{field}={value}")).collect();
                        format!("patch {set:?} -{:?} +{:?}", patch.unset, patch.inc)
                    }
                    WriteKind::Remove => "remove".into(),
                };
                format!("{}/{} {kind}", op.collection, op.id)
            };
            ops.iter().map(brief).collect::<Vec<_>>().join("; ")
        }
        other => format!("{other:?}"),
    }
}
