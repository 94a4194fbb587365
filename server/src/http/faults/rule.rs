//! The language of faults: which request, how often, what goes wrong.
//!
//! A fault is one kind of wrong, optionally late (`delay`). What makes no sense is refused when the
//! rule is ordered, not when it is due.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::core::CoreRequest;

/// One ordered fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    /// Which requests; all when empty.
    #[serde(default, rename = "match")]
    pub(super) condition: Condition,
    /// For how many requests still; 0 is until cleared.
    #[serde(default = "once")]
    pub(super) times: u32,
    /// What goes wrong.
    pub(super) fault: Fault,
}

fn once() -> u32 {
    1
}

/// All that is named must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Condition {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_includes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What goes wrong, as it is written in an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)] // The written form: one switch for each kind.
pub(super) struct Fault {
    /// Milliseconds to wait before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delay: Option<u64>,
    /// Close the connection without an answer, before or after execution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) drop: Option<When>,
    /// As `drop: "before"`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) offline: bool,
    /// Answer with this status (of a redirect: 302 when absent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Headers of that answer.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    /// Body of that answer: text as it is, anything else as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<Value>,
    /// Execute the request before answering otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) after: bool,
    /// Answer 200 with a login page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) html: bool,
    /// Redirect to this address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) redirect: Option<String>,
    /// Send headers, then nothing for so many milliseconds, then close the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stall: Option<u64>,
    /// Of a stall: not even headers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) silent: bool,
    /// Cut the real response's body after so many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) truncate: Option<usize>,
    /// Of a cut: pretend that this was all, instead of breaking the connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) clean: bool,
}

/// On which side of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum When {
    Before,
    After,
}

impl Rule {
    pub(super) fn matches(&self, request: &CoreRequest) -> bool {
        let Condition { method, path, body_includes, key } = &self.condition;
        let holds = |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
        holds(method, &|method| request.method.eq_ignore_ascii_case(method))
            && holds(path, &|part| target(request).contains(part))
            && holds(body_includes, &|part| String::from_utf8_lossy(&request.body).contains(part))
            && holds(key, &|key| key_of(request).as_deref() == Some(key))
    }
}

impl Fault {
    /// What is wrong with the order, if anything.
    pub(super) fn check(&self) -> Result<(), String> {
        let answers = self.redirect.is_none() && self.status.is_some();
        let kinds = [
            self.drop.is_some(),
            self.offline,
            answers,
            self.html,
            self.redirect.is_some(),
            self.stall.is_some(),
            self.truncate.is_some(),
        ];
        match kinds.iter().filter(|given| **given).count() {
            0 if self.delay.is_none() => Err("a fault needs a kind".to_owned()),
            0 | 1 => self.check_status(),
            _ => Err("a fault has one kind".to_owned()),
        }
    }

    fn check_status(&self) -> Result<(), String> {
        match self.status {
            Some(status) if !(200..=999).contains(&status) => Err("no such status".to_owned()),
            None if self.body.is_some() && !self.html => Err("a body needs a status".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Path and query as one text, the way conditions see it.
pub(super) fn target(request: &CoreRequest) -> String {
    if request.query.is_empty() {
        return request.path.clone();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
    format!("{}?{query}", request.path)
}

/// The idempotency key without its quotes.
pub(super) fn key_of(request: &CoreRequest) -> Option<String> {
    request.header_value("idempotency-key").map(|key| key.trim_matches('"').to_owned())
}
