//! Reads that brought nothing: refused for their login, lost, or too late.
//!
//! A refused login is tried once more with new headers before anybody is bothered, one request for all (pitfalls D14). What
//! fails while the server answers others is no failure of the way to it: that collection alone comes back later, and at
//! the fifth loss it is said to be blocked (pitfalls D3). What is answered is not looked at here.

use super::answers::MOST_LOSSES;
use super::pull::{Asked, PullFlight};
use super::push::{Auth, Trial};
use super::Engine;
use crate::engine::mutant::Mutant;
use crate::model::{Code, Document, Failure};
use crate::protocol::NetworkFailure;

impl<D: Document> Engine<D> {
    /// Not who we were: this one tries new headers at once, the others wait for what becomes of it.
    pub(super) fn pull_denied(&mut self, request: u32, flight: PullFlight<D>) {
        self.heard_well();
        let PullFlight { collection, what, .. } = flight;
        match self.auth {
            Auth::Fine if !Mutant::AsksForNoNewHeaders.is_on() => {
                self.ask_again(&collection, what);
                let own = self.pulling.flights.iter().find(|(_, flight)| flight.collection == collection);
                if let Some((trial, _)) = own {
                    self.auth = Auth::Trying(Trial::Read(*trial));
                }
                return;
            }
            Auth::Trying(trial) if trial != Trial::Read(request) => {}
            _ => self.pause_for_login(),
        }
        // It goes on as soon as it may.
        self.postpone(&collection, 0);
    }

    /// The server does not know us, also after new headers.
    pub(super) fn pause_for_login(&mut self) {
        let text = "the server wants a login; sync resumes after it";
        self.pause_for_auth(Failure::new(Code::AuthRequired, text).at(self.now).with_status(401));
    }

    /// Somebody may have signed in.
    pub(super) fn try_login(&mut self) {
        if self.auth == Auth::Needed {
            self.auth = Auth::Fine;
        }
    }

    pub(super) fn pull_unanswered(&mut self, flight: &PullFlight<D>, failure: NetworkFailure) {
        let collection = &flight.collection;
        if let NetworkFailure::AuthFailed(failure) = failure {
            self.pause_for_auth(failure.at(self.now));
            return self.postpone(collection, 0);
        }
        let alone = self.fails_alone(flight, &failure);
        let late = failure == NetworkFailure::TimedOut;
        let mut failure = failure.into_failure().at(self.now);
        if late && matches!(flight.what, Asked::Page { .. }) {
            self.page_too_late(collection);
        }
        if !alone {
            self.fail_endpoint(failure.clone(), None);
        } else if late {
            self.server_failed(0);
        }
        if self.pulling.pullers.get(collection).is_some_and(|puller| puller.losses >= MOST_LOSSES) {
            let text = "this collection does not get through while others do";
            failure = Failure::new(Code::NetworkBlocked, text).at(self.now);
        }
        self.pull_failed(collection, &failure, None);
    }

    /// Whether the server answered something else while this was under way, or since this collection was lost before, and
    /// nothing was lost meanwhile that has no such history. Counts the losses that are so.
    fn fails_alone(&mut self, flight: &PullFlight<D>, failure: &NetworkFailure) -> bool {
        let answers = self.reach.answers();
        let there = self.reach.reachable() == Some(true);
        let meanwhile = there && answers != flight.answers;
        if *failure != NetworkFailure::Unreachable {
            self.sends.strays += u64::from(!meanwhile);
            return meanwhile && *failure == NetworkFailure::TimedOut;
        }
        let Some(puller) = self.pulling.pullers.get_mut(&flight.collection) else { return false };
        self.sends.strays += u64::from(puller.losses == 0);
        let (strays, before) = std::mem::replace(&mut puller.lost, (self.sends.strays, answers));
        let alone = strays == self.sends.strays;
        puller.losses = match () {
            () if !alone => 1,
            () if there && answers != before => puller.losses + 1,
            () => puller.losses,
        };
        meanwhile || (alone && there && answers != before)
    }
}
