//! What a transaction stands on: the documents and answers it read, re-checked where it is written.
//!
//! Compared by content, so a document that was changed and changed back does not matter: the transaction is as good as
//! one that ran at this moment. Queries are asked again, so a document that would now be among the answers is noticed
//! too (no phantoms). Decides nothing about what happens then; the face runs the app's function again.

use super::world::World;
use crate::engine::mutant::Mutant;
use crate::engine::query::Query;
use crate::engine::store::{Asked, Read, Rows};
use crate::model::{is_temporary, Code, Collection, DocKey, Document, Failure};
use std::rc::Rc;

/// Documents and answers as they were read.
#[derive(Debug, Clone)]
pub struct Expected<D> {
    docs: Vec<(DocKey, Option<D>)>,
    answers: Vec<(Asked, Vec<D>)>,
}

impl<D> Default for Expected<D> {
    fn default() -> Self {
        Self { docs: Vec::new(), answers: Vec::new() }
    }
}

impl<D: Document> Expected<D> {
    /// Expects a document, or none, under an id or a former temporary id.
    pub fn doc(&mut self, key: DocKey, doc: Option<D>) {
        self.docs.push((key, doc));
    }

    /// Expects the answer of a query that knows its collection's indexes.
    pub fn answer(&mut self, collection: Collection, query: Query, docs: Vec<D>) {
        // One more than came tells whether there are more now.
        let most = docs.len() + 1;
        let query = Rc::new(Query { limit: Some(query.limit.map_or(most, |limit| limit.min(most))), ..query });
        self.answers.push((Asked { number: self.answers.len(), collection, query }, docs));
    }

    /// Whether it expects answers of queries.
    pub fn asks(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The collections it looks into.
    pub(super) fn collections(&self) -> impl Iterator<Item = &Collection> {
        let asked = self.answers.iter().map(|(asked, _)| &asked.collection);
        self.docs.iter().map(|(key, _)| &key.collection).chain(asked)
    }

    /// What has to be read; rows behind an alias follow when the alias is known.
    pub(super) fn reads<'a>(&'a self, rows: &'a Rows<D>) -> impl Iterator<Item = Read> + 'a {
        let keys = self.docs.iter().map(|(key, _)| key);
        let aliases = keys.clone().filter(|key| is_temporary(&key.id)).map(|key| Read::Alias(key.clone()));
        let mains = keys.map(|key| Read::Main(current(key, rows)));
        aliases.chain(mains).chain(self.answers.iter().map(|(asked, _)| Read::Query(asked.clone())))
    }

    /// Why the transaction cannot be done, if something it read is different by now.
    pub(super) fn failure(&self, world: &World<D>, rows: &Rows<D>) -> Option<Failure> {
        let stands = self.docs.iter().all(|(key, doc)| {
            let key = current(key, rows);
            let now = world.doc(&key).unwrap_or_else(|| rows.main(&key).and_then(|row| row.doc.as_ref()));
            same(now, doc.as_ref())
        });
        let stands = stands && self.answers.iter().all(|(asked, docs)| answers(asked, docs, rows));
        let text = "what this transaction read was changed meanwhile";
        (!stands && !Mutant::TransactionIgnoresReads.is_on()).then(|| Failure::new(Code::TxConflict, text))
    }
}

fn current<D: Document>(key: &DocKey, rows: &Rows<D>) -> DocKey {
    let id = rows.alias(key).filter(|_| is_temporary(&key.id));
    DocKey { collection: key.collection.clone(), id: id.unwrap_or(&key.id).clone() }
}

fn same<D: Document>(now: Option<&D>, then: Option<&D>) -> bool {
    match (now, then) {
        (Some(now), Some(then)) => now.same(then),
        (now, then) => now.is_none() && then.is_none(),
    }
}

fn answers<D: Document>(asked: &Asked, docs: &[D], rows: &Rows<D>) -> bool {
    let read = Read::Query(asked.clone());
    let now = rows.main_rows(&read);
    now.len() == docs.len() && now.iter().zip(docs).all(|(row, doc)| same(row.doc.as_ref(), Some(doc)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::disk::Disk;
    use crate::engine::plan::{Group, LocalWrite, Report};
    use crate::engine::store::Write;
    use crate::model::Row;
    use crate::native::Json;
    use serde_json::{json, Value};

    fn key(id: &str) -> DocKey {
        DocKey::new(&"notes".into(), id)
    }

    fn disk(docs: &[Value]) -> Disk<Json> {
        let mut disk = Disk::default();
        let row =
            |doc: &Value| Row { doc: Some(doc.clone().into()), ..Row::fresh(doc["id"].as_str().unwrap_or(""), 1) };
        disk.apply(docs.iter().map(|doc| Write::PutMain("notes".into(), row(doc))).collect()).expect("rows");
        disk
    }

    fn stands(disk: &mut Disk<Json>, expected: Expected<Json>) -> bool {
        let config = Rc::new(crate::engine::config::Config::from_document(&Json::object()));
        let groups = vec![Group { ticket: 1, operations: Vec::new(), expected }];
        match disk.run(&LocalWrite { config, groups, now: 1, after: None, new: false, places: Vec::new() }) {
            Ok(Report::Written(written)) => match &written.groups[0].result {
                Ok(_) => true,
                Err(failure) => {
                    assert_eq!(failure.code, Code::TxConflict);
                    false
                }
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_stands_while_its_content_does() {
        let doc = || json!({ "id": "a", "n": 1, "deep": { "x": [1] } });
        let expected = |doc: Option<Value>| {
            let mut expected = Expected::default();
            expected.doc(key("a"), doc.map(Json::from));
            expected
        };
        assert!(stands(&mut disk(&[doc()]), expected(Some(doc()))));
        assert!(stands(&mut disk(&[]), expected(None)));
        assert!(!stands(&mut disk(&[doc()]), expected(None)));
        assert!(!stands(&mut disk(&[]), expected(Some(doc()))));
        let other = json!({ "id": "a", "n": 1, "deep": { "x": [2] } });
        assert!(!stands(&mut disk(&[other]), expected(Some(doc()))));
    }

    #[test]
    fn an_answer_stands_while_no_document_joins_or_leaves_it() {
        let docs = |ids: &[&str]| ids.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>();
        let expected = |ids: &[&str], limit: Option<usize>| {
            let mut expected = Expected::default();
            let docs = docs(ids).into_iter().map(Json::from).collect();
            expected.answer("notes".into(), Query { limit, ..Query::default() }, docs);
            expected
        };
        assert!(stands(&mut disk(&docs(&["a", "b"])), expected(&["a", "b"], None)));
        assert!(stands(&mut disk(&docs(&["a", "b", "c"])), expected(&["a", "b"], Some(2))));
        assert!(!stands(&mut disk(&docs(&["a", "b", "c"])), expected(&["a", "b"], Some(3))));
        assert!(!stands(&mut disk(&docs(&["a", "b", "c"])), expected(&["a", "b"], None)));
        assert!(!stands(&mut disk(&docs(&["a"])), expected(&["a", "b"], None)));
        assert!(!stands(&mut disk(&docs(&["0", "a", "b"])), expected(&["a", "b"], Some(2))));
        assert!(!stands(&mut disk(&docs(&["a"])), expected(&[], None)));
    }

    #[test]
    fn a_former_temporary_id_stands_for_the_document_that_replaced_it() {
        let mut disk = disk(&[json!({ "id": "s1", "n": 1 })]);
        disk.apply(vec![Write::PutAlias(key("pending-1-x"), "s1".into())]).expect("an alias");
        let mut expected = Expected::default();
        expected.doc(key("pending-1-x"), Some(json!({ "id": "s1", "n": 1 }).into()));
        assert!(stands(&mut disk, expected));
    }
}
