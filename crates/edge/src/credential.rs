//! Takes the key out of a request, from wherever an SDK puts it, so that it goes no further by accident.

use contract::words::Secret;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// Takes out the key and every header that could have held one. AWS's SDKs send a bearer token over TLS only, else they
/// sign: then the key is the id of their access key. The first of `authorization`, `x-api-key`, `api-key`,
/// `x-goog-api-key` and `?key=` that holds one counts.
pub(crate) fn take(headers: &mut HeaderMap, query: Option<&str>) -> Option<Secret> {
    let mut key = None;
    if let Some(value) = headers.remove(AUTHORIZATION) {
        key = bearer(&value).or_else(|| access_key(&value)).map(Secret::new);
    }
    for name in &HEADERS {
        if let Some(value) = headers.remove(name) {
            key = key.or_else(|| value.to_str().ok().map(str::trim).filter(not_empty).map(Secret::new));
        }
    }
    key.or_else(|| in_query(query?).map(Secret::new))
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    // The scheme is case-insensitive (RFC 9110 §11.1).
    let (scheme, token) = value.to_str().ok()?.trim().split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && not_empty(token))
}

/// The access key's id in a signature of AWS's, version 4: `AWS4-HMAC-SHA256 Credential=<id>/<day>/…`. Who knows the id
/// knows the key here, so the signature says nothing more and is not checked.
fn access_key(value: &HeaderValue) -> Option<&str> {
    let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    let fields = rest.split(',').filter(|_| scheme == "AWS4-HMAC-SHA256");
    let credential = fields.filter_map(|field| field.trim().strip_prefix("Credential=")).next()?;
    credential.split('/').next().filter(not_empty)
}

fn in_query(query: &str) -> Option<&str> {
    // Keys are letters, digits and `_`, which no client escapes.
    query.split('&').find_map(|pair| pair.strip_prefix("key=")).filter(not_empty)
}

fn not_empty(text: &&str) -> bool {
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_key_is_found_wherever_sdks_put_it_and_is_gone_afterwards() {
        for (pairs, query, key) in [
            (&[("authorization", "Bearer pgk_1")][..], None, Some("pgk_1")),
            (&[("authorization", "bearer   pgk_1 ")], None, Some("pgk_1")),
            (&[("authorization", "Basic pgk_1")], None, None),
            (&[("authorization", "Bearer ")], None, None),
            (
                &[(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=pgk_6/20231114/us-east-1/bedrock/aws4_request, Signature=a",
                )],
                None,
                Some("pgk_6"),
            ),
            (&[("authorization", "AWS4-HMAC-SHA256 SignedHeaders=host")], None, None),
            (&[("authorization", "Digest Credential=pgk_7/x")], None, None),
            (&[("x-api-key", "pgk_2")], None, Some("pgk_2")),
            (&[("api-key", "pgk_3")], None, Some("pgk_3")),
            (&[("x-goog-api-key", "pgk_4")], None, Some("pgk_4")),
            (&[], Some("alt=sse&key=pgk_5"), Some("pgk_5")),
            (&[], Some("key="), None),
            (&[], Some("monkey=1"), None),
            (&[("authorization", "Bearer pgk_1"), ("x-api-key", "pgk_2")], Some("key=pgk_5"), Some("pgk_1")),
            (&[("authorization", "Basic zzz"), ("x-api-key", "pgk_2")], None, Some("pgk_2")),
            (&[], None, None),
        ] {
            let mut headers = headers(pairs);
            let taken = take(&mut headers, query);
            assert_eq!(taken.as_ref().map(Secret::expose), key, "{pairs:?} {query:?}");
            assert!(headers.is_empty(), "{headers:?}");
        }
    }
}
