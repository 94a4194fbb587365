//! Requests: an HTTP request of the engine becomes a fetch, its end a response.
//!
//! The app's own fetch and auth are called here and nowhere else. Bodies are parsed by the host's JSON parser. What an
//! answer means is not decided here; that something is no answer at all (no response, no JSON) is only said.

use super::document::JsDoc;
use super::error::holds;
use super::later::{property, settled, settled_within};
use crate::model::{Code, Failure};
use crate::protocol::{Body, HttpRequest, HttpResponse, NetworkFailure};
use js_sys::{Function, JsString, Promise, JSON};
use std::rc::Rc;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Headers, RequestCache, RequestInit, RequestRedirect};

/// Headers the app may not set: the protocol's meaning hangs on them (bad input 66).
const RESERVED: [&str; 4] = ["idempotency-key", "if-match", "if-none-match", "content-length"];

/// Bytes of an answer that are read: 32 MiB (pitfalls D25).
const LONGEST_BODY: u32 = 32 << 20;

/// The app's functions.
#[derive(Debug, Clone)]
pub struct Calls {
    /// `fetch(url, init)`.
    pub fetch: Function,
    /// `text(response, most)`: the body; `null` when it is longer, `undefined` when it is nested too deep, `false` when it
    /// holds a number that is none.
    pub text: Function,
    /// `pieces(response, take)`: the body as it comes.
    pub pieces: Function,
    /// `auth()`, when the app has one.
    pub auth: Option<Function>,
    /// How long it is waited for, in milliseconds.
    pub patience: u32,
}

/// Sizes of the bodies of one request: what was sent, what was received.
pub type Sizes = (u64, u64);
/// Hears how a request ended, and what went over the wire.
pub type Done = Box<dyn FnOnce(Result<HttpResponse<JsDoc>, NetworkFailure>, Sizes)>;

/// What is done with a response once it is there; the number is how long the request's body was.
type Answered = Box<dyn FnOnce(&Calls, &HttpRequest<JsDoc>, Result<&JsValue, NetworkFailure>, u64)>;

/// Makes one request; it can be given up through the signal. Calls the app's functions, so: from a fresh task.
pub fn send(calls: Rc<Calls>, http: HttpRequest<JsDoc>, signal: AbortSignal, done: Done) {
    let answered: Answered = Box::new(move |calls, http, response, sent| match response {
        Err(failure) => done(Err(failure), (sent, 0)),
        Ok(response) => read(calls, http, response, sent, done),
    });
    ask(calls, http, signal, answered);
}

/// Opens a stream of events, tells each piece of its text, and how it ended: with the status it was answered with.
/// From a fresh task.
pub fn listen(
    calls: Rc<Calls>,
    http: HttpRequest<JsDoc>,
    signal: AbortSignal,
    heard: Rc<dyn Fn(String)>,
    done: Box<dyn FnOnce(Result<u16, NetworkFailure>)>,
) {
    let answered: Answered = Box::new(move |calls, http, response, _| match response.and_then(|it| stream(http, it)) {
        Err(failure) => done(Err(failure)),
        Ok((status, None)) => done(Ok(status)),
        Ok((status, Some(response))) => {
            let take = Closure::<dyn FnMut(String) -> bool>::new(move |text| {
                heard(text);
                true
            });
            let read = calls.pieces.call2(&JsValue::NULL, &response, take.as_ref());
            let read = read.unwrap_or_else(|thrown| Promise::reject(&thrown).into());
            settled(&read, move |read| {
                drop(take);
                done(read.map(|_| status).map_err(|_| NetworkFailure::Unreachable));
            });
        }
    });
    ask(calls, http, signal, answered);
}

/// The status of an answer, and the response where it is a stream of events.
fn stream(http: &HttpRequest<JsDoc>, response: &JsValue) -> Result<(u16, Option<JsValue>), NetworkFailure> {
    let status = property(response, "status").as_f64().ok_or(NetworkFailure::NotAResponse)? as u16;
    let headers = property(response, "headers");
    let kind = property(&headers, "get").dyn_into::<Function>().ok();
    let kind = kind.and_then(|get| get.call1(&headers, &"content-type".into()).ok()?.as_string()).unwrap_or_default();
    match status {
        200 if kind.starts_with("text/event-stream") && !is_redirected(http, response) => {
            Ok((status, Some(response.clone())))
        }
        200 => Err(NetworkFailure::Unreachable),
        _ => Ok((status, None)),
    }
}

fn ask(calls: Rc<Calls>, http: HttpRequest<JsDoc>, signal: AbortSignal, answered: Answered) {
    let own = match &calls.auth {
        Some(auth) => auth.call0(&JsValue::NULL),
        None => return fetch(calls, http, &signal, &JsValue::NULL, answered),
    };
    let patience = calls.patience;
    let then = move |own: Option<Result<JsValue, JsValue>>| {
        let (code, text) = match own {
            Some(Ok(own)) => return fetch(calls, http, &signal, &own, answered),
            Some(Err(_)) => (Code::AuthFailed, "auth() threw; queue paused, nothing lost"),
            None => (Code::AuthTimeout, "auth() did not settle in time; queue paused, nothing lost"),
        };
        answered(&calls, &http, Err(auth_failed(code, text)), 0);
    };
    match own {
        Err(thrown) => then(Some(Err(thrown))),
        Ok(own) => settled_within(&own, patience, Box::new(then)),
    }
}

fn fetch(calls: Rc<Calls>, http: HttpRequest<JsDoc>, signal: &AbortSignal, own: &JsValue, answered: Answered) {
    let (init, sent) = match headers(own, &http) {
        Ok(headers) => init(&http, headers, signal),
        Err(failure) => return answered(&calls, &http, Err(failure), 0),
    };
    match calls.fetch.call2(&JsValue::NULL, &http.url.as_str().into(), &init) {
        Err(_) => answered(&calls, &http, Err(NetworkFailure::Unreachable), sent),
        Ok(answer) => settled(&answer, move |response| {
            let response = response.as_ref().map_err(|_| NetworkFailure::Unreachable);
            answered(&calls, &http, response, sent);
        }),
    }
}

fn headers(own: &JsValue, http: &HttpRequest<JsDoc>) -> Result<Headers, NetworkFailure> {
    let headers = match own {
        own if own.is_null() => Headers::new(),
        own if own.is_object() => Headers::new_with_str_sequence_sequence(own),
        _ => {
            return Err(auth_failed(Code::AuthFailed, "auth() must return headers or null; queue paused, nothing lost"))
        }
    };
    let invalid = |_| auth_failed(Code::HeaderInvalid, "auth() gave a header that is not allowed in HTTP");
    let headers = headers.map_err(invalid)?;
    if RESERVED.iter().any(|name| headers.has(name).unwrap_or(false)) {
        return Err(auth_failed(Code::HeaderReserved, "auth() gave a header that the library sets itself"));
    }
    for (name, value) in &http.headers {
        headers.set(name, value).map_err(invalid)?;
    }
    Ok(headers)
}

fn auth_failed(code: Code, text: &str) -> NetworkFailure {
    NetworkFailure::AuthFailed(Failure::new(code, text))
}

/// The request's options, and how long its body is.
fn init(http: &HttpRequest<JsDoc>, headers: Headers, signal: &AbortSignal) -> (RequestInit, u64) {
    let mut sent = 0;
    let init = RequestInit::new();
    init.set_method(&http.method);
    init.set_headers(&headers);
    init.set_signal(Some(signal));
    init.set_cache(RequestCache::NoStore);
    init.set_redirect(if http.is_write() { RequestRedirect::Manual } else { RequestRedirect::Follow });
    if let Some(body) = &http.body {
        let text = JSON::stringify(&body.0).ok();
        sent = text.as_ref().map_or(0, |text| u64::from(text.length()));
        init.set_body(&text.map_or(JsValue::NULL, JsValue::from));
    }
    (init, sent)
}

/// Reads a response by its shape, so that the app's fetch may come from another realm or a test.
fn read(calls: &Calls, http: &HttpRequest<JsDoc>, response: &JsValue, sent: u64, done: Done) {
    let status = property(response, "status").as_f64();
    let Some(status) = status.filter(|_| property(response, "text").is_function()) else {
        return done(Err(NetworkFailure::NotAResponse), (sent, 0));
    };
    let headers = property(response, "headers");
    let header = |name: &str| {
        let get = property(&headers, "get").dyn_into::<Function>().ok()?;
        get.call1(&headers, &name.into()).ok()?.as_string()
    };
    let mut read = HttpResponse {
        status: status as u16,
        redirected: is_redirected(http, response),
        etag: header("etag"),
        retry_after: header("retry-after"),
        date: header("date"),
        last_modified: header("last-modified"),
        body: Body::Empty,
        length: 0,
    };
    if matches!(read.status, 204 | 304) {
        return done(Ok(read), (sent, 0));
    }
    let kind = header("content-type").unwrap_or_default();
    let text = calls
        .text
        .call2(&JsValue::NULL, response, &LONGEST_BODY.into())
        .unwrap_or_else(|thrown| Promise::reject(&thrown).into());
    // What the wire carried, where the server says so: a compressed body is shorter than its text.
    let said = header("content-length").and_then(|said| said.parse().ok());
    settled(&text, move |text| {
        read.length = text.as_ref().map_or(0, length);
        read.body = text.map_or(Body::Broken(0), |text| body(&text, &kind));
        let received = said.unwrap_or(read.length as u64);
        done(Ok(read), (sent, received));
    });
}

fn is_redirected(http: &HttpRequest<JsDoc>, response: &JsValue) -> bool {
    let opaque = property(response, "type").as_string().is_some_and(|kind| kind == "opaqueredirect");
    let followed = property(response, "redirected").as_bool().unwrap_or(false);
    let url = property(response, "url").as_string().unwrap_or_default();
    opaque || (followed && (http.is_write() || origin(&url).ne(origin(&http.url))))
}

/// Scheme, nothing, and host.
fn origin(url: &str) -> impl Iterator<Item = &str> {
    url.split('/').take(3)
}

fn length(text: &JsValue) -> usize {
    text.dyn_ref::<JsString>().map_or(0, JsString::length) as usize
}

fn body(text: &JsValue, kind: &str) -> Body<JsDoc> {
    let length = length(text);
    match () {
        () if text.is_null() => Body::TooLarge,
        () if length == 0 && text.is_string() => Body::Empty,
        () if holds(kind, "text/html") => Body::Html,
        () if text.is_undefined() => Body::TooDeep,
        () if !holds(kind, "json") => Body::Broken(length),
        () => parse(text).map_or(Body::Broken(length), Body::Json),
    }
}

/// The host parses its own string: the text never crosses the border.
fn parse(text: &JsValue) -> Option<JsDoc> {
    let json = property(&js_sys::global(), "JSON");
    let parse = property(&json, "parse").dyn_into::<Function>().ok()?;
    parse.call1(&json, text).ok().map(JsDoc)
}
