//! Plans and reads by id.

use super::{doc, ids, put_all, query, row, writing, Backend, Script, NOTES};
use seakeep::engine::query::Query;
use seakeep::engine::store::{MetaKey, Read, Rows, Write};
use seakeep::model::{
    ChangeKind, Code, Conflict, ConflictKind, DocKey, Document, Mark, Patch, Pending, PendingState, Priority, Record,
    Row, Severity,
};
use std::rc::Rc;

/// A change in the outbox.
pub(crate) fn pending<D: Document>(seq: u64, id: &str, mutation: &str) -> Pending<D> {
    Pending {
        seq,
        mutation_id: mutation.into(),
        idempotency_key: ["key-", mutation].concat().into(),
        collection: NOTES.into(),
        id: id.into(),
        temp_id: None,
        kind: ChangeKind::Create,
        data: Some(doc(r#"{"a":1}"#)),
        changes: Patch::default(),
        base: None,
        base_rev: None,
        created_at: 1,
        skew: None,
        losses: 0,
        retry_count: 0,
        last_error: None,
        state: PendingState::Waiting,
        wait: None,
        priority: Priority::User,
        group: None,
        user: None,
        sent: None,
        refused: false,
        rounds: 0,
        writes: 1,
        touched: Vec::new(),
        origin: None,
        conflict: None,
        asks: false,
    }
}

/// The address of a note.
pub(crate) fn note(id: &str) -> DocKey {
    DocKey::new(&NOTES.into(), id)
}

fn put<D: Document>(json: &str) -> Write<D> {
    Write::PutMain(NOTES.into(), row(&doc(json)))
}

pub(crate) async fn writes_land_together_or_not_at_all<B: Backend>() {
    let store = B::open().await;
    store.run(writing(vec![Write::AddPending(pending(7, "n1", "m1"))])).await.expect("the place is free");
    let applied = Mark { applied: 3, audited: 0 };
    let writes = vec![
        put(r#"{"id":"n2"}"#),
        Write::PutMeta(MetaKey::Mark, applied.to_record()),
        Write::PutAlias(note("pending-1-x"), "n2".into()),
        Write::PutConflict(Box::new(conflict("c1"))),
        Write::Setting("theme".into(), Some(B::Doc::text("dark"))),
        Write::AddPending(pending(7, "n2", "m2")),
        put(r#"{"id":"n3"}"#),
    ];
    let refused = store.run(writing(writes)).await.expect_err("the place is taken");
    assert_eq!(refused.code, Code::TxAborted, "{refused}");
    let reads = vec![
        Read::Main(note("n2")),
        Read::Main(note("n3")),
        Read::Pending(7),
        Read::Meta(MetaKey::Mark),
        Read::Alias(note("pending-1-x")),
        Read::Conflict("c1".into()),
    ];
    let look = Script::new(vec![reads], |rows: &Rows<B::Doc>| {
        let nothing = rows.main(&note("n2")).is_none()
            && rows.main(&note("n3")).is_none()
            && rows.mark().applied == 0
            && rows.alias(&note("pending-1-x")).is_none()
            && rows.conflict("c1").is_none();
        let kept = rows.pending(7).is_some_and(|row| *row.mutation_id == *"m1");
        (Vec::new(), (nothing, kept))
    });
    assert_eq!(store.run(look.reading()).await.expect("reading"), (true, true));
}

pub(crate) async fn rounds_of_reads_see_what_was_written<B: Backend>() {
    let store = B::open().await;
    let writes = vec![
        put(r#"{"id":"n1","a":"next"}"#),
        Write::AddPending(pending(3, "n1", "m3")),
        Write::AddPending(pending(9, "n1", "m9")),
        Write::PutMeta(MetaKey::Mark, Mark { applied: 8, audited: 0 }.to_record()),
    ];
    store.run(writing(writes)).await.expect("writing");
    let rounds =
        vec![vec![Read::Main(note("n1")), Read::LastPending], vec![Read::Pending(9), Read::Meta(MetaKey::Mark)]];
    let plan = Script::new(rounds, |rows: &Rows<B::Doc>| {
        let next = rows.main(&note("n1")).and_then(|row| row.doc.as_ref()?.text_of("a"));
        let found = (rows.last_pending(), rows.pending(9).map(|row| row.mutation_id.clone()), rows.mark().applied);
        (vec![Write::DeletePending(9), Write::DeleteMain(note("n1"))], (next, found))
    });
    let (next, found) = store.run(plan).await.expect("rounds");
    assert_eq!(next.as_deref(), Some("next"));
    assert_eq!(found, (9, Some(Rc::from("m9")), 8));
    let last = Script::new(vec![vec![Read::LastPending]], |rows: &Rows<B::Doc>| (Vec::new(), rows.last_pending()));
    assert_eq!(store.run(last).await.expect("reading"), 3);
    assert!(store.get("n1").await.is_none());
}

/// Inserts a note and its change; once refused it says so and writes under another place and id.
fn guess<D: Document>(seq: u64, id: &'static str) -> Script<D, bool> {
    let decide = move |rows: &Rows<D>| {
        let json = |id: &str| [r#"{"id":""#, id, r#"","a":2}"#].concat();
        let (seq, id) = if rows.is_refused() { (seq + 100, [id, "-anew"].concat()) } else { (seq, id.to_string()) };
        let add = Write::AddMain(NOTES.into(), row(&doc(&json(&id))));
        (vec![add, Write::AddPending(pending(seq, &id, &id))], rows.is_refused())
    };
    Script::new(Vec::new(), decide).guessing()
}

async fn stored<B: Backend>(store: &B, id: &'static str, seq: u64) -> (Option<f64>, Option<Rc<str>>) {
    let read = vec![Read::Main(note(id)), Read::Pending(seq)];
    let look = Script::new(vec![read], move |rows: &Rows<B::Doc>| {
        let a = rows.main(&note(id)).and_then(|row| row.doc.as_ref()?.get("a")?.as_number());
        (Vec::new(), (a, rows.pending(seq).map(|row| row.id.clone())))
    });
    store.run(look.reading()).await.expect("reading")
}

pub(crate) async fn a_guess_that_is_right_is_written<B: Backend>() {
    let store = B::open().await;
    let refused = store.run(guess(7, "n1")).await.expect("nothing stands there");
    assert!(!refused);
    assert_eq!(stored(&store, "n1", 7).await, (Some(2.0), Some(Rc::from("n1"))));
}

pub(crate) async fn a_guess_that_is_wrong_leaves_nothing_and_is_asked_anew<B: Backend>() {
    let store = B::open().await;
    let first = vec![put(r#"{"id":"n1","a":1}"#), Write::AddPending(pending(7, "n1", "m1"))];
    store.run(writing(first)).await.expect("writing");
    // A document stands there; the place is free.
    assert!(store.run(guess(8, "n1")).await.expect("asked anew"));
    assert_eq!(stored(&store, "n1", 8).await, (Some(1.0), None));
    assert_eq!(stored(&store, "n1-anew", 108).await, (Some(2.0), Some(Rc::from("n1-anew"))));
    // The place is taken; no document stands there.
    assert!(store.run(guess(7, "n2")).await.expect("asked anew"));
    assert_eq!(stored(&store, "n2", 7).await, (None, Some(Rc::from("n1"))));
    assert_eq!(stored(&store, "n2-anew", 107).await, (Some(2.0), Some(Rc::from("n2-anew"))));
    // Once is enough: the second refusal is the answer.
    let failure = store.run(guess(8, "n1")).await.expect_err("both stand there");
    assert!(matches!(failure.code, Code::UniqueViolation | Code::TxAborted), "{failure}");
}

fn conflict<D: Document>(id: &str) -> Conflict<D> {
    Conflict {
        conflict_id: id.into(),
        collection: NOTES.into(),
        id: "n1".into(),
        seq: 3,
        mutation_id: "m3".into(),
        kind: ConflictKind::EditEdit,
        severity: Severity::Medium,
        base: Some(doc(r#"{"id":"n1"}"#)),
        local: Some(doc(r#"{"id":"n1","a":1}"#)),
        remote: None,
        fields: Vec::new(),
        detected_at: 5,
        resolution: None,
    }
}

pub(crate) async fn conflicts_are_kept_by_their_id<B: Backend>() {
    let store = B::open().await;
    let writes =
        vec![Write::PutConflict(Box::new(conflict("c1"))), Write::PutConflict(Box::new(conflict::<B::Doc>("c2")))];
    store.run(writing(writes)).await.expect("writing");
    store.run(writing::<B::Doc>(vec![Write::DeleteConflict("c2".into())])).await.expect("removing");
    let reads = vec![Read::Conflict("c1".into()), Read::Conflict("c2".into())];
    let look = Script::new(vec![reads], |rows: &Rows<B::Doc>| {
        let found = rows.conflict("c1").map(|found| (found.mutation_id.clone(), found.local.is_some()));
        (Vec::new(), (found, rows.conflict("c2").is_none()))
    });
    let found = store.run(look.reading()).await.expect("reading");
    assert_eq!(found, (Some((Rc::from("m3"), true)), true));
}

pub(crate) async fn a_plan_that_writes_nothing_reports<B: Backend>() {
    let store = B::open().await;
    assert_eq!(store.run(Script::<B::Doc, _>::new(Vec::new(), |_| (Vec::new(), 5))).await.expect("a report"), 5);
}

fn referring(id: &str) -> Read {
    Read::Referring { collection: NOTES.into(), field: "owner".into(), id: id.into() }
}

async fn referrers<B: Backend>(store: &B, id: &'static str) -> Vec<Rc<str>> {
    let read = referring(id);
    let plan = Script::new(vec![vec![read.clone()]], move |rows: &Rows<B::Doc>| {
        (Vec::new(), rows.main_rows(&read).iter().map(|row| row.id.clone()).collect::<Vec<_>>())
    });
    let mut found = store.run(plan.reading()).await.expect("reading");
    found.sort_unstable();
    found
}

pub(crate) async fn rows_that_refer_are_found_by_their_field<B: Backend>() {
    let store = B::open().await;
    let docs = [
        r#"{"id":"n1","owner":"u1"}"#,
        r#"{"id":"n2","owner":"u2"}"#,
        r#"{"id":"n3","owner":"u1"}"#,
        r#"{"id":"n4"}"#,
        r#"{"id":"n5","owner":null}"#,
    ];
    put_all(&store, &docs.map(doc)).await;
    assert_eq!(referrers(&store, "u1").await, [Rc::from("n1"), Rc::from("n3")]);
    assert!(referrers(&store, "u3").await.is_empty());
}

/// So many documents that pages are needed, in an order that is not theirs.
fn crowd<D: Document>(count: usize, rest: &str) -> Vec<D> {
    let json = |at: usize| doc(&format!(r#"{{"id":"n{:05}"{rest}}}"#, (at * 7) % count));
    (0..count).map(json).collect()
}

pub(crate) async fn more_than_a_page_of_rows_may_refer_to_one_id<B: Backend>() {
    let store = B::open().await;
    put_all(&store, &crowd::<B::Doc>(1_103, r#","owner":"u1""#)).await;
    let found = referrers(&store, "u1").await;
    assert_eq!(found.len(), 1_103);
    assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "each once");
}

pub(crate) async fn pages_have_no_gaps<B: Backend>() {
    let store = B::open().await;
    put_all(&store, &crowd::<B::Doc>(1_203, "")).await;
    let outbox = (1..=601).map(|seq| Write::AddPending(pending::<B::Doc>(seq * 2, "n1", &seq.to_string()))).collect();
    store.run(writing(outbox)).await.expect("writing");
    let mut after: Option<Rc<str>> = None;
    let mut seen = Vec::new();
    loop {
        let read = Read::MainPage { collection: NOTES.into(), after: after.clone(), limit: 500 };
        let plan = Script::new(vec![vec![read.clone()]], move |rows: &Rows<B::Doc>| {
            (Vec::new(), rows.main_rows(&read).iter().map(|row| row.id.clone()).collect::<Vec<_>>())
        });
        let page = store.run(plan.reading()).await.expect("reading");
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page);
    }
    let all: Vec<Rc<str>> = (0..1_203).map(|at| Rc::from(format!("n{at:05}"))).collect();
    assert_eq!(seen, all);
    assert_eq!(outbox_in_pages(&store).await, (1..=601).map(|seq| seq * 2).collect::<Vec<u64>>());
}

async fn outbox_in_pages<B: Backend>(store: &B) -> Vec<u64> {
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let read = Read::PendingPage { after: seen.last().copied().unwrap_or(0), limit: 500 };
        let plan = Script::new(vec![vec![read.clone()]], move |rows: &Rows<B::Doc>| {
            (Vec::new(), rows.pending_rows(&read).iter().map(|row| row.seq).collect::<Vec<_>>())
        });
        let page = store.run(plan.reading()).await.expect("reading");
        if page.is_empty() {
            return seen;
        }
        seen.extend(page);
    }
}

pub(crate) async fn many_rows_at_once_are_found_or_absent<B: Backend>() {
    let store = B::open().await;
    put_all(&store, &crowd::<B::Doc>(900, "")).await;
    for step in [1, 13] {
        let wanted: Vec<DocKey> = (0..1_400).step_by(step).map(|at| note(&format!("n{at:05}"))).collect();
        let absent: Vec<DocKey> = (0..60).map(|at| note(&format!("n0000{at}x"))).collect();
        let keys: Vec<DocKey> = wanted.into_iter().chain(absent).collect();
        let reads = keys.iter().cloned().map(Read::Main).collect();
        let plan = Script::new(vec![reads], move |rows: &Rows<B::Doc>| {
            let right = |key: &DocKey| {
                let there = key.id.len() == 6 && &*key.id < "n00900";
                rows.main(key).is_some() == there
            };
            (Vec::new(), keys.iter().all(right))
        });
        assert!(store.run(plan.reading()).await.expect("reading"), "every {step}th");
    }
}

pub(crate) async fn a_temporary_id_answers_for_the_servers<B: Backend>() {
    let store = B::open().await;
    let alias = note("pending-1700000000000-abc");
    store
        .run(writing(vec![put(r#"{"id":"s1"}"#), Write::PutAlias(alias.clone(), "s1".into())]))
        .await
        .expect("writing");
    assert_eq!(ids(&store.get(&alias.id).await.into_iter().collect::<Vec<_>>()), ["s1"]);
    assert!(store.get("pending-1700000000000-other").await.is_none());
    let plan = Script::new(vec![vec![Read::Alias(alias.clone())]], move |rows: &Rows<B::Doc>| {
        (Vec::new(), rows.alias(&alias).cloned())
    });
    assert_eq!(store.run(plan.reading()).await.expect("reading").as_deref(), Some("s1"));
}

pub(crate) async fn a_row_without_a_document_is_in_no_read<B: Backend>() {
    let store = B::open().await;
    put_all(&store, &[doc(r#"{"id":"n1","a":1}"#), doc(r#"{"id":"n2","a":1}"#)]).await;
    let gone = Row { lane: vec![4], ..Row::fresh("n1", 2) };
    store.run(writing(vec![Write::PutMain(NOTES.into(), gone)])).await.expect("writing");
    assert!(store.get("n1").await.is_none());
    assert_eq!(store.count(&Query::default()).await, 1);
    let by_a = query(r#"{"where":[{"path":"a","op":"eq","value":1}]}"#);
    assert_eq!(store.count(&by_a).await, 1);
    for asked in [Query::default(), by_a, Query { limit: Some(5), descending: true, ..Query::default() }] {
        assert_eq!(ids(&store.query(&asked).await.expect("few rows")), ["n2"]);
    }
    store.run(writing(vec![put(r#"{"id":"n1","a":1}"#)])).await.expect("writing");
    assert_eq!(store.count(&Query::default()).await, 2, "it came back");
}

pub(crate) async fn odd_ids_and_fields_come_back_as_they_went<B: Backend>() {
    let store = B::open().await;
    let odd = ["", " ", "a/b", "\u{0}", "\u{1f600}", "ключ", "constructor", "length", "0"];
    let docs: Vec<B::Doc> = odd
        .iter()
        .map(|id| {
            let fields = [
                ("id", Some(B::Doc::text(id))),
                ("", Some(B::Doc::number(1.5))),
                ("constructor", Some(B::Doc::null())),
            ];
            doc::<B::Doc>(r#"{"ключ":{"\u0000":[1,"\ud83d\ude00",null,{}]},"0":true}"#).with(&fields)
        })
        .collect();
    put_all(&store, &docs).await;
    for (id, doc) in odd.iter().zip(&docs) {
        let found = store.get(id).await.expect("it was written");
        assert!(found.same(doc), "{id:?}");
    }
    assert!(store.get("toString").await.is_none());
}
