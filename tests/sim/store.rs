//! The store of a profile: transactions of its tabs run one after another, each as one atomic step.
//!
//! Before a step the tab may die (nothing was written), the step may fail (nothing was written), and after it the
//! tab may die (all was written, nobody was told).

use super::event::Event;
use super::world::World;
use seakeep::engine::disk::Disk;
use seakeep::engine::plan::{AnyPlan, Report};
use seakeep::engine::store::{MetaKey, Write};
use seakeep::model::{Code, Collection, DocKey, Failure, Lease, Mark, Pending, PullState, Record, Row};
use seakeep::native::Json;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::rc::Rc;

/// The states of pulls, shared between what stands and what stood before.
pub(crate) type Pulls = Rc<[(Collection, PullState<Json>)]>;

/// A transaction that waits for its turn.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) tab: usize,
    pub(crate) life: u32,
    pub(crate) commit: u32,
    pub(crate) plan: AnyPlan<Json>,
    /// When it was ordered.
    pub(crate) at: u64,
    /// When it was ordered, and how the device's clock stood then.
    pub(crate) ordered: (u64, (i64, u32)),
}

/// One device: a store, a clock, two tabs.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    pub(crate) disk: Disk<Json>,
    /// The lease and the states of pulls as stored, read anew whenever they are written.
    pub(crate) lease: Option<Lease>,
    pub(crate) pulls: Pulls,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) last_job: u64,
    /// Tabs that hold (the first) and wait for the lock.
    pub(crate) lock: Vec<usize>,
    /// How far its wall clock stands off.
    pub(crate) offset: i64,
    /// Jumps of the clock so far.
    pub(crate) jumps: u32,
    /// The newest version of the code that has opened the store, and the one that tabs load.
    pub(crate) version: u32,
    pub(crate) deployed: u32,
    /// Which store it is: each wipe makes another one.
    pub(crate) store_id: u32,
}

/// A step about to be written, with what stood there before.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) tab: usize,
    pub(crate) profile: usize,
    pub(crate) kind: &'static str,
    pub(crate) rows: Vec<(DocKey, Option<Row<Json>>)>,
    pub(crate) pending: Vec<(u64, Option<Pending<Json>>)>,
    pub(crate) lease: Option<Lease>,
    /// What other tabs tell a change by.
    pub(crate) mark: (usize, u64),
    pub(crate) report: Report<Json>,
}

impl World {
    /// A tab orders a transaction.
    pub(crate) fn order_commit(&mut self, tab: usize, commit: u32, plan: AnyPlan<Json>) {
        let life = self.tabs[tab].life;
        self.count_burst(tab, &plan);
        self.check_parts(tab, &plan);
        self.check_silent(tab, "transaction");
        let outer = self.chance.enter("order", tab);
        let slow = self.chance.hit(self.faults.slow_commit);
        let delay = if slow { self.chance.below(5_000) } else { self.chance.delay(3, 30) };
        let ordered = (self.now, self.standing(tab));
        let profile = &mut self.profiles[self.tabs[tab].profile];
        profile.jobs.push_back(Job { tab, life, commit, plan, at: self.now, ordered });
        profile.last_job = profile.last_job.max(self.now) + delay;
        let delay = profile.last_job - self.now;
        self.schedule(delay, Event::Commit { profile: self.tabs[tab].profile });
        self.chance.leave(outer);
    }

    /// The next transaction of a profile runs.
    pub(crate) fn run_commit(&mut self, profile: usize) {
        let Some(job) = self.profiles[profile].jobs.pop_front() else { return };
        if self.tabs[job.tab].life != job.life {
            return;
        }
        if self.chance.hit(self.faults.crash_before) {
            return self.crash(job.tab);
        }
        self.was_ordered(job.ordered.0, job.ordered.1);
        self.find_store(job.tab);
        let fault = self.version_fault(job.tab).or_else(|| self.store_fault(&job));
        let result = match fault {
            Some(failure) => Err(failure),
            None => self.write_and_tell(&job, profile),
        };
        if self.chance.hit(self.faults.crash_after) {
            return self.crash(job.tab);
        }
        self.tabs[job.tab].unstored |= result.is_err();
        let delay = self.chance.below(4);
        let (life, at) = {
            let tab = &mut self.tabs[job.tab];
            tab.reports.push_back((job.commit, result));
            tab.last_report = tab.last_report.max(self.now + delay);
            (tab.life, tab.last_report)
        };
        self.schedule(at - self.now, Event::Report { tab: job.tab, life });
    }

    fn store_fault(&mut self, job: &Job) -> Option<Failure> {
        if self.chance.hit(self.faults.abort) {
            return Some(Failure::new(Code::TxAborted, "the transaction was aborted"));
        }
        let quota = job.plan.scope().writes && self.chance.hit(self.faults.quota);
        quota.then(|| Failure::new(Code::QuotaExceeded, "no space left"))
    }

    pub(crate) fn write(&mut self, job: &Job, profile: usize) -> Result<Report<Json>, Failure> {
        self.oracle.chronicles[profile].turn();
        self.oracle.ordered_at = job.at;
        let (report, empty) = if job.plan.parts().is_empty() {
            self.write_one(&job.plan, job.tab, profile)?
        } else {
            self.write_several(job, profile)?
        };
        if !empty {
            self.note_safe(profile, job.plan.scope().strict);
        }
        Ok(report)
    }

    /// What one plan leaves, looked at by all oracles; whether that is nothing.
    pub(crate) fn write_one(
        &mut self,
        plan: &AnyPlan<Json>,
        tab: usize,
        profile: usize,
    ) -> Result<(Report<Json>, bool), Failure> {
        let (writes, report) = self.profiles[profile].disk.decide(&**plan)?;
        let (empty, kind) = (writes.is_empty(), kind(plan, &report));
        let (documents, places) = touched(&writes);
        self.trace(|| format!("profile {profile}: {kind} of tab {tab} writes {}", listed(&documents, &places)));
        let disk = &mut self.profiles[profile].disk;
        let rows = documents.into_iter().map(|key| (key.clone(), disk.main(&key).cloned())).collect();
        let pending = places.into_iter().map(|seq| (seq, disk.pending(seq).cloned())).collect();
        let mark = mark_of(disk);
        let bookkeeping =
            writes.iter().any(|write| matches!(write, Write::PutMeta(MetaKey::Lease | MetaKey::Pull(_), _)));
        disk.apply(writes)?;
        let lease = self.profiles[profile].note_meta(bookkeeping);
        let done = Done { tab, profile, kind, rows, pending, lease, mark, report };
        self.committed(&done, empty);
        Ok((done.report, empty))
    }
}

impl Profile {
    /// Reads the lease and the states of pulls anew; gives the lease that stood there before.
    pub(crate) fn note_meta(&mut self, changed: bool) -> Option<Lease> {
        if !changed {
            return self.lease.clone();
        }
        self.pulls = pulls_of(&self.disk);
        let lease = self.disk.meta("lease").and_then(Lease::from_record);
        std::mem::replace(&mut self.lease, lease)
    }
}

/// How many rows the outbox has, and the mark of change: what the face compares.
pub(crate) fn mark_of(disk: &Disk<Json>) -> (usize, u64) {
    let mark = disk.meta("mark").and_then(Mark::from_record);
    (disk.pending_rows().count(), mark.map_or(0, |mark| mark.applied))
}

fn pulls_of(disk: &Disk<Json>) -> Pulls {
    let state = |name: &str| {
        let record = disk.meta(&format!("pull:{name}"))?;
        Some((Collection::from(name), PullState::from_record(record)?))
    };
    super::world::COLLECTIONS.into_iter().filter_map(state).collect()
}

fn listed(documents: &[DocKey], places: &[u64]) -> String {
    let mut text = String::new();
    for key in documents {
        // Writing to a String cannot fail.
        let _ = write!(text, "{}/{} ", key.collection, key.id);
    }
    for place in places {
        let _ = write!(text, "#{place} ");
    }
    text
}

pub(crate) fn touched(writes: &[Write<Json>]) -> (Vec<DocKey>, Vec<u64>) {
    let (mut documents, mut places) = (Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::PutMain(collection, row) | Write::AddMain(collection, row) => {
                documents.push(DocKey::new(collection, &row.id));
            }
            Write::DeleteMain(key) => documents.push(key.clone()),
            Write::AddPending(row) | Write::PutPending(row) => places.push(row.seq),
            Write::DeletePending(seq) => places.push(*seq),
            _ => {}
        }
    }
    (documents, places)
}

/// What a transaction was, by its report and its scope.
fn kind(plan: &AnyPlan<Json>, report: &Report<Json>) -> &'static str {
    match report {
        Report::Written(_) => "LocalWrite",
        Report::Dispatched(_) => "Dispatch",
        Report::Acknowledged(_) => "Acknowledge",
        Report::Settled(_) => "Settle",
        Report::Rebased(_) => "Rebase",
        Report::Applied(_) => "ApplyPage",
        Report::Swept(..) => "Sweep",
        Report::Lease(_) => "TakeLease",
        Report::Outbox(_) => "LoadOutbox",
        Report::Pulls(_) => "LoadPull",
        Report::Guard(_) => "LoadGuard",
        Report::Ended(_) => "Check",
        Report::Tallied(_) => "Tally",
        Report::Commanded(..) if plan.scope().collections.is_empty() => "Retry",
        Report::Commanded(..) => "Discard or Edit",
        Report::Asked(_) => "Ask",
        Report::Several(_) | Report::Refused(_) | Report::Nothing | Report::Fenced => "nothing",
    }
}
