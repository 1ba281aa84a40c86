//! What passes is what serde_json passes; what is handed out is what stands there.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::*;

fn passes(text: &[u8]) -> bool {
    members(text, |_| {}).is_some()
}

fn compare(text: &[u8]) {
    let valid = serde_json::from_slice::<IgnoredAny>(text).is_ok();
    assert_eq!(passes(text), valid, "{:?}", String::from_utf8_lossy(text));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[ -~\n\"\\\\é潮🌊]{0,200}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

fn written(value: &Value, pretty: bool) -> Vec<u8> {
    if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) }.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn members_are_those_that_stand_there(value in value(), pretty: bool) {
        let text = written(&value, pretty);
        // What serde_json writes it does not always read as the same number.
        let value: Value = serde_json::from_slice(&text).unwrap();
        let mut found = Map::new();
        let outer = members(&text, |member| {
            let name = String::from_utf8(member.name.unwrap().into_owned()).unwrap();
            assert_eq!(&text[member.start..][..member.value.len()], member.value);
            found.insert(name, serde_json::from_slice(member.value).unwrap());
        });
        match value {
            Value::Object(map) => prop_assert_eq!((outer, found), (Some(Outer::Object), map)),
            _ => prop_assert_eq!((outer, found), (Some(Outer::Other), Map::new())),
        }
    }

    #[test]
    fn damage_is_seen_just_where_serde_sees_it(
        value in value(),
        pretty: bool,
        edits in prop::collection::vec((any::<Index>(), prop_oneof![any::<u8>(), select(&b"\"\\{}[],:.eE+-0 \ntu\x1f"[..])]), 0..4),
        cut in any::<Option<Index>>(),
    ) {
        let mut text = written(&value, pretty);
        for (at, byte) in edits {
            let at = at.index(text.len());
            text[at] = byte;
        }
        text.truncate(cut.map_or(text.len(), |cut| cut.index(text.len())));
        compare(&text);
    }

    #[test]
    fn any_sequence_of_tokens_is_judged_as_serde_does(
        tokens in prop::collection::vec(
            select(&["{", "}", "[", "]", ",", ":", "\"\"", "\"a\"", "0", "-", "1.5", "e9", "true", "nul", " ", "\\"][..]),
            0..12,
        ),
    ) {
        compare(tokens.concat().as_bytes());
    }
}

#[test]
fn odd_texts_are_judged_as_serde_does() {
    for text in [
        "",
        " ",
        "0",
        "-0",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "1E-07",
        "12345678901234567890.123456789e123456789",
        "1234567/",
        "1234567:",
        "true",
        "tru",
        "truex",
        "nulll",
        "\"",
        "\"\\\"",
        "\"\\u12",
        "\"\\u12g4\"",
        "\"\\uD800\"",
        "\"\\x\"",
        "\"\t\"",
        "\"\u{7f}\"",
        "\"\0\"",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "[1,]",
        "[,]",
        "[1 2]",
        "[}",
        "{\"a\":[}",
        "{\"a\":1]",
        "{} {}",
        "\u{feff}{}",
        "\u{a0}1",
        "{\"\\ud800\":1}",
        "[\"\\\\\"]",
        "\u{b}1",
    ] {
        compare(text.as_bytes());
        for pad in 56..72 {
            compare(format!("[\"{}\",{text}", "x".repeat(pad)).as_bytes());
            compare(format!("[\"{}\",{text}]", "x".repeat(pad)).as_bytes());
        }
    }
}

#[test]
fn nesting_costs_no_stack() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        for depth in [1, 63, 64, 65, 127, 128, 129, 100_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert!(passes(text.as_bytes()));
            assert!(!passes(&text.as_bytes()[..text.len() - 1]));
            assert!(!passes(format!("{text}]").as_bytes()));
        }
    }
    let mixed = format!("{}1{}", "[{\"a\":".repeat(40), "}]".repeat(39));
    assert!(!passes(format!("{mixed}]}}").as_bytes()));
}

#[test]
fn names_and_texts_are_unescaped() {
    let mut names = Vec::new();
    members(br#"{"a":1,"\u0062\n":2,"\ud800":3}"#, |member| names.push(member.name.map(Cow::into_owned)));
    assert_eq!(names, [Some(b"a".to_vec()), Some(b"b\n".to_vec()), None]);
    for (value, text) in
        [("\"\"", Some("")), ("\"a\\/b\"", Some("a/b")), ("\"\\ud800\"", None), ("null", None), ("1", None)]
    {
        assert_eq!(string(value.as_bytes()).as_deref(), text);
    }
}
