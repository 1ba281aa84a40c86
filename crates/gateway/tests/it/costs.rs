//! Money: what a request costs, to the last nano-USD, and what is said when nobody knows.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, anthropic, openai};
use testkit::upstream::Reply;

use crate::kinds::Kind;
use crate::setup::{Bench, Setup};
use crate::speech::Speech;

const TOKENS: Tokens = Tokens { input: 1_000, cached: 400, output: 333, reasoning: 33 };

#[tokio::test]
async fn a_price_of_the_book_is_applied_exactly() {
    let bench = Bench::start().await;
    for (kind, nano, usd) in [
        // Per million tokens: 600 at 0.4, 400 cached at 0.1, 333 at 1.6.
        (Kind::Openai, 600 * 400 + 400 * 100 + 333 * 1_600, "0.0008128"),
        // 600 at 1, 400 cached at 0.1, 333 at 5.
        (Kind::Claude, 600 * 1_000 + 400 * 100 + 333 * 5_000, "0.002305"),
    ] {
        for speech in Speech::ALL {
            bench.upstream.then(kind.says(false, &["Hello"], TOKENS));
            let answer =
                speech.client(&bench).post(speech.path(), &speech.ask(&kind.model(), "Hi", false)).await;
            assert_eq!(answer.header("x-pathgate-cost"), usd, "{speech:?} → {kind:?}");
            let kept = bench.kept(&answer).await;
            let attempt = &kept.attempts[0];
            assert_eq!((&attempt["cost_nano_usd"], &attempt["cost_usd"]), (&json!(nano), &json!(usd)));
            assert_eq!(
                (&attempt["cost_kind"], &attempt["usage_source"]),
                (&json!("exact"), &json!("reported"))
            );
            assert!(
                attempt["price_version"].as_str().is_some_and(|version| !version.is_empty()),
                "{attempt}"
            );
            assert_eq!(
                (&kept.request["cost_nano_usd"], &kept.request["cost_usd"]),
                (&json!(nano), &json!(usd))
            );
        }
    }
}

#[tokio::test]
async fn a_price_of_the_configuration_goes_first() {
    let prices = "prices: { qwen3: { input: 0.0375, output: 0.2, cached: 0.001 }, gpt-4.1-mini: { input: 7, output: 9 } }";
    let bench = Setup::new().accounts(prices).start().await;
    for (kind, usd) in [
        // 600 at 37.5 nano-USD, 400 at 1, 333 at 200.
        (Kind::House, "0.0000895"),
        // No price of its own for cached input: it costs what input costs.
        (Kind::Openai, "0.009997"),
    ] {
        bench.upstream.then(kind.says(false, &["Hello"], TOKENS));
        let answer =
            bench.openai().post(Speech::Openai.path(), &Speech::Openai.ask(&kind.model(), "Hi", false)).await;
        assert_eq!(answer.header("x-pathgate-cost"), usd, "{kind:?}");
        assert_eq!(bench.kept(&answer).await.attempts[0]["price_version"], "configuration");
    }
}

#[tokio::test]
async fn lists_say_what_calls_are_charged_with() {
    let aliases = "models:\n  ours: { route: { targets: [ { to: house/qwen3 } ] } }\n  theirs: { route: { targets: [ { to: openai/gpt-4.1-mini } ] } }\n";
    let prices = "prices: { qwen3: { input: 0.0375, output: 0.2 } }";
    let bench = Setup::new().accounts(prices).section(aliases).start().await;
    for (model, prompt, completion, configured) in
        [("ours", "0.0000000375", "0.0000002", true), ("theirs", "0.0000004", "0.0000016", false)]
    {
        let shown = bench.openai().get(&format!("/v1/models/{model}")).await.json().await;
        let pricing = &shown["pricing"];
        assert_eq!(
            (&pricing["prompt"], &pricing["completion"]),
            (&json!(prompt), &json!(completion)),
            "{shown}"
        );
        assert_eq!(pricing["version"] == "configuration", configured, "{shown}");
    }
}

#[tokio::test]
async fn an_unknown_price_is_null_and_never_zero() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        for stream in [false, true] {
            bench.upstream.then(Kind::House.says(stream, &["Hello"], TOKENS));
            let answer =
                speech.client(&bench).post(speech.path(), &speech.ask("house/qwen3", "Hi", stream)).await;
            assert!(!answer.headers.contains_key("x-pathgate-cost"));
            let id = crate::setup::request_id(&answer);
            answer.bytes().await;
            let kept = bench.kept_of(&id).await;
            let attempt = &kept.attempts[0];
            assert_eq!((&attempt["cost_nano_usd"], &attempt["cost_usd"]), (&Value::Null, &Value::Null));
            assert_eq!(
                (&attempt["cost_kind"], &attempt["price_version"]),
                (&json!("unknown_price"), &Value::Null)
            );
            assert_eq!(kept.request["cost_nano_usd"], Value::Null);
            assert_eq!(attempt["usage"]["output"], 333, "what was consumed is known all the same");
        }
    }
}

#[tokio::test]
async fn cache_writes_are_billed_by_their_lifetime() {
    let bench = Bench::start().await;
    let mut body = anthropic::text("Hello", Tokens::new(10, 20));
    body["usage"]["cache_creation_input_tokens"] = json!(300);
    body["usage"]["cache_creation"] =
        json!({ "ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200 });
    for speech in Speech::ALL {
        bench.upstream.then(Reply::json(200, &body));
        let request = speech.ask(&Kind::Claude.model(), "Hi", false);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let kept = bench.kept(&answer).await;
        let usage = &kept.attempts[0]["usage"];
        assert_eq!(
            (&usage["cache_write"], &usage["cache_write_long"]),
            (&json!(100), &json!(200)),
            "{speech:?}"
        );
        // 10 at 1, 100 written at 1.25, 200 at 2, 20 at 5 USD per million tokens.
        assert_eq!(kept.attempts[0]["cost_nano_usd"], 10_000 + 125_000 + 400_000 + 100_000, "{speech:?}");
    }
}

#[tokio::test]
async fn the_tier_that_the_provider_names_is_billed() {
    let bench = Bench::start().await;
    let mut body = openai::text("Hello", TOKENS);
    body["service_tier"] = json!("priority");
    for speech in Speech::ALL {
        bench.upstream.then(Reply::json(200, &body));
        let request = speech.ask(&Kind::Openai.model(), "Hi", false);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.attempts[0]["service_tier"], "priority", "{speech:?}");
        assert_eq!(kept.attempts[0]["cost_nano_usd"], 600 * 700 + 400 * 175 + 333 * 2_800, "{speech:?}");
    }
}

#[tokio::test]
async fn an_answer_without_usage_is_estimated() {
    let bench = Bench::start().await;
    for (kind, mut body) in [
        (Kind::Openai, openai::text("Hello there, world", TOKENS)),
        (Kind::Claude, anthropic::text("Hello there, world", TOKENS)),
    ] {
        body.as_object_mut().unwrap().remove("usage");
        for speech in Speech::ALL {
            bench.upstream.then(Reply::json(200, &body));
            let request = speech.ask(&kind.model(), "Hi", false);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.status, 200);
            let kept = bench.kept(&answer).await;
            let attempt = &kept.attempts[0];
            assert_eq!(
                (&attempt["usage_source"], &attempt["cost_kind"]),
                (&json!("estimated"), &json!("estimated"))
            );
            // Four bytes a token: 18 bytes of text.
            let input = request.to_string().len().div_ceil(4);
            assert_eq!((&attempt["usage"]["input"], &attempt["usage"]["output"]), (&json!(input), &json!(5)));
        }
    }
}

#[tokio::test]
async fn searches_are_billed_beside_the_tokens() {
    let bench = Bench::start().await;
    let mut body = anthropic::text("Hello", Tokens::new(10, 20));
    body["usage"]["server_tool_use"] = json!({ "web_search_requests": 3, "web_fetch_requests": 1 });
    for speech in Speech::ALL {
        bench.upstream.then(Reply::json(200, &body));
        let request = speech.ask(&Kind::Claude.model(), "Hi", false);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let kept = bench.kept(&answer).await;
        let attempt = &kept.attempts[0];
        assert_eq!((&attempt["usage"]["searches"], &attempt["usage"]["tools"]), (&json!(3), &json!(0)));
        // 10 at 1 USD per million, 20 at 5, three searches at 10 per thousand.
        assert_eq!(
            (&attempt["cost_nano_usd"], &attempt["cost_kind"]),
            (&json!(10 * 1_000 + 20 * 5_000 + 3 * 10_000_000), &json!("exact")),
            "{speech:?}"
        );
    }
}

#[tokio::test]
async fn what_a_provider_says_it_costs_goes_before_the_book() {
    let bench = Bench::start().await;
    let mut body = openai::text("Hello", Tokens::new(10, 20));
    body["usage"]["cost"] = json!(0.0133176);
    body["usage"]["cost_details"] = json!({ "upstream_inference_cost": 0.0133176 });
    body["usage"]["server_tool_use_details"] = json!({ "web_search_requests": 1 });
    // With a price in the book and without.
    for kind in [Kind::Openai, Kind::House] {
        for speech in Speech::ALL {
            bench.upstream.then(Reply::json(200, &body));
            let request = speech.ask(&kind.model(), "Hi", false);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.header("x-pathgate-cost"), "0.0133176", "{speech:?}");
            let kept = bench.kept(&answer).await;
            let attempt = &kept.attempts[0];
            assert_eq!(
                (&attempt["cost_kind"], &attempt["price_version"], &attempt["usage"]["searches"]),
                (&json!("exact"), &json!("reported"), &json!(1))
            );
        }
    }
}

#[tokio::test]
async fn searches_without_a_price_are_not_exact() {
    let bench = Bench::start().await;
    let mut body = openai::text("Hello", Tokens::new(10, 20));
    body["usage"]["server_tool_use_details"] = json!({ "web_search_requests": 1 });
    bench.upstream.then(Reply::json(200, &body));
    let request = Speech::Openai.ask(&Kind::Openai.model(), "Hi", false);
    let answer = bench.openai().post(Speech::Openai.path(), &request).await;
    assert!(!answer.headers.contains_key("x-pathgate-cost"));
    let kept = bench.kept(&answer).await;
    let attempt = &kept.attempts[0];
    assert_eq!((&attempt["cost_kind"], &attempt["cost_nano_usd"]), (&json!("unknown_price"), &Value::Null));
}
