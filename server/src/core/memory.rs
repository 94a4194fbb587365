//! The server's tables in memory: the simulator's peer, and the model that the database is compared with.
//!
//! Runs the same `decide` as the database. Keeps beside it what only oracles ask for: the whole log and
//! how often each key was executed. A clone is a snapshot; a clone put back is a restored backup.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::command::Command;
use super::decide::Circumstances;
use super::request::{CoreRequest, CoreResponse};
use super::rows::{Document, DocumentKey, Needs, PageNeed, Rows, StoredResult, Writes};
use super::rules::Rules;
use super::{answer, refuse};

/// All tables of one server.
#[derive(Clone, Debug)]
pub struct MemoryTables {
    rules: Arc<Rules>,
    epoch: String,
    head: u64,
    documents: BTreeMap<DocumentKey, Document>,
    positions: BTreeMap<String, BTreeMap<u64, String>>,
    results: BTreeMap<String, StoredResult>,
    results_by_age: BTreeSet<(u64, String)>,
    log: Vec<Arc<LogEntry>>,
    executions: BTreeMap<String, u32>,
}

/// One executed change, as it was when it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The document after the change, with its position.
    pub document: Document,
    /// The idempotency key that caused it.
    pub key: Option<String>,
}

impl MemoryTables {
    /// Empty tables with the default rules.
    pub fn new(epoch: &str) -> Self {
        Self::with_rules(epoch, Rules::default())
    }

    /// Empty tables with those rules.
    pub fn with_rules(epoch: &str, rules: Rules) -> Self {
        Self {
            rules: Arc::new(rules),
            epoch: epoch.to_owned(),
            head: 0,
            documents: BTreeMap::new(),
            positions: BTreeMap::new(),
            results: BTreeMap::new(),
            results_by_age: BTreeSet::new(),
            log: Vec::new(),
            executions: BTreeMap::new(),
        }
    }

    /// Carries one request out. `id` is asked only for a document the server has to name.
    pub fn handle(&mut self, request: &CoreRequest, now_ms: u64, mut id: impl FnMut() -> String) -> CoreResponse {
        let command = match Command::parse(request, &self.rules) {
            Ok(command) => command,
            Err(problem) => return refuse(request, problem, now_ms),
        };
        let fresh_ids: Vec<String> = (0..command.ids_wanted()).map(|_| id()).collect();
        let rules = Arc::clone(&self.rules);
        let at = Circumstances { rules: &rules, now: now_ms, fresh_ids: &fresh_ids };
        let decision = answer(request, &command, &self.load(&command.needs()), at);
        self.apply(decision.writes);
        decision.response
    }

    /// Name of the history.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// From now on the history has another name: checkpoints handed out before are unknown.
    pub fn set_epoch(&mut self, epoch: &str) {
        epoch.clone_into(&mut self.epoch);
    }

    /// Position of the last change.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The documents of a collection by id, tombstones included.
    pub fn documents<'a>(&'a self, collection: &'a str) -> impl Iterator<Item = &'a Document> + 'a {
        let from = (collection.to_owned(), String::new());
        self.documents.range(from..).map(|(_, document)| document).take_while(move |d| d.collection == collection)
    }

    /// One document or its tombstone.
    pub fn document(&self, collection: &str, id: &str) -> Option<&Document> {
        self.documents.get(&(collection.to_owned(), id.to_owned()))
    }

    /// Names of the collections that were ever written to.
    pub fn collections(&self) -> impl Iterator<Item = &str> {
        self.positions.keys().map(String::as_str)
    }

    /// Every executed change in commit order, not compacted.
    pub fn log(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.log.iter().map(AsRef::as_ref)
    }

    /// How often a change with that key was executed.
    pub fn executions(&self, key: &str) -> u32 {
        self.executions.get(key).copied().unwrap_or(0)
    }

    /// All keys ever executed, with how often.
    pub fn all_executions(&self) -> impl Iterator<Item = (&str, u32)> {
        self.executions.iter().map(|(key, count)| (key.as_str(), *count))
    }

    fn load(&self, needs: &Needs) -> Rows {
        let result = |key: &String| Some((key.clone(), self.results.get(key)?.clone()));
        let document = |key: &DocumentKey| Some((key.clone(), self.documents.get(key)?.clone()));
        Rows {
            epoch: self.epoch.clone(),
            head: self.head,
            results: needs.keys.iter().filter_map(result).collect(),
            documents: needs.documents.iter().filter_map(document).collect(),
            page: needs.page.as_ref().map(|page| self.load_page(page)).unwrap_or_default(),
        }
    }

    fn load_page(&self, need: &PageNeed) -> Vec<Document> {
        let Some(after) = need.after(&self.epoch, self.head) else {
            return Vec::new();
        };
        let Some(positions) = self.positions.get(&need.collection) else {
            return Vec::new();
        };
        let ids = positions.range(after + 1..).map(|(_, id)| (need.collection.clone(), id.clone()));
        ids.filter_map(|key| self.documents.get(&key).cloned()).take(need.rows()).collect()
    }

    fn apply(&mut self, writes: Writes) {
        for (document, key) in writes.documents {
            self.store(document, key);
        }
        for result in writes.results {
            self.results_by_age.insert((result.at, result.key.clone()));
            self.results.insert(result.key.clone(), result);
        }
        if let Some(before) = writes.forget_before {
            self.forget(before);
        }
    }

    fn store(&mut self, document: Document, key: Option<String>) {
        if let Some(key) = &key {
            *self.executions.entry(key.clone()).or_default() += 1;
        }
        let row = (document.collection.clone(), document.id.clone());
        let positions = self.positions.entry(row.0.clone()).or_default();
        if let Some(previous) = self.documents.get(&row) {
            positions.remove(&previous.position);
        }
        positions.insert(document.position, row.1.clone());
        self.head = document.position;
        self.documents.insert(row, document.clone());
        self.log.push(Arc::new(LogEntry { document, key }));
    }

    fn forget(&mut self, before: u64) {
        let kept = self.results_by_age.split_off(&(before, String::new()));
        for (_, key) in std::mem::replace(&mut self.results_by_age, kept) {
            self.results.remove(&key);
        }
    }
}
