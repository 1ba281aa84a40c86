//! What the echo says.

use super::*;

fn text(reply: ProviderReply) -> String {
    match reply.body {
        Body::Full(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Chain(frames) => frames.iter().map(|frame| String::from_utf8_lossy(frame)).collect(),
        other => panic!("{other:?}"),
    }
}

fn json(reply: ProviderReply) -> serde_json::Value {
    serde_json::from_str(&text(reply)).unwrap()
}

#[test]
fn the_last_text_comes_back_with_usage() {
    let body = br#"{"model":"echo","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hello there"}]}"#;
    let reply = json(chat(body, false).unwrap());
    assert_eq!(reply["choices"][0]["message"]["content"], "hello there");
    assert_eq!(reply["usage"]["prompt_tokens"], 4);
    assert_eq!(reply["usage"]["completion_tokens"], 2);
}

#[test]
fn a_stream_is_one_frame_a_word() {
    let body = br#"{"model":"echo","stream":true,"messages":[{"role":"user","content":"a b c"}]}"#;
    let Body::Chain(frames) = chat(body, true).unwrap().body else { panic!("not in pieces") };
    let words = frames.iter().filter(|frame| frame.windows(11).any(|part| part == b"\"content\":\"")).count();
    assert!(words >= 3, "{frames:?}");
    assert!(frames.back().unwrap().ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn a_tool_is_called_by_name() {
    let body = br#"{"model":"echo","messages":[{"role":"user","content":"call now"}],"tools":[{"type":"function","function":{"name":"now"}}]}"#;
    let reply = json(chat(body, false).unwrap());
    assert_eq!(reply["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "now");
    assert_eq!(reply["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn vectors_are_repeatable_and_of_length_one() {
    let one = vector(&EmbedInput::Text("cat".into()), 64);
    assert_eq!(one, vector(&EmbedInput::Text("cat".into()), 64));
    assert_ne!(one, vector(&EmbedInput::Text("dog".into()), 64));
    let norm: f32 = one.iter().map(|number| number * number).sum();
    assert!((norm - 1.0).abs() < 1e-5);
}
