//! What a provider's dialect cannot express is named, or refused in strict mode; never dropped in silence.

use serde_json::{Value, json};
use testkit::upstream::Reply;

use super::{PIECES, TOKENS};
use crate::kinds::Kind;
use crate::setup::{Bench, Setup};
use crate::speech::Speech;

/// A request with something that the kind's dialect cannot say, and how the receipt names it.
fn losses() -> [(Speech, Kind, Value, &'static str); 4] {
    [
        (
            Speech::Openai,
            Kind::Claude,
            json!({ "seed": 7, "logit_bias": { "50256": -100 } }),
            "seed, logit_bias",
        ),
        (Speech::Openai, Kind::Google, json!({ "logit_bias": { "50256": -100 } }), "logit_bias"),
        (Speech::Anthropic, Kind::Openai, json!({ "top_k": 5 }), "top_k"),
        (Speech::Anthropic, Kind::Google, json!({ "metadata": { "user_id": "u" } }), "metadata.user_id"),
    ]
}

fn request(speech: Speech, kind: Kind, extra: &Value) -> Value {
    let mut request = speech.ask(&kind.model(), "Say hello", false);
    request.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    request
}

fn sorted(list: &str) -> Vec<&str> {
    let mut names: Vec<&str> = list.split(", ").collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn what_is_not_carried_is_named() {
    let bench = Bench::start().await;
    for (speech, kind, extra, names) in losses() {
        for stream in [false, true] {
            bench.upstream.then(kind.says(stream, &PIECES, TOKENS));
            let mut request = request(speech, kind, &extra);
            request["stream"] = stream.into();
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.status, 200);
            assert_eq!(sorted(answer.header("x-pathgate-dropped")), sorted(names), "{speech:?} → {kind:?}");
            if !stream {
                let kept = bench.kept(&answer).await;
                let dropped = kept.request["dropped"].as_array().unwrap();
                assert!(dropped.iter().all(|lost| lost["reason"].as_str().is_some_and(|why| why.len() > 5)));
                let dropped = dropped.iter().filter_map(|lost| lost["field"].as_str());
                // The log has the losses of the answer too.
                let of_request: Vec<&str> = dropped.filter(|name| !name.starts_with("reply.")).collect();
                assert_eq!(sorted(&of_request.join(", ")), sorted(names));
            }
            answer.bytes().await;
            let sent = bench.upstream.seen().pop().unwrap().json();
            for name in extra.as_object().unwrap().keys() {
                assert!(sent.get(name).is_none(), "{name} went to {kind:?}: {sent}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_stream_loses_is_in_the_log() {
    let bench = Bench::start().await;
    let chunk = |choice: Value| {
        let chunk =
            json!({ "id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let likely =
        json!({ "content": [{ "token": "Hi", "logprob": -0.5, "bytes": null, "top_logprobs": [] }] });
    let frames = [
        chunk(json!({ "index": 0, "delta": { "role": "assistant", "content": "Hi" }, "logprobs": likely })),
        chunk(json!({ "index": 0, "delta": {}, "finish_reason": "stop" })),
        "data: [DONE]\n\n".to_owned(),
    ];
    bench.upstream.then(Reply::sse(frames));
    let ask = Speech::Anthropic.ask(&Kind::Openai.model(), "Say hello", true);
    let answer = Speech::Anthropic.client(&bench).post(Speech::Anthropic.path(), &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    let kept = bench.kept(&answer).await;
    let lost = json!([{ "field": "choices[0].logprobs", "reason": "an answer tells no likelihoods here" }]);
    assert_eq!(kept.request["dropped"], lost);
    answer.bytes().await;
}

#[tokio::test]
async fn strict_requests_are_refused_instead() {
    let bench = Bench::start().await;
    for (speech, kind, extra, names) in losses() {
        let client = speech.client(&bench).with("x-pathgate-strict", "true");
        let answer = client.post(speech.path(), &request(speech, kind, &extra)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (400, "0"));
        let kept = bench.kept(&answer).await;
        assert_eq!(
            (&kept.request["outcome"], &kept.request["error"]),
            (&json!("refused"), &json!("not_translatable"))
        );
        assert!(kept.attempts.is_empty());
        let error = answer.json().await["error"].clone();
        assert_eq!(error["type"], "invalid_request_error");
        let message = error["message"].as_str().unwrap();
        for name in sorted(names) {
            assert!(message.contains(name), "{message}");
        }
        if speech == Speech::Openai {
            assert_eq!(error["code"], "not_translatable");
        }
    }
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn strict_requests_that_can_be_carried_are_served() {
    let bench = Bench::start().await;
    for kind in Kind::SCRIPTED {
        for speech in Speech::ALL {
            let kind = kind.met_by(speech);
            bench.upstream.then(kind.says(false, &PIECES, TOKENS));
            let client = speech.client(&bench).with("x-pathgate-strict", "true");
            let answer = client.post(speech.path(), &speech.ask(&kind.model(), "Say hello", false)).await;
            assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_receipt_stays_small_whatever_is_sent() {
    let bench = Bench::start().await;
    let odd = json!({ "größe\r\n": 1 });
    bench.upstream.then(Kind::Claude.says(false, &PIECES, TOKENS));
    let answer =
        bench.openai().post(Speech::Openai.path(), &request(Speech::Openai, Kind::Claude, &odd)).await;
    assert_eq!(answer.header("x-pathgate-dropped"), "gr\\u{f6}\\u{df}e\\r\\n");

    let many: serde_json::Map<String, Value> =
        (0..300_000).map(|at| (format!("field{at}"), json!(at))).collect();
    bench.upstream.then(Kind::Claude.says(false, &PIECES, TOKENS));
    let answer = bench
        .openai()
        .post(Speech::Openai.path(), &request(Speech::Openai, Kind::Claude, &many.into()))
        .await;
    assert_eq!(answer.status, 200);
    let dropped = answer.header("x-pathgate-dropped");
    assert!(
        dropped.starts_with("field0, field1, ") && dropped.ends_with(", ...") && dropped.len() < 2_000,
        "{dropped}"
    );
    let kept = bench.kept(&answer).await;
    let named = kept.request["dropped"].as_array().unwrap().len();
    assert!((10..100).contains(&named), "{named} are named in the log");
}

#[tokio::test]
async fn what_a_kind_refuses_does_not_go_through_either() {
    let groq = "groq: { kind: groq, base_url: \"{upstream}/groq\", api_key: k, models: [m] }";
    let bench = Setup::new().provider(groq).start().await;
    let body = json!({ "model": "groq/m", "messages": [{ "role": "user", "content": "Hi" }], "logprobs": true, "mine": 1 });
    bench.upstream.then(Kind::House.says(false, &PIECES, TOKENS));
    let answer = bench.openai().post("/v1/chat/completions", &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "logprobs"));
    let sent = bench.upstream.seen().pop().unwrap().json();
    assert_eq!((sent.get("logprobs"), &sent["mine"]), (None, &json!(1)));
    let strict = bench.openai().with("x-pathgate-strict", "true");
    let answer = strict.post("/v1/chat/completions", &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "not_translatable"));
}
