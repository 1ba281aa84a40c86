//! The YAML reader: what is refused, and that nothing makes it panic, hang or grow.

use serde_json::{Value, json};

use super::super::tree::Node;
use super::super::yaml;

fn value(text: &str) -> Value {
    yaml::parse(text).as_ref().map(Node::to_value).unwrap()
}

fn refusal(text: &str) -> String {
    let found = yaml::parse(text).map(|node| node.to_value()).unwrap_err();
    found.into_iter().map(|one| one.in_file("c").to_string()).collect::<Vec<_>>().join("\n")
}

#[test]
fn scalars_follow_the_core_schema_of_yaml_1_2() {
    for (text, meant) in [
        ("null", json!(null)),
        ("~", json!(null)),
        ("true", json!(true)),
        ("yes", json!("yes")),
        ("off", json!("off")),
        ("12", json!(12)),
        ("-12", json!(-12)),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("017", json!(17)),
        ("1.5e3", json!(1500.0)),
        ("1_000", json!("1_000")),
        ("12:30", json!("12:30")),
        ("1.2.3", json!("1.2.3")),
        ("0x+1", json!("0x+1")),
        (".inf", json!(".inf")),
        ("2024-01-01", json!("2024-01-01")),
        ("'12'", json!("12")),
        ("!!str 12", json!("12")),
        ("a${X", json!("a${X")),
    ] {
        assert_eq!(value(&format!("k: {text}"))["k"], meant, "{text}");
    }
}

#[test]
fn aliases_repeat_a_value() {
    assert_eq!(
        value("a: &x { b: 1 }\nc: *x\nd: &y 5\ne: [*y]"),
        json!({"a":{"b":1},"c":{"b":1},"d":5,"e":[5]})
    );
}

#[test]
fn what_is_no_configuration_is_refused_with_its_place() {
    for (text, says) in [
        (
            "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n",
            "c:5:3: b.c: key `c` stands twice; the first is on line 3\nc:6:1: a: key `a` stands twice; the first is on line 1",
        ),
        ("a: 1\n---\nb: 1\n", "a second document begins here"),
        ("a: !secret x\n", "tag `!secret` has no meaning here"),
        ("[1]: x\n", "a key must be a text"),
        ("a: &x [*x]\n", "this alias stands inside the value it names"),
        ("a: [1, 2\nb: 3\n", "c:2:"),
        ("a: \u{f0041}\n", "c:1:4: private-use characters"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(says), "{text}: {refusal}");
    }
}

#[test]
fn a_billion_laughs_are_cut_off() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(","));
    }
    assert!(refusal(&text).contains("more than 200000 values"));
}

#[test]
fn depth_is_bounded_also_through_aliases() {
    let refused = refusal(&("a: ".to_owned() + &"[".repeat(100)));
    assert!(refused.contains("nested deeper"), "{refused}");
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..60 {
        text += &format!("a{level}: &a{level} [*a{}]\n", level - 1);
    }
    assert!(refusal(&text).contains("nested deeper"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_text_makes_it_panic(text in "([a-z]{1,3}|[-:{}\\[\\],&*!|>'\"%@`#?~.$\\\\ \n\t]|\\$\\{[A-Z:-]{0,4}\\}|é|\u{f0041}){0,60}") {
        let _ = yaml::parse(&text);
    }
}
