//! Named reasons to hold sending: it runs when none is left.
//!
//! A hold is counted, not a switch: two parts of an app can hold for the same reason without knowing of each other.

/// The holds that stand.
#[derive(Debug, Clone, Default)]
pub struct Holds {
    standing: Vec<(u32, String)>,
}

impl Holds {
    /// Adds a hold under the number it is released with.
    pub fn hold(&mut self, number: u32, reason: &str) {
        self.standing.push((number, reason.into()));
    }

    /// Releases a hold; says whether it stood.
    pub fn release(&mut self, number: u32) -> bool {
        let before = self.standing.len();
        self.standing.retain(|(held, _)| *held != number);
        self.standing.len() < before
    }

    /// Whether any hold stands.
    pub fn any(&self) -> bool {
        !self.standing.is_empty()
    }

    /// The reasons that stand, each once, oldest first.
    pub fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = Vec::new();
        for (_, reason) in &self.standing {
            if !reasons.contains(&reason.as_str()) {
                reasons.push(reason);
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_reason_twice_is_held_until_both_are_released() {
        let mut holds = Holds::default();
        holds.hold(1, "typing");
        holds.hold(2, "typing");
        assert_eq!(holds.reasons(), ["typing"]);
        assert!(holds.release(1) && holds.any());
        assert!(!holds.release(1), "a release counts once");
        assert!(holds.release(2) && !holds.any());
    }
}
