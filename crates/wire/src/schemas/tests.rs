//! Schemas cut to a made-up subset; those of the dialects are tested beside them.

use super::*;

const NARROW: Subset = Subset {
    taken: &[
        "$ref",
        "$defs",
        "definitions",
        "type",
        "enum",
        "const",
        "anyOf",
        "allOf",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "format",
        "description",
    ],
    formats: &["date"],
    pattern: |_| None,
    closed: true,
    finite: true,
};

fn cut(schema: &Value) -> (Value, String, bool) {
    let mut receipt = Receipt::default();
    let fitted = fit(schema, "s", &NARROW, &mut receipt);
    (fitted.schema, receipt.to_string(), fitted.reshaped)
}

#[test]
fn choices_that_cannot_both_fit_are_any_of_them() {
    let shape = |kind: &str| {
        json!({"type": "object", "required": ["k"], "additionalProperties": false,
        "properties": {"k": {"const": kind}}})
    };
    let told = json!({"oneOf": [shape("a"), {"$ref": "#/$defs/b"}], "discriminator": {"propertyName": "k"},
        "$defs": {"b": shape("b")}});
    let (schema, receipt, reshaped) = cut(&told);
    assert_eq!(schema, json!({"anyOf": [shape("a"), {"$ref": "#/$defs/b"}], "$defs": {"b": shape("b")}}));
    assert_eq!((receipt.as_str(), reshaped), ("", false));
    let (_, receipt, _) = cut(&json!({"oneOf": [shape("a"), shape("a")]}));
    assert_eq!(receipt, "s.oneOf");
    let (schema, receipt, _) = cut(&json!({"oneOf": [{"type": "string"}, {"type": "null"}]}));
    assert_eq!(schema, json!({"anyOf": [{"type": "string"}, {"type": "null"}]}));
    assert_eq!(receipt, "");
    let (_, receipt, _) = cut(&json!({"oneOf": [{"type": "integer"}, {"type": "number"}]}));
    assert_eq!(receipt, "s.oneOf");
}

#[test]
fn what_contains_itself_ends() {
    let node = json!({"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}});
    let (schema, receipt, reshaped) = cut(&json!({"$ref": "#/$defs/n", "$defs": {"n": node}}));
    assert_eq!(schema["$ref"], "#/$defs/n");
    assert_eq!(
        schema["$defs"]["n"]["properties"]["next"],
        json!({"type": "object", "additionalProperties": false, "description": "{$ref: \"#/$defs/n\"}"})
    );
    assert_eq!((receipt.as_str(), reshaped), ("s.$defs.n.properties.next.$ref", true));

    let (schema, receipt, _) = cut(&json!({"type": "object", "properties": {"me": {"$ref": "#"}}}));
    assert_eq!(schema["properties"]["me"]["type"], "object");
    assert_eq!(receipt, "s.properties.me.$ref");

    let around = json!({"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {
        "a": {"properties": {"b": {"$ref": "#/$defs/b"}}}, "b": {"properties": {"a": {"$ref": "#/$defs/a"}}}}});
    let (schema, receipt, _) = cut(&around);
    assert_eq!(schema["$defs"]["a"]["properties"]["b"], json!({"$ref": "#/$defs/b"}));
    assert_eq!(receipt, "s.$defs.b.properties.a.$ref");

    let (_, receipt, reshaped) = cut(&json!({"items": {"$ref": "https://example.com/x.json"}}));
    assert_eq!((receipt.as_str(), reshaped), ("s.items.$ref", true));
    let open = Subset { finite: false, ..NARROW };
    let open: &'static Subset = Box::leak(Box::new(open));
    let mut receipt = Receipt::default();
    let tree = json!({"properties": {"me": {"$ref": "#"}}});
    assert_eq!(fit(&tree, "s", open, &mut receipt).schema["properties"]["me"], json!({"$ref": "#"}));
    assert!(receipt.is_empty());
}

#[test]
fn a_long_chain_of_definitions_is_no_trouble() {
    let mut named = Map::new();
    for at in 0..20_000 {
        named.insert(format!("d{at}"), json!({"$ref": format!("#/$defs/d{}", at + 1)}));
    }
    named.insert("d20000".to_owned(), json!({"$ref": "#/$defs/d0"}));
    let (_, receipt, _) = cut(&json!({"$ref": "#/$defs/d0", "$defs": named}));
    assert_eq!(receipt, "s.$defs.d20000.$ref");
}

#[test]
fn compositions_become_one_object() {
    let part =
        |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name]});
    let (schema, receipt, reshaped) = cut(&json!({"properties": {
        "one": {"allOf": [{"$ref": "#/$defs/a"}], "description": "A"},
        "both": {"allOf": [{"$ref": "#/$defs/a"}, part("z")]},
        "not": {"allOf": [{"$ref": "#/$defs/a"}, {"minProperties": 2}]}}, "$defs": {"a": part("a")}}));
    assert_eq!(schema["properties"]["one"], json!({"$ref": "#/$defs/a", "description": "A"}));
    assert_eq!(
        schema["properties"]["both"],
        json!({"type": "object", "required": ["a", "z"], "additionalProperties": false,
            "properties": {"a": {"type": "string"}, "z": {"type": "string"}}})
    );
    assert_eq!((receipt.as_str(), reshaped), ("s.properties.not.allOf", true));
}

#[test]
fn demands_beyond_are_told_in_their_place() {
    let (schema, receipt, _) = cut(&json!({"$schema": "x", "x-y": 1, "type": "object", "properties": {
        "p": {"type": "string", "format": "phone", "examples": ["1"]},
        "d": {"type": "string", "format": "date", "nullable": true},
        "l": {"type": "array", "items": [{"type": "string"}], "minItems": 2},
        "m": {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        "e": {"enum": [{"a": 1}]}, "any": true}}));
    assert_eq!(
        schema,
        json!({"type": "object", "additionalProperties": false, "properties": {
            "p": {"type": "string", "description": "{format: \"phone\", examples: [\"1\"]}"},
            "d": {"type": ["string", "null"], "format": "date"},
            "l": {"type": "array", "description": "{items: [{\"type\":\"string\"}], minItems: 2}"},
            "m": {"type": "object", "additionalProperties": false,
                "description": "{patternProperties: {\"^x\":{\"type\":\"string\"}}}"},
            "e": {"description": "{enum: [{\"a\":1}]}"}, "any": {}}})
    );
    let places = [
        "s.properties.p.format",
        "s.properties.l.items",
        "s.properties.l.minItems",
        "s.properties.m.patternProperties",
        "s.properties.e.enum",
    ];
    assert_eq!(receipt, places.join(", "));
    assert!(cut(&json!({"properties": {"any": true}})).2, "any value has no shape");
    assert!(!cut(&json!({"items": {"enum": ["a", 1, null]}})).2);
}

#[test]
fn a_union_at_the_top_becomes_one_object() {
    let given = json!({"oneOf": [
        {"type": "object", "properties": {"k": {"const": "a"}, "x": {"type": "string"}}, "required": ["k", "x"]},
        {"$ref": "#/$defs/b"}], "$defs": {
        "b": {"type": "object", "properties": {"k": {"const": "b"}}, "required": ["k"]}}});
    let mut receipt = Receipt::default();
    let out = flat(&given, "s", &mut receipt).into_owned();
    assert_eq!(out["type"], "object");
    assert_eq!(
        out["properties"],
        json!({"k": {"anyOf": [{"const": "a"}, {"const": "b"}]}, "x": {"type": "string"}})
    );
    assert_eq!(out["required"], json!(["k"]));
    assert!(out["description"].as_str().unwrap().starts_with("{oneOf: [{"));
    assert!(out.get("oneOf").is_none());
    assert_eq!(receipt.to_string(), "s.oneOf");

    let mut receipt = Receipt::default();
    let parts = json!({"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]});
    let out = flat(&parts, "s", &mut receipt).into_owned();
    assert_eq!(out, json!({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}));
    assert!(receipt.is_empty());
    let plain = json!({"type": "object"});
    assert!(matches!(flat(&plain, "s", &mut receipt), std::borrow::Cow::Borrowed(_)));
}
