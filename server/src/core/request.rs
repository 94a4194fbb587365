//! A request and a response as plain values, free of any HTTP library.
//!
//! The HTTP shell and the simulator both build these. Header names are lowercase; the path is still
//! percent-encoded and starts below the API base; the query is decoded. Nothing here judges a request.

/// One request as the core sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreRequest {
    /// Method in capitals.
    pub method: String,
    /// Percent-encoded path below the API base, with its leading slash.
    pub path: String,
    /// Decoded query pairs in their order.
    pub query: Vec<(String, String)>,
    /// Header pairs, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl CoreRequest {
    /// A request for `target`, a path with an optional query as it stands on the wire.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            ..Self::default()
        }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The same request with a JSON body and its content type.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        let mut request = self.header("content-type", "application/json");
        request.body = body.to_string().into_bytes();
        request
    }

    /// The first header of that (lowercase) name.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// The first query value of that name.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        first(&self.query, name)
    }
}

/// One response of the core.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreResponse {
    /// Status code.
    pub status: u16,
    /// Header pairs, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; empty where the status has none.
    pub body: Vec<u8>,
}

impl CoreResponse {
    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// A response with a body of that content type.
    pub fn with_body(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body }
    }

    /// The same response with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The first header of that (lowercase) name.
    pub fn header_value(&self, name: &str) -> Option<&str> {
        first(&self.headers, name)
    }

    /// The body as JSON, when it is JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
