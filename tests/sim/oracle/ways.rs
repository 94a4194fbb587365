//! The oracle on `NETWORK_BLOCKED` and on reasons: a change that waits for a person says why, and what is said is true.

use crate::net::Wire;
use crate::store::Done;
use crate::world::World;
use seakeep::model::{Code, Pending, PendingState};
use seakeep::native::Json;
use seakeep::protocol::{HttpResponse, NetworkFailure};

/// Losses of one change, each followed by an answer to something else and by no loss that says nothing about a change.
const LOSSES: u32 = 5;

/// How the requests of one change fared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    losses: u32,
    /// Whether anything was answered since the last one.
    heard: bool,
    /// A tab and its life in which a probe or a pull was lost since.
    crossed: Option<(usize, u32)>,
    /// Whether an end of its requests reached a sleeping tab: when it hears of it is not known.
    unknown: bool,
}

impl World {
    /// The end of a request reaches its tab.
    pub(crate) fn note_way(&mut self, wire: &Wire, result: &Result<HttpResponse<Json>, NetworkFailure>) {
        let tab = &self.tabs[wire.tab];
        if tab.life != wire.life || tab.engine.is_none() {
            return;
        }
        let (awake, place) = (tab.is_awake(), (wire.tab, wire.life));
        let profile = tab.profile;
        // What is lost for a tab that leads no more is not its to count, and the one that leads does not know of it.
        let leads = self.profiles[profile].lease.as_ref().is_none_or(|lease| tab.owner.as_ref() == Some(&lease.owner));
        let again = self.is_lost_again(wire, result.is_err());
        let ways = &mut self.oracle.ways;
        let mutation = wire.key().and_then(|key| self.oracle.keys.get(key)).map(|info| info.mutation.clone());
        let lost = result.is_err();
        let others = ways.iter_mut().filter(|((of, other), _)| *of == profile && mutation.as_deref() != Some(other));
        for (_, way) in others {
            way.heard |= !lost;
            if lost && !again && mutation.is_none() && !way.heard {
                way.crossed = Some(place);
            }
        }
        let Some(mutation) = mutation.filter(|_| leads && (lost || !awake)) else { return };
        let way = ways.entry((profile, mutation)).or_default();
        way.unknown |= !awake;
        let losses = match () {
            () if way.crossed == Some(place) => 1,
            () if way.heard => way.losses + 1,
            () => way.losses.max(1),
        };
        *way = Way { losses, heard: false, crossed: None, ..way.clone() };
    }

    /// I-05: what waits for a person says why. I-28: a change is called blocked only when it alone does not get through.
    pub(crate) fn check_reason(&mut self, done: &Done, before: Option<&Pending<Json>>, row: &Pending<Json>) {
        let code = row.last_error.as_ref().map(|failure| failure.code);
        let says = match row.state {
            PendingState::Parked => code.is_some(),
            PendingState::Conflict => {
                matches!(
                    code,
                    Some(Code::Conflict | Code::ResolverFailed | Code::ResolverResult | Code::ResolverTimeout)
                )
            }
            PendingState::Waiting | PendingState::Sending => true,
        };
        if !says {
            return self.broken("I-05", format!("{} is {:?} and says {code:?}", row.mutation_id, row.state));
        }
        let parks = row.state == PendingState::Parked && before.is_none_or(|before| before.state != row.state);
        if parks && code == Some(Code::NetworkBlocked) {
            let way = self.oracle.ways.get(&(done.profile, row.mutation_id.to_string())).cloned().unwrap_or_default();
            if way.losses < LOSSES && !way.unknown {
                let text = format!("{} is called blocked after {} losses of its own", row.mutation_id, way.losses);
                self.broken("I-28", text);
            }
        }
    }
}
