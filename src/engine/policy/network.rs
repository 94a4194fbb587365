//! What the browser says about the connection, and what may be done on a slow one.
//!
//! Hints, where there are any: a browser that says nothing has a good connection.

/// The browser's hints (Network Information).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// `wifi`, `cellular`, ….
    pub kind: Option<String>,
    /// `slow-2g`, `2g`, `3g` or `4g`.
    pub effective: Option<String>,
    /// The person asked for less data.
    pub saves: bool,
}

impl Connection {
    /// Whether it is slow, or the person wants little of it. Its kind says nothing: no browser tells what is metered, and the
    /// speed that counts is in the effective type, which browsers make from round trips and downlink.
    pub fn is_slow(&self) -> bool {
        self.saves || matches!(self.effective.as_deref(), Some("slow-2g" | "2g"))
    }
}

/// What happens by itself on a slow connection; what a person asks for happens in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnSlow {
    /// Everything.
    All,
    /// Changes are sent; collections that were caught up once are not pulled, no stream is open.
    #[default]
    PushOnly,
    /// Nothing.
    Nothing,
}

impl OnSlow {
    /// Reads the option.
    pub fn from_text(text: Option<&str>) -> Self {
        match text {
            Some("all") => Self::All,
            Some("none") => Self::Nothing,
            _ => Self::PushOnly,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_slow_when_the_browser_or_the_person_says_so() {
        let connection =
            |effective: Option<&str>, saves| Connection { kind: None, effective: effective.map(String::from), saves };
        assert!(!Connection::default().is_slow() && !connection(Some("4g"), false).is_slow());
        assert!(connection(Some("2g"), false).is_slow() && connection(Some("4g"), true).is_slow());
        let read = [Some("all"), Some("push-only"), Some("none"), None].map(OnSlow::from_text);
        assert_eq!(read, [OnSlow::All, OnSlow::PushOnly, OnSlow::Nothing, OnSlow::PushOnly]);
    }
}
