//! Whether the server can be reached, and how long everything to it waits.
//!
//! `navigator.onLine` is a hint both ways (pitfalls D1): "offline" slows trying down to once a minute, never stops
//! it; "online" tries at once. A failure of the whole endpoint pauses all lanes together; while in doubt, one
//! request at a time goes out to see.

use super::backoff::Backoff;
use super::rng::Rng;
use crate::model::{Code, Failure, Time, Wait};

/// The shortest pause after a server said that it has no room (HTTP 507).
pub const FULL_PAUSE: u64 = 300_000;
/// How often an "offline" browser is tried all the same.
pub const OFFLINE_PROBE: u64 = 60_000;

/// What is known of the way to the server.
#[derive(Debug, Clone)]
pub struct Reach {
    flagged_online: bool,
    /// Whether the browser came back online and nothing got through since.
    returning: bool,
    reachable: Option<bool>,
    failures: u32,
    answers: u64,
    wait: Option<Wait>,
    /// Whether the server itself asked for the pause: then nothing but time ends it.
    ordered: bool,
    failure: Option<Failure>,
}

impl Default for Reach {
    fn default() -> Self {
        Self {
            flagged_online: true,
            returning: false,
            reachable: None,
            failures: 0,
            answers: 0,
            wait: None,
            ordered: false,
            failure: None,
        }
    }
}

impl Reach {
    /// The browser's flag changed. Coming online ends the pause, unless the server itself asked for it.
    pub fn flag(&mut self, online: bool, now: Time) {
        self.returning = online && (self.returning || !self.flagged_online);
        self.flagged_online = online;
        self.reachable = if online { None } else { Some(false) };
        if self.is_ordered(now) {
            return;
        }
        self.wait = (!online).then(|| Wait::new(now, OFFLINE_PROBE));
    }

    /// The server answered; says whether it is the first time after the browser came back online. A pause it asked
    /// for stands, for other requests were under way then.
    pub fn answered(&mut self, now: Time) -> bool {
        self.reachable = Some(true);
        self.answers += 1;
        self.failures = 0;
        if !self.is_ordered(now) {
            self.wait = None;
            self.failure = None;
        }
        std::mem::take(&mut self.returning)
    }

    /// The server answered a probe: one request may go, and only its answer ends the doubt.
    pub fn probed(&mut self, now: Time) {
        self.reachable = Some(true);
        self.answers += 1;
        self.hurry(now);
    }

    /// Something failed for the whole endpoint: everything pauses, for as long as the server asks or by backoff. A server
    /// without room asks for a long one by saying so.
    pub fn failed(&mut self, failure: Failure, after: Option<u64>, backoff: &Backoff, rng: &mut Rng, now: Time) {
        self.failures += 1;
        let long = if failure.code == Code::ServerFull { backoff.max.max(FULL_PAUSE) } else { 0 };
        let pause = after.unwrap_or_else(|| backoff.pause(self.failures, rng).max(long));
        let ordered = self.wait.filter(|_| self.is_ordered(now));
        if ordered.is_none_or(|wait| wait.until < now.saturating_add(pause)) {
            self.wait = Some(Wait::new(now, pause));
            self.ordered = after.is_some() || long > 0 || ordered.is_some();
        }
        self.reachable = Some(!matches!(failure.code, Code::Network | Code::CaptivePortal | Code::Timeout));
        self.failure = Some(failure);
    }

    /// Ends a pause that the server did not ask for.
    pub fn hurry(&mut self, now: Time) {
        if !self.is_ordered(now) {
            self.wait = None;
        }
    }

    /// The pause that the server asked for, while it lasts.
    pub fn ordered(&self, now: Time) -> Option<Wait> {
        self.wait.filter(|_| self.is_ordered(now))
    }

    /// A pause that the server asked an earlier leader for; a longer one that is known stands.
    pub fn restore(&mut self, pause: Wait, now: Time) {
        let known = self.ordered(now).is_some_and(|wait| wait.until >= pause.until);
        if !known && !pause.is_over(now) {
            (self.wait, self.ordered) = (Some(pause), true);
        }
    }

    fn is_ordered(&self, now: Time) -> bool {
        self.ordered && self.wait.is_some_and(|wait| !wait.is_over(now))
    }

    /// Whether requests may go out.
    pub fn is_open(&self, now: Time) -> bool {
        self.wait.is_none_or(|wait| wait.is_over(now))
    }

    /// When requests may go out again, while they may not.
    pub fn opens_at(&self, now: Time) -> Option<Time> {
        self.wait.filter(|wait| !wait.is_over(now)).map(|wait| wait.until)
    }

    /// Whether only one request at a time should go out, to see.
    pub fn is_doubtful(&self) -> bool {
        self.failures > 0 || self.returning || !self.flagged_online
    }

    /// Whether the server itself asked for the pause.
    pub fn is_rate_limited(&self) -> bool {
        self.wait.is_some() && self.failure.as_ref().is_some_and(|failure| failure.code == Code::RateLimited)
    }

    /// The browser's flag.
    pub fn is_flagged_online(&self) -> bool {
        self.flagged_online
    }

    /// How much the server has answered.
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Whether the last try got through, when there was one.
    pub fn reachable(&self) -> Option<bool> {
        self.reachable
    }

    /// Why everything pauses.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff { base: 1_000, factor: 2.0, max: 60_000, jitter: false }
    }

    #[test]
    fn offline_is_still_tried_and_online_is_tried_at_once() {
        let mut reach = Reach::default();
        reach.flag(false, 0);
        assert!(!reach.is_open(OFFLINE_PROBE - 1) && reach.is_open(OFFLINE_PROBE));
        reach.flag(true, 10);
        assert!(reach.is_open(10));
    }

    #[test]
    fn the_first_answer_after_the_browser_came_back_is_told_once() {
        let mut reach = Reach::default();
        reach.flag(true, 0);
        assert!(!reach.is_doubtful() && !reach.answered(1), "it was online all the time");
        reach.flag(false, 2);
        assert!(!reach.answered(3), "it is offline still");
        reach.flag(true, 4);
        reach.flag(true, 5);
        assert!(reach.is_doubtful() && reach.answered(6) && !reach.answered(7));
        assert!(!reach.is_doubtful());
    }

    #[test]
    fn a_pause_the_server_asked_for_is_not_hurried() {
        let mut reach = Reach::default();
        let mut rng = Rng::from_number(1);
        reach.failed(Failure::new(Code::RateLimited, "slower"), Some(90_000), &backoff(), &mut rng, 0);
        reach.hurry(1);
        reach.flag(false, 1);
        reach.flag(true, 1);
        reach.answered(2);
        reach.failed(Failure::new(Code::Network, "down"), None, &backoff(), &mut rng, 3);
        assert!(!reach.is_open(89_999) && reach.is_open(90_000));
        reach.answered(90_000);
        assert!(reach.is_open(0) && !reach.is_doubtful());
    }

    #[test]
    fn of_two_pauses_that_servers_asked_for_the_later_end_counts() {
        let mut reach = Reach::default();
        let mut rng = Rng::from_number(1);
        let mut ordered = |reach: &mut Reach, length, now| {
            reach.failed(Failure::new(Code::RateLimited, "slower"), Some(length), &backoff(), &mut rng, now);
            reach.opens_at(now)
        };
        assert_eq!(ordered(&mut reach, 1_000, 0), Some(1_000));
        assert_eq!(ordered(&mut reach, 400, 500), Some(1_000));
        assert_eq!(ordered(&mut reach, 500, 500), Some(1_000));
        assert!(!reach.is_open(200), "the same end asked for again changes nothing, not even since when");
        assert_eq!(ordered(&mut reach, 5_000, 500), Some(5_500));
        reach.hurry(600);
        assert!(!reach.is_open(600));
    }

    #[test]
    fn a_pause_that_an_earlier_leader_knew_stands_while_it_lasts_unless_a_longer_one_does() {
        let mut reach = Reach::default();
        let mut restored = |length| {
            reach.restore(Wait::new(0, length), 10);
            reach.hurry(10);
            reach.opens_at(10)
        };
        assert_eq!(restored(5), None, "it is over");
        assert_eq!(restored(1_000), Some(1_000));
        assert_eq!(restored(500), Some(1_000));
        assert_eq!(restored(5_000), Some(5_000));
        let mut failed = Reach::default();
        failed.failed(Failure::new(Code::Network, "down"), None, &backoff(), &mut Rng::from_number(1), 0);
        failed.restore(Wait::new(0, 5), 10);
        assert_eq!(failed.opens_at(10), Some(1_000), "one that is over replaces nothing");
    }

    #[test]
    fn a_hurry_ends_the_pause_of_a_failure_but_not_that_of_a_server_without_room() {
        let mut rng = Rng::from_number(1);
        let mut hurried = |code| {
            let mut reach = Reach::default();
            reach.failed(Failure::new(code, "no"), None, &backoff(), &mut rng, 0);
            assert!(!reach.is_open(1));
            reach.hurry(1);
            reach.opens_at(1)
        };
        assert_eq!(hurried(Code::Network), None);
        assert_eq!(hurried(Code::ServerFull), Some(FULL_PAUSE));
    }

    #[test]
    fn failures_in_a_row_wait_longer() {
        let mut reach = Reach::default();
        let mut rng = Rng::from_number(1);
        let mut opens = |reach: &mut Reach| {
            reach.failed(Failure::new(Code::Network, "down"), None, &backoff(), &mut rng, 0);
            reach.opens_at(0)
        };
        assert_eq!(opens(&mut reach), Some(1_000));
        assert_eq!(opens(&mut reach), Some(2_000));
        assert_eq!(reach.reachable(), Some(false));
    }
}
