//! What is checked of a request head before anything else looks at it.
//!
//! hyper has parsed it by then and refused what is no HTTP at all. Its own limits stand at twice ours, so that a head that is
//! merely too large gets an answer that says so.

use std::sync::Arc;

use contract::words::Dialect;
use contract::{Code, Fault};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Version};

use crate::pulse::Pulse;

/// The caps on a head.
#[derive(Clone, Copy)]
pub(crate) struct HeadLimits {
    /// Bytes of request line and header fields.
    pub(crate) size: usize,
    /// Header fields.
    pub(crate) fields: usize,
}

/// Checks size, number of fields, `host` and framing.
pub(crate) fn check(head: &Parts, limits: HeadLimits, pulse: &Arc<Pulse>) -> Result<(), Fault> {
    if head.headers.len() > limits.fields || size(head) > limits.size {
        return Err(Code::HeadersTooLarge.into());
    }
    if head.version != Version::HTTP_11 {
        return Ok(());
    }
    let mut hosts = head.headers.get_all(HOST).iter();
    if hosts.next().is_none() || hosts.next().is_some() {
        // RFC 9112 §3.2
        return Err(Fault::saying(Code::InvalidRequest, "Send exactly one 'host' header."));
    }
    if head.headers.contains_key(TRANSFER_ENCODING) && pulse.with_head(names_a_length) {
        // RFC 9112 §6.1. hyper drops the length and closes the connection after the answer, which is safe; refusing is safer.
        return Err(Fault::saying(
            Code::InvalidRequest,
            "Send either 'content-length' or 'transfer-encoding', not both.",
        ));
    }
    Ok(())
}

fn size(head: &Parts) -> usize {
    let fields: usize = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = head.uri.path().len() + head.uri.query().map_or(0, |query| query.len() + 1);
    head.method.as_str().len() + target + fields
}

/// Is there a `content-length` field in this raw head?
fn names_a_length(raw: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length:";
    raw.split(|byte| *byte == b'\n')
        .skip(1)
        .take_while(|line| !line.trim_ascii().is_empty())
        .any(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
}

/// Checks that a model call says its body is JSON, a form or bytes where the dialect has them, or does not say, and did
/// not compress it.
pub(crate) fn check_media(headers: &HeaderMap, dialect: Dialect) -> Result<(), Fault> {
    let fits = |kind: &[u8]| {
        is_json(kind) || (dialect.takes_forms() && is_form(kind)) || (dialect.takes_bytes() && is_bytes(kind))
    };
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    // Two of them could be obeyed differently here and upstream.
    let fitting = kinds.next().is_none_or(|kind| fits(kind.as_bytes())) && kinds.next().is_none();
    let plain =
        headers.get(CONTENT_ENCODING).is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if fitting && plain { Ok(()) } else { Err(Code::UnsupportedMediaType.into()) }
}

/// A media type without its parameters.
fn essence(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

fn is_form(value: &[u8]) -> bool {
    essence(value).eq_ignore_ascii_case(b"multipart/form-data")
}

fn is_bytes(value: &[u8]) -> bool {
    essence(value).eq_ignore_ascii_case(b"application/octet-stream")
}

fn is_json(value: &[u8]) -> bool {
    let essence = essence(value);
    essence.eq_ignore_ascii_case(b"application/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognised() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("+json", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=application/json", false),
            ("", false),
        ] {
            assert_eq!(is_json(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn bytes_are_taken_where_a_dialect_has_them() {
        let mut headers = HeaderMap::new();
        assert!(check_media(&headers, Dialect::KserveInfer).is_ok());
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/octet-stream"));
        assert!(check_media(&headers, Dialect::KserveInfer).is_ok());
        let fault = check_media(&headers, Dialect::PathgatePredict).unwrap_err();
        assert_eq!(fault.code(), Code::UnsupportedMediaType);
    }

    #[test]
    fn forms_are_taken_where_there_are_files() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("Multipart/form-data; boundary=x"));
        assert!(check_media(&headers, Dialect::OpenaiTranscriptions).is_ok());
        assert!(check_media(&headers, Dialect::OpenaiImageEdits).is_ok());
        let fault = check_media(&headers, Dialect::OpenaiChat).unwrap_err();
        assert_eq!(fault.code(), Code::UnsupportedMediaType);
        headers.append(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        assert!(check_media(&headers, Dialect::OpenaiTranscriptions).is_err());
    }

    #[test]
    fn a_length_is_found_in_the_head_only() {
        for (raw, expected) in [
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", true),
            ("POST / HTTP/1.1\r\nhost: a\r\nCONTENT-LENGTH:5", true),
            ("POST / HTTP/1.1\r\nhost: a\r\n\r\ncontent-length: 5", false),
            ("content-length: 5\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(names_a_length(raw.as_bytes()), expected, "{raw:?}");
        }
    }
}
