//! The load generator: one thread, closed loop, kept-alive connections, as little parsing as it takes to know that an
//! answer is complete.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::upstream::{ANSWER_BYTES, content_length, find};
use crate::{flag, now};

/// A pause within a stream that nothing but a delayed acknowledgement explains.
const STALL: Duration = Duration::from_millis(30);
/// Where requests go that pass through.
pub(crate) const CHAT: &str = "/v1/chat/completions";
/// The end of a chunked body.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// What a run of the load generator found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Found {
    /// Complete answers.
    pub(crate) requests: u64,
    /// Answers other than the expected one, and broken connections.
    pub(crate) errors: u64,
    /// From the first request to the last answer.
    pub(crate) seconds: f64,
    /// From sending a request to the end of its answer.
    pub(crate) p50_us: f64,
    /// The same.
    pub(crate) p99_us: f64,
    /// From sending a request to the first event of its answer; 0 unless streamed.
    pub(crate) ttft_p50_us: f64,
    /// The same.
    pub(crate) ttft_p99_us: f64,
    /// Pauses of 30 ms or more within answers.
    pub(crate) stalls: u64,
}

#[derive(Default)]
struct Tally {
    whole: Vec<Duration>,
    first: Vec<Duration>,
    errors: u64,
    stalls: u64,
}

/// The request as bytes, good for OpenAI and for Anthropic. Its text is prose with quotes and line breaks, as prompts are.
fn request((address, path): (&str, &str), key: &str, size: usize, stream: bool) -> Vec<u8> {
    let front =
        format!(r#"{{"model":"bench/gpt-5-mini","stream":{stream},"messages":[{{"role":"user","content":""#);
    let back = r#""}],"max_tokens":512}"#;
    let prose = r#"She said: \"All that glitters is not gold.\"\nOften have you heard that told. "#;
    let room = size.saturating_sub(front.len() + back.len());
    let mut text = prose.repeat(room / prose.len());
    text.extend(std::iter::repeat_n('x', room - text.len()));
    let body = format!("{front}{text}{back}");
    let len = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: bench\r\naccept: */*\r\n\
         content-type: application/json\r\nauthorization: Bearer {key}\r\ncontent-length: {len}\r\n\r\n"
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// `bench load --address A --key K --connections N --body BYTES --seconds S [--path P] [--stream]`; prints [`Found`] as JSON.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let wanted = |name| flag(arguments, name).with_context(|| format!("{name} is missing"));
    let address = wanted("--address")?;
    let stream = arguments.iter().any(|argument| argument == "--stream");
    let path = flag(arguments, "--path").unwrap_or(CHAT);
    let request = Rc::new(request((address, path), wanted("--key")?, wanted("--body")?.parse()?, stream));
    let connections: usize = wanted("--connections")?.parse()?;
    let length = Duration::from_secs_f64(wanted("--seconds")?.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let local = LocalSet::new();
    let tally = Rc::new(RefCell::new(Tally::default()));
    let start = now();
    local.block_on(&runtime, async {
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let connection = Connection {
                    address: address.to_owned(),
                    request: Rc::clone(&request),
                    stream,
                    passes: path == CHAT,
                    tally: Rc::clone(&tally),
                };
                tokio::task::spawn_local(connection.until(start + length))
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        anyhow::Ok(())
    })?;
    let seconds = now().duration_since(start).as_secs_f64();
    println!("{}", serde_json::to_string(&found(&mut tally.borrow_mut(), seconds))?);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn found(tally: &mut Tally, seconds: f64) -> Found {
    let percentile = |of: &mut Vec<Duration>, hundredths: usize| {
        of.sort_unstable();
        of.get(of.len() * hundredths / 100).map_or(0.0, |span| span.as_nanos() as f64 / 1_000.0)
    };
    Found {
        requests: tally.whole.len() as u64,
        errors: tally.errors,
        seconds,
        p50_us: percentile(&mut tally.whole, 50),
        p99_us: percentile(&mut tally.whole, 99),
        ttft_p50_us: percentile(&mut tally.first, 50),
        ttft_p99_us: percentile(&mut tally.first, 99),
        stalls: tally.stalls,
    }
}

struct Connection {
    address: String,
    request: Rc<Vec<u8>>,
    stream: bool,
    /// Is the answer that of the upstream, whose size is known?
    passes: bool,
    tally: Rc<RefCell<Tally>>,
}

/// One complete answer.
struct Answered {
    fine: bool,
    first: Option<Instant>,
    stalls: u64,
}

impl Connection {
    async fn until(self, deadline: Instant) -> io::Result<()> {
        let mut socket = TcpStream::connect(&self.address).await?;
        socket.set_nodelay(true)?;
        let mut buffer = Vec::with_capacity(1 << 16);
        let mut sent = now();
        while sent < deadline {
            socket.write_all(&self.request).await?;
            let answered = if self.stream {
                streamed(&mut socket, &mut buffer, sent).await
            } else {
                whole(&mut socket, &mut buffer, self.passes).await
            };
            let end = now();
            let mut tally = self.tally.borrow_mut();
            match answered {
                Ok(answered) if answered.fine => {
                    tally.whole.push(end - sent);
                    tally.first.extend(answered.first.map(|first| first - sent));
                    tally.stalls += answered.stalls;
                }
                Ok(_) => tally.errors += 1,
                Err(_) => {
                    tally.errors += 1;
                    return Ok(());
                }
            }
            sent = end;
        }
        Ok(())
    }
}

async fn more(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    if socket.read_buf(buffer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Reads a head; where it ends and whether it says 200.
async fn head(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(usize, bool)> {
    buffer.clear();
    loop {
        more(socket, buffer).await?;
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            return Ok((at + 4, buffer.starts_with(b"HTTP/1.1 200")));
        }
    }
}

async fn whole(socket: &mut TcpStream, buffer: &mut Vec<u8>, passes: bool) -> io::Result<Answered> {
    let (end, ok) = head(socket, buffer).await?;
    let len = content_length(&buffer[..end]);
    while buffer.len() < end + len {
        more(socket, buffer).await?;
    }
    Ok(Answered { fine: ok && (!passes || len == ANSWER_BYTES), first: None, stalls: 0 })
}

async fn streamed(socket: &mut TcpStream, buffer: &mut Vec<u8>, sent: Instant) -> io::Result<Answered> {
    let (end, ok) = head(socket, buffer).await?;
    if !ok {
        // An error answer is not chunked; its connection is not worth keeping.
        return Err(io::ErrorKind::InvalidData.into());
    }
    buffer.drain(..end);
    let (mut first, mut last, mut stalls) = (None, sent, 0);
    loop {
        if !buffer.is_empty() {
            let at = now();
            first.get_or_insert(at);
            stalls += u64::from(at - last >= STALL);
            last = at;
        }
        if buffer.ends_with(LAST_CHUNK) {
            let fine = find(buffer, b"data: [DONE]").is_some();
            return Ok(Answered { fine, first, stalls });
        }
        // Only the end matters: keep enough to recognise it and the mark before it.
        let keep = buffer.len().saturating_sub(64);
        buffer.drain(..keep);
        more(socket, buffer).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_size_asked_for_and_are_json() {
        for size in [1_024, 102_400] {
            let request = request(("127.0.0.1:1", CHAT), "pgk_x", size, true);
            let end = find(&request, b"\r\n\r\n").unwrap() + 4;
            let body: serde_json::Value = serde_json::from_slice(&request[end..]).unwrap();
            assert_eq!(body["stream"], true);
            assert_eq!((request.len() - end, content_length(&request[..end])), (size, size));
        }
    }
}
