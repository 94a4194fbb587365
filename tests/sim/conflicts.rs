//! Conflicts: how each collection decides, what an app's function says and when, what people choose.
//!
//! A function answers early, late, twice or never, and what it says may be any document. A person resolves an open
//! conflict from any tab, now and then one that is not open any more.

use super::chance::Chance;
use super::event::Event;
use super::tab::Asked;
use super::world::World;
use seakeep::engine::config::Config;
use seakeep::engine::input::{Command, Wish};
use seakeep::engine::merge::Strategy;
use seakeep::engine::plan::Choice;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep_server::core::CoreRequest;
use serde_json::json;

/// What a function says that only makes time for somebody else's change.
const DISTURBS: u64 = 9;

/// Gives each collection its way with conflicts.
pub(crate) fn draw_strategies(chance: &mut Chance, config: &mut Config) {
    const OTHERS: [Strategy; 8] = [
        Strategy::Merge,
        Strategy::Latest,
        Strategy::Server,
        Strategy::Client,
        Strategy::Manual,
        Strategy::Function,
        Strategy::Function,
        Strategy::Function,
    ];
    for collection in &mut config.collections {
        let (usual, other, grouped) = (chance.below(10) < 5, chance.below(8), chance.below(4) == 0);
        collection.conflict = if usual { Strategy::Fields } else { OTHERS[other as usize] };
        if usual && grouped {
            collection.groups = vec![vec!["title".into(), "note".into()]];
        }
    }
    // In some schedules the app's function decides everything.
    let outer = chance.enter("function", 0);
    if chance.hit(120) {
        config.collections.iter_mut().for_each(|collection| {
            (collection.conflict, collection.groups) = (Strategy::Function, Vec::new());
        });
    }
    chance.leave(outer);
}

impl World {
    /// The engine asks the app's function: its answer comes, comes late, comes twice, or never comes.
    pub(crate) fn question(&mut self, tab: usize, detail: &Json) {
        let Some(id) = detail.text_of("conflictId") else {
            return self.broken("I-34", format!("tab {tab} asks about a conflict without a name"));
        };
        self.oracle.disputes.ask(tab, &id, detail.get("remote"));
        if self.chance.hit(150) {
            return;
        }
        let mut thinks = 0;
        if self.chance.hit(800) {
            thinks = self.think(tab);
            let delay = self.chance.below(2_000);
            let life = self.tabs[tab].life;
            self.schedule(delay, Event::Verdict { tab, life, id: id.clone(), says: DISTURBS });
        }
        let (life, answers) = (self.tabs[tab].life, if self.chance.hit(200) { 2 } else { 1 });
        for _ in 0..answers {
            let delay = self.chance.delay(4_000, 20_000) + thinks;
            let says = self.chance.below(6);
            self.schedule(delay, Event::Verdict { tab, life, id: id.clone(), says });
        }
    }

    /// Where somebody else's change comes while the function thinks, it mostly thinks until that has been pulled.
    fn think(&mut self, tab: usize) -> u64 {
        let outer = self.chance.enter("think", tab);
        let thinks = self.chance.hit(900);
        self.chance.leave(outer);
        if thinks {
            3_000
        } else {
            0
        }
    }

    /// An answer of the app's function reaches the engine.
    pub(crate) fn verdict(&mut self, tab: usize, life: u32, id: String, says: u64) {
        if self.tabs[tab].life != life || !self.tabs[tab].is_awake() {
            return;
        }
        if says == DISTURBS {
            return self.disturb(tab, &id);
        }
        let choice = self.choice(tab, &id, says);
        self.command(tab, Asked { what: "verdict", claims: Vec::new() }, Command::Verdict(id, choice));
    }

    /// While the function thinks, another client changes the document, and that is pulled.
    fn disturb(&mut self, tab: usize, id: &str) {
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let Some(conflict) = disk.conflicts().find(|conflict| *conflict.conflict_id == *id).filter(|_| !self.healed)
        else {
            return;
        };
        let place = ["/", &conflict.collection, "/", &conflict.id].concat();
        let number = self.oracle.write_number();
        let request = CoreRequest::new("PATCH", &place).header("content-type", "application/merge-patch+json");
        let request = CoreRequest { body: json!({ "ext": number }).to_string().into_bytes(), ..request };
        let before = self.server.tables.head();
        self.server.handle(&request, self.now);
        self.executed(before);
        self.command(tab, Asked { what: "now", claims: Vec::new() }, Command::Now(Wish::all()));
    }

    /// A person chooses.
    pub(crate) fn resolve_command(&mut self, tab: usize) -> bool {
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let stale = self.chance.hit(100);
        let open = |conflict: &&_| -> bool {
            let conflict: &seakeep::model::Conflict<Json> = conflict;
            stale || conflict.resolution.is_none()
        };
        let ids: Vec<String> = disk.conflicts().filter(open).map(|conflict| conflict.conflict_id.to_string()).collect();
        let Some(id) = self.chance.pick(&ids).cloned() else { return false };
        let says = self.chance.below(5);
        let choice = self.choice(tab, &id, says);
        self.command(tab, Asked { what: "resolve", claims: Vec::new() }, Command::Resolve(id, choice));
        true
    }

    fn choice(&self, tab: usize, id: &str, says: u64) -> Choice<Json> {
        let disk = &self.profiles[self.tabs[tab].profile].disk;
        let conflict = disk.conflicts().find(|conflict| *conflict.conflict_id == *id);
        let title = Some(Json::from(json!("chosen")));
        let chosen = |conflict: &seakeep::model::Conflict<Json>| {
            let doc = conflict.local.as_ref().or(conflict.remote.as_ref())?;
            Some(doc.with(&[("title", title.clone())]))
        };
        match says {
            0 | 1 => Choice::Local,
            2 => Choice::Remote,
            3 => Choice::Doc(conflict.and_then(chosen)),
            4 => Choice::Doc(None),
            _ => Choice::Person(None),
        }
    }
}
