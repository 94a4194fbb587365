//! Queries through the indexes, against a scan of the same documents.

use super::{doc, ids, indexes, put_all, query, row, Backend, Script, NOTES};
use seakeep::engine::disk::Disk;
use seakeep::engine::query::{disk_count, disk_query, Query};
use seakeep::engine::store::{Asked, Read, Rows, Write};
use seakeep::model::{Code, Document};
use std::rc::Rc;

/// A small generator: the same numbers on every run.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.roll(of.len() as u32) as usize]
    }
}

const VALUES: [&str; 11] =
    ["0", "1", "2", "-1.5", r#""""#, r#""a""#, r#""ab""#, r#""\uffff""#, "null", "true", r#"["a",1]"#];
const SCALARS: [&str; 8] = ["0", "1", "2", r#""a""#, r#""ab""#, r#""n1""#, "null", "false"];
const PATHS: [&str; 6] = ["a", "b", "deep.c", "tags", "owner", "id"];

fn documents<D: Document>(dice: &mut Dice, count: usize) -> Vec<D> {
    let mut document = |at: usize| {
        let mut parts = vec![format!(r#""id":"n{}""#, (at * 7) % count)];
        for field in ["a", "b", "owner"] {
            if dice.roll(5) > 0 {
                parts.push(format!(r#""{field}":{}"#, dice.pick(&VALUES)));
            }
        }
        if dice.roll(3) > 0 {
            parts.push(format!(r#""deep":{{"c":{}}}"#, dice.pick(&VALUES)));
        }
        if dice.roll(3) > 0 {
            parts.push(format!(r#""tags":[{},{}]"#, dice.pick(&SCALARS), dice.pick(&SCALARS)));
        }
        doc(&format!("{{{}}}", parts.join(",")))
    };
    (0..count).map(&mut document).collect()
}

fn random_query(dice: &mut Dice) -> String {
    let mut conditions = Vec::new();
    for _ in 0..dice.roll(4) {
        let path = dice.pick(&PATHS);
        let condition = match dice.roll(8) {
            0 => format!(r#"{{"path":"{path}","op":"in","value":[{},{}]}}"#, dice.pick(&SCALARS), dice.pick(&SCALARS)),
            1 => format!(
                r#"{{"path":"{path}","op":"startsWith","value":{}}}"#,
                dice.pick(&[r#""""#, r#""a""#, r#""n1""#])
            ),
            _ => {
                let op = dice.pick(&["eq", "eq", "eq", "gt", "gte", "lt", "lte"]);
                format!(r#"{{"path":"{path}","op":"{op}","value":{}}}"#, dice.pick(&SCALARS))
            }
        };
        conditions.push(condition);
    }
    let order: Vec<String> = (0..dice.roll(3)).map(|_| format!(r#""{}""#, dice.pick(&PATHS))).collect();
    let limit = if dice.roll(2) == 0 { String::new() } else { format!(r#","limit":{}"#, dice.roll(9)) };
    let (conditions, order) = (conditions.join(","), order.join(","));
    format!(r#"{{"where":[{conditions}],"orderBy":[{order}],"descending":{}{limit}}}"#, dice.roll(2) == 0)
}

fn disk_of<D: Document>(docs: &[D]) -> Disk<D> {
    let mut disk = Disk::default();
    let writes = docs.iter().map(|doc| Write::PutMain(NOTES.into(), row(doc))).collect();
    disk.apply(writes).expect("nothing is added to the outbox");
    disk
}

fn scan<D: Document>(disk: &Disk<D>, query: &Query) -> Vec<String> {
    let rows = disk_query(disk, NOTES, query, &indexes()).expect("few rows");
    rows.iter().map(|row| String::from(&*row.id)).collect()
}

pub(crate) async fn every_query_answers_like_a_scan<B: Backend>() {
    let store = B::open().await;
    let mut dice = Dice(2_463_534_242);
    let docs: Vec<B::Doc> = documents(&mut dice, 240);
    put_all(&store, &docs).await;
    let disk = disk_of(&docs);
    for _ in 0..400 {
        let json = random_query(&mut dice);
        let asked = query(&json);
        let found = store.query(&asked).await.expect("few rows");
        assert_eq!(ids(&found), scan(&disk, &asked), "{json}");
        assert_eq!(store.count(&asked).await, disk_count(&disk, NOTES, &asked, &indexes()), "{json}");
    }
}

/// Documents of which most have the same value.
fn alike<D: Document>() -> Vec<D> {
    let json = |at: usize| {
        let (a, b) = (if at % 10 == 0 { at } else { 5 }, at % 3);
        doc(&format!(r#"{{"id":"n{:05}","a":{a},"b":{b},"tags":["x","y{b}"]}}"#, (at * 7) % 1_700))
    };
    (0..1_700).map(json).collect()
}

pub(crate) async fn more_rows_than_a_page_may_share_a_key<B: Backend>() {
    let store = B::open().await;
    let docs: Vec<B::Doc> = alike();
    for part in docs.chunks(600) {
        put_all(&store, part).await;
    }
    let disk = disk_of(&docs);
    for json in [
        r#"{"where":[{"path":"a","op":"eq","value":5}]}"#,
        r#"{"where":[{"path":"a","op":"eq","value":5}],"limit":1200}"#,
        r#"{"where":[{"path":"a","op":"eq","value":5}],"descending":true}"#,
        r#"{"where":[{"path":"a","op":"eq","value":5}],"descending":true,"limit":700}"#,
        r#"{"where":[{"path":"a","op":"gte","value":0}],"orderBy":["a"]}"#,
        r#"{"where":[{"path":"a","op":"gte","value":0}],"orderBy":["a"],"limit":1600}"#,
        r#"{"where":[{"path":"a","op":"gte","value":0}],"orderBy":["a"],"descending":true,"limit":20}"#,
        r#"{"where":[{"path":"a","op":"eq","value":5},{"path":"b","op":"gte","value":1}],"orderBy":["b"]}"#,
        r#"{"where":[{"path":"tags","op":"eq","value":"x"}]}"#,
        r#"{"where":[{"path":"tags","op":"startsWith","value":"y"}]}"#,
        r#"{"where":[{"path":"tags","op":"in","value":["x","y1"]}],"limit":900}"#,
        r#"{"orderBy":["a"],"limit":1650}"#,
        r#"{"limit":1201}"#,
        r#"{"descending":true,"limit":601}"#,
    ] {
        let asked = query(json);
        assert_eq!(ids(&store.query(&asked).await.expect("few rows")), scan(&disk, &asked), "{json}");
        assert_eq!(store.count(&asked).await, disk_count(&disk, NOTES, &asked, &indexes()), "{json}");
    }
}

pub(crate) async fn the_first_of_an_order_hold_with_and_without_enough<B: Backend>() {
    let store = B::open().await;
    let docs = [r#"{"id":"n1","a":2}"#, r#"{"id":"n2"}"#, r#"{"id":"n3","a":1}"#, r#"{"id":"n4","a":null}"#];
    put_all(&store, &docs.map(doc)).await;
    for (json, expected) in [
        (r#"{"orderBy":["a"],"limit":2}"#, &["n3", "n1"][..]),
        (r#"{"orderBy":["a"],"limit":3}"#, &["n3", "n1", "n2"]),
        (r#"{"orderBy":["a"],"limit":2,"descending":true}"#, &["n1", "n3"]),
        (r#"{"orderBy":["a"],"descending":true}"#, &["n1", "n3", "n4", "n2"]),
        (r#"{"orderBy":["a"]}"#, &["n3", "n1", "n2", "n4"]),
    ] {
        assert_eq!(ids(&store.query(&query(json)).await.expect("few rows")), expected, "{json}");
    }
}

pub(crate) async fn a_prefix_is_a_range_of_texts<B: Backend>() {
    let store = B::open().await;
    let docs = [
        r#"{"id":"n1","a":"ab"}"#,
        r#"{"id":"n2","a":"ab\uffff\uffffx"}"#,
        r#"{"id":"n3","a":"ac"}"#,
        r#"{"id":"n4","a":"\ud83d\ude00x"}"#,
        r#"{"id":"n5","a":["ab"]}"#,
    ];
    put_all(&store, &docs.map(doc)).await;
    for (prefix, expected) in [("ab", &["n1", "n2"][..]), ("\\ud83d\\ude00", &["n4"]), ("", &["n1", "n2", "n3", "n4"])]
    {
        let asked = query(&format!(r#"{{"where":[{{"path":"a","op":"startsWith","value":"{prefix}"}}]}}"#));
        assert_eq!(ids(&store.query(&asked).await.expect("few rows")), expected, "{prefix}");
    }
}

pub(crate) async fn too_many_rows_are_refused<B: Backend>() {
    let store = B::open().await;
    let docs: Vec<B::Doc> = (0..10_001).map(|at| doc(&format!(r#"{{"id":"n{at:05}","a":1}}"#))).collect();
    put_all(&store, &docs).await;
    for json in ["{}", r#"{"where":[{"path":"a","op":"eq","value":1}]}"#, r#"{"orderBy":["b"]}"#] {
        let refused = store.query(&query(json)).await.err().map(|failure| failure.code);
        assert_eq!(refused, Some(Code::QueryTooLarge), "{json}");
    }
    let some = query(r#"{"where":[{"path":"a","op":"eq","value":1}],"limit":10001}"#);
    assert_eq!(store.query(&some).await.expect("a limit was given").len(), 10_001);
    assert_eq!(store.count(&Query::default()).await, 10_001);
}

/// Inside a transaction a query is answered as outside of it, from an index and from a scan.
pub(crate) async fn a_plan_may_ask_a_query<B: Backend>() {
    let store = B::open().await;
    let docs: Vec<B::Doc> = documents(&mut Dice(7), 60);
    put_all(&store, &docs).await;
    let texts = [
        r#"{"where":[{"path":"a","op":"gte","value":1}],"orderBy":["a"],"limit":9}"#,
        r#"{"where":[],"orderBy":["deep.c"],"descending":true,"limit":61}"#,
        r#"{"where":[{"path":"owner","op":"eq","value":"nobody"}],"limit":1}"#,
    ];
    let asked: Vec<Read> = (0..).zip(texts).map(|(number, text)| asked(number, text)).collect();
    let look = Script::new(vec![asked.clone()], move |rows: &Rows<B::Doc>| {
        let found = |read: &Read| rows.main_rows(read).iter().map(|row| row.id.to_string()).collect::<Vec<_>>();
        (Vec::new(), asked.iter().map(found).collect::<Vec<_>>())
    });
    let inside = store.run(look.reading()).await.expect("reading");
    for (text, inside) in texts.iter().zip(inside) {
        let outside = store.query(&query(text)).await.expect("a query");
        assert_eq!(inside, ids(&outside), "{text}");
    }
}

fn asked(number: usize, text: &str) -> Read {
    Read::Query(Asked { number, collection: NOTES.into(), query: Rc::new(query(text)) })
}
