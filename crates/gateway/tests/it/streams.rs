//! Streams: nothing is held back, nothing is called complete that is not, and a client that leaves is noticed at once.

mod cut;
mod ends;
mod hangups;
mod silence;
mod torn;

use serde_json::json;
use testkit::shapes::{Tokens, anthropic, gemini, openai};
use testkit::upstream::{Break, Fate, Gate, Reply};

use crate::kinds::{Kind, Tongue};
use crate::setup::{Bench, Setup, request_id};
use crate::speech::{Figures, Speech};

const TOKENS: Tokens = Tokens { input: 20, cached: 8, output: 9, reasoning: 0 };
const PIECES: [&str; 3] = ["Say", " hel", "lo"];

/// One kind of each dialect.
const KINDS: [Kind; 3] = [Kind::Openai, Kind::Claude, Kind::Google];

/// How many frames of the provider hold the first piece of text and what comes before it.
const fn frames_to_first_text(kind: Kind) -> usize {
    match kind.tongue() {
        Tongue::Openai => 2,
        Tongue::Anthropic => 4,
        Tongue::Gemini => 1,
    }
}

#[tokio::test]
async fn each_piece_arrives_before_the_next_is_sent() {
    let bench = Bench::start().await;
    for kind in KINDS {
        for speech in Speech::ALL {
            let gate = Gate::new();
            bench.upstream.then(kind.says(true, &PIECES, TOKENS).gated(&gate));
            let request = speech.ask(&kind.model(), "Say hello", true);
            for _ in 0..frames_to_first_text(kind) {
                gate.release();
            }
            let mut answer = speech.client(&bench).post(speech.path(), &request).await;
            let call = bench.upstream.seen().pop().unwrap();
            let mut events = Vec::new();
            for (number, piece) in PIECES.into_iter().enumerate() {
                if number > 0 {
                    gate.release();
                }
                let mut text = String::new();
                while !text.ends_with(piece) {
                    events.push(answer.event().await.expect("the stream goes on"));
                    text = speech.hear_so_far(&events);
                }
                assert_eq!(call.fate(), Fate::Open, "{speech:?} → {kind:?}");
            }
            gate.open();
            while let Some(event) = answer.event().await {
                events.push(event);
            }
            let said = speech.hear(&events);
            assert_eq!((said.text.as_str(), said.ended), ("Say hello", true), "{speech:?} → {kind:?}");
        }
    }
}

#[tokio::test]
async fn the_cost_of_a_stream_is_exact_and_in_the_log() {
    let bench = Bench::start().await;
    for (kind, nano) in [
        // Per million tokens: 12 at 0.4, 8 cached at 0.1, 9 at 1.6.
        (Kind::Openai, 12 * 400 + 8 * 100 + 9 * 1600),
        // 12 at 1, 8 cached at 0.1, 9 at 5.
        (Kind::Claude, 12 * 1000 + 8 * 100 + 9 * 5000),
    ] {
        for speech in Speech::ALL {
            bench.upstream.then(kind.says(true, &PIECES, TOKENS));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            answer.bytes().await;
            let kept = bench.kept_of(&id).await;
            assert_eq!(kept.attempts[0]["cost_nano_usd"], nano, "{speech:?} → {kind:?}");
            assert_eq!(kept.attempts[0]["cost_kind"], "exact");
            assert_eq!(kept.request["cost_nano_usd"], nano);
        }
    }
}

#[tokio::test]
async fn the_tier_that_a_provider_names_in_a_stream_is_billed() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        let frames = openai::text_stream(&PIECES, Some(TOKENS));
        let frames =
            frames.iter().map(|frame| frame.replace("{\"id\"", "{\"service_tier\":\"priority\",\"id\""));
        bench.upstream.then(Reply::sse(frames));
        let request = speech.ask(&Kind::Openai.model(), "Say hello", true);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let id = request_id(&answer);
        answer.bytes().await;
        let attempt = &bench.kept_of(&id).await.attempts[0];
        assert_eq!(attempt["service_tier"], "priority", "{speech:?}");
        assert_eq!(attempt["cost_nano_usd"], 12 * 700 + 8 * 175 + 9 * 2800, "{speech:?}");
    }
}

#[tokio::test]
async fn a_provider_that_does_not_report_is_estimated() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        bench.upstream.then(Reply::sse(openai::text_stream(&PIECES, None)));
        let request = speech.ask(&Kind::Openai.model(), "Say hello", true);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        let id = request_id(&answer);
        assert!(!answer.text().await.contains("error"));
        let kept = bench.kept_of(&id).await;
        let attempt = &kept.attempts[0];
        let input = request.to_string().len().div_ceil(4);
        assert_eq!(
            (&attempt["usage_source"], &attempt["cost_kind"]),
            (&json!("estimated"), &json!("estimated"))
        );
        // Nine bytes of text.
        assert_eq!((&attempt["usage"]["input"], &attempt["usage"]["output"]), (&json!(input), &json!(3)));
        assert_eq!(kept.request["outcome"], "answered");
    }
}

#[tokio::test]
async fn an_error_within_a_stream_stays_one() {
    let bench = Bench::start().await;
    let mut told = Vec::new();
    for (kind, error) in [
        (
            Kind::Openai,
            "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"server_error\"}}\n\n".to_owned(),
        ),
        (Kind::Claude, anthropic::error_frame("overloaded_error", "Overloaded")),
        (
            Kind::Google,
            "data: {\"error\":{\"code\":503,\"message\":\"Overloaded\",\"status\":\"UNAVAILABLE\"}}\n\n"
                .into(),
        ),
    ] {
        for speech in Speech::ALL {
            let mut frames = match kind.tongue() {
                Tongue::Openai => openai::text_stream(&PIECES, None),
                Tongue::Anthropic => anthropic::text_stream(&PIECES, TOKENS),
                Tongue::Gemini => gemini::text_stream(&PIECES, TOKENS),
            };
            frames.truncate(frames_to_first_text(kind));
            frames.push(error.clone());
            bench.upstream.then(Reply::sse(frames));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            let said = speech.hear(&answer.try_events().await.unwrap());
            assert_eq!((said.text.as_str(), said.ended), ("Say", false), "{speech:?} → {kind:?}");
            assert_eq!(said.error.unwrap()["message"], "Overloaded", "{speech:?} → {kind:?}");
            told.push((id, format!("{speech:?} → {kind:?}")));
        }
    }
    for (id, what) in told {
        let kept = bench.kept_of(&id).await;
        assert_eq!(kept.request["outcome"], "interrupted", "{what}");
        assert_eq!(kept.attempts.len(), 1, "{what}");
        assert_eq!(kept.attempts[0]["error"], "upstream_error", "{what}");
    }
}

#[tokio::test]
async fn streams_that_make_no_sense_end_in_an_error() {
    let bench = Bench::start().await;
    let nonsense = [
        "data: {\"choices\":[\n\n",
        "data: \u{0}\u{1}\n\n",
        "<html>502</html>\n\n",
        "data: []\n\ndata: 7\n\n",
        "event: x\n\nid: 3\n\n: nothing but comments\n\n",
        "",
    ];
    let mut told = Vec::new();
    for kind in KINDS {
        for speech in Speech::ALL {
            for text in nonsense {
                bench.upstream.then(Reply::sse([text]));
                let request = speech.ask(&kind.model(), "Say hello", true);
                let answer = speech.client(&bench).post(speech.path(), &request).await;
                let id = request_id(&answer);
                let what = format!("{speech:?} → {kind:?} {text:?}");
                // Where nothing of it reaches the client, the status says so.
                let outcome = if answer.status == 200 { "interrupted" } else { "failed" };
                if answer.status == 200 {
                    let events = answer.try_events().await.unwrap();
                    let last = events.last().cloned().unwrap_or_default();
                    assert!(speech.hear(&[last]).error.is_some(), "{what}: {events:?}");
                } else {
                    assert_eq!(answer.status, 502, "{what}");
                    assert!(answer.json().await["error"]["message"].is_string(), "{what}");
                }
                told.push((id, what, outcome));
            }
        }
    }
    for (id, what, outcome) in told {
        let kept = bench.kept_of(&id).await;
        assert_eq!(kept.request["outcome"], outcome, "{what}");
        assert!(kept.attempts[0]["usage"]["input"].as_u64() > Some(0), "{what}");
    }
}

#[tokio::test]
async fn a_stream_that_stalls_is_ended() {
    let ways =
        [(Speech::Openai, Kind::Openai), (Speech::Anthropic, Kind::Claude), (Speech::Openai, Kind::Google)];
    for limit in ["idle: 250ms", "total: 500ms"] {
        let bench = Setup::new().accounts(&format!("timeouts: {{ {limit} }}")).start().await;
        for (speech, kind) in ways {
            let what = format!("{limit}: {speech:?} → {kind:?}");
            let at = kind_bytes(kind, frames_to_first_text(kind));
            bench.upstream.then(kind.says(true, &PIECES, TOKENS).broken_at(at, Break::Hang));
            let request = speech.ask(&kind.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            let id = request_id(&answer);
            let said = speech.hear(&answer.try_events().await.unwrap());
            assert_eq!((said.text.as_str(), said.ended), ("Say", false), "{what}");
            assert!(said.error.is_some(), "{what}");
            bench.upstream.seen().pop().unwrap().gone().await;
            let kept = bench.kept_of(&id).await;
            assert_eq!(kept.request["outcome"], "interrupted", "{what}");
            assert_eq!(kept.attempts[0]["error"], "upstream_timeout", "{what}");
        }
    }
}

/// Bytes of the first frames of what a kind says.
fn kind_bytes(kind: Kind, frames: usize) -> usize {
    let all = match kind.tongue() {
        Tongue::Openai => openai::text_stream(&PIECES, Some(TOKENS)),
        Tongue::Anthropic => anthropic::text_stream(&PIECES, TOKENS),
        Tongue::Gemini => gemini::text_stream(&PIECES, TOKENS),
    };
    all[..frames].iter().map(String::len).sum()
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream() {
    let bench = Bench::start().await;
    bench.upstream.always(Kind::Openai.says(false, &PIECES, TOKENS));
    // The same dialect: the provider's own answer, whatever it made of the request.
    let answer =
        bench.openai().post(Speech::Openai.path(), &Speech::Openai.ask("house/qwen3", "Hello", true)).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let said = Speech::Openai.read(&answer.json().await);
    assert_eq!(said.usage, Some(Figures { input: 20, cached: 8, output: 9 }));
    // Another one: there is no stream to be made of it.
    let speech = Speech::Anthropic;
    let answer = bench.anthropic().post(speech.path(), &speech.ask("house/qwen3", "Hello", true)).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (502, "upstream_invalid"));
    assert_eq!(answer.json().await["error"]["type"], "api_error");
}
