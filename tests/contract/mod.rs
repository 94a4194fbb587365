//! What every store must do, as bodies that run on any of them.
//!
//! The memory disk runs them natively, IndexedDB and `storage: 'memory'` in a browser. A body opens a store of its own,
//! knows nothing of its kind, and compares with the plainest thing that could be right.

pub(crate) mod bodies;
pub(crate) mod queries;

use seakeep::engine::query::{IndexDef, Query};
use seakeep::engine::store::{Plan, Read, Rows, Scope, Step, Write};
use seakeep::model::{Document, Failure, Row};
use std::fmt;
use std::rc::Rc;

/// A store under contract, with the collection `notes` and the indexes of [`indexes`].
pub(crate) trait Backend: Sized {
    /// Its documents.
    type Doc: Document;
    /// An empty store of its own.
    async fn open() -> Self;
    /// Runs a plan.
    async fn run<R: 'static>(&self, plan: Script<Self::Doc, R>) -> Result<R, Failure>;
    /// The document of an id.
    async fn get(&self, id: &str) -> Option<Self::Doc>;
    /// The documents that answer a query.
    async fn query(&self, query: &Query) -> Result<Vec<Self::Doc>, Failure>;
    /// How many documents meet the conditions.
    async fn count(&self, query: &Query) -> usize;
}

/// The collection of all bodies.
pub(crate) const NOTES: &str = "notes";

/// Its indexes: single, compound, one key per item, and one for the reference field `owner`.
pub(crate) fn indexes() -> Vec<IndexDef> {
    let index = |paths: &[&str], multi| IndexDef::new(paths.iter().map(|path| (*path).into()).collect(), false, multi);
    vec![
        index(&["a"], false),
        index(&["a", "b"], false),
        index(&["deep.c"], false),
        index(&["tags"], true),
        index(&["owner"], false),
    ]
}

type Decide<D, R> = Rc<dyn Fn(&Rows<D>) -> (Vec<Write<D>>, R)>;

/// A plan for tests: rounds of reads, then a decision.
#[derive(Clone)]
pub(crate) struct Script<D, R> {
    rounds: Vec<Vec<Read>>,
    strict: bool,
    writes: bool,
    guesses: bool,
    decide: Decide<D, R>,
}

impl<D, R> fmt::Debug for Script<D, R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Script")
    }
}

impl<D: Document, R> Script<D, R> {
    /// Reads in rounds, then decides.
    pub(crate) fn new(rounds: Vec<Vec<Read>>, decide: impl Fn(&Rows<D>) -> (Vec<Write<D>>, R) + 'static) -> Self {
        Self { rounds, strict: true, writes: true, guesses: false, decide: Rc::new(decide) }
    }

    /// A relaxed one.
    #[allow(dead_code, reason = "durability shows in IndexedDB alone")]
    pub(crate) fn relaxed(self) -> Self {
        Self { strict: false, ..self }
    }

    /// One that guesses until it is refused.
    pub(crate) fn guessing(self) -> Self {
        Self { guesses: true, ..self }
    }

    /// One that may not write.
    pub(crate) fn reading(self) -> Self {
        Self { writes: false, ..self }
    }
}

/// A plan that writes without reading.
pub(crate) fn writing<D: Document>(writes: Vec<Write<D>>) -> Script<D, ()> {
    Script::new(Vec::new(), move |_| (writes.clone(), ()))
}

impl<D: Document, R> Plan<D, R> for Script<D, R> {
    fn scope(&self) -> Scope {
        Scope { collections: vec![NOTES.into()], writes: self.writes, strict: self.strict }
    }

    fn step(&self, rows: &Rows<D>) -> Step<D, R> {
        for round in &self.rounds {
            let missing = rows.missing(round.clone());
            if !missing.is_empty() {
                return Step::Need(missing);
            }
        }
        let (writes, report) = (self.decide)(rows);
        if self.guesses && !rows.is_refused() {
            return Step::Guess(writes, report);
        }
        Step::Done(writes, report)
    }
}

/// A document of JSON text.
pub(crate) fn doc<D: Document>(json: &str) -> D {
    D::parse(json).expect("the test's own JSON")
}

/// A row that holds a document.
pub(crate) fn row<D: Document>(doc: &D) -> Row<D> {
    let id = doc.text_of("id").expect("every document of the tests has an id");
    Row { doc: Some(doc.clone()), ..Row::fresh(&id, 1) }
}

/// Puts documents.
pub(crate) async fn put_all<B: Backend>(store: &B, docs: &[B::Doc]) {
    let writes = docs.iter().map(|doc| Write::PutMain(NOTES.into(), row(doc))).collect();
    store.run(writing(writes)).await.expect("the documents are written");
}

/// A query of JSON text.
pub(crate) fn query(json: &str) -> Query {
    let query = Query::try_from_document(&doc::<AnyDoc>(json)).expect("the test's own query");
    query.for_indexes(&indexes())
}

#[cfg(not(target_arch = "wasm32"))]
type AnyDoc = seakeep::native::Json;
#[cfg(target_arch = "wasm32")]
type AnyDoc = seakeep::shell::document::JsDoc;

/// Ids of documents, in their order.
pub(crate) fn ids<D: Document>(docs: &[D]) -> Vec<String> {
    docs.iter().map(|doc| doc.text_of("id").unwrap_or_default()).collect()
}

/// Calls a macro with every body of the contract.
macro_rules! contract {
    ($each:ident) => {
        $each! {
            bodies: writes_land_together_or_not_at_all,
            bodies: rounds_of_reads_see_what_was_written,
            bodies: a_guess_that_is_wrong_leaves_nothing_and_is_asked_anew,
            bodies: a_guess_that_is_right_is_written,
            bodies: conflicts_are_kept_by_their_id,
            bodies: a_plan_that_writes_nothing_reports,
            bodies: rows_that_refer_are_found_by_their_field,
            bodies: more_than_a_page_of_rows_may_refer_to_one_id,
            bodies: pages_have_no_gaps,
            bodies: many_rows_at_once_are_found_or_absent,
            bodies: a_temporary_id_answers_for_the_servers,
            bodies: a_row_without_a_document_is_in_no_read,
            bodies: odd_ids_and_fields_come_back_as_they_went,
            queries: every_query_answers_like_a_scan,
            queries: more_rows_than_a_page_may_share_a_key,
            queries: the_first_of_an_order_hold_with_and_without_enough,
            queries: a_prefix_is_a_range_of_texts,
            queries: too_many_rows_are_refused,
            queries: a_plan_may_ask_a_query,
        }
    };
}
