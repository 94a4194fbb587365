//! What a strategy makes of a conflict.
//!
//! `fields` and `merge` look into the document, `latest`, `server` and `client` take one side whole, `manual` and the
//! app's own function leave it open for somebody else. Where one side removed the document only those that take a
//! side decide: neither an edit nor a removal is undone by a rule (design, section 15).

use super::{merge_fields, merge_tree, Merged};
use crate::engine::mutant::Mutant;
use crate::model::{Document, Time};
use core::fmt;

/// How exactly the server's clock is known, in milliseconds: within it the server wins.
pub const UNCERTAINTY: u64 = 1_000;

/// A collection's way with conflicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of ConflictStrategy and are documented there")]
pub enum Strategy {
    #[default]
    Fields,
    Merge,
    Latest,
    Server,
    Client,
    Manual,
    Function,
}

/// The three sides of a conflict and what is known of their times, all by the server's clock.
pub struct Question<'a, D> {
    /// The document before both; `None` when there was none.
    pub base: Option<&'a D>,
    /// The document here; `None` when it was removed.
    pub local: Option<&'a D>,
    /// The document on the server; `None` when it is deleted.
    pub remote: Option<&'a D>,
    /// Fields that win together.
    pub groups: &'a [Vec<String>],
    /// When a field was last changed here.
    pub local_at: &'a dyn Fn(&str) -> Time,
    /// When the document was last changed here.
    pub edited_at: Time,
    /// When it was changed there.
    pub remote_at: Time,
}

impl<D> fmt::Debug for Question<'_, D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Question")
    }
}

/// What a strategy says.
#[derive(Debug, Clone)]
pub enum Answer<D> {
    /// This document; `None` deletes it.
    Take(Option<D>),
    /// Somebody has to choose.
    Open,
}

impl Strategy {
    const ALL: [Self; 7] =
        [Self::Fields, Self::Merge, Self::Latest, Self::Server, Self::Client, Self::Manual, Self::Function];

    /// Public name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Merge => "merge",
            Self::Latest => "latest",
            Self::Server => "server",
            Self::Client => "client",
            Self::Manual => "manual",
            Self::Function => "function",
        }
    }

    /// The strategy of a public name; the default when it is none.
    pub fn from_text(text: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|strategy| Some(strategy.as_str()) == text).unwrap_or_default()
    }

    /// Whether it works on the whole document, so that any change of both sides is a conflict.
    pub fn takes_whole(self) -> bool {
        !matches!(self, Self::Fields | Self::Merge)
    }
}

/// Whether a change made here is later than the server's.
pub fn newer(local_at: Time, remote_at: Time) -> bool {
    if Mutant::OlderWins.is_on() {
        return local_at < remote_at;
    }
    if Mutant::ServerLosesTies.is_on() {
        return local_at.saturating_add(10 * UNCERTAINTY) >= remote_at;
    }
    local_at > remote_at.saturating_add(UNCERTAINTY)
}

impl<D: Document> Question<'_, D> {
    /// Both sides as documents, merged by fields: what both changed, and what comes out.
    pub fn by_fields(&self) -> Merged<D> {
        let (base, local, remote) = self.documents();
        merge_fields(&base, &local, &remote, self.groups, &|name| newer((self.local_at)(name), self.remote_at))
    }

    /// The same, down to the leaves.
    pub fn by_tree(&self) -> Merged<D> {
        let (base, local, remote) = self.documents();
        merge_tree(&base, &local, &remote)
    }

    fn documents(&self) -> (D, D, D) {
        let or_empty = |doc: Option<&D>| doc.cloned().unwrap_or_else(D::object);
        (or_empty(self.base), or_empty(self.local), or_empty(self.remote))
    }

    fn is_about_removal(&self) -> bool {
        self.local.is_none() || self.remote.is_none()
    }
}

/// What the strategy makes of it.
pub fn decide<D: Document>(strategy: Strategy, question: &Question<'_, D>) -> Answer<D> {
    let side = |local: bool| Answer::Take(if local { question.local } else { question.remote }.cloned());
    match strategy {
        Strategy::Fields | Strategy::Merge if question.is_about_removal() => Answer::Open,
        Strategy::Fields => Answer::Take(Some(question.by_fields().doc)),
        Strategy::Merge => {
            let merged = question.by_tree();
            if merged.fields.is_empty() {
                Answer::Take(Some(merged.doc))
            } else {
                Answer::Open
            }
        }
        Strategy::Latest => side(newer(question.edited_at, question.remote_at)),
        Strategy::Server => side(false),
        Strategy::Client => side(true),
        Strategy::Manual | Strategy::Function => Answer::Open,
    }
}
