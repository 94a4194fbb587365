//! A seeded hand that changes inputs: letters, pieces, lines, and values inside the JSON it finds.
//!
//! The same seed makes the same input. It knows words that mean something on the wire; nothing is measured, so it
//! is no replacement for libFuzzer, only a short run that every test run can afford.

use serde_json::{json, Map, Value};

const WORDS: &[&str] = &[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "\"\"",
    "-1",
    "0",
    "1e308",
    "9007199254740993",
    "\"id\"",
    "\"__proto__\"",
    "\"a\"",
    "\"items\":",
    "\"deleted\":true,",
    "\"hasMore\":true,",
    "\"checkpoint\":",
    "\"updatedAt\":1e300,",
    "\"type\":",
    "\u{0}",
    "Retry-After",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "2026-11-20T06:25:00.123Z",
    "T",
    "Z",
    "+",
    ".",
    ":",
    "-",
    "\n",
    "\n\n",
    "200",
    "304",
    "410",
    "412",
    "500",
    "/idempotency-in-progress",
    "\u{1F3F4}",
    "ä",
    "99999999999999999999",
];

/// Chance from a seed (xorshift).
pub(crate) struct Hand(u64);

impl Hand {
    /// A hand of that seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut hand = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        hand.below(2);
        hand
    }

    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of the inputs, changed a few times.
    pub(crate) fn change(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut data = self.pick(inputs).clone();
        for _ in 0..=self.below(4) {
            data = match self.below(6) {
                0 => self.flip(data),
                1 => self.cut(data),
                2 => self.insert(data),
                3 => self.join(data, inputs),
                _ => self.within(data),
            };
        }
        data
    }

    fn flip(&mut self, mut data: Vec<u8>) -> Vec<u8> {
        let at = self.below(data.len());
        let bit = 1 << self.below(8);
        if let Some(byte) = data.get_mut(at) {
            *byte ^= bit;
        }
        data
    }

    fn piece(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        (from, (from + self.below(16)).min(length))
    }

    fn cut(&mut self, mut data: Vec<u8>) -> Vec<u8> {
        let (from, to) = self.piece(data.len());
        data.drain(from..to);
        data
    }

    fn insert(&mut self, mut data: Vec<u8>) -> Vec<u8> {
        let at = self.below(data.len() + 1);
        let word = *self.pick(WORDS);
        data.splice(at..at, word.bytes());
        data
    }

    /// The beginning of one and the end of another.
    fn join(&mut self, mut data: Vec<u8>, inputs: &[Vec<u8>]) -> Vec<u8> {
        let other = self.pick(inputs);
        let (from, to) = (self.below(data.len() + 1), self.below(other.len() + 1));
        data.truncate(from);
        data.extend(&other[to..]);
        data
    }

    /// A line that is JSON, with one value changed.
    fn within(&mut self, data: Vec<u8>) -> Vec<u8> {
        let text = String::from_utf8_lossy(&data).into_owned();
        let lines: Vec<&str> = text.split('\n').collect();
        let at = self.below(lines.len());
        let Ok(mut value) = serde_json::from_str::<Value>(lines[at]) else { return self.insert(data) };
        let depth = self.below(5);
        self.alter(&mut value, depth);
        let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
        lines[at] = value.to_string();
        lines.join("\n").into_bytes()
    }

    fn alter(&mut self, value: &mut Value, depth: usize) {
        match value {
            Value::Object(fields) if depth > 0 && !fields.is_empty() => self.alter_field(fields, depth),
            Value::Array(items) if depth > 0 && !items.is_empty() => {
                let at = self.below(items.len());
                match self.below(4) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.alter(&mut items[at], depth - 1),
                }
            }
            other => *other = self.value(),
        }
    }

    fn alter_field(&mut self, fields: &mut Map<String, Value>, depth: usize) {
        let names: Vec<String> = fields.keys().cloned().collect();
        let name = self.pick(&names).clone();
        match self.below(6) {
            0 => drop(fields.shift_remove(&name)),
            1 => drop(fields.insert((*self.pick(&["__proto__", "id", "", "a", "b.c"])).into(), self.value())),
            _ => self.alter(fields.get_mut(&name).expect("a field of that name"), depth - 1),
        }
    }

    fn value(&mut self) -> Value {
        match self.below(9) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(5)),
            3 => json!(*self.pick(&[-1.5, 1e300, 9_007_199_254_740_993.0, 1e-9, -0.0])),
            4 => json!(["x".repeat(self.below(300))]),
            5 => json!({ "id": self.below(3), "__proto__": { "x": 1 } }),
            6 => json!((0..self.below(4)).collect::<Vec<_>>()),
            7 => json!({ "a": { "b": null } }),
            _ => json!(*self.pick(&["", "a", "b", "2026-11-20T06:25:00Z", "pending-1-x", "\u{1F3F4}"])),
        }
    }
}
