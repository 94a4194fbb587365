//! The engine's alarms. Each says what it is for, so a stuck or spinning one names itself.
//!
//! There is one host timer, set to the earliest of these; with none set, nothing wakes up.

use crate::model::{Collection, Map, Seq, Time};

/// What an alarm is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A request has had its time.
    RequestDeadline(u32),
    /// The next request of an attempt is due.
    RequestStep(Seq),
    /// A change's pause is over.
    ChangeDue,
    /// The pause between two sends is over.
    Spacing,
    /// The endpoint may be tried again.
    EndpointDue,
    /// The retry budget has a token again.
    BudgetDue,
    /// The lease must be renewed, or may be taken.
    Lease,
    /// The safety net looks whether anything waits unnoticed.
    Interval,
    /// A collection is to be pulled.
    Pull(Collection),
    /// A leader that was asked for a pass should have reported.
    ReportDue,
    /// Ask for a login again.
    AuthDue,
    /// The outbox is read again, for another tab changed it.
    Reload,
    /// The app's function has had its time with a conflict, or is to be asked again.
    Verdict(Seq),
    /// A failed read or write of the store is tried again.
    StoreRetry,
    /// A pass that the app scheduled is due.
    Scheduled(u32),
    /// What was counted goes to the store.
    Tally,
    /// The stream of news has been silent too long, or may be opened again.
    Listen,
    /// The page has been shown or hidden for a moment.
    Shown,
    /// What the leader said it does is too old to be shown.
    Overheard,
}

impl Timer {
    /// The name in logs.
    pub fn label(&self) -> &'static str {
        match self {
            Self::RequestDeadline(_) => "request deadline",
            Self::RequestStep(_) => "next request of an attempt",
            Self::ChangeDue => "change due",
            Self::Spacing => "pause between sends",
            Self::EndpointDue => "endpoint due",
            Self::BudgetDue => "retry budget",
            Self::Lease => "lease",
            Self::Interval => "interval",
            Self::Pull(_) => "pull",
            Self::ReportDue => "report of the leader",
            Self::AuthDue => "login",
            Self::Reload => "outbox changed elsewhere",
            Self::Verdict(_) => "verdict on a conflict",
            Self::StoreRetry => "store retry",
            Self::Scheduled(_) => "scheduled pass",
            Self::Tally => "numbers of sync",
            Self::Listen => "stream of news",
            Self::Shown => "page shown or hidden",
            Self::Overheard => "word of the leader",
        }
    }
}

/// The alarms that are set.
#[derive(Debug, Clone, Default)]
pub struct Timers(Map<Timer, Time>);

impl Timers {
    /// Sets an alarm, replacing an earlier setting of the same one.
    pub fn set(&mut self, timer: Timer, at: Time) {
        self.0.insert(timer, at);
    }

    /// Sets an alarm unless it is already set to an earlier time.
    pub fn set_by(&mut self, timer: Timer, at: Time) {
        let entry = self.0.get_or_insert_with(timer, || at);
        *entry = at.min(*entry);
    }

    /// Removes an alarm.
    pub fn stop(&mut self, timer: &Timer) {
        self.0.remove(timer);
    }

    /// Removes all alarms.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether an alarm is set.
    pub fn is_set(&self, timer: &Timer) -> bool {
        self.0.contains_key(timer)
    }

    /// When an alarm is set to.
    pub fn time_of(&self, timer: &Timer) -> Option<Time> {
        self.0.get(timer).copied()
    }

    /// The earliest alarm and what it is for.
    pub fn next(&self) -> Option<(Time, &Timer)> {
        self.0.iter().map(|(timer, at)| (*at, timer)).min()
    }

    /// Takes one alarm that is due.
    pub fn take_due(&mut self, now: Time) -> Option<Timer> {
        let (at, timer) = self.next()?;
        let timer = (at <= now).then(|| timer.clone())?;
        self.0.remove(&timer);
        Some(timer)
    }

    /// Moves all alarms back by what the clock jumped back, so that a jump delays nothing (I-31).
    pub fn shift_back(&mut self, by: u64) {
        for at in self.0.values_mut() {
            *at = at.saturating_sub(by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alarm_is_told_apart_in_the_log() {
        let labels = [Timer::ChangeDue, Timer::Spacing, Timer::Lease, Timer::Pull("notes".into())].map(|t| t.label());
        assert_eq!(labels, ["change due", "pause between sends", "lease", "pull"]);
    }

    #[test]
    fn a_clock_that_jumped_back_moves_all_alarms() {
        let mut timers = Timers::default();
        timers.set(Timer::Lease, 1_000);
        timers.set(Timer::Interval, 30);
        timers.shift_back(100);
        let times = [Timer::Lease, Timer::Interval, Timer::Spacing].map(|timer| timers.time_of(&timer));
        assert_eq!(times, [Some(900), Some(0), None]);
    }

    #[test]
    fn the_earliest_alarm_comes_first_and_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Interval, 30);
        timers.set(Timer::Lease, 10);
        timers.set_by(Timer::Lease, 20);
        assert_eq!(timers.next(), Some((10, &Timer::Lease)));
        assert_eq!(timers.take_due(9), None);
        assert_eq!(timers.take_due(40), Some(Timer::Lease));
        assert_eq!(timers.take_due(40), Some(Timer::Interval));
        assert_eq!(timers.take_due(40), None);
        timers.set(Timer::Lease, 10);
        timers.clear();
        assert_eq!(timers.next(), None);
    }
}
