//! Why a pass runs, and why the next one will: triggers by key, merged while they wait.
//!
//! A trigger is only a reason that can be asked for; whether a pass runs is decided from the work there is. Passes do
//! not overlap: what comes while one runs waits for the next, and the same key is one entry however often it comes.

use crate::model::{Document, Listed, Time};

/// One reason, with how often it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// `now`, `change`, `schedule`, `online`, `pull:cards` and the like.
    pub key: String,
    /// When it came first.
    pub at: Time,
    /// How often it came.
    pub count: u32,
}

/// The triggers of the running pass, and those of the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers {
    running: Vec<Trigger>,
    waiting: Vec<Trigger>,
}

/// More keys than this are not told apart.
const MOST: usize = 32;

impl Triggers {
    /// Something wants a pass.
    pub fn note(&mut self, what: &str, of: Option<&str>, now: Time) {
        let key = of.map_or_else(|| what.into(), |of| [what, ":", of].concat());
        if let Some(known) = self.waiting.iter_mut().find(|trigger| trigger.key == key) {
            known.count = known.count.saturating_add(1);
        } else if self.waiting.len() < MOST {
            self.waiting.push(Trigger { key, at: now, count: 1 });
        }
    }

    /// A pass begins with all that waited; gives the first of its reasons, or `otherwise` when nothing had asked.
    pub fn begin(&mut self, otherwise: &str, now: Time) -> String {
        if self.waiting.is_empty() {
            self.note(otherwise, None, now);
        }
        self.running = std::mem::take(&mut self.waiting);
        self.running.first().map_or_else(String::new, |trigger| trigger.key.clone())
    }

    /// The pass has ended.
    pub fn end(&mut self) {
        self.running.clear();
    }

    /// Nothing is left to do for those that wait.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// As the app gets them.
    pub fn to_document<D: Document>(&self) -> D {
        let one = |trigger: &Trigger| {
            D::of(&[
                ("key", Some(D::text(&trigger.key))),
                ("at", Some(D::number(trigger.at as f64))),
                ("count", Some(D::number(f64::from(trigger.count)))),
            ])
        };
        let list = |all: &[Trigger]| Some(D::list(all.iter().map(one).listed()));
        D::of(&[("running", list(&self.running)), ("waiting", list(&self.waiting))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_waits_once_and_the_next_pass_takes_all() {
        let mut triggers = Triggers::default();
        triggers.note("online", None, 5);
        triggers.note("pull", Some("cards"), 6);
        triggers.note("online", None, 7);
        assert_eq!(triggers.begin("change", 8), "online");
        assert_eq!(
            triggers.running.iter().map(|one| (&*one.key, one.at, one.count)).collect::<Vec<_>>(),
            [("online", 5, 2), ("pull:cards", 6, 1)]
        );
        triggers.note("now", None, 9);
        assert_eq!((triggers.running.len(), triggers.waiting.len()), (2, 1), "what comes meanwhile waits");
        triggers.end();
        assert_eq!(triggers.begin("change", 10), "now");
        triggers.end();
        assert_eq!(triggers.begin("change", 11), "change");
        triggers.note("now", None, 12);
        triggers.end();
        triggers.forget();
        assert_eq!(triggers, Triggers::default(), "the pass is over, and nothing waits for another");
    }

    #[test]
    fn no_more_keys_are_told_apart_than_somebody_reads() {
        let mut triggers = Triggers::default();
        (0..=MOST).for_each(|n| triggers.note("pull", Some(&n.to_string()), 1));
        assert_eq!(triggers.waiting.len(), MOST);
    }
}
