//! Listening: one stream of the server's news, which makes pulls due at once.
//!
//! The tab that leads listens, while it may send and the connection is good. The stream says only that something
//! changed; what it misses is made up for by `Last-Event-ID` and by a pull of everything each time it opens. A silent
//! or ended stream is opened again after a pause that grows.

use super::push::Auth;
use super::{Engine, Phase, Timer};
use crate::engine::mutant::Mutant;
use crate::engine::output::Output;
use crate::model::Document;
use crate::protocol::{events_request, EventStream, NetworkFailure};

/// A stream that says nothing for so long is dead: the profile asks for a comment every 20 s.
const SILENCE: u64 = 60_000;

/// The stream, or the pause before the next one.
#[derive(Debug, Default)]
pub(super) struct Listener {
    number: Option<u32>,
    stream: EventStream,
    opened: bool,
    failures: u32,
    /// It was refused for its login since it was heard last, and is opened again with new headers.
    pub(super) denied: bool,
    /// The server has no stream: it is not asked again.
    refused: bool,
}

impl<D: Document> Engine<D> {
    /// Whether the server's news are wanted here, once this tab leads.
    pub(super) fn wants_news(&self) -> bool {
        let offers = self.config.sync.as_ref().is_some_and(|sync| sync.events.is_some());
        let free = !self.stopped && self.may_send() && self.pulls_freely();
        offers && self.phase == Phase::Running && free && !self.listener.refused
    }

    /// Opens or closes the stream as it should be.
    pub(super) fn listen_work(&mut self) {
        let wanted = self.wants_news() && (self.led_last() || Mutant::AllTabsListen.is_on());
        match self.listener.number {
            // A stream that is open stays so while new headers are tried: each opening makes all pulls due.
            None if wanted && self.auth == Auth::Fine && !self.timers.is_set(&Timer::Listen) => self.listen(),
            Some(listen) if !wanted => {
                self.outputs.push_back(Output::StopListen { listen });
                self.listener.number = None;
                self.timers.stop(&Timer::Listen);
            }
            _ => {}
        }
    }

    fn listen(&mut self) {
        let listen = self.number();
        let Some(sync) = self.config.sync.as_ref() else { return };
        let last_id = self.listener.stream.last_id.take();
        let http = events_request(&sync.endpoint, sync.events.as_deref().unwrap_or_default(), last_id.as_deref());
        self.listener.stream = EventStream::after(last_id);
        self.listener.number = Some(listen);
        self.listener.opened = false;
        self.timers.set(Timer::Listen, self.now + SILENCE);
        self.outputs.push_back(Output::Listen { listen, http });
    }

    /// A piece of the stream has come.
    pub(super) fn stream_heard(&mut self, listen: u32, text: &str) {
        if self.listener.number != Some(listen) || self.phase != Phase::Running {
            return;
        }
        self.timers.set(Timer::Listen, self.now + SILENCE);
        let news = self.listener.stream.feed::<D>(text);
        if !std::mem::replace(&mut self.listener.opened, true) {
            self.listener.failures = 0;
            self.listener.denied = false;
            // What happened before it opened was not told.
            self.want_pulls(None);
        }
        for news in news.iter().filter(|_| !Mutant::NewsChangeNothing.is_on()) {
            self.want_pulls(news.collection.as_deref());
        }
    }

    /// The stream has ended, or could not be opened: `Ok` with the server's status.
    pub(super) fn stream_ended(&mut self, listen: u32, result: &Result<u16, NetworkFailure>) {
        if self.listener.number != Some(listen) {
            return;
        }
        self.listener.number = None;
        self.timers.stop(&Timer::Listen);
        match result {
            // It is opened once more with new headers; a hint that it is, nobody waits for that.
            Ok(401) => {
                if std::mem::replace(&mut self.listener.denied, true) || Mutant::AsksForNoNewHeaders.is_on() {
                    self.pause_for_login();
                }
            }
            Ok(204 | 404 | 405 | 406 | 410 | 501) => self.listener.refused = true,
            Err(NetworkFailure::AuthFailed(failure)) => self.pause_for_auth(failure.clone().at(self.now)),
            _ => self.listen_later(),
        }
    }

    /// An alarm of the stream: it was silent for too long, or its pause is over.
    pub(super) fn listen_due(&mut self) {
        if let Some(listen) = self.listener.number.take() {
            self.outputs.push_back(Output::StopListen { listen });
            self.listen_later();
        }
    }

    fn listen_later(&mut self) {
        let Some(sync) = self.config.sync.as_ref() else { return };
        self.listener.failures += 1;
        let pause = sync.backoff.pause(self.listener.failures, &mut self.rng);
        self.timers.set(Timer::Listen, self.now + pause);
    }
}
