//! Figures read in passing, under every cut; bytes that must not change, and those that must go.

use contract::words::Usage;

use super::*;

fn run(dialect: Dialect, strip: bool, chunks: &[&[u8]]) -> (StreamWatch, Vec<u8>) {
    let mut watch = StreamWatch::new(dialect, strip);
    let mut out = VecDeque::new();
    for chunk in chunks {
        watch.feed(Bytes::copy_from_slice(chunk), &mut out);
    }
    watch.finish(&mut out);
    (watch, out.iter().flatten().copied().collect())
}

type Figures = (Option<Usage>, Option<String>, bool, bool, u64, Option<StreamError>);

fn figures(watch: &StreamWatch) -> Figures {
    (
        watch.seen().usage,
        watch.seen().service_tier.clone(),
        watch.seen().complete(),
        watch.seen().content_started,
        watch.seen().output.text,
        watch.seen().error.clone(),
    )
}

/// Runs a stream cut at every offset and byte by byte, and returns the figures and bytes that all of them gave.
fn every_cut(dialect: Dialect, strip: bool, stream: &str) -> (Figures, String) {
    let bytes = stream.as_bytes();
    let (watch, out) = run(dialect, strip, &[bytes]);
    let whole = (figures(&watch), out);
    for at in 0..=bytes.len() {
        let (watch, out) = run(dialect, strip, &[&bytes[..at], &bytes[at..]]);
        assert_eq!((figures(&watch), out), whole, "cut at {at}");
    }
    let (watch, out) = run(dialect, strip, &bytes.chunks(1).collect::<Vec<_>>());
    assert_eq!((figures(&watch), out), whole, "byte by byte");
    (whole.0, String::from_utf8(whole.1).unwrap())
}

const OPENAI: &str = concat!(
    "data: {\"id\":\"c\",\"service_tier\":\"flex\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n",
    ": keep-alive\n\n",
    "data: {\"id\":\"c\",\"service_tier\":\"flex\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"say \\\"usage\\\":null,\\\"usage\"},\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"]}x\\\"\"}\n\n",
    "data: {\"usage\": null, \"choices\":[{\"index\":0,\"delta\":{\"x\":{\"usage\":null}},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c\",\"service_tier\":\"flex\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4,\"total_tokens\":13,\"prompt_tokens_details\":{\"cached_tokens\":5}}}\n\n",
    "data: [DONE]\n\n",
);

fn openai_usage() -> Usage {
    Usage { input: 4, cached: 5, output: 4, ..Usage::default() }
}

#[test]
fn openai_passes_untouched_and_is_read() {
    let (figures, out) = every_cut(Dialect::OpenaiChat, false, OPENAI);
    assert_eq!(out, OPENAI);
    assert_eq!(figures, (Some(openai_usage()), Some("flex".to_owned()), true, true, 26, None));
}

#[test]
fn stripping_takes_out_what_we_asked_for_and_nothing_else() {
    let (figures, out) = every_cut(Dialect::OpenaiChat, true, OPENAI);
    assert_eq!(figures.0, Some(openai_usage()));
    let expected = OPENAI
        .replace(",\"usage\":null}\n", "}\n")
        .replace(",\"usage\":null,\"obfuscation\"", ",\"obfuscation\"")
        .replace("{\"usage\": null, ", "{ ");
    let start = expected.find("data: {\"id\":\"c\",\"service_tier\":\"flex\",\"choices\":[],").unwrap();
    let end = expected.find("data: [DONE]").unwrap();
    assert_eq!(out, [&expected[..start], &expected[end..]].concat());
    assert!(out.contains("{\"x\":{\"usage\":null}}"), "an inner member stays");
}

#[test]
fn stripping_works_with_other_line_ends() {
    for end in ["\r\n", "\r"] {
        let (_, out) = every_cut(Dialect::OpenaiChat, true, &OPENAI.replace('\n', end));
        let (_, plain) = every_cut(Dialect::OpenaiChat, true, OPENAI);
        assert_eq!(out.replace("\r\n", "\n").replace('\r', "\n"), plain);
    }
}

#[test]
fn usage_beside_content_is_the_servers_own_and_stays() {
    let stream = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}\n\n";
    let (figures, out) = every_cut(Dialect::OpenaiChat, true, stream);
    assert_eq!(out, stream);
    assert_eq!(figures.0, Some(Usage { input: 1, output: 1, ..Usage::default() }));
}

#[test]
fn the_text_for_a_custom_tool_and_sound_are_content() {
    let frame = |delta: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n");
    let (figures, _) = every_cut(
        Dialect::OpenaiChat,
        false,
        &frame("{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"four\"}}]}"),
    );
    assert_eq!((figures.3, figures.4), (true, 4));
    let (figures, _) =
        every_cut(Dialect::OpenaiChat, false, &frame("{\"audio\":{\"id\":\"a\",\"data\":\"aGk=\"}}"));
    assert_eq!((figures.3, figures.4), (true, 0));
}

#[test]
fn anthropic_is_read() {
    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{\"input_tokens\":7,\"cache_read_input_tokens\":3,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"error \\\"usage\\\"\"}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":12}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let (figures, out) = every_cut(Dialect::AnthropicMessages, true, stream);
    assert_eq!(out, stream);
    let usage = Usage { input: 7, cached: 3, output: 12, ..Usage::default() };
    assert_eq!(figures, (Some(usage), Some("standard".to_owned()), true, true, 15, None));
}

#[test]
fn gemini_is_read() {
    let stream = concat!(
        "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"hey\"}]}}],\"usageMetadata\": {\"promptTokenCount\": 4}}\r\n\r\n",
        "data: {\"candidates\": [{\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 4,\"candidatesTokenCount\": 2,\"thoughtsTokenCount\": 5}}\r\n\r\n",
    );
    let (figures, out) = every_cut(Dialect::GeminiGenerate, false, stream);
    assert_eq!(out, stream);
    let usage = Usage { input: 4, output: 7, reasoning: 5, ..Usage::default() };
    assert_eq!(figures, (Some(usage), None, true, true, 3, None));
}

#[test]
fn failures_within_a_stream_are_seen() {
    for (dialect, frame) in [
        (Dialect::OpenaiChat, "data: {\"error\":{\"message\":\"m\",\"type\":\"t\"}}\n\n"),
        (Dialect::OpenaiChat, "data: {\"id\":\"x\", \"error\": {\"type\":\"t\",\"message\":\"m\"}}\n\n"),
        (
            Dialect::OpenaiChat,
            "data: {\"error\":{\"type\":\"t\",\"message\":\"m\"},\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"error\"}]}\n\ndata: [DONE]\n\n",
        ),
        (
            Dialect::AnthropicMessages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"t\",\"message\":\"m\"}}\n\n",
        ),
        (Dialect::GeminiGenerate, "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"t\"}}\n\n"),
    ] {
        let (figures, _) = every_cut(dialect, false, frame);
        let error = StreamError { kind: Some("t".to_owned()), message: "m".to_owned() };
        assert_eq!(figures, (None, None, false, false, 0, Some(error)));
    }
    let inner = "data: {\"choices\":[{\"index\":0,\"error\":{\"message\":\"m\"}}],\"error\":null}\n\n";
    assert_eq!(every_cut(Dialect::OpenaiChat, false, inner).0.5, None);
}

#[test]
fn half_an_event_at_the_end_is_left_out() {
    let ends: Vec<usize> = OPENAI.match_indices("\n\n").map(|(at, _)| at).collect();
    for strip in [false, true] {
        let whole = |end: usize| every_cut(Dialect::OpenaiChat, strip, &OPENAI[..end + 2]);
        for (at, end) in ends.iter().zip(&ends[1..]) {
            for half in [at + 3, at + 7, (at + end) / 2, end - 1] {
                if OPENAI[at + 2..half].starts_with("data") {
                    assert_eq!(every_cut(Dialect::OpenaiChat, strip, &OPENAI[..half]), whole(*at));
                }
            }
        }
    }
    let (figures, _) =
        every_cut(Dialect::OpenaiChat, false, "data: {\"choices\":[{\"finish_reason\":\"stop\"");
    assert!(!figures.2, "half an event completes nothing");
    let (figures, out) =
        every_cut(Dialect::AnthropicMessages, false, "event: message_stop\ndata: {\"type\":");
    assert!(!figures.2 && out.is_empty());
}

#[test]
fn a_last_event_without_its_blank_line_gets_one() {
    for strip in [false, true] {
        let (figures, out) = every_cut(Dialect::OpenaiChat, strip, OPENAI);
        for short in [OPENAI.strip_suffix("\n").unwrap(), OPENAI.strip_suffix("\n\n").unwrap()] {
            let (same, completed) = every_cut(Dialect::OpenaiChat, strip, short);
            assert_eq!((same, completed), (figures.clone(), out.clone()));
        }
    }
}

#[test]
fn only_whole_frames_leave_before_the_end() {
    for cut in 0..OPENAI.len() {
        let mut watch = StreamWatch::new(Dialect::OpenaiChat, false);
        let mut out = VecDeque::new();
        watch.feed(Bytes::copy_from_slice(&OPENAI.as_bytes()[..cut]), &mut out);
        let sent: Vec<u8> = out.iter().flatten().copied().collect();
        assert!(sent.is_empty() || sent.ends_with(b"\n\n"), "cut at {cut}");
    }
}

#[test]
fn the_end_is_the_last_event_not_the_finish_reason() {
    let (before_done, done) = OPENAI.split_at(OPENAI.len() - "data: [DONE]\n\n".len());
    let mut watch = StreamWatch::new(Dialect::OpenaiChat, false);
    let mut out = VecDeque::new();
    watch.feed(Bytes::from_static(before_done.as_bytes()), &mut out);
    assert_eq!((watch.seen().complete(), watch.seen().ended), (true, false));
    watch.feed(Bytes::from_static(done.as_bytes()), &mut out);
    assert!(watch.seen().ended);
}

#[test]
fn a_frame_beyond_the_cap_passes_unread_and_the_next_is_read() {
    let long = format!("data: {}", "x".repeat(crate::frames::sse::FRAME_CAP));
    let (first, more) = OPENAI.split_at(OPENAI.find("data: {\"usage\"").unwrap());
    for strip in [false, true] {
        let mut watch = StreamWatch::new(Dialect::OpenaiChat, strip);
        let mut out = VecDeque::new();
        for chunk in [first, &long[..9], &long[9..], "y"] {
            watch.feed(Bytes::copy_from_slice(chunk.as_bytes()), &mut out);
        }
        assert!(watch.unfinished() && watch.seen().unread && !watch.seen().complete());
        assert_eq!(out.back().unwrap(), "y", "nothing of it is held");
        // What was not looked into is in an estimate, as a picture: it can hardly be text.
        assert_eq!((watch.seen().output.text, watch.seen().output.pictures), (26, 1));
        watch.feed(Bytes::from(format!("y\n\n{more}")), &mut out);
        watch.finish(&mut out);
        assert!(!watch.unfinished() && !watch.seen().unread && watch.seen().complete());
        assert_eq!(watch.seen().usage, Some(openai_usage()));
        let bytes = Vec::from(out).concat();
        let at = memchr::memmem::find(&bytes, long.as_bytes()).unwrap();
        let (_, plain) = every_cut(Dialect::OpenaiChat, strip, OPENAI);
        assert_eq!([&bytes[..at], &bytes[at + long.len() + 4..]].concat(), plain.as_bytes());
    }
}

#[test]
fn an_answer_whose_last_frame_is_beyond_the_cap_ends_with_its_stream() {
    let long = Bytes::from(format!("data: {}\n\n", "x".repeat(crate::frames::sse::FRAME_CAP)));
    for dialect in [Dialect::OpenaiImages, Dialect::GeminiGenerate, Dialect::OpenaiResponses] {
        let (mut watch, mut out) = (crate::watch(dialect, false).unwrap(), VecDeque::new());
        let created = "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n";
        watch.feed(Bytes::from(created), &mut out);
        watch.feed(long.clone(), &mut out);
        watch.finish(&mut out);
        assert!(watch.seen().unread && !watch.seen().complete() && !watch.unfinished(), "{dialect}");
        assert_eq!((watch.seen().output.text, watch.seen().output.pictures), (0, 1), "{dialect}");
    }
}

#[test]
fn whole_answers_give_their_facts() {
    let facts = reply_facts(
        Dialect::OpenaiChat,
        br#"{"model":"m","service_tier":"default","choices":[{"message":{"content":"abc"}}],"usage":{"prompt_tokens":2,"completion_tokens":1}}"#,
    ).unwrap();
    let usage = Usage { input: 2, output: 1, ..Usage::default() };
    assert_eq!(
        facts,
        ReplyFacts {
            usage: Some(usage),
            service_tier: Some("default".into()),
            model: Some("m".into()),
            output_bytes: 0,
            instead: false
        }
    );
    let facts = reply_facts(Dialect::OpenaiChat, br#"{"choices":[{"message":{"content":"abc"}}]}"#).unwrap();
    assert_eq!((facts.usage, facts.output_bytes), (None, 3));
    let facts = reply_facts(
        Dialect::AnthropicMessages,
        br#"{"model":"c","content":[],"usage":{"input_tokens":2,"output_tokens":1,"service_tier":"priority"}}"#,
    ).unwrap();
    assert_eq!((facts.usage, facts.service_tier.as_deref()), (Some(usage), Some("priority")));
    let facts = reply_facts(
        Dialect::GeminiGenerate,
        br#"{"modelVersion":"g","candidates":[],"usageMetadata":{"promptTokenCount":2,"candidatesTokenCount":1}}"#,
    ).unwrap();
    assert_eq!((facts.usage, facts.model.as_deref()), (Some(usage), Some("g")));
    assert!(reply_facts(Dialect::OpenaiChat, b"<html>").is_err());
    assert!(reply_facts(Dialect::OpenaiChat, b"{\"usage\":").is_err());
    assert_eq!(reply_facts(Dialect::OpenaiChat, b"[1]"), Ok(ReplyFacts::default()));
}

#[test]
fn damaged_streams_pass_as_they_are_and_harm_nobody() {
    let mut state = 1_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1_000_000).unwrap()
    };
    for _ in 0..2000 {
        let mut bytes = OPENAI.as_bytes().to_vec();
        for _ in 0..=random() % 8 {
            let at = random() % bytes.len();
            bytes[at] = b"\"\\{}[]:,\n\r\0\xffnull"[random() % 16];
        }
        let cut = random() % bytes.len();
        for dialect in [Dialect::OpenaiChat, Dialect::AnthropicMessages, Dialect::GeminiGenerate] {
            let out = run(dialect, false, &[&bytes[..cut], &bytes[cut..]]).1;
            assert_eq!(out, run(dialect, false, &[&bytes]).1);
            assert!(bytes.starts_with(&out) || out.strip_prefix(&bytes[..]).unwrap().trim_ascii().is_empty());
            let whole = run(dialect, true, &[&bytes]).1;
            assert_eq!(run(dialect, true, &[&bytes[..cut], &bytes[cut..]]).1, whole);
            let (mut decoder, mut events) = (crate::decoder(dialect).unwrap(), Vec::new());
            let _damaged = decoder.push(&Bytes::copy_from_slice(&bytes), &mut events);
        }
    }
}
