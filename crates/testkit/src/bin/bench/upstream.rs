//! The upstream: one thread, no parsing beyond what it takes to find the end of a request.
//!
//! Answers a chat completion of 1,084 bytes, or 50 chunks of 294 bytes with one write each, then usage and `[DONE]`.

use std::io;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use crate::flag;

/// Size of the whole answer's body.
pub(crate) const ANSWER_BYTES: usize = 1_084;
/// Content chunks of a streamed answer.
const CHUNKS: usize = 50;
/// How far into a body `"stream":true` is looked for. The load generator writes it in front; proxies keep it there.
const LOOK_AHEAD: usize = 512;

struct Answers {
    whole: Vec<u8>,
    stream_head: Vec<u8>,
    chunk: Vec<u8>,
    stream_end: Vec<u8>,
}

fn whole() -> Vec<u8> {
    let body = |text: &str| {
        format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1735689600,"model":"gpt-5-mini-2025-08-07","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null,"annotations":[]}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":187,"completion_tokens":96,"total_tokens":283,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_bench"}}"#
        )
    };
    let text = "All that glitters is not gold. ".repeat(40);
    let body = body(&text[..ANSWER_BYTES - body("").len()]);
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn framed(data: &str) -> Vec<u8> {
    let event = format!("data: {data}\n\n");
    format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()
}

impl Answers {
    fn new() -> Self {
        let chunk = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1735689600,"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{"content":" All that glitters is not gold. Ofte"},"logprobs":null,"finish_reason":null}]}"#;
        let stop = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1735689600,"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#;
        let usage = r#"{"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1735689600,"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":"fp_bench","choices":[],"usage":{"prompt_tokens":187,"completion_tokens":350,"total_tokens":537,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#;
        let mut stream_end = framed(stop);
        stream_end.extend(framed(usage));
        stream_end.extend(framed("[DONE]"));
        stream_end.extend(b"0\r\n\r\n");
        Self {
            whole: whole(),
            stream_head:
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                    .to_vec(),
            chunk: framed(chunk),
            stream_end,
        }
    }
}

/// `bench upstream --listen ADDRESS`
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let address = flag(arguments, "--listen").context("--listen ADDRESS")?.to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let listener = TcpListener::bind(&address).await?;
        let answers = Rc::new(Answers::new());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answers = Rc::clone(&answers);
            tokio::task::spawn_local(async move {
                // A proxy closes idle connections as it likes.
                serve(stream, &answers).await.ok();
            });
        }
    })
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(1 << 17);
    loop {
        let end = loop {
            if let Some(at) = find(&buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let len = content_length(&buffer[..end]);
        while buffer.len() < end + len {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let front = &buffer[end..end + len.min(LOOK_AHEAD)];
        let streamed =
            find(front, br#""stream":true"#).is_some() || find(front, br#""stream": true"#).is_some();
        buffer.drain(..end + len);
        if streamed {
            stream.write_all(&answers.stream_head).await?;
            for _ in 0..CHUNKS {
                stream.write_all(&answers.chunk).await?;
            }
            stream.write_all(&answers.stream_end).await?;
        } else {
            stream.write_all(&answers.whole).await?;
        }
    }
}

/// The first place of `needle`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The `content-length` of a head; 0 without one.
pub(crate) fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let at = head.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME));
    let digits = at.map_or(&[][..], |at| &head[at + NAME.len()..]);
    digits
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |number, byte| number * 10 + usize::from(byte - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_have_the_documented_sizes() {
        let answers = Answers::new();
        let end = find(&answers.whole, b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answers.whole.len() - end, ANSWER_BYTES);
        assert_eq!(content_length(&answers.whole[..end]), ANSWER_BYTES);
        assert_eq!(answers.chunk.len() - b"126\r\n\r\n".len(), 294);
    }
}
