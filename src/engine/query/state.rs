//! What a list shows about a row: how far its changes have come.

use crate::model::{PendingState, Row};

/// The state of a row, from those of the changes of its lane that are still in the outbox.
///
/// What needs a person shows first, then what is on its way.
pub fn row_state<D>(row: &Row<D>, lane: impl Iterator<Item = PendingState>) -> &'static str {
    let rank = |state: PendingState| match state {
        PendingState::Waiting => 1,
        PendingState::Sending => 2,
        PendingState::Conflict => 3,
        PendingState::Parked => 4,
    };
    let highest = lane.map(rank).max();
    match highest {
        Some(4) => "parked",
        Some(3) => "conflict",
        Some(2) => "sending",
        Some(_) => "pending",
        None if !row.lane.is_empty() => "pending",
        None if row.local => "local",
        None => "synced",
    }
}
