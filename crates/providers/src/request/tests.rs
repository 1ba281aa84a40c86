//! URLs join exactly; what is wrong with an account is found before it is used.

use super::*;
use contract::settings::SecretText;
use std::collections::BTreeMap;

const FACTS: Facts = Facts {
    kind: "test",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: false,
    headers: &[("x-version", "1")],
    forwards: &["x-beta"],
};

const VERSIONED: Facts = Facts { version: Some("v1"), ..FACTS };

struct Given {
    key: Option<SecretText>,
    url: Option<String>,
    headers: BTreeMap<String, SecretText>,
}

fn given(key: Option<&str>, url: Option<&str>, headers: &[(&str, &str)]) -> Given {
    Given {
        key: key.map(SecretText::new),
        url: url.map(str::to_owned),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), SecretText::new(*value))).collect(),
    }
}

fn endpoint(given: &Given, facts: &Facts) -> Result<Endpoint, String> {
    let account = Account {
        api_key: given.key.as_ref(),
        base_url: given.url.as_deref(),
        headers: &given.headers,
        ..Account::none()
    };
    let mut faults = Faults::default();
    Endpoint::new("acme", account, facts, &mut faults).ok_or_else(|| faults.to_string())
}

fn joined(base: &str, facts: &Facts, path: &str, query: Option<&str>) -> String {
    endpoint(&given(Some("k"), Some(base), &[]), facts).unwrap().url(path, query).unwrap().to_string()
}

#[test]
fn urls_join_exactly() {
    for (base, expected) in [
        ("https://api.test/v1", "https://api.test/v1/chat"),
        ("https://api.test/v1/", "https://api.test/v1/chat"),
        ("https://api.test", "https://api.test/chat"),
        ("https://api.test/", "https://api.test/chat"),
        ("http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000/a/b/chat"),
        ("https://api.test/v1?api-version=3", "https://api.test/v1/chat?api-version=3"),
    ] {
        assert_eq!(joined(base, &FACTS, "/chat", None), expected, "{base}");
    }
    assert_eq!(joined("https://a.test?x=1", &FACTS, "/m", Some("alt=sse")), "https://a.test/m?x=1&alt=sse");
    assert_eq!(joined("https://a.test", &FACTS, "/m", Some("alt=sse")), "https://a.test/m?alt=sse");
}

#[test]
fn a_version_is_added_where_there_is_none() {
    for (base, expected) in [
        ("https://api.test", "https://api.test/v1/m"),
        ("https://api.test/v1/", "https://api.test/v1/m"),
        ("https://api.test/v1beta", "https://api.test/v1beta/m"),
        ("https://api.test/proxy", "https://api.test/proxy/v1/m"),
        ("https://api.test/vendor", "https://api.test/vendor/v1/m"),
    ] {
        assert_eq!(joined(base, &VERSIONED, "/m", None), expected, "{base}");
    }
    let endpoint = endpoint(&given(Some("k"), Some("http://api.test/x/v1"), &[]), &VERSIONED).unwrap();
    assert_eq!(endpoint.url_outside("v1", "/api/tags").unwrap(), "http://api.test/x/api/tags");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let fine = Some("https://api.test");
    for (given, place) in [
        (given(None, fine, &[]), "providers.acme.api_key: is missing"),
        (given(Some(""), fine, &[]), "providers.acme.api_key: is empty"),
        (given(Some("a b"), fine, &[]), "providers.acme.api_key: holds a space"),
        (given(Some("a\n"), fine, &[]), "providers.acme.api_key: holds a space"),
        (given(Some("k"), None, &[]), "providers.acme.base_url: is missing"),
        (given(Some("k"), Some("api.test/v1"), &[]), "providers.acme.base_url: is not a URL"),
        (given(Some("k"), Some("ftp://api.test"), &[]), "providers.acme.base_url: must begin"),
        (
            given(Some("k"), Some("https://me:pw@api.test"), &[]),
            "providers.acme.base_url: must not hold cred",
        ),
        (given(Some("k"), Some("https://api.test/#x"), &[]), "providers.acme.base_url: must not have a frag"),
        (given(Some("k"), fine, &[("x y", "1")]), "providers.acme.headers.x y: is not"),
        (given(Some("k"), fine, &[("Host", "1")]), "providers.acme.headers.Host: is set"),
        (given(Some("k"), fine, &[("x-a", "1\n2")]), "providers.acme.headers.x-a: its value"),
    ] {
        let said = endpoint(&given, &FACTS).unwrap_err();
        assert!(said.starts_with(place), "{place}: {said}");
    }
}

#[test]
fn a_credential_may_be_a_configured_header() {
    let given = given(None, Some("https://api.test"), &[("Authorization", "Basic x")]);
    let endpoint = endpoint(&given, &FACTS).unwrap();
    let sent = endpoint.get(endpoint.url("/m", None).unwrap());
    assert_eq!(sent.headers["authorization"], "Basic x");
    assert!(sent.headers["authorization"].is_sensitive());
}

#[test]
fn names_stay_in_their_segment() {
    for (name, expected) in [
        ("gemini-2.5-pro", Some("gemini-2.5-pro")),
        ("a/b", Some("a%2Fb")),
        ("x?key=1#y", Some("x%3Fkey%3D1%23y")),
        ("../files", Some("..%2Ffiles")),
        ("ü", Some("%C3%BC")),
        ("..", None),
        ("", None),
    ] {
        assert_eq!(segment(name).as_deref(), expected, "{name}");
    }
}

#[test]
fn only_short_bodies_are_copied_together() {
    let pieces = |size: usize| VecDeque::from([Bytes::from(vec![b'a'; size]), Bytes::from_static(b"b")]);
    assert!(matches!(body_of(VecDeque::new()), Body::Empty));
    assert!(
        matches!(body_of(pieces(COPIED - 1)), Body::Full(bytes) if bytes.len() == COPIED && bytes.ends_with(b"ab"))
    );
    assert!(matches!(body_of(pieces(COPIED)), Body::Chain(pieces) if pieces.len() == 2));
}
