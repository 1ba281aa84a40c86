//! Pictures, speech, transcripts and moderations: passed through with the model renamed, whatever the body is made of.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{Answer, Client};
use testkit::upstream::{Break, Reply};

use crate::setup::{Bench, KEY, SECRET, Setup};

const IMAGES: &str = "/v1/images/generations";
const EDITS: &str = "/v1/images/edits";
const SPEECH: &str = "/v1/audio/speech";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const TRANSLATIONS: &str = "/v1/audio/translations";
const MODERATIONS: &str = "/v1/moderations";

/// Bytes of a file with all that could be mistaken for something else.
const FILE: &[u8] = b"RIFF\0\xff\r\n--other\r\n\r\nmodel\r\n--";

/// A form with boundary `edge`: fields, then a file.
fn form(fields: &[(&str, &str)], file: &str) -> Bytes {
    let mut body = Vec::new();
    for (name, value) in fields {
        let head = format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(head.as_bytes());
    }
    let head = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"{file}\"; filename=\"a.bin\"\r\nContent-Type: \
         application/octet-stream\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(FILE);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    body.into()
}

fn forms(bench: &Bench) -> Client {
    bench.openai().with("content-type", "multipart/form-data; boundary=\"edge\"")
}

async fn upload(bench: &Bench, path: &str, body: Bytes) -> Answer {
    forms(bench).send(Method::POST, path, body).await
}

/// No price is known for what was consumed: neither nothing nor a guess.
fn assert_unpriced(attempt: &Value) {
    assert_eq!(attempt["cost_nano_usd"], Value::Null, "{attempt}");
    assert_eq!(attempt["cost_kind"], "unknown_price", "{attempt}");
}

#[tokio::test]
async fn pictures_are_made() {
    let bench = Bench::start().await;
    let reply = "{ \"created\": 1, \"data\" :[{\"b64_json\":\"AAAA\"}], \"usage\":{\"input_tokens\":14,\"output_tokens\":272}}";
    for (account, model) in [("openai", "gpt-image-1"), ("house", "flux")] {
        bench.upstream.then(Reply::text(200, "application/json", reply));
        let body = "{ \"prompt\":\"a \\u0063at\", \"n\":1, \"x\" : 1.0,\"model\": MODEL }";
        let sent = body.replace("MODEL", &format!("\"{account}/{model}\""));
        let answer = bench.openai().send(Method::POST, IMAGES, sent.into()).await;
        // 14 tokens of text for 5 dollars a million, 272 of pictures for 40; nobody knows what the other asks.
        let cost = if account == "openai" { "0.01095" } else { "" };
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-cost")), (200, cost));
        let kept = bench.kept(&answer).await;
        assert_eq!(kept.request["operation"], "images");
        assert_eq!(
            (&kept.attempts[0]["usage"]["input"], &kept.attempts[0]["usage"]["image_output"]),
            (&json!(14), &json!(272))
        );
        if cost.is_empty() {
            assert_unpriced(&kept.attempts[0]);
        }
        assert_eq!(answer.text().await, reply);
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, format!("/{account}/v1/images/generations"));
        assert_eq!(call.header("authorization"), format!("Bearer {SECRET}{account}"));
        assert_eq!(call.body, body.replace("MODEL", &format!("\"{model}\"")));
    }
}

#[tokio::test]
async fn pictures_arrive_in_parts() {
    let bench = Bench::start().await;
    let frames = [
        "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"AA\"}\n\n",
        "event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"AB\",\
         \"usage\":{\"input_tokens\":3,\"output_tokens\":5}}\n\n",
    ];
    bench.upstream.then(Reply::sse(frames));
    let ask =
        json!({ "model": "openai/gpt-image-1", "prompt": "a cat", "stream": true, "partial_images": 1 });
    let answer = bench.openai().post(IMAGES, &ask).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let id = crate::setup::request_id(&answer);
    assert_eq!(answer.text().await, frames.concat());
    assert_eq!(bench.upstream.seen()[0].header("accept"), "text/event-stream");
    let kept = bench.kept_of(&id).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.attempts[0]["usage"]["image_output"]),
        (&json!("answered"), &json!(5))
    );

    bench.upstream.then(Reply::sse([frames[0]]));
    let answer = bench.openai().post(IMAGES, &ask).await;
    let events = answer.try_events().await.unwrap();
    assert!(events.last().unwrap().contains("\"error\""), "{events:?}");
}

#[tokio::test]
async fn files_go_through_untouched() {
    let bench = Bench::start().await;
    let cases = [
        (EDITS, "image[]", json!({ "created": 1, "data": [{ "b64_json": "AAAA" }] })),
        (TRANSCRIPTIONS, "file", json!({ "text": "hi", "usage": { "type": "duration", "seconds": 9 } })),
        (TRANSLATIONS, "file", json!({ "text": "hi" })),
    ];
    for (path, file, reply) in cases {
        bench.upstream.then(Reply::json(200, &reply));
        let body = form(&[("prompt", "x"), ("model", "openai/some-model"), ("n", "1")], file);
        let answer = upload(&bench, path, body).await;
        assert_eq!(answer.status, 200, "{path}");
        let kept = bench.kept(&answer).await;
        assert_unpriced(&kept.attempts[0]);
        assert_eq!(kept.attempts[0]["usage_source"], "none", "{path}");
        assert_eq!(answer.json().await, reply);
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, format!("/openai{path}"));
        assert_eq!(call.header("content-type"), "multipart/form-data; boundary=\"edge\"");
        assert_eq!(call.body, form(&[("prompt", "x"), ("model", "some-model"), ("n", "1")], file));
    }
}

#[tokio::test]
async fn transcripts_come_as_json_text_or_events() {
    let bench = Bench::start().await;
    let fields = |stream| [("model", "openai/gpt-4o-transcribe"), ("stream", stream)];
    let usage = "\"usage\":{\"type\":\"tokens\",\"input_tokens\":30,\"output_tokens\":5,\"input_token_details\":\
                 {\"text_tokens\":10,\"audio_tokens\":20}}";
    bench.upstream.then(Reply::text(200, "application/json", format!("{{\"text\":\"hi\",{usage}}}")));
    let answer = upload(&bench, TRANSCRIPTIONS, form(&fields("false"), "file")).await;
    let kept = bench.kept(&answer).await;
    assert_eq!(kept.attempts[0]["usage"]["audio_input"], 20);
    // 30 tokens at 2.5 USD per million, 5 at 10.
    assert_eq!(kept.attempts[0]["cost_nano_usd"], 125_000);

    let text = "1\n00:00:00,000 --> 00:00:01,000\n{hi}\n";
    bench.upstream.then(Reply::text(200, "text/plain; charset=utf-8", text));
    let answer = upload(&bench, TRANSCRIPTIONS, form(&fields("false"), "file")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_unpriced(&bench.kept(&answer).await.attempts[0]);
    assert_eq!(answer.text().await, text);

    let frames = [
        "data: {\"type\":\"transcript.text.delta\",\"delta\":\"hi\"}\n\n".to_owned(),
        format!("data: {{\"type\":\"transcript.text.done\",\"text\":\"hi\",{usage}}}\n\n"),
    ];
    bench.upstream.then(Reply::sse(frames.clone()));
    let answer = upload(&bench, TRANSCRIPTIONS, form(&fields("true"), "file")).await;
    let id = crate::setup::request_id(&answer);
    assert_eq!(answer.text().await, frames.concat());
    let kept = bench.kept_of(&id).await;
    assert_eq!(
        (&kept.request["stream"], &kept.attempts[0]["cost_nano_usd"]),
        (&json!(true), &json!(125_000))
    );
}

#[tokio::test]
async fn sound_streams_through() {
    let bench = Bench::start().await;
    let sound: Bytes = [FILE, &[0; 100_000], FILE].concat().into();
    bench.upstream.then(Reply::text(200, "audio/mpeg", sound.clone()));
    let ask = json!({ "model": "openai/tts-1", "input": "hello", "voice": "alloy" });
    let answer = bench.openai().post(SPEECH, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "audio/mpeg"));
    let id = crate::setup::request_id(&answer);
    assert_eq!(answer.bytes().await, sound);
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!((call.header("accept"), &call.json()["model"]), ("*/*", &json!("tts-1")));
    let kept = bench.kept_of(&id).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.request["bytes_out"]),
        (&json!("answered"), &json!(sound.len()))
    );
    assert_unpriced(&kept.attempts[0]);
}

#[tokio::test]
async fn sound_that_breaks_off_does_not_look_whole() {
    let bench = Bench::start().await;
    bench.upstream.then(Reply::text(200, "audio/mpeg", vec![7; 50_000]).broken_at(30_000, Break::Close));
    let ask = json!({ "model": "openai/tts-1", "input": "hello", "voice": "alloy" });
    // The connection breaks off before the head has left, or within the sound.
    if let Ok(answer) = bench.openai().try_send(Method::POST, SPEECH, ask.to_string().into()).await {
        assert!(answer.try_bytes().await.is_err());
    }
    let kept = bench.list("requests?outcome=interrupted", 1).await;
    assert_eq!(
        (&kept[0]["operation"], &kept[0]["error"]),
        (&json!("speech"), &json!("upstream_interrupted"))
    );
}

#[tokio::test]
async fn harm_is_looked_for() {
    let bench = Bench::start().await;
    let reply = json!({ "id": "modr-1", "model": "omni", "results": [{ "flagged": false, "categories": {}, "category_scores": {} }] });
    bench.upstream.then(Reply::json(200, &reply));
    let ask = json!({ "model": "openai/omni-moderation-latest", "input": ["a", "b"] });
    let answer = bench.openai().post(MODERATIONS, &ask).await;
    let kept = bench.kept(&answer).await;
    assert_eq!(kept.request["operation"], "moderation");
    assert_unpriced(&kept.attempts[0]);
    assert_eq!(answer.json().await, reply);
}

#[tokio::test]
async fn forms_that_cannot_be_used_are_refused() {
    let bench = Setup::new().server("max_body: 64KiB").start().await;
    let large = "x".repeat(100_000);
    let broken = form(&[("model", "openai/w")], "file").slice(..60);
    for (body, status, said) in [
        (form(&[("prompt", "x")], "file"), 400, "'model' is missing"),
        (form(&[("model", "a"), ("model", "b")], "file"), 400, "stands twice"),
        (broken, 400, "closing boundary"),
        (Bytes::from_static(b"{\"model\":\"openai/w\"}"), 400, "does not begin"),
        (form(&[("model", "openai/w"), ("prompt", &large)], "file"), 413, "larger than"),
    ] {
        let answer = upload(&bench, TRANSCRIPTIONS, body).await;
        assert_eq!(answer.status, status, "{said}");
        let message = answer.json().await["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(said), "{message}");
    }
    let client = bench.gateway.client().bearer(KEY).with("content-type", "multipart/form-data");
    let answer = client.send(Method::POST, EDITS, form(&[("model", "openai/w")], "image")).await;
    assert!(answer.json().await["error"]["message"].as_str().unwrap().contains("names no boundary"));
    let answer = upload(&bench, "/v1/chat/completions", form(&[("model", "openai/w")], "file")).await;
    assert_eq!(answer.status, 415);
    assert!(bench.upstream.seen().is_empty());
}

#[tokio::test]
async fn who_cannot_says_so_and_errors_are_the_providers() {
    let bench = Bench::start().await;
    let ask = json!({ "model": "claude/some", "prompt": "a cat" });
    let answer = bench.openai().post(IMAGES, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "unsupported_capability"));
    let error = json!({ "error": { "message": "no such size", "type": "invalid_request_error", "param": "size", "code": null } });
    bench.upstream.then(Reply::json(400, &error));
    let answer =
        bench.openai().post(IMAGES, &json!({ "model": "openai/gpt-image-1", "prompt": "a cat" })).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "upstream_rejected"));
    let body = answer.json().await;
    assert_eq!(
        (&body["error"]["message"], &body["error"]["param"]),
        (&json!("no such size"), &json!("size"))
    );
}

#[tokio::test]
async fn google_draws_for_clients_of_openai() {
    let bench = Bench::start().await;
    let picture = json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } });
    let counts = json!({ "promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295 });
    let reply = json!({ "candidates": [{ "content": { "parts": [picture] } }], "usageMetadata": counts });
    bench.upstream.then(Reply::json(200, &reply));
    let ask = json!({ "model": "google/gemini-2.5-flash-image", "prompt": "a cat", "size": "1024x1024", "style": "vivid" });
    let answer = bench.openai().post(IMAGES, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, "style"));
    let kept = bench.kept(&answer).await;
    assert_eq!(kept.attempts[0]["usage"]["image_output"], 1290);
    assert_eq!(kept.attempts[0]["cost_kind"], "exact");
    assert_eq!(answer.json().await["data"], json!([{ "b64_json": "AAAA" }]));
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.path, "/google/v1beta/models/gemini-2.5-flash-image:generateContent");
    assert_eq!(call.json()["generationConfig"]["imageConfig"]["aspectRatio"], "1:1");

    bench.upstream.then(Reply::json(200, &reply));
    let body = form(&[("prompt", "a hat"), ("model", "google/gemini-2.5-flash-image")], "image");
    let answer = upload(&bench, EDITS, body).await;
    assert_eq!(answer.status, 200);
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!(call.header("content-type"), "application/json");
    let sent = &call.json()["contents"][0]["parts"][1]["inlineData"];
    assert_eq!(sent["mimeType"], "application/octet-stream");

    bench.upstream.then(Reply::json(
        200,
        &json!({ "predictions": [{ "bytesBase64Encoded": "AAAB", "mimeType": "image/png" }] }),
    ));
    let ask = json!({ "model": "google/imagen-4.0-generate-001", "prompt": "a cat", "n": 1 });
    assert_eq!(bench.openai().post(IMAGES, &ask).await.json().await["data"], json!([{ "b64_json": "AAAB" }]));
    assert_eq!(
        bench.upstream.seen().pop().unwrap().path,
        "/google/v1beta/models/imagen-4.0-generate-001:predict"
    );

    let ask = json!({ "model": "google/gemini-2.5-pro", "prompt": "a cat" });
    let answer = bench.openai().post(IMAGES, &ask).await;
    assert_eq!(answer.header("x-pathgate-error"), "unsupported_capability");

    let held_back =
        json!({ "promptFeedback": { "blockReason": "SAFETY" }, "usageMetadata": { "promptTokenCount": 5 } });
    bench.upstream.then(Reply::json(200, &held_back));
    let ask = json!({ "model": "google/gemini-2.5-flash-image", "prompt": "a cat" });
    let answer = bench.openai().post(IMAGES, &ask).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-error")), (400, "upstream_rejected"));
    assert_eq!(bench.kept(&answer).await.attempts[0]["usage"]["input"], 5);
    assert_eq!(answer.json().await["error"]["message"], "The provider refused the request: SAFETY");
}
