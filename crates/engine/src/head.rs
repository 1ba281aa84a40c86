//! The head of an answer: status, content type and what Pathgate adds.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::body::Body;
use contract::canon::Receipt;
use contract::words::{Dialect, Id};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use wire::render::{Values, limit_headers, request_id_headers};

use crate::settle::Settlement;
use crate::stages::Whole;
use crate::ticket::Ticket;

const MODEL: HeaderName = HeaderName::from_static("x-pathgate-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-pathgate-attempts");
const CACHE: HeaderName = HeaderName::from_static("x-pathgate-cache");
const COST: HeaderName = HeaderName::from_static("x-pathgate-cost");
/// What of an answer was not told by a provider.
pub(crate) const ESTIMATED: HeaderName = HeaderName::from_static("x-pathgate-estimated");
const DROPPED: HeaderName = HeaderName::from_static("x-pathgate-dropped");
const TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Fields of a usual answer. A map for this many has room for 12, one for more has room for 24.
pub(crate) const FIELDS: usize = 12;

/// From this length on `x-pathgate-dropped` names no more: heads of 8 KiB are what many proxies take.
const DROPPED_BYTES: usize = 1024;

/// A whole answer.
pub(crate) fn whole(whole: Whole, settled: &Settlement) -> Response<Body> {
    let Whole { status, mut headers, body, shelf: _ } = whole;
    let mut values = Values::default();
    add(&mut headers, settled, &mut values);
    if let Some(cost) = settled.cost {
        // Writing to memory cannot fail.
        put(&mut headers, COST, values.value(|text| write!(text, "{cost}").unwrap_or_default()));
    }
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A stream: what is known before its end.
/// `kind`: the media type, where it is not that of the dialect's streams.
pub(crate) fn stream(ticket: &Ticket, kind: Option<&HeaderValue>) -> Parts {
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.headers.reserve(FIELDS);
    let usual = || HeaderValue::from_static(wire::Framing::of(ticket.dialect()).media_type());
    parts.headers.insert(CONTENT_TYPE, kind.cloned().unwrap_or_else(usual));
    parts.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(record) = ticket.record() {
        add(&mut parts.headers, &record.so_far(), &mut Values::default());
    }
    parts
}

/// A fault, already rendered in the caller's dialect.
pub(crate) fn fault(mut response: Response<Body>, settled: &Settlement) -> Response<Body> {
    add(response.headers_mut(), settled, &mut Values::default());
    response
}

/// An answer that is not settled, such as the list of models.
pub(crate) fn json(body: Bytes, dialect: Dialect, id: Id) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request_id_headers(dialect, id, response.headers_mut(), &mut Values::default());
    response
}

fn add(headers: &mut HeaderMap, settled: &Settlement, values: &mut Values) {
    if let Some((id, dialect)) = settled.of {
        request_id_headers(dialect, id, headers, values);
    }
    headers.insert(CACHE, HeaderValue::from_static("bypass"));
    put(headers, ATTEMPTS, values.number(settled.attempts.into()));
    if let Some(deployment) = &settled.deployment {
        put(headers, MODEL, values.text(deployment));
    }
    if let Some(dropped) = &settled.dropped {
        put(headers, DROPPED, values.text(dropped));
    }
    if let Some(limit) = settled.limit {
        limit_headers(&limit, headers, values);
    }
    put(headers, TIMING, values.value(|text| push_timing(text, settled)));
}

/// The losses as a header: names are the client's choice, so what is not plain ASCII is escaped, and a list that proxies
/// would refuse is cut. The request log has more of it.
pub(crate) fn dropped(receipt: &Receipt) -> Option<String> {
    let mut text = String::new();
    for entry in receipt.entries() {
        if !text.is_empty() {
            text.push_str(", ");
        }
        if text.len() > DROPPED_BYTES {
            text.push_str("...");
            break;
        }
        text.extend(entry.field.escape_default());
    }
    (!text.is_empty()).then_some(text)
}

/// `server-timing` (W3C): the stages that had something to do, in milliseconds.
fn push_timing(text: &mut BytesMut, settled: &Settlement) {
    let mut mark = "";
    for (stage, from, to) in settled.stages.spans(settled.start).filter(|(_, from, to)| from != to) {
        for part in [mark, stage.as_str(), ";dur="] {
            text.extend_from_slice(part.as_bytes());
        }
        push_millis(text, to.since(from));
        mark = ", ";
    }
}

/// Milliseconds with three decimals. By hand, because it is done for every stage of every request.
fn push_millis(text: &mut BytesMut, span: Duration) {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    let mut buffer = itoa::Buffer::new();
    text.extend_from_slice(buffer.format(micros / 1_000).as_bytes());
    text.extend_from_slice(b".");
    text.extend_from_slice(&buffer.format(1_000 + micros % 1_000).as_bytes()[1..]);
}

/// A value that is not fit for a header is left out: names of models come from configuration and clients.
fn put(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_in_milliseconds() {
        for (micros, shown) in [(0, "0.000"), (7, "0.007"), (1_250, "1.250"), (60_000_001, "60000.001")] {
            let mut text = BytesMut::new();
            push_millis(&mut text, Duration::from_micros(micros));
            assert_eq!(text, shown);
        }
    }

    #[test]
    fn losses_always_fit_a_header() {
        let mut receipt = Receipt::default();
        assert_eq!(dropped(&receipt), None);
        receipt.dropped("messages[0].name", "why");
        receipt.dropped("naïve\r\nfield", "why");
        assert_eq!(dropped(&receipt).as_deref(), Some("messages[0].name, na\\u{ef}ve\\r\\nfield"));
        for number in 0..100 {
            receipt.dropped(format!("{number}{}", "\u{10ffff}".repeat(32)), "why");
        }
        let text = dropped(&receipt).unwrap();
        assert!(text.len() < 3 * DROPPED_BYTES && text.ends_with(", ..."));
        assert!(HeaderValue::from_str(&text).is_ok());
    }
}
