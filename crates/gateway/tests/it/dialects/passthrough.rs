//! Client and provider speak the same dialect: every byte but the named edits is the other side's own.

use bytes::Bytes;
use http::Method;
use testkit::shapes::{anthropic, openai};
use testkit::upstream::Reply;

use super::{PIECES, TOKENS};
use crate::kinds::Kind;
use crate::setup::Bench;
use crate::speech::Speech;

/// Odd on purpose: blanks, escapes, numbers beyond 64 bits, keys that stand twice, fields nobody knows.
const ODD: &str = " {\n\t\"vendor\" : {\"b\":1.0,\"a\":1E3,\"a\":123456789012345678901234567890}, \"model\":MODEL ,\
    \"max_tokens\":9,\"messages\": [ {\"role\":\"user\",\"content\":\"\\u0041\\ud83d\\ude00 é\\/\",\"x\":null} ]STREAM }\n";

const ODD_REPLY: &str = "{ \"id\" : \"x\\/1\",\"type\":\"message\", \"vendor\":[ 1.00 , 1E400 ],\n\
    \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"input_tokens\":3,\"output_tokens\":4 } }\n\n";

fn odd(model: &str, stream: &str) -> Bytes {
    ODD.replace("MODEL", model).replace("STREAM", stream).into()
}

/// The kinds that speak a client's dialect.
const SAME: [(Speech, Kind); 5] = [
    (Speech::Openai, Kind::Openai),
    (Speech::Openai, Kind::House),
    (Speech::Openai, Kind::Local),
    (Speech::Anthropic, Kind::LocalMessages),
    (Speech::Anthropic, Kind::Claude),
];

#[tokio::test]
async fn only_the_model_is_renamed_and_the_answer_is_the_providers() {
    let bench = Bench::start().await;
    for (speech, kind) in SAME {
        bench.upstream.then(Reply::text(200, "application/json; charset=utf-8", ODD_REPLY));
        // The slash may be escaped.
        let asked = odd(&format!("\"{}\"", kind.model().replace('/', "\\/")), "");
        let answer = speech.client(&bench).send(Method::POST, speech.path(), asked).await;
        assert_eq!(answer.status, 200, "{kind:?}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{kind:?}");
        assert_eq!(answer.header("x-pathgate-dropped"), "", "{kind:?}");
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.attempts[0]["usage"]["output"], 4, "{kind:?}");
        assert_eq!(answer.bytes().await, ODD_REPLY, "{kind:?}");
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.body, odd(&format!("\"{}\"", kind.upstream_model()), ""), "{kind:?}");
    }
}

#[tokio::test]
async fn streams_pass_untouched_when_the_client_asked_for_usage() {
    let bench = Bench::start().await;
    for (speech, kind) in SAME {
        let mut frames = match speech {
            Speech::Openai => openai::text_stream(&PIECES, Some(TOKENS)),
            Speech::Anthropic => anthropic::text_stream(&PIECES, TOKENS),
        };
        frames.insert(1, ": keep-alive\r\n\r\n".to_owned());
        frames[2] = frames[2].replace("{", "{ \"vendor\" :1.0 ,").replace('\n', "\r\n");
        bench.upstream.then(Reply::sse(frames.clone()));
        let stream = match speech {
            Speech::Openai => ", \"stream\" : true, \"stream_options\": { \"include_usage\" : true }",
            Speech::Anthropic => ", \"stream\" : true",
        };
        let asked = odd(&format!("\"{}\"", kind.model()), stream);
        let answer = speech.client(&bench).send(Method::POST, speech.path(), asked).await;
        assert_eq!(answer.text().await, frames.concat(), "{kind:?}");
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.body, odd(&format!("\"{}\"", kind.upstream_model()), stream), "{kind:?}");
    }
}

#[tokio::test]
async fn usage_is_asked_for_and_taken_out_again() {
    let bench = Bench::start().await;
    let plain = openai::text_stream(&PIECES, None);
    // With `include_usage` every chunk says `"usage":null` but the last, which has no choices.
    let mut frames: Vec<String> =
        plain.iter().map(|frame| frame.replace("\"choices\":", "\"usage\":null,\"choices\":")).collect();
    let usage = openai::text_stream(&PIECES, Some(TOKENS)).into_iter().rev().nth(1).unwrap();
    frames.insert(frames.len() - 1, usage);
    for (client, upstream) in [
        ("", None),
        (", \"stream_options\": null", Some(", \"stream_options\": {\"include_usage\":true}")),
        (", \"stream_options\": { }", Some(", \"stream_options\": {\"include_usage\":true}")),
        (", \"stream_options\": {\"x\":1}", Some(", \"stream_options\": {\"include_usage\":true,\"x\":1}")),
        (
            ", \"stream_options\": { \"include_usage\" :false }",
            Some(", \"stream_options\": { \"include_usage\" :true }"),
        ),
    ] {
        bench.upstream.then(Reply::sse(frames.clone()));
        let stream = ", \"stream\":true";
        let asked = odd("\"house/qwen3\"", &format!("{stream}{client}"));
        let answer = bench.openai().send(Method::POST, Speech::Openai.path(), asked).await;
        let kept = bench.kept(&answer);
        assert_eq!(kept.await.attempts[0]["usage"]["output"], 9, "{client}");
        assert_eq!(answer.text().await, plain.concat(), "{client}");
        let call = bench.upstream.seen().pop().unwrap();
        let expected = match upstream {
            Some(options) => odd("\"qwen3\"", &format!("{stream}{options}")),
            None => {
                let body = String::from_utf8(odd("\"qwen3\"", stream).to_vec()).unwrap();
                body.replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1).into()
            }
        };
        assert_eq!(call.body, expected, "{client}");
    }
}
