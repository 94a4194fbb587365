//! What the app asked for, checked by the face and read once.
//!
//! The object has the shape of `ClientConfig` in `js/binding-config.ts`. Ranges and names were checked there; here an
//! absent number takes its documented default.

use super::merge::Strategy;
use super::policy::backoff::Backoff;
use super::policy::breaker::Rule;
use super::policy::network::OnSlow;
use crate::model::{Collection, Document, Kind, Listed};
use crate::protocol::Endpoint;
use std::rc::Rc;

/// Options of one database.
#[derive(Debug, Clone)]
pub struct Config {
    /// The collections.
    pub collections: Vec<CollectionConfig>,
    /// Whose changes these are.
    pub user: Option<Rc<str>>,
    /// How to sync; `None` for a local-only database.
    pub sync: Option<SyncConfig>,
}

/// Options of one collection.
#[derive(Debug, Clone)]
pub struct CollectionConfig {
    /// Name.
    pub name: Collection,
    /// Path under the endpoint.
    pub path: String,
    /// Fields that hold ids of other collections.
    pub references: Vec<Reference>,
    /// Whether a refused change is rolled back instead of parked.
    pub rolls_back: bool,
    /// Never synced.
    pub local: bool,
    /// What happens when the same document changed on both sides.
    pub conflict: Strategy,
    /// Fields that win together under [`Strategy::Fields`].
    pub groups: Vec<Vec<String>>,
}

/// A field that holds an id of another collection.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The field.
    pub field: Rc<str>,
    /// The collection it points into.
    pub collection: Collection,
}

/// Options of sync; durations in milliseconds.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of SyncOptions and are documented there")]
pub struct SyncConfig {
    pub endpoint: Endpoint,
    pub interval: u64,
    pub pull_interval: u64,
    pub start_delay: u64,
    pub max_attempts: u32,
    pub backoff: Backoff,
    pub request_retries: u32,
    /// Whether a failed attempt waits for the next period instead of its own pause.
    pub retry_at_interval: bool,
    pub concurrency: usize,
    pub delay_between: u64,
    pub batch_size: usize,
    pub timeout: u64,
    pub breaker: Option<Rule>,
    pub max_pending: usize,
    pub auto: bool,
    /// Whether there is anything to pull from.
    pub pulls: bool,
    /// What happens by itself on a slow connection.
    pub on_slow: OnSlow,
    /// Path of the server's stream of news, when it has one.
    pub events: Option<String>,
    /// Documents of a page applied in one transaction, so that a write of the app never waits long behind one.
    pub part: usize,
    /// Characters of such a part, as JSON; one document may be longer.
    pub part_length: usize,
}

impl Config {
    /// Reads the face's object.
    pub fn from_document<D: Document>(from: &D) -> Self {
        let collections = from.get("collections").and_then(|list| list.as_list()).unwrap_or_default();
        Self {
            collections: collections.iter().filter_map(CollectionConfig::from_document).listed(),
            user: from.text_of("user").map(Rc::from),
            sync: from.get("sync").as_ref().and_then(SyncConfig::from_document),
        }
    }

    /// A collection by name.
    pub fn collection(&self, name: &str) -> Option<&CollectionConfig> {
        self.collections.iter().find(|collection| *collection.name == *name)
    }

    /// Reference fields that point into a collection: who refers, and by which field.
    pub fn referring_to(&self, name: &Collection) -> Vec<(Collection, Rc<str>)> {
        let fields = |collection: &CollectionConfig| {
            let pointing = collection.references.iter().filter(|reference| reference.collection == *name);
            pointing.map(|reference| (collection.name.clone(), reference.field.clone())).listed()
        };
        self.collections.iter().flat_map(fields).listed()
    }

    /// Collections that are synced.
    pub fn synced(&self) -> impl Iterator<Item = &CollectionConfig> {
        let any = self.sync.is_some();
        self.collections.iter().filter(move |collection| any && !collection.local)
    }

    /// Whether a collection is synced.
    pub fn is_synced(&self, name: &str) -> bool {
        self.sync.is_some() && self.collection(name).is_some_and(|collection| !collection.local)
    }
}

impl CollectionConfig {
    fn from_document<D: Document>(from: &D) -> Option<Self> {
        let name = from.text_of("name")?;
        let references = from.get("references").and_then(|list| list.as_list()).unwrap_or_default();
        let groups = from.get("fieldGroups").and_then(|list| list.as_list()).unwrap_or_default();
        let reference = |from: &D| {
            Some(Reference { field: from.text_of("field")?.into(), collection: from.text_of("collection")?.into() })
        };
        Some(Self {
            path: from.text_of("path").unwrap_or_else(|| name.clone()),
            references: references.iter().filter_map(reference).listed(),
            rolls_back: from.text_of("rejected").as_deref() == Some("rollback"),
            local: from.flag("local"),
            conflict: Strategy::from_text(from.text_of("conflict").as_deref()),
            groups: groups
                .iter()
                .filter_map(D::as_list)
                .map(|group| group.iter().filter_map(D::as_text).listed())
                .listed(),
            name: name.into(),
        })
    }
}

impl SyncConfig {
    /// How long the app's `auth` is waited for: as long as its other functions, and no longer than leaves time for the request.
    pub fn auth_patience(&self) -> u64 {
        (self.timeout / 2).min(10_000)
    }

    fn from_document<D: Document>(from: &D) -> Option<Self> {
        let whole = |field: &str, default: u64| from.number_of(field).map_or(default, |number| number as u64);
        let backoff = from.get("backoff").unwrap_or_else(D::object);
        let rest = from.get("rest").unwrap_or_else(D::object);
        let pause = |field: &str, default: u64| backoff.number_of(field).map_or(default, |number| number as u64);
        Some(Self {
            endpoint: Endpoint {
                url: from.text_of("url")?.trim_end_matches('/').into(),
                adapter: from.flag("adapter"),
                batch: rest.text_of("batch"),
                health: rest.text_of("health"),
            },
            pulls: from.get("pulls").is_none_or(|_| from.flag("pulls")),
            interval: whole("interval", 30_000),
            pull_interval: whole("pullInterval", 60_000),
            start_delay: whole("startDelay", 5_000),
            max_attempts: whole("maxAttempts", 5) as u32,
            backoff: Backoff {
                base: pause("base", 1_000),
                factor: backoff.number_of("factor").unwrap_or(2.0),
                max: pause("max", 60_000),
                jitter: backoff.get("jitter").is_none_or(|_| backoff.flag("jitter")),
            },
            request_retries: whole("requestRetries", 1) as u32,
            retry_at_interval: from.text_of("retry").as_deref() == Some("interval"),
            concurrency: whole("concurrency", 4) as usize,
            delay_between: whole("delayBetween", 0),
            batch_size: whole("batchSize", 50) as usize,
            timeout: whole("timeout", 30_000),
            breaker: from.get("breaker").filter(|given| given.kind() == Kind::Object).as_ref().map(rule),
            max_pending: whole("maxPending", 100_000) as usize,
            auto: from.get("auto").is_none_or(|_| from.flag("auto")),
            part: 50,
            part_length: 1 << 18,
            on_slow: OnSlow::from_text(from.text_of("onSlowNetwork").as_deref()),
            events: rest.text_of("events"),
        })
    }
}

fn rule<D: Document>(from: &D) -> Rule {
    let whole = |field: &str, default: u64| from.number_of(field).map_or(default, |number| number as u64);
    Rule { failures: whole("failures", 5) as u32, cooldown: whole("cooldown", 30_000) }
}
