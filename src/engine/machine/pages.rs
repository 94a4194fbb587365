//! Pages on their way into the store: in parts, smaller when they are too large, never on the word of a strange answer.
//!
//! A part is a short transaction (so many documents, and so long together), and one is written at a time whatever is being pulled, so that a write of the app waits for
//! one part and not for a page. The checkpoint comes with the last part; a page that was interrupted is asked for again.

use super::commits::Purpose;
use super::pull::{Asked, Puller, PAGE};
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::engine::plan::{AnyPlan, ApplyPage};
use crate::model::{Code, Collection, Document, Failure, PullState, Time, Wanted};
use crate::protocol::{HttpResponse, Item, Page};

/// A page longer than this, in characters, takes longer to read than a frame lasts.
const LONG: usize = 1 << 20;
/// A page is short and came soon when it is this many times shorter and sooner than it may be.
const SHARE: u64 = 4;
/// After so many of those in a row twice as many documents are asked for.
const ENOUGH: u32 = 4;
/// So few documents are asked for at once, however long they are.
const FEW: u32 = 10;

/// What is left of a page, and how it was asked for.
#[derive(Debug)]
pub(super) struct Rest<D> {
    pub(super) page: Page<D>,
    pub(super) from: PullState<D>,
    pub(super) restarts: bool,
    pub(super) at: Time,
    /// How long the answer was, in characters.
    pub(super) length: usize,
}

impl<D> Puller<D> {
    /// Whether a page is asked for on condition: an `ETag` belongs to its exact URL, the limit included.
    pub(super) fn is_conditional(&self, from: &PullState<D>) -> bool {
        from.checkpoint.is_some() && from.etag.is_some() && self.limit == PAGE && self.strange == 0
    }
}

impl<D: Document> Engine<D> {
    /// Applies the next part of a page; the rest waits for its report.
    pub(super) fn apply_parts(&mut self, collection: &Collection, mut whole: Rest<D>) {
        let part = self.next_part_of(&whole);
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if whole.page.items.len() <= part || Mutant::PagesWhole.is_on() {
            return self.apply_page(collection, whole, true, None);
        }
        let later = whole.page.items.split_off(part);
        let items = std::mem::replace(&mut whole.page.items, later);
        let (checkpoint, epoch) = (whole.page.checkpoint.clone(), whole.page.epoch.clone());
        let page = Page { items, checkpoint, has_more: true, epoch, etag: None };
        let first = Rest { page, from: whole.from.clone(), restarts: whole.restarts, at: whole.at, length: 0 };
        puller.rest = Some(whole);
        self.apply_page(collection, first, false, None);
    }

    /// How many of the next documents make a part: so many at most, and so long together, but one in any case. Only a
    /// page that is longer than a part is measured.
    fn next_part_of(&self, whole: &Rest<D>) -> usize {
        let Some(sync) = &self.config.sync else { return usize::MAX };
        if whole.length <= sync.part_length || Mutant::PartsOfAnyLength.is_on() {
            return sync.part;
        }
        let mut length = 0;
        let fits = |item: &&Item<D>| {
            length += item.doc.as_ref().map_or(0, D::length);
            length <= sync.part_length
        };
        whole.page.items.iter().take(sync.part).take_while(fits).count().max(1)
    }

    pub(super) fn apply_page(&mut self, collection: &Collection, part: Rest<D>, last: bool, single: Option<Wanted>) {
        let Some(fence) = self.old_fence() else { return self.pull_interrupted(collection) };
        let plan = ApplyPage {
            config: self.config.clone(),
            fence,
            collection: collection.clone(),
            page: part.page,
            last,
            from: part.from,
            restarts: part.restarts,
            single,
            asked_at: part.at,
            offset: self.clock.guess(),
            now: self.now,
        };
        self.commit_part(Purpose::Apply(collection.clone()), Box::new(plan));
    }

    /// Orders a part of a pull, unless one is being written: a write of the app that comes now waits for that one alone.
    pub(super) fn commit_part(&mut self, purpose: Purpose<D>, plan: AnyPlan<D>) {
        if self.commits.values().any(Purpose::is_part) && !Mutant::PartsTogether.is_on() {
            return self.pulling.parts.push_back((purpose, plan));
        }
        self.commit(purpose, plan);
    }

    /// A part has ended: the one that has waited longest goes next.
    pub(super) fn next_part(&mut self) {
        if let Some((purpose, plan)) = self.pulling.parts.pop_front() {
            self.commit(purpose, plan);
        }
    }

    /// "Nothing new". To a request that did not ask so it is no answer: somebody between us and the server gave it. It
    /// is asked once more (pitfalls D9).
    pub(super) fn not_modified(&mut self, collection: &Collection, from: PullState<D>, restarts: bool) {
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if puller.is_conditional(&from) || Mutant::TrustsAnyNotModified.is_on() {
            return self.pull_on(collection);
        }
        puller.strange += 1;
        if puller.strange > 1 {
            let text = "304 to a request without a condition; retrying";
            return self.pull_failed(collection, &Failure::new(Code::BadResponse, text).at(self.now), None);
        }
        self.ask_again(collection, Asked::Page { from, restarts });
    }

    /// A long page holds up the thread of the app while it is read: the next one has half as many documents. After some
    /// that were short and came soon it grows again.
    pub(super) fn weigh_page(&mut self, collection: &Collection, at: Time, response: &mut HttpResponse<D>) {
        let timeout = self.config.sync.as_ref().map_or(0, |sync| sync.timeout);
        let soon = self.now.saturating_sub(at) <= timeout / SHARE;
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if puller.limit != PAGE {
            response.etag = None;
        }
        puller.soon = if soon && response.length <= LONG / SHARE as usize { puller.soon + 1 } else { 0 };
        if response.length > LONG && puller.limit > FEW {
            puller.limit /= 2;
        } else if puller.soon >= ENOUGH {
            (puller.limit, puller.soon) = (PAGE.min(puller.limit * 2), 0);
        }
    }

    /// A page that takes longer than a request may is asked for in halves, down to one document (pitfalls D2).
    pub(super) fn page_too_late(&mut self, collection: &Collection) {
        let puller = self.pulling.pullers.get_mut(collection).filter(|_| !Mutant::WaitsForTheSamePage.is_on());
        if let Some(puller) = puller {
            (puller.limit, puller.soon) = ((puller.limit / 2).max(1), 0);
        }
    }

    /// The page does not fit: half as many documents are asked for, down to one (pitfalls D25).
    pub(super) fn page_too_large(
        &mut self,
        collection: &Collection,
        from: PullState<D>,
        restarts: bool,
        response: &HttpResponse<D>,
    ) {
        self.heard_well();
        let Some(puller) = self.pulling.pullers.get_mut(collection) else { return };
        if puller.limit == 1 {
            let text = "one document of this collection is larger than is read; retrying";
            let failure = Failure::new(Code::ResponseTooLarge, text).at(self.now).with_status(response.status);
            return self.pull_failed(collection, &failure, None);
        }
        if !Mutant::AsksTheSamePage.is_on() {
            (puller.limit, puller.soon) = (puller.limit / 2, 0);
        }
        self.ask_again(collection, Asked::Page { from, restarts });
    }
}
