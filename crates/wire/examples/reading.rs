//! Measures what a request pays when its bytes pass through: `Envelope::read` and `reply_facts`, per dialect and size.
//!
//! `cargo run --release -p wire --example reading -- [milliseconds]`; prints nanoseconds per call, the best of several runs.

#![expect(clippy::disallowed_methods, clippy::print_stdout, clippy::expect_used, reason = "a measuring tool")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::ports::PathFacts;
use contract::words::Dialect;
use serde_json::{Value, json};
use wire::{Envelope, reply_facts};

const PROSE: &str =
    "The tide tables say \"low water at 04:12\"; by then the boats lie dry.\nTake the north path. ";
const KANJI: &str = "潮汐表によると、干潮は四時十二分です。その頃には船は浜に上がっています。";

fn main() {
    let span = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100);
    let span = Duration::from_millis(span);
    for dialect in [
        Dialect::OpenaiChat,
        Dialect::AnthropicMessages,
        Dialect::GeminiGenerate,
        Dialect::OpenaiEmbeddings,
        Dialect::GeminiEmbed,
    ] {
        for (size, prose) in [(1_000, PROSE), (100_000, PROSE), (100_000, KANJI)] {
            let body = Bytes::from(filled(prose, size, |turns| request(dialect, turns)));
            let cost = best(span, || drop(black_box(Envelope::read(dialect, &path(dialect), body.clone()))));
            println!("{dialect:<20} request {:>7} bytes {cost:>9.0} ns", body.len());
            let body = filled(prose, size, |turns| reply(dialect, turns));
            let cost = best(span, || drop(black_box(reply_facts(dialect, &body))));
            println!("{dialect:<20} reply   {:>7} bytes {cost:>9.0} ns", body.len());
        }
    }
}

/// A body of at least this many bytes, by adding turns of prose.
fn filled(prose: &str, size: usize, body: impl Fn(&[String]) -> Value) -> Vec<u8> {
    let mut turns = vec![prose.repeat(2)];
    loop {
        let bytes = serde_json::to_vec(&body(&turns)).expect("JSON");
        if bytes.len() >= size {
            return bytes;
        }
        let missing = (size - bytes.len()) / prose.len();
        turns.push(prose.repeat(missing.clamp(1, 8)));
    }
}

fn best(span: Duration, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..25 {
        let (start, mut calls) = (Instant::now(), 0_u32);
        while start.elapsed() < span / 25 {
            for _ in 0..16 {
                run();
            }
            calls += 16;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}

/// Google's clients name the model in the path.
fn path(dialect: Dialect) -> PathFacts {
    let model =
        matches!(dialect, Dialect::GeminiGenerate | Dialect::GeminiEmbed).then(|| "gemini".to_owned());
    PathFacts { model, ..PathFacts::default() }
}

fn request(dialect: Dialect, turns: &[String]) -> Value {
    let roles = ["user", "assistant"].into_iter().cycle();
    let turns = turns.iter().zip(roles);
    match dialect {
        Dialect::OpenaiChat => json!({
            "model": "openai/gpt-5-mini",
            "messages": turns.map(|(text, role)| json!({"role": role, "content": text})).collect::<Vec<_>>(),
            "temperature": 0.2, "top_p": 1, "max_completion_tokens": 512, "n": 1, "user": "user-1234",
            "stream": true, "stream_options": {"include_obfuscation": false},
        }),
        Dialect::AnthropicMessages => json!({
            "model": "claude-haiku-4-5", "max_tokens": 1024, "stream": true,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
            "messages": turns
                .map(|(text, role)| json!({"role": role, "content": [{"type": "text", "text": text}]}))
                .collect::<Vec<_>>(),
            "metadata": {"user_id": "user-1234"}, "thinking": {"type": "enabled", "budget_tokens": 2048},
        }),
        Dialect::GeminiGenerate => json!({
            "contents": turns
                .map(|(text, role)| json!({"role": role, "parts": [{"text": text}]}))
                .collect::<Vec<_>>(),
            "generationConfig": {"temperature": 0.2, "maxOutputTokens": 512},
        }),
        _ => json!({
            "model": "text-embedding-3-small",
            "input": turns.map(|(text, _)| text).collect::<Vec<_>>(),
            "encoding_format": "float", "user": "user-1234",
        }),
    }
}

fn reply(dialect: Dialect, turns: &[String]) -> Value {
    let text = turns.concat();
    match dialect {
        Dialect::OpenaiChat => json!({
            "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion", "created": 1_741_570_283,
            "model": "gpt-5-mini-2025-08-07",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "refusal": null,
                "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                    "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}},
            "service_tier": "default", "system_fingerprint": "fp_fc9f1d7035",
        }),
        Dialect::AnthropicMessages => json!({
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant",
            "model": "claude-haiku-4-5-20251001", "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn", "stop_sequence": null,
            "usage": {"input_tokens": 2095, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": 503, "service_tier": "standard"},
        }),
        Dialect::GeminiGenerate => json!({
            "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 31, "totalTokenCount": 639,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 8}], "thoughtsTokenCount": 600},
            "modelVersion": "gemini-2.5-flash", "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
        }),
        Dialect::OpenaiEmbeddings => json!({
            "object": "list", "model": "text-embedding-3-small",
            "data": [{"object": "embedding", "index": 0, "embedding": vector(text.len() / 22)}],
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        }),
        _ => json!({"embeddings": [{"values": vector(text.len() / 22)}]}),
    }
}

fn vector(len: usize) -> Vec<f64> {
    (0..u32::try_from(len).unwrap_or(0)).map(|at| (f64::from(at) * 0.7).sin() / 40.0).collect()
}
