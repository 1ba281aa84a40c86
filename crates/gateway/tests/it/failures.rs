//! Providers that fail: what is tried again, where it goes next, and what the client is told in the end.
//!
//! Refusals that name what was wrong are in `failures/rejections.rs`, answers that are none in `failures/nonsense.rs`.

mod first;
mod fruitless;
mod nonsense;
mod rejections;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::shapes::{Tokens, anthropic, gemini, openai};
use testkit::upstream::{Break, Reply, Upstream};

use crate::kinds::Kind;
use crate::setup::{Bench, Kept, Setup, request_id};
use crate::speech::Speech;

const TOKENS: Tokens = Tokens { input: 20, cached: 8, output: 9, reasoning: 0 };

/// Routes with waits short enough for a test: `one` has no second deployment, `chain` falls back twice.
const ROUTES: &str = "models:
  one: { route: { targets: [ { to: openai/gpt-4.1-mini } ], retry: { base: 1ms, cap: 1s } } }
  chain:
    route:
      targets: [ { to: openai/gpt-4.1-mini } ]
      fallback: [ claude/claude-haiku-4-5, google/gemini-2.5-flash ]
      retry: { per_deployment: 2, total: 5, base: 1ms, cap: 1s }
  split:
    route:
      targets: [ { to: openai/heavy, weight: 3 }, { to: house/light, weight: 1 } ]
      fallback: [ local/last ]
      retry: { per_deployment: 1, base: 1ms }
";

async fn start() -> Bench {
    Setup::new().section(ROUTES).start().await
}

async fn ask(bench: &Bench, speech: Speech, model: &str) -> Answer {
    speech.client(bench).post(speech.path(), &speech.ask(model, "Say hello", false)).await
}

fn hello() -> Reply {
    Kind::Openai.says(false, &["Hello"], TOKENS)
}

/// The accounts that were called, in order.
fn called(bench: &Bench) -> Vec<String> {
    bench.upstream.seen().iter().map(|call| call.path.split('/').nth(1).unwrap().to_owned()).collect()
}

/// How each attempt ended, and the code it failed with.
fn outcomes(kept: &Kept) -> Vec<(&str, &str)> {
    fn word(value: &Value) -> &str {
        value.as_str().unwrap_or_default()
    }
    kept.attempts.iter().map(|attempt| (word(&attempt["outcome"]), word(&attempt["error"]))).collect()
}

#[tokio::test]
async fn a_short_retry_after_is_waited_for() {
    let bench = start().await;
    bench.upstream.then(openai::rate_limited(None).header("retry-after-ms", "80")).then(hello());
    let answer = ask(&bench, Speech::Openai, "one").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"));
    let [first, second] = bench.upstream.seen().try_into().unwrap();
    assert!(second.at.duration_since(first.at) >= Duration::from_millis(80));
    assert_eq!(first.body, second.body);
    let kept = bench.kept(&answer).await;
    assert_eq!(outcomes(&kept), [("failed", "upstream_rate_limited"), ("answered", "")]);
    let [refused, answered] = kept.attempts.try_into().unwrap();
    assert_eq!((&refused["status"], &refused["number"]), (&json!(429), &json!(1)));
    // A refusal costs nothing, and that is certain.
    assert_eq!((&refused["cost_kind"], &refused["cost_nano_usd"]), (&json!("nothing"), &json!(0)));
    assert_eq!((&answered["cost_kind"], &answered["number"]), (&json!("exact"), &json!(2)));
    assert_eq!(kept.request["cost_nano_usd"], answered["cost_nano_usd"]);
    assert_eq!((&kept.request["outcome"], &kept.request["attempts"]), (&json!("answered"), &json!(2)));
}

#[tokio::test]
async fn a_long_retry_after_moves_on_at_once() {
    let bench = start().await;
    bench.upstream.then(openai::rate_limited(Some(60))).then(Kind::Claude.says(false, &["Hello"], TOKENS));
    let answer = ask(&bench, Speech::Openai, "chain").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"));
    assert_eq!(answer.header("x-pathgate-model"), "claude/claude-haiku-4-5");
    assert_eq!(called(&bench), ["openai", "claude"]);
    let kept = bench.kept(&answer).await;
    assert_eq!(
        (&kept.request["model"], &kept.request["deployment"]),
        (&json!("chain"), &json!("claude/claude-haiku-4-5"))
    );
}

#[tokio::test]
async fn a_rate_limit_that_stays_reaches_the_client() {
    let bench = start().await;
    for (speech, kind) in [(Speech::Openai, "requests"), (Speech::Anthropic, "rate_limit_error")] {
        for wait in [Some(60), None] {
            let before = bench.upstream.seen().len();
            bench.upstream.always(openai::rate_limited(wait));
            let answer = ask(&bench, speech, "one").await;
            assert_eq!(answer.status, 429);
            assert_eq!(answer.header("retry-after"), if wait.is_some() { "60" } else { "" });
            assert_eq!(answer.header("x-pathgate-error"), "upstream_rate_limited");
            // Without a wait that is too long it is tried twice.
            let attempts = if wait.is_some() { 1 } else { 2 };
            assert_eq!(bench.upstream.seen().len() - before, attempts);
            assert_eq!(answer.header("x-pathgate-attempts"), attempts.to_string());
            let error = answer.json().await["error"].clone();
            assert_eq!(error["type"], kind, "{error}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_again() {
    for status in [408, 500, 502, 503, 504, 529] {
        let bench = start().await;
        bench.upstream.then(openai::error(status, "server_error", None, "Try again")).then(hello());
        let answer = ask(&bench, Speech::Anthropic, "one").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"), "{status}");
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.attempts[0]["status"], status);
        assert_eq!(
            (&kept.attempts[0]["outcome"], &kept.attempts[1]["outcome"]),
            (&json!("failed"), &json!("answered"))
        );
    }
}

#[tokio::test]
async fn fallbacks_follow_in_order_and_the_last_word_counts() {
    let bench = start().await;
    bench.upstream.then(openai::error(500, "server_error", None, "One")).then(Reply::silent(Break::Reset));
    bench.upstream.then(anthropic::error(529, "overloaded_error", "Overloaded"));
    bench.upstream.then(anthropic::error(500, "api_error", "Two"));
    bench.upstream.then(gemini::error(503, "UNAVAILABLE", "Three"));
    let answer = ask(&bench, Speech::Openai, "chain").await;
    // `total` is 5: the last deployment is not tried twice.
    assert_eq!(called(&bench), ["openai", "openai", "claude", "claude", "google"]);
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (503, "5"));
    assert_eq!(answer.header("x-pathgate-error"), "upstream_overloaded");
    let kept = bench.kept(&answer).await;
    assert_eq!(
        outcomes(&kept),
        [
            ("failed", "upstream_error"),
            ("interrupted", "upstream_interrupted"),
            ("failed", "upstream_overloaded"),
            ("failed", "upstream_error"),
            ("failed", "upstream_overloaded"),
        ]
    );
    assert_eq!((&kept.request["outcome"], &kept.request["attempts"]), (&json!("failed"), &json!(5)));
    assert_eq!(kept.request["deployment"], Value::Null);
    let body = answer.text().await;
    assert!(body.contains("Three") && body.contains("upstream_overloaded"), "{body}");
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_passed_over() {
    let nobody = Upstream::nobody().await;
    let gone = format!("gone: {{ kind: openai-compatible, base_url: \"http://{nobody}/v1\", models: [x] }}");
    let routes = "models:\n  here: { route: { targets: [ { to: gone/x } ], fallback: [ house/y ], \
                  retry: { per_deployment: 2, base: 1ms } } }\n";
    let bench = Setup::new().provider(&gone).section(routes).start().await;
    bench.upstream.then(hello());
    let answer = ask(&bench, Speech::Openai, "here").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "3"));
    let kept = bench.kept(&answer).await;
    let refused = ("failed", "upstream_connect");
    assert_eq!(outcomes(&kept), [refused, refused, ("answered", "")]);
    assert_eq!(
        (&kept.attempts[0]["cost_kind"], &kept.attempts[0]["status"]),
        (&json!("nothing"), &Value::Null)
    );

    for speech in Speech::ALL {
        let answer = ask(&bench, speech, "gone/x").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, "upstream_connect"));
        let body = answer.text().await;
        assert!(!body.contains(&nobody.port().to_string()), "where it is stays here: {body}");
    }
}

#[tokio::test]
async fn targets_share_by_weight_and_stand_in_for_each_other() {
    let bench = start().await;
    bench.upstream.always(hello());
    for _ in 0..40 {
        ask(&bench, Speech::Openai, "split").await;
    }
    let heavy = called(&bench).iter().filter(|account| *account == "openai").count();
    assert!(heavy.abs_diff(30) <= 2, "{heavy} of 40 went to three quarters");

    bench.upstream.always(openai::error(500, "server_error", None, "No"));
    let before = bench.upstream.seen().len();
    let answer = ask(&bench, Speech::Openai, "split").await;
    assert_eq!(answer.header("x-pathgate-attempts"), "3");
    let mut order = called(&bench).split_off(before);
    assert_eq!(order.pop().as_deref(), Some("local"));
    order.sort_unstable();
    assert_eq!(order, ["house", "openai"]);
}

#[tokio::test]
async fn a_deployment_that_cannot_carry_the_request_is_passed_over() {
    let routes = "models:\n  strict: { route: { targets: [ { to: openai/x } ], \
                  fallback: [ claude/claude-haiku-4-5, google/gemini-2.5-flash ], retry: { per_deployment: 1 } } }\n";
    let bench = Setup::new().section(routes).start().await;
    bench.upstream.then(openai::error(500, "server_error", None, "No"));
    bench.upstream.then(Kind::Google.says(false, &["Hello"], TOKENS));
    let mut request = Speech::Openai.ask("strict", "Say hello", false);
    request["seed"] = json!(7);
    let client = bench.openai().with("x-pathgate-strict", "true");
    let answer = client.post(Speech::Openai.path(), &request).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"));
    assert_eq!(answer.header("x-pathgate-model"), "google/gemini-2.5-flash");
    assert_eq!(called(&bench), ["openai", "google"], "what cannot be carried is not an attempt");
}

#[tokio::test]
async fn a_head_that_does_not_come_in_time_moves_on() {
    let timeouts = "timeouts: { first_byte: 250ms }";
    let bench = Setup::new().accounts(timeouts).section(ROUTES).start().await;
    bench.upstream.then(Reply::silent(Break::Hang)).then(Kind::Claude.says(false, &["Hello"], TOKENS));
    let answer = ask(&bench, Speech::Openai, "chain").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"));
    assert_eq!(called(&bench), ["openai", "claude"], "what may have been paid for is not asked for twice");
    bench.upstream.request(0).await.gone().await;
    let kept = bench.kept(&answer).await;
    assert_eq!(outcomes(&kept), [("failed", "upstream_timeout"), ("answered", "")]);
    assert_eq!(
        (&kept.attempts[0]["usage_source"], &kept.attempts[0]["cost_kind"]),
        (&json!("estimated"), &json!("estimated"))
    );
    assert!(kept.attempts[0]["usage"]["input"].as_u64() > Some(0));

    for (speech, kind) in [(Speech::Openai, "timeout_error"), (Speech::Anthropic, "timeout_error")] {
        bench.upstream.then(Reply::silent(Break::Hang));
        let answer = ask(&bench, speech, "one").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (504, "upstream_timeout"));
        assert_eq!(answer.json().await["error"]["type"], kind);
    }
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    for limit in ["idle: 250ms", "total: 500ms"] {
        let bench = Setup::new().accounts(&format!("timeouts: {{ {limit} }}")).section(ROUTES).start().await;
        bench.upstream.then(hello().broken_at(20, Break::Hang));
        bench.upstream.then(Kind::Claude.says(false, &["Hello"], TOKENS));
        let answer = ask(&bench, Speech::Anthropic, "chain").await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"), "{limit}");
        bench.upstream.request(0).await.gone().await;
        bench.upstream.then(hello().broken_at(20, Break::Hang));
        let answer = ask(&bench, Speech::Anthropic, "one").await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-pathgate-error")),
            (504, "upstream_timeout"),
            "{limit}"
        );
        let id = request_id(&answer);
        assert_eq!(bench.kept_of(&id).await.attempts[0]["status"], 200, "{limit}");
    }
}

#[tokio::test]
async fn a_provider_that_closes_between_two_calls_is_called_again() {
    let bench = start().await;
    let len = hello().body_len();
    // It says nothing of closing and does.
    bench.upstream.always(hello().declared_len(len));
    let mut attempts = 0;
    for _ in 0..30 {
        let answer = ask(&bench, Speech::Openai, "one").await;
        assert_eq!(answer.status, 200);
        attempts += answer.header("x-pathgate-attempts").parse::<u32>().unwrap();
    }
    // A connection is seldom taken in the moment it closes.
    assert!(attempts <= 33, "{attempts} attempts for 30 requests");
}
