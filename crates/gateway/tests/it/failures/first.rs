//! Streams that begin with an error: their provider has not answered, whatever its status says.

use serde_json::{Value, json};
use testkit::shapes::anthropic;
use testkit::upstream::{Break, Reply};

use super::{TOKENS, called, outcomes, start};
use crate::kinds::Kind;
use crate::setup::{Bench, request_id};
use crate::speech::Speech;

const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
const CHUNK: &str = "data: {\"error\":{\"message\":\"Busy\",\"type\":\"server_error\",\"code\":503}}\n\n";

#[tokio::test]
async fn an_error_that_comes_first_is_no_answer() {
    let bench = start().await;
    for (speech, frames) in [
        (Speech::Openai, vec![CHUNK]),
        (Speech::Openai, vec![": PROCESSING\n\n", CHUNK]),
        (Speech::Anthropic, vec![CHUNK]),
    ] {
        let what = format!("{speech:?} {frames:?}");
        let before = bench.upstream.seen().len();
        bench.upstream.then(Reply::sse(frames.clone())).then(Reply::sse(frames));
        bench.upstream.then(Reply::sse(anthropic::text_stream(&["Hel", "lo"], TOKENS)));
        let request = speech.ask("chain", "Say hello", true);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "3"), "{what}");
        let id = request_id(&answer);
        let said = speech.hear(&answer.try_events().await.unwrap());
        assert_eq!((said.text.as_str(), said.ended), ("Hello", true), "{what}");
        assert_eq!(called(&bench)[before..], ["openai", "openai", "claude"], "{what}");
        let kept = bench.kept_of(&id).await;
        let busy = ("failed", "upstream_overloaded");
        assert_eq!(outcomes(&kept), [busy, busy, ("answered", "")], "{what}");
        for attempt in &kept.attempts[..2] {
            assert_eq!(
                (&attempt["cost_kind"], &attempt["cost_nano_usd"], &attempt["usage_source"]),
                (&json!("nothing"), &json!(0), &json!("none")),
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_that_comes_first_has_its_status_where_nobody_else_can_be_asked() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        for frames in [vec![OVERLOADED], vec![PING, OVERLOADED]] {
            let what = format!("{speech:?} {frames:?}");
            bench.upstream.always(Reply::sse(frames));
            let request = speech.ask(&Kind::Claude.model(), "Say hello", true);
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            assert_eq!(answer.header("x-pathgate-error"), "upstream_overloaded", "{what}");
            assert!(answer.status.as_u16() >= 500, "{what}");
            let kept = bench.kept(&answer).await;
            assert_eq!(kept.request["outcome"], "failed", "{what}");
            assert_eq!(kept.request["cost_nano_usd"], 0, "{what}");
            let error: Value = answer.json().await;
            assert_eq!(error["error"]["message"], "Overloaded", "{what}: {error}");
        }
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_before_it_says_anything_is_asked_for_elsewhere() {
    let bench = start().await;
    for speech in Speech::ALL {
        bench.upstream.then(Reply::sse([": PROCESSING\n\ndata: {}\n\n"]).broken_at(20, Break::Close));
        bench.upstream.then(Reply::sse(anthropic::text_stream(&["Hel", "lo"], TOKENS)));
        let request = speech.ask("chain", "Say hello", true);
        let answer = speech.client(&bench).post(speech.path(), &request).await;
        assert_eq!(answer.header("x-pathgate-model"), "claude/claude-haiku-4-5", "{speech:?}");
        let id = request_id(&answer);
        assert_eq!(speech.hear(&answer.try_events().await.unwrap()).text, "Hello", "{speech:?}");
        let kept = bench.kept_of(&id).await;
        assert_eq!(outcomes(&kept), [("interrupted", "upstream_interrupted"), ("answered", "")]);
    }
}
