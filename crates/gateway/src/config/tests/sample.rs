//! Every kind of fault, found with its line, on a sample that has every kind of setting.

use std::collections::BTreeMap;
use std::path::Path;

use contract::settings::{Faults, SecretText, Span, check_format};
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Source, load};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Sample {
    server: Server,
    providers: BTreeMap<String, Provider>,
    keys: Vec<Key>,
    mode: Mode,
    color: Color,
    amount: Option<Amount>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Server {
    listen: String,
    port: u16,
    idle: Option<Span>,
    tls: Option<Tls>,
    ratio: f64,
    open: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Tls {
    #[serde(rename = "cert")]
    _cert: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Provider {
    Alpha(Alpha),
    AlphaLike(AlphaLike),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Alpha {
    #[serde(default)]
    api_key: Option<SecretText>,
    #[serde(default)]
    region: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AlphaLike {
    base_url: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Key {
    name: String,
}

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    /// Documented, so each variant has a schema of its own.
    #[default]
    LeastBusy,
    /// The other.
    Latency,
}

#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Color {
    #[default]
    Red,
    Green,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Amount {
    Count(u32),
    Named { named: String },
}

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("s3cret".to_owned()),
        "EMPTY" => Some(String::new()),
        "PORT" => Some("8081".to_owned()),
        "ON" => Some("true".to_owned()),
        "TRICK" => Some("file:/etc/passwd".to_owned()),
        "DIR" => Some("creds".to_owned()),
        _ => None,
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    match path.to_str() {
        Some("/conf/creds/key") => Ok("from file\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    }
}

fn sample(text: &str) -> Result<Sample, Vec<String>> {
    let check_text = |format: &str, text: &str| check_format(format, text).map_err(|error| error.to_string());
    let source =
        Source { name: "c.yaml", text, folder: Path::new("/conf"), env: &env, read: &read, check_text };
    load(source, |config: &mut Sample, faults: &mut Faults| {
        for (name, provider) in &config.providers {
            if matches!(provider, Provider::Alpha(alpha) if alpha.api_key.is_none()) {
                faults.add(format!("providers.{name}"), "needs an api_key");
            }
        }
        for (index, key) in config.keys.iter().enumerate() {
            if key.name == "bad" {
                faults.add(format!("keys[{index}].name"), "a bad name");
            }
        }
    })
    .map_err(|error| error.problems.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn faults(text: &str, expected: &[&str]) {
    let found = sample(text).unwrap_err();
    assert_eq!(found, expected);
}

fn good(text: &str) -> Sample {
    sample(text).unwrap()
}

#[test]
fn nothing_at_all_is_a_configuration() {
    for text in
        ["", "# only a comment\n", "---\n", "server:\nproviders:\n  # none yet\n", "\u{feff}mode: latency"]
    {
        assert!(sample(text).is_ok(), "{text}");
    }
}

#[test]
fn all_kinds_of_settings_load() {
    let config = good(
        "server: { listen: 1.2.3.4:80, port: 80, idle: 30s, tls: { cert: a }, ratio: 1, open: true }\n\
         providers:\n  one: { kind: alpha, api_key: ${KEY} }\n  two: { kind: alpha-like, base_url: http://x }\n\
         keys: [ { name: a }, { name: \"b\" } ]\nmode: latency\ncolor: green\namount: { named: x }\n",
    );
    assert_eq!((config.server.listen.as_str(), config.server.port), ("1.2.3.4:80", 80));
    assert_eq!((config.mode, config.color), (Mode::Latency, Color::Green));
    assert_eq!(config.amount, Some(Amount::Named { named: "x".to_owned() }));
    assert!(matches!(&config.providers["two"], Provider::AlphaLike(like) if like.base_url == "http://x"));
    assert_eq!(config.keys.len(), 2);
    assert_eq!(good("amount: 3").amount, Some(Amount::Count(3)));
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    faults(
        "server:\n  prot: 80\n  port: 99999\n  idle: 5 parsecs\n  tls: {}\n\
         providers:\n  a:\n    kind: alpa\n  b:\n    kind: alpha\n    api_kye: x\n  c: {}\n\
         mode: latncy\ncolor: blue\nkeys:\n  - name: 5\n  - nam: x\nextra: 1\n",
        &[
            "c.yaml:2:3: server.prot: unknown key `prot`, did you mean `port`?",
            "c.yaml:3:9: server.port: 99999 is too large: at most 65535",
            "c.yaml:4:9: server.idle: `5 parsecs` is not a duration: write a whole number and a unit, such as 250ms, \
             30s, 5m, 12h, 7d",
            "c.yaml:5:3: server.tls: key `cert` is missing",
            "c.yaml:8:11: providers.a.kind: `alpa` is not known here, did you mean `alpha`?",
            "c.yaml:11:5: providers.b.api_kye: unknown key `api_kye`, did you mean `api_key`?",
            "c.yaml:12:3: providers.c: key `kind` is missing: `alpha` or `alpha-like`",
            "c.yaml:13:7: mode: `latncy` is not known here, did you mean `latency`?",
            "c.yaml:14:8: color: expected `red` or `green`, found the text `blue`",
            "c.yaml:16:11: keys[0].name: expected a text, found the number 5",
            "c.yaml:17:5: keys[1].nam: unknown key `nam`, did you mean `name`?",
            "c.yaml:18:1: extra: unknown key `extra`; known here: `server`, `providers`, `keys`, `mode`, `color` and `amount`",
        ],
    );
}

#[test]
fn what_a_schema_cannot_say_is_told_beside_what_it_can() {
    faults(
        "mode: 7\nkeys: [ { name: ok }, { name: bad } ]\nproviders:\n  a: { kind: alpha }\n",
        &[
            "c.yaml:1:7: mode: expected a text, found the number 7",
            "c.yaml:2:31: keys[1].name: a bad name",
            "c.yaml:4:3: providers.a: needs an api_key",
        ],
    );
}

#[test]
fn a_consequence_of_a_fault_is_not_a_second_fault() {
    faults(
        "providers:\n  a: { kind: alpha, api_key: \"${NO_SUCH}\" }\n",
        &["c.yaml:2:30: providers.a.api_key: environment variable NO_SUCH is not set; set it, or write \
           `${NO_SUCH:-default}`"],
    );
    faults(
        "providers:\n  a: { kind: alpha-like, base_ur: x }\n",
        &["c.yaml:2:26: providers.a.base_ur: unknown key `base_ur`, did you mean `base_url`?"],
    );
}

#[test]
fn variables_are_replaced_in_any_style_of_text() {
    for (written, meant) in [
        ("${KEY}", "s3cret"),
        ("\"a ${KEY} b\"", "a s3cret b"),
        ("'${NO:-x, y: {z'", "x, y: {z"),
        ("${NO:-http://h:1/p#q}", "http://h:1/p#q"),
        ("${EMPTY:-x}", "x"),
        ("$${KEY}", "${KEY}"),
        ("cost $5 ${KEY}${KEY}", "cost $5 s3crets3cret"),
    ] {
        let text = written.replace("x, y: {z'", "x, y: {z}'");
        assert_eq!(good(&format!("server: {{ listen: {text} }}")).server.listen, meant, "{written}");
    }
    assert_eq!(good("server:\n  listen: |-\n    a\n    ${KEY}\n").server.listen, "a\ns3cret");
}

#[test]
fn a_variable_becomes_what_the_schema_wants() {
    let config = good("server: { port: ${PORT}, open: ${ON}, listen: ${PORT}, ratio: ${R:-0.5} }");
    assert_eq!((config.server.port, config.server.open), (8081, true));
    assert_eq!((config.server.listen.as_str(), config.server.ratio), ("8081", 0.5));
    faults(
        "server: { port: ${KEY} }",
        &["c.yaml:1:17: server.port: expected a whole number, found the text `${KEY}`"],
    );
}

#[test]
fn a_wrong_reference_is_a_fault_and_not_a_text() {
    faults(
        "server:\n  listen: \"${NO} ${2X} ${\"\n",
        &[
            "c.yaml:2:11: server.listen: environment variable NO is not set; set it, or write `${NO:-default}`",
            "c.yaml:2:11: server.listen: `${2X}` does not name an environment variable; write `${NAME}`, \
             `${NAME:-default}`, or `$${` for the characters themselves",
            "c.yaml:2:11: server.listen: `${` without `}`; write `$${` for the characters themselves",
        ],
    );
}

#[test]
fn secrets_come_from_files_only_where_the_file_says_so() {
    let config = good("providers: { a: { kind: alpha, api_key: \"file:${DIR}/key\", region: file:x } }");
    let Provider::Alpha(alpha) = &config.providers["a"] else { panic!("not alpha") };
    assert_eq!(alpha.api_key.as_ref().unwrap().reveal().expose(), "from file");
    assert_eq!(alpha.region.as_deref(), Some("file:x"));

    let config = good("providers: { a: { kind: alpha, api_key: ${TRICK} } }");
    let Provider::Alpha(alpha) = &config.providers["a"] else { panic!("not alpha") };
    assert_eq!(alpha.api_key.as_ref().unwrap().reveal().expose(), "file:/etc/passwd");

    faults(
        "providers:\n  a: { kind: alpha, api_key: file:none }\n",
        &["c.yaml:2:30: providers.a.api_key: cannot read the secret from /conf/none: entity not found"],
    );
}

#[test]
fn a_section_may_be_empty_but_a_setting_may_not() {
    faults("server:\n  listen:\n", &["c.yaml:2:3: server.listen: has no value; expected a text"]);
    faults("- a\n", &["c.yaml:1:1: expected a map, found a list"]);
    faults("keys: { name: x }", &["c.yaml:1:1: keys: expected a list, found a map"]);
}
