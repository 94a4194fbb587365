//! How long answers are, and documents that a host cannot keep as they came: in a page they are marked, alone they are no
//! answer. Drawn in streams of their own.

use super::net::Wire;
use super::world::World;
use seakeep::model::Document;
use seakeep::native::Json;
use seakeep::protocol::{Body, HttpResponse};

/// Characters of a part of a pull; the documents of the simulator have some 60 to 200.
const PARTS: [usize; 3] = [usize::MAX, 150, 500];

impl World {
    /// How long a part of a pull may be, and how often a document is unfit, of a thousand.
    pub(crate) fn draw_lengths(&mut self) {
        let outer = self.chance.enter("lengths", 0);
        let length = PARTS[self.chance.below(3) as usize];
        self.faults.unfit = self.chance.rate(100);
        self.chance.leave(outer);
        if let Some(sync) = self.config.sync.as_mut() {
            sync.part_length = length;
        }
    }

    /// The answer as it arrives: as long as it is, less what the host could not keep.
    pub(crate) fn weigh(&mut self, wire: &Wire, response: HttpResponse<Json>) -> HttpResponse<Json> {
        let Some(body) = response.json().filter(|_| !wire.is_write()).cloned() else { return response };
        let outer = self.chance.enter("unfit", wire.tab);
        let (rate, list) = (self.faults.unfit, body.get("items").and_then(|items| items.as_list()));
        let read = match list {
            Some(list) => {
                let items = list.into_iter().map(|item| self.as_kept(item, rate)).collect();
                Body::Json(body.with(&[("items", Some(Json::list(items)))]))
            }
            None if self.chance.hit(rate) => Body::TooDeep,
            None => Body::Json(body.clone()),
        };
        self.chance.leave(outer);
        let measured = self.config.sync.as_ref().is_some_and(|sync| sync.part_length < usize::MAX);
        let length = if measured { body.length() } else { 0 };
        HttpResponse { body: read, length: response.length.max(length), ..response }
    }

    fn as_kept(&mut self, item: Json, rate: u64) -> Json {
        if self.chance.hit(rate) && !item.flag("deleted") {
            return item.with(&[("doc", Some(Json::null())), ("unfit", Some(Json::boolean(true)))]);
        }
        item
    }
}
