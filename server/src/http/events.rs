//! `GET /_events`: server-sent events that say which collections have news.
//!
//! A listener holds only the position it was told last; everything else is asked of the log when it
//! moves. So nothing is lost by lagging, and `Last-Event-ID` resumes by the same way.

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{stream, Stream};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

use super::service::Service;

const COMMENT_EVERY: Duration = Duration::from_secs(20);

/// Opens the stream; it ends when `stopping` turns true or `cut` moves.
pub(super) fn open(
    service: Arc<Service>,
    stopping: watch::Receiver<bool>,
    cut: Option<watch::Receiver<()>>,
    last_event_id: Option<&str>,
) -> Response {
    let listener = Listener::new(service, stopping, cut, last_event_id);
    let comments = KeepAlive::new().interval(COMMENT_EVERY).text("still here");
    let response = Sse::new(listener.into_stream()).keep_alive(comments);
    ([("x-accel-buffering", "no")], response).into_response()
}

struct Listener {
    service: Arc<Service>,
    stopping: watch::Receiver<bool>,
    cut: Option<watch::Receiver<()>>,
    head: watch::Receiver<u64>,
    told: u64,
    ready: VecDeque<Event>,
}

impl Listener {
    fn new(
        service: Arc<Service>,
        stopping: watch::Receiver<bool>,
        cut: Option<watch::Receiver<()>>,
        last_event_id: Option<&str>,
    ) -> Self {
        let mut head = service.head();
        let now = *head.borrow_and_update();
        let told = last_event_id.map(|id| id.parse().ok().filter(|id| *id <= now).unwrap_or(0));
        if told.is_some() {
            head.mark_changed();
        }
        let ready = VecDeque::from([Event::default().comment("listening")]);
        Self { service, stopping, cut, head, told: told.unwrap_or(now), ready }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            tokio::select! {
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = moved(&mut self.cut) => return None,
                moved = self.head.changed() => moved.ok()?,
            }
            self.read_log().await?;
        }
        self.ready.pop_front()
    }

    async fn read_log(&mut self) -> Option<()> {
        let head = *self.head.borrow_and_update();
        if head < self.told {
            self.told = 0;
        }
        for (collection, position) in self.service.changed_after(self.told).await.ok()? {
            self.told = position;
            let text = serde_json::json!({ "collection": collection }).to_string();
            let event = Event::default().event("change").id(position.to_string()).data(text);
            self.ready.push_back(event);
        }
        Some(())
    }
}

async fn moved(cut: &mut Option<watch::Receiver<()>>) {
    match cut {
        // An error means that the sender is gone, which is an end as well.
        Some(cut) => drop(cut.changed().await),
        None => std::future::pending().await,
    }
}
