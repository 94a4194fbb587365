//! A stream of server-sent events, read from pieces of text that end anywhere.
//!
//! Only what the profile says is understood: `id`, and `data` that names a collection. Everything else is passed over,
//! and nothing a server sends is kept beyond a bound.

use crate::model::Document;

/// Characters kept of a line or of an event's data.
const LONGEST: usize = 8_192;

/// The server has news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The collection that changed; `None` when the event names none.
    pub collection: Option<String>,
}

/// What was read of a stream so far.
#[derive(Debug, Clone, Default)]
pub struct EventStream {
    line: String,
    data: String,
    /// The last event's id, to go on from.
    pub last_id: Option<String>,
    id: Option<String>,
    after_return: bool,
}

impl EventStream {
    /// A stream that goes on after an event.
    pub fn after(last_id: Option<String>) -> Self {
        Self { last_id, ..Self::default() }
    }

    /// Takes the next piece; gives the events that ended in it.
    pub fn feed<D: Document>(&mut self, text: &str) -> Vec<News> {
        let mut news = Vec::new();
        for letter in text.chars() {
            let follows = std::mem::replace(&mut self.after_return, letter == '\r');
            match letter {
                '\n' if follows => {}
                '\n' | '\r' => news.extend(self.line_ended::<D>()),
                _ if self.line.len() < LONGEST => self.line.push(letter),
                _ => {}
            }
        }
        news
    }

    fn line_ended<D: Document>(&mut self) -> Option<News> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.event_ended::<D>();
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if self.data.len() < LONGEST => self.data.push_str(value),
            "id" if !value.contains('\0') => self.id = Some(value.into()),
            _ => {}
        }
        None
    }

    fn event_ended<D: Document>(&mut self) -> Option<News> {
        let (id, data) = (self.id.take(), std::mem::take(&mut self.data));
        self.last_id = id.or(self.last_id.take());
        let collection = || D::parse(&data)?.text_of("collection");
        (!data.is_empty()).then(|| News { collection: collection() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Json;

    const STREAM: &str = ": listening\n\nid: 7\nevent: change\ndata: {\"collection\":\"notes\"}\n\n: still here\n\nid: 8\r\ndata: {\"collection\":\"tags\"}\r\n\r\ndata: nonsense\n\n";

    #[test]
    fn events_are_the_same_wherever_the_pieces_end() {
        let wanted: Vec<News> =
            [Some("notes"), Some("tags"), None].map(|name| News { collection: name.map(String::from) }).into();
        for cut in 0..STREAM.len() {
            let mut stream = EventStream::default();
            let mut news = stream.feed::<Json>(&STREAM[..cut]);
            news.extend(stream.feed::<Json>(&STREAM[cut..]));
            assert_eq!((news, stream.last_id.as_deref()), (wanted.clone(), Some("8")), "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut stream = EventStream::after(Some("3".into()));
        for _ in 0..100 {
            assert!(stream.feed::<Json>(&"x".repeat(1_000)).is_empty());
        }
        assert!(stream.line.len() <= LONGEST && stream.last_id.as_deref() == Some("3"));
        assert!(stream.feed::<Json>("\ndata").is_empty());
    }
}
