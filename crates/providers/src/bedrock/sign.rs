//! AWS Signature Version 4 (docs: AWS IAM, "Create a signed AWS API request").
//!
//! Paths are encoded once in the URL and once more in what is signed, as all services but S3 want it: a model's `:` is
//! `%3A` on the wire and `%253A` in the signature.

use std::fmt::Write as _;

use contract::Body;
use contract::ports::Outbound;
use contract::words::{Secret, Timestamp};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// What requests are signed with.
pub(super) struct Signer {
    pub(super) access_key_id: Secret,
    pub(super) secret_access_key: Secret,
    pub(super) session_token: Option<HeaderValue>,
    pub(super) region: String,
    pub(super) service: &'static str,
}

impl Signer {
    /// Signs a request that will not be changed any more. None: it cannot be signed, because its body is not at hand or a
    /// credential cannot stand in a header.
    pub(super) fn sign(&self, request: &mut Outbound, now: Timestamp) -> Option<()> {
        let time = jiff::Timestamp::from_microsecond(now.0).ok()?;
        let stamp = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = stamp.get(..8)?;
        request.headers.insert(DATE, HeaderValue::from_str(&stamp).ok()?);
        if let Some(token) = &self.session_token {
            request.headers.insert(TOKEN, token.clone());
        }
        let (canonical, signed) = canonical(request)?;
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("{ALGORITHM}\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = hmac(format!("AWS4{}", self.secret_access_key.expose()).as_bytes(), day.as_bytes());
        for step in [self.region.as_str(), self.service, "aws4_request"] {
            key = hmac(&key, step.as_bytes());
        }
        let signature = hex(&hmac(&key, text.as_bytes()));
        let id = self.access_key_id.expose();
        let value =
            format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        request.headers.insert(AUTHORIZATION, value);
        Some(())
    }
}

/// The canonical request and the names of the headers in it.
fn canonical(request: &Outbound) -> Option<(String, &'static str)> {
    let uri = &request.uri;
    let mut text = format!("{}\n", request.method);
    for (at, segment) in uri.path().split('/').enumerate() {
        if at > 0 {
            text.push('/');
        }
        encode(segment, &mut text);
    }
    text.push('\n');
    let mut query: Vec<&str> =
        uri.query().unwrap_or_default().split('&').filter(|it| !it.is_empty()).collect();
    query.sort_unstable();
    text.push_str(&query.join("&"));
    text.push('\n');
    // In the order of their names.
    let header = |name: &HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, token) = (header(&CONTENT_TYPE), header(&TOKEN));
    let host = uri.authority()?.as_str();
    for (name, value) in [
        ("content-type", kind),
        ("host", Some(host)),
        ("x-amz-date", header(&DATE)),
        ("x-amz-security-token", token),
    ] {
        if let Some(value) = value {
            // Writing to memory cannot fail.
            let _written = writeln!(text, "{name}:{}", value.trim());
        }
    }
    let signed = match (kind.is_some(), token.is_some()) {
        (true, true) => "content-type;host;x-amz-date;x-amz-security-token",
        (true, false) => "content-type;host;x-amz-date",
        (false, true) => "host;x-amz-date;x-amz-security-token",
        (false, false) => "host;x-amz-date",
    };
    let _written = write!(text, "\n{signed}\n{}", hex(&payload(&request.body)?));
    Some((text, signed))
}

fn payload(body: &Body) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    match body {
        Body::Empty => {}
        Body::Full(bytes) => hash.update(bytes),
        Body::Chain(pieces) => pieces.iter().for_each(|piece| hash.update(piece)),
        Body::Stream(_) => return None,
    }
    Some(hash.finalize().into())
}

/// Encodes a segment that stands in a URL already, as RFC 3986 has it.
fn encode(segment: &str, out: &mut String) {
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                let _written = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK];
    let hashed: [u8; 32];
    let key = if key.len() > BLOCK {
        hashed = Sha256::digest(key).into();
        &hashed[..]
    } else {
        key
    };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _written = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use contract::ports::Timeouts;
    use http::{HeaderMap, Method};

    use super::*;

    /// The credentials and the date of AWS's test suite for Signature Version 4.
    fn signature(method: Method, uri: &str, kind: Option<&'static str>, body: &'static str) -> String {
        signed(method, uri, kind, (body, None))
    }

    fn signed(
        method: Method,
        uri: &str,
        kind: Option<&'static str>,
        (body, token): (&'static str, Option<&'static str>),
    ) -> String {
        let signer = Signer {
            access_key_id: Secret::new("AKIDEXAMPLE"),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(HeaderValue::from_static),
            region: "us-east-1".to_owned(),
            service: "service",
        };
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let mut request = Outbound {
            method,
            uri: uri.parse().unwrap(),
            headers,
            body: Body::from(Bytes::from_static(body.as_bytes())),
            timeouts: Timeouts::default(),
            untrusted: false,
            provider: None,
        };
        // 2015-08-30T12:36:00Z
        signer.sign(&mut request, Timestamp(1_440_938_160_000_000)).unwrap();
        assert_eq!(request.headers[DATE], "20150830T123600Z");
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        request.headers[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_documented_vectors_hold() {
        let head = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ";
        for (found, expected) in [
            // get-vanilla
            (
                signature(Method::GET, "https://example.amazonaws.com/", None, ""),
                "SignedHeaders=host;x-amz-date, \
                 Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            // get-vanilla-query-order-key-case
            (
                signature(
                    Method::GET,
                    "https://example.amazonaws.com/?Param2=value2&Param1=value1",
                    None,
                    "",
                ),
                "SignedHeaders=host;x-amz-date, \
                 Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            // post-vanilla
            (
                signature(Method::POST, "https://example.amazonaws.com/", None, ""),
                "SignedHeaders=host;x-amz-date, \
                 Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            // post-x-www-form-urlencoded
            (
                signature(
                    Method::POST,
                    "https://example.amazonaws.com/",
                    Some("application/x-www-form-urlencoded"),
                    "Param1=value1",
                ),
                "SignedHeaders=content-type;host;x-amz-date, \
                 Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(found, format!("{head}{expected}"));
        }
    }

    /// Checked against botocore: a colon and an ARN's slash in the path, a session token.
    #[test]
    fn models_with_colons_and_slashes_are_encoded_twice() {
        let plain = "https://example.amazonaws.com/model/us.anthropic.claude-x-v1%3A0/converse";
        let found = signature(Method::POST, plain, Some("application/json"), "{\"a\":1}");
        let expected = "670361d977d15762a16f1d066f7d4dbbe2cccb886c2172a4bd67721131dba5e2";
        assert!(found.ends_with(expected), "{found}");
        let arn = "https://example.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A\
                   inference-profile%2Fx/converse-stream";
        let found = signed(Method::POST, arn, Some("application/json"), ("{\"a\":1}", Some("TOKEN")));
        let expected = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
                        Signature=565d76b7b2d723464d6a83f5312e2af056f151a9ad9cc94b0982fe2b3ca8ecb3";
        assert!(found.ends_with(expected), "{found}");
    }

    /// Case 2 of RFC 4231, and case 6, whose key is longer than a block.
    #[test]
    fn hmac_is_that_of_the_rfc() {
        assert_eq!(
            hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex(&hmac(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
