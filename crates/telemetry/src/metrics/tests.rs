//! The exposition, read back by a strict reader of OpenMetrics text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::Code;
use contract::ports::{Exposition, Outcome, PoolState};
use contract::words::{NanoUsd, Usage};
use testkit::clock::VirtualClock;

use super::*;
use crate::settled::{attempt, settled};

/// The samples of an exposition by name and labels. Fails on anything OpenMetrics 1.0 does not allow.
fn read(text: &str) -> BTreeMap<String, f64> {
    let body = text.strip_suffix("# EOF\n").expect("ends with the end marker");
    let mut samples = BTreeMap::new();
    let mut family: Option<(String, String)> = None;
    let mut described = std::collections::HashSet::new();
    for line in body.lines() {
        if let Some(meta) = line.strip_prefix("# ") {
            let mut words = meta.splitn(3, ' ');
            let (word, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            match word {
                "HELP" => assert!(!rest.is_empty(), "{line}"),
                "TYPE" => {
                    assert!(described.insert(name.to_owned()), "{name} is described twice");
                    family = Some((name.to_owned(), rest.to_owned()));
                }
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                _ => panic!("unknown word: {line}"),
            }
            continue;
        }
        let (family, kind) = family.as_ref().expect("a sample after its family");
        let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let (name, labels) = key.split_once('{').map_or((key, ""), |(name, rest)| (name, rest));
        let suffix =
            name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{line} is not of {family}"));
        let allowed: &[&str] = match kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            "gauge" => &[""],
            other => panic!("unknown kind {other}"),
        };
        assert!(allowed.contains(&suffix), "{line}: {kind}");
        check_labels(labels);
        assert!(samples.insert(key.to_owned(), value.parse().unwrap()).is_none(), "twice: {key}");
    }
    samples
}

/// `name="value",…}` with `\\`, `\"` and `\n` as the only escapes.
fn check_labels(labels: &str) {
    let mut rest = labels;
    while !rest.is_empty() && rest != "}" {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{labels}"));
        assert!(
            name.trim_start_matches(',').bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{labels}"
        );
        let mut escaped = false;
        let end = after
            .char_indices()
            .find(|(_, letter)| {
                let end = *letter == '"' && !escaped;
                assert!(!escaped || ['\\', '"', 'n'].contains(letter), "{labels}");
                escaped = *letter == '\\' && !escaped;
                end
            })
            .unwrap_or_else(|| panic!("{labels}"))
            .0;
        rest = &after[end + 1..];
    }
}

fn metrics(pools: Vec<PoolState>) -> Arc<Metrics> {
    let sources = Sources {
        pools: Box::new(move || pools.clone()),
        spool: Box::new(|| SpoolFigures { waiting_records: 3, drained: 9, ..SpoolFigures::default() }),
        losses: Arc::default(),
    };
    Metrics::new(sources, "1.2.3", &VirtualClock::new())
}

#[test]
fn an_unused_gateway_exposes_zeros_and_no_series() {
    let samples = read(&metrics(Vec::new()).text());
    assert_eq!(samples["pathgate_requests_in_flight"], 0.0);
    assert_eq!(samples["pathgate_request_duration_seconds_count"], 0.0);
    assert_eq!(samples["pathgate_build_info{version=\"1.2.3\"}"], 1.0);
    assert_eq!(samples["process_start_time_seconds"], 1_735_689_600.0);
    assert_eq!(samples["pathgate_spool_waiting_records"], 3.0);
    assert_eq!(samples["pathgate_spool_drained_total"], 9.0);
    assert!(samples.keys().all(|key| !key.starts_with("pathgate_requests_total")));
}

#[test]
fn a_settled_request_is_counted_once_everywhere() {
    let metrics = metrics(Vec::new());
    let mut failed = attempt("openai/gpt-5");
    failed.outcome = Outcome::Failed;
    failed.error = Some("upstream_timeout".into());
    failed.first_byte_us = None;
    let mut answered = attempt("claude/haiku");
    answered.usage = Usage { input: 10, cached: 5, output: 7, reasoning: 3, ..Usage::default() };
    answered.cost = Some(NanoUsd(1_500_000_000));
    let settled = settled(vec![failed, answered]);
    metrics.arrived();
    metrics.arrived();
    metrics.first_content(Duration::from_millis(3));
    metrics.settled(&settled);
    let samples = read(&metrics.text());
    for (key, value) in [
        (
            r#"pathgate_requests_total{dialect="openai.chat",model="claude/haiku",status="200",outcome="answered"}"#,
            1.0,
        ),
        (
            r#"pathgate_attempts_total{provider="openai",deployment="openai/gpt-5",outcome="failed",code="upstream_timeout"}"#,
            1.0,
        ),
        (
            r#"pathgate_attempts_total{provider="claude",deployment="claude/haiku",outcome="answered",code=""}"#,
            1.0,
        ),
        (r#"pathgate_tokens_total{deployment="claude/haiku",kind="input"}"#, 10.0),
        (r#"pathgate_tokens_total{deployment="claude/haiku",kind="cached"}"#, 5.0),
        (r#"pathgate_tokens_total{deployment="claude/haiku",kind="output"}"#, 7.0),
        (r#"pathgate_tokens_total{deployment="claude/haiku",kind="reasoning"}"#, 3.0),
        (r#"pathgate_cost_usd_total{deployment="claude/haiku"}"#, 1.5),
        (r#"pathgate_upstream_first_byte_seconds_count{deployment="claude/haiku"}"#, 1.0),
        ("pathgate_requests_in_flight", 1.0),
        ("pathgate_request_duration_seconds_count", 1.0),
        ("pathgate_time_to_first_content_seconds_count", 1.0),
        (r#"pathgate_time_to_first_content_seconds_bucket{le="0.0025"}"#, 0.0),
        (r#"pathgate_time_to_first_content_seconds_bucket{le="0.005"}"#, 1.0),
        (r#"pathgate_stage_duration_seconds_count{stage="attempt"}"#, 1.0),
        (r#"pathgate_stage_duration_seconds_count{stage="lookup"}"#, 0.0),
    ] {
        assert_eq!(samples.get(key), Some(&value), "{key}");
    }
}

#[test]
fn an_unknown_price_is_not_a_cost_of_nothing() {
    let metrics = metrics(Vec::new());
    let mut unknown = attempt("openai/new");
    unknown.cost = None;
    unknown.cost_kind = CostKind::UnknownPrice;
    metrics.settled(&settled(vec![unknown]));
    let samples = read(&metrics.text());
    assert_eq!(samples[r#"pathgate_cost_unknown_total{deployment="openai/new"}"#], 1.0);
    assert!(!samples.contains_key(r#"pathgate_cost_usd_total{deployment="openai/new"}"#));
}

fn failed(deployment: &str) -> AttemptEntry {
    AttemptEntry {
        outcome: Outcome::Failed,
        error: Some("upstream_rejected".into()),
        first_byte_us: None,
        cost: None,
        ..attempt(deployment)
    }
}

/// A request whose client wrote the deployment's full name.
fn asked_for(attempt: AttemptEntry) -> Settled {
    let asked = Arc::clone(&attempt.deployment);
    let mut settled = settled(vec![attempt]);
    settled.entries.request.model = Some(asked);
    settled
}

#[test]
fn names_made_up_by_clients_take_no_series_from_real_deployments() {
    let metrics = metrics(Vec::new());
    for number in 0..1_500 {
        metrics.settled(&asked_for(failed(&format!("house/r{number}"))));
    }
    let mut long = asked_for(failed("spare/a-name-that-the-record-cuts"));
    long.entries.request.model = Some("spare/a-name".into());
    metrics.settled(&long);
    metrics.settled(&asked_for(attempt("house/real")));
    metrics.settled(&asked_for(failed("house/real")));
    let text = metrics.text();
    assert!(!text.contains("house/r1") && !text.contains("a-name"));
    let samples = read(&text);
    let attempts = |provider, deployment, outcome, code| {
        let labels =
            format!(r#"provider="{provider}",deployment="{deployment}",outcome="{outcome}",code="{code}""#);
        samples[&*format!("pathgate_attempts_total{{{labels}}}")]
    };
    assert_eq!(attempts("house", "other", "failed", "upstream_rejected"), 1_500.0);
    assert_eq!(attempts("spare", "other", "failed", "upstream_rejected"), 1.0);
    assert_eq!(attempts("house", "house/real", "answered", ""), 1.0);
    assert_eq!(attempts("house", "house/real", "failed", "upstream_rejected"), 1.0);
}

#[test]
fn a_target_of_an_alias_has_series_before_it_answers() {
    let metrics = metrics(Vec::new());
    metrics.settled(&settled(vec![failed("house/down")]));
    let key = r#"pathgate_attempts_total{provider="house",deployment="house/down",outcome="failed",code="upstream_rejected"}"#;
    assert_eq!(read(&metrics.text())[key], 1.0);
}

#[test]
fn names_cannot_break_the_format() {
    let pool = PoolState { provider: "a\"b\\c\nd".into(), open: 5, idle: 2, opened: 9 };
    let metrics = metrics(vec![pool]);
    metrics.settled(&settled(vec![attempt("odd\"/\\name\n")]));
    let samples = read(&metrics.text());
    assert_eq!(samples[r#"pathgate_upstream_connections{provider="a\"b\\c\nd",state="busy"}"#], 3.0);
    assert_eq!(samples[r#"pathgate_upstream_connections_opened_total{provider="a\"b\\c\nd"}"#], 9.0);
}

#[test]
fn refusals_reloads_and_failures_are_counted() {
    let metrics = metrics(Vec::new());
    metrics.edge_refused(Code::Overloaded);
    metrics.edge_refused(Code::Overloaded);
    metrics.reloaded(Some(7));
    metrics.reloaded(None);
    metrics.connection(true);
    metrics.record_failed();
    let samples = read(&metrics.text());
    assert_eq!(samples[r#"pathgate_edge_refused_total{code="overloaded"}"#], 2.0);
    assert_eq!(samples[r#"pathgate_config_reloads_total{result="applied"}"#], 1.0);
    assert_eq!(samples[r#"pathgate_config_reloads_total{result="refused"}"#], 1.0);
    assert_eq!(samples["pathgate_config_snapshot"], 7.0);
    assert_eq!(samples["pathgate_connections_open"], 1.0);
    assert_eq!(samples["pathgate_records_failed_total"], 1.0);
}
