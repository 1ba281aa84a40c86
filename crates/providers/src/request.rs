//! How a call becomes an outgoing request: URLs and headers that were made when the provider was built, plus what this
//! call adds.
//!
//! Of the client's own headers only those go on that are listed for the kind; its credential never does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::canon::{Asked, Receipt};
use contract::ports::{Call, Outbound, Timeouts};
use contract::settings::Faults;
use contract::words::Dialect;
use contract::{Body, Fault};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Uri};
use wire::{Framing, Quirks};

use crate::account::Account;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const AGENT: &str = concat!("pathgate/", env!("CARGO_PKG_VERSION"));

/// Bodies up to this size are sent in one piece.
const COPIED: usize = 16 << 10;

/// Headers that belong to a connection or are made from the body: nobody may set them.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is the same for all accounts of a kind.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The kind, as `kind:` names it.
    pub(crate) kind: &'static str,
    /// Where the API is when nothing else is configured.
    pub(crate) base_url: Option<&'static str>,
    /// The path segment an API version has, put at the end of a base URL that has none.
    pub(crate) version: Option<&'static str>,
    /// How the key is presented.
    pub(crate) auth: Auth,
    /// Can there be an account without a key?
    pub(crate) keyless: bool,
    /// Headers sent with every call unless configured otherwise.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Headers of the client that go on. Those the operator configured win.
    pub(crate) forwards: &'static [&'static str],
}

/// How a key is presented.
#[derive(Debug)]
pub(crate) enum Auth {
    /// `authorization: Bearer`.
    Bearer,
    /// A header of its own.
    Header(&'static str),
}

/// Where an account is and what every request to it carries.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: Arc<str>,
    /// Models to list instead of asking.
    pub(crate) models: Vec<String>,
    base: Base,
    json: HeaderMap,
    stream: HeaderMap,
    forwards: Vec<HeaderName>,
}

#[derive(Debug)]
struct Base {
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end.
    path: String,
    query: Option<String>,
}

impl Endpoint {
    pub(crate) fn new(name: &str, account: Account<'_>, facts: &Facts, faults: &mut Faults) -> Option<Self> {
        let before = faults.problems().len();
        check_name(name, faults);
        check_limits(name, account, faults);
        let base = base(name, account, facts, faults);
        let mut json = headers(name, account, facts, faults);
        if faults.problems().len() > before {
            return None;
        }
        let base = base?;
        // The client writes it anew for each call. That it has its place already saves every copy from growing.
        if let Ok(host) = HeaderValue::from_str(base.authority.as_str()) {
            json.insert(HOST, host);
        }
        let mut stream = json.clone();
        stream.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let ours = |name: &str| account.headers.keys().any(|header| header.eq_ignore_ascii_case(name));
        let forwards = facts.forwards.iter().filter(|name| !ours(name));
        Some(Self {
            name: name.into(),
            models: account.models.to_vec(),
            base,
            json,
            stream,
            forwards: forwards.map(|name| HeaderName::from_static(name)).collect(),
        })
    }

    /// The base URL, then `path` (and `query`). None when they do not make a URL.
    pub(crate) fn url(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        self.base.join(&self.base.path, path, query)
    }

    /// As [`Endpoint::url`], but from the base URL without `version` at its end.
    pub(crate) fn url_outside(&self, version: &str, path: &str) -> Option<Uri> {
        let outside = self.base.path.strip_suffix(version).and_then(|path| path.strip_suffix('/'));
        self.base.join(outside.unwrap_or(&self.base.path), path, None)
    }

    /// `path` below the host itself, wherever the base URL points below it.
    pub(crate) fn url_at_root(&self, path: &str) -> Option<Uri> {
        self.base.join("", path, None)
    }

    /// The host of the base URL.
    pub(crate) fn host(&self) -> &str {
        self.base.authority.host()
    }

    /// A request that carries a call.
    pub(crate) fn post(&self, uri: Uri, call: Call<'_>) -> Outbound {
        let mut headers = if call.stream { self.stream.clone() } else { self.json.clone() };
        let framing = Framing::of(call.dialect);
        if call.stream && framing != Framing::Sse {
            headers.insert(ACCEPT, HeaderValue::from_static(framing.media_type()));
        }
        if !call.dialect.operation().is_text() {
            media_headers(&mut headers, &call);
        }
        for name in self.forwards.iter().filter(|name| speaks_to(name, call.dialect)) {
            let mut values = call.headers.get_all(name).iter();
            if let Some(value) = values.next() {
                headers.insert(name, value.clone());
                for value in values {
                    headers.append(name, value.clone());
                }
            }
        }
        if let Some(value) = call.traceparent.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(TRACEPARENT, value);
        }
        self.outbound(Method::POST, uri, headers, body_of(call.body), call.timeouts)
    }

    /// A question about the account itself.
    pub(crate) fn get(&self, uri: Uri) -> Outbound {
        self.ask(Method::GET, uri)
    }

    /// As [`Endpoint::get`], with any method.
    pub(crate) fn ask(&self, method: Method, uri: Uri) -> Outbound {
        let mut headers = self.json.clone();
        headers.remove(CONTENT_TYPE);
        let timeouts = Timeouts {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            total: Duration::from_secs(20),
        };
        self.outbound(method, uri, headers, Body::Empty, timeouts)
    }

    fn outbound(
        &self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Body,
        timeouts: Timeouts,
    ) -> Outbound {
        let provider = Some(self.name.clone());
        Outbound { method, uri, headers, body, timeouts, untrusted: false, provider }
    }
}

/// Does a header of the client's say anything to an upstream of this dialect? Those of a maker belong to its dialects.
fn speaks_to(header: &HeaderName, dialect: Dialect) -> bool {
    let maker = ["anthropic", "openai"].into_iter().find(|maker| header.as_str().starts_with(maker));
    maker.is_none_or(|maker| dialect.as_str().starts_with(maker))
}

/// Forms go on as the client framed them, and answers need not be JSON.
fn media_headers(headers: &mut HeaderMap, call: &Call<'_>) {
    // One that was written anew is JSON.
    let json = call.body.front().is_some_and(|body| body.starts_with(b"{"));
    let form = call.headers.get(CONTENT_TYPE).filter(|_| call.dialect.takes_forms() && !json);
    if let Some(kind) = form {
        headers.insert(CONTENT_TYPE, kind.clone());
    }
    if !call.stream {
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    }
}

/// The pieces as a body. Short ones are put together: sending a piece costs more than copying it.
fn body_of(mut pieces: VecDeque<Bytes>) -> Body {
    match pieces.len() {
        0 => Body::Empty,
        1 => pieces.pop_front().map_or(Body::Empty, Body::Full),
        _ => {
            let length = pieces.iter().map(Bytes::len).sum();
            if length > COPIED {
                return Body::Chain(pieces);
            }
            let mut whole = Vec::with_capacity(length);
            pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
            Body::Full(whole.into())
        }
    }
}

/// Writes a request in a dialect an account speaks.
pub(crate) fn translate(
    request: &Asked,
    target: Dialect,
    quirks: &Quirks,
) -> Result<(Bytes, Receipt), Fault> {
    let mut receipt = Receipt::default();
    let bytes = wire::write_request(target, request, quirks, &mut receipt)?;
    Ok((bytes, receipt))
}

/// A name as one segment of a path (RFC 3986 §2.3 leaves only these bytes alone). Clients choose model names, so a name
/// must not be able to leave its place in the URL; none for the names that mean another place even when encoded.
pub(crate) fn segment(name: &str) -> Option<String> {
    if matches!(name, "" | "." | "..") {
        return None;
    }
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(out)
}

/// A URL with `path` at its end, added where it is missing. A query stays behind it.
pub(crate) fn below(url: &str, path: &str) -> String {
    let (place, query) = url.split_once('?').map_or((url, None), |(place, query)| (place, Some(query)));
    let place = place.trim_end_matches('/');
    let place = place.strip_suffix(path).unwrap_or(place);
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{place}{path}{query}")
}

/// Can it be a part of a host name, or one segment of a path, as it stands?
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl Base {
    fn join(&self, base: &str, path: &str, query: Option<&str>) -> Option<Uri> {
        let mut text = String::with_capacity(base.len() + path.len() + 16);
        text.push_str(base);
        text.push_str(path);
        for (at, query) in [self.query.as_deref(), query].into_iter().flatten().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(query);
        }
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(text).build().ok()
    }
}

/// Is it a name that models can begin with? If not, says so.
pub(crate) fn check_name(name: &str, faults: &mut Faults) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let good = !name.is_empty() && name.bytes().all(fine);
    if !good {
        faults.add(
            format!("providers.{name}"),
            "a provider's name is made of letters, digits, '-', '_' and '.': it is the part before the '/' in a model",
        );
    }
    good
}

fn check_limits(name: &str, account: Account<'_>, faults: &mut Faults) {
    let limits = account.timeouts.limits();
    for (field, limit) in [
        ("connect", limits.connect),
        ("first_byte", limits.first_byte),
        ("idle", limits.idle),
        ("total", limits.total),
    ] {
        if limit.is_zero() {
            faults.add(format!("providers.{name}.timeouts.{field}"), "must be longer than 0s");
        }
    }
    if account.tls.client_cert.is_some() != account.tls.client_key.is_some() {
        faults.add(format!("providers.{name}.tls"), "client_cert and client_key go together");
    }
    if account.models.iter().any(String::is_empty) {
        faults.add(format!("providers.{name}.models"), "a model's name is empty");
    }
}

fn base(name: &str, account: Account<'_>, facts: &Facts, faults: &mut Faults) -> Option<Base> {
    let path = format!("providers.{name}.base_url");
    let Some(text) = account.base_url.or(facts.base_url) else {
        faults.add(path, format!("is missing: a provider of kind '{}' has no usual place", facts.kind));
        return None;
    };
    match parse(text, facts.version) {
        Ok(base) => Some(base),
        Err(reason) => {
            faults.add(path, reason);
            None
        }
    }
}

/// Is it a URL that an API can be at?
pub(crate) fn check_url(text: &str) -> Result<(), &'static str> {
    parse(text, None).map(drop)
}

fn parse(text: &str, version: Option<&str>) -> Result<Base, &'static str> {
    const FORM: &str = "is not a URL: write it as https://host/path";
    if text.contains('#') {
        return Err("must not have a fragment (#)");
    }
    let parts = text.parse::<Uri>().map_err(|_| FORM)?.into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(FORM) };
    if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
        return Err("must begin with http:// or https://");
    }
    if authority.as_str().contains('@') {
        return Err("must not hold credentials: use api_key or headers");
    }
    if authority.host().is_empty() {
        return Err(FORM);
    }
    let (path, query) = match &parts.path_and_query {
        Some(rest) => (rest.path().trim_end_matches('/'), rest.query().map(str::to_owned)),
        None => ("", None),
    };
    let mut path = path.to_owned();
    if let Some(version) = version.filter(|_| !ends_in_version(&path)) {
        path.push('/');
        path.push_str(version);
    }
    Ok(Base { scheme, authority, path, query })
}

/// `…/v1`, `…/v1beta`, `…/v2alpha`.
fn ends_in_version(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

fn headers(name: &str, account: Account<'_>, facts: &Facts, faults: &mut Faults) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (header, value) in facts.headers {
        headers.insert(HeaderName::from_static(header), HeaderValue::from_static(value));
    }
    if let Some((header, value)) = credential(name, account, facts, faults) {
        headers.insert(header, value);
    }
    for (header, value) in account.headers {
        let path = format!("providers.{name}.headers.{header}");
        let Ok(header) = header.parse::<HeaderName>() else {
            faults.add(path, "is not a header name");
            continue;
        };
        if RESERVED.contains(&header.as_str()) {
            faults.add(path, "is set by the gateway itself");
            continue;
        }
        match sensitive(value.reveal().expose()) {
            Some(value) => drop(headers.insert(header, value)),
            None => faults.add(path, "its value cannot stand in a header"),
        }
    }
    headers
}

fn credential(
    name: &str,
    account: Account<'_>,
    facts: &Facts,
    faults: &mut Faults,
) -> Option<(HeaderName, HeaderValue)> {
    let path = || format!("providers.{name}.api_key");
    let header = match facts.auth {
        Auth::Bearer => AUTHORIZATION,
        Auth::Header(header) => HeaderName::from_static(header),
    };
    let key = match account.api_key {
        Some(key) => key.reveal(),
        None => {
            let elsewhere = account.headers.keys().any(|name| name.eq_ignore_ascii_case(header.as_str()));
            if !facts.keyless && !elsewhere {
                faults.add(path(), "is missing");
            }
            return None;
        }
    };
    let key = key.expose();
    if key.is_empty() {
        faults.add(path(), "is empty");
        return None;
    }
    if key.bytes().any(|byte| !byte.is_ascii_graphic()) {
        faults.add(path(), "holds a space, a line break or another character that no key has");
        return None;
    }
    let value = match facts.auth {
        Auth::Bearer => sensitive(&format!("Bearer {key}")),
        Auth::Header(_) => sensitive(key),
    };
    value.map(|value| (header, value))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests;
