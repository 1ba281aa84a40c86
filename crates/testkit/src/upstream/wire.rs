//! One connection: reads requests, plays scripts, notices a client that leaves.
//!
//! HTTP/1.1 by hand, because a server library will not send what a broken provider sends.

use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reply::{Break, Step};

/// A request head and its body.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// How the playing of a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Played {
    /// To its end; the connection can serve on.
    Through,
    /// The script broke the connection.
    Broken,
    /// The client left first.
    Gone,
}

pub(super) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).ok();
        Self { stream, buffer: BytesMut::new() }
    }

    /// The next request; none when the client closed the connection between two.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(invalid("torn request head")) };
            }
        };
        let head = self.buffer.split_to(end + 4);
        let (method, path, headers) = parse_head(&head).ok_or_else(|| invalid("not a request head"))?;
        let body = self.body(&headers).await?;
        Ok(Some(Request { method, path, headers, body }))
    }

    async fn body(&mut self, headers: &HeaderMap) -> io::Result<Bytes> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        if text(http::header::TRANSFER_ENCODING).is_some_and(|coding| coding.contains("chunked")) {
            return self.chunks().await;
        }
        let len = text(http::header::CONTENT_LENGTH).map_or(Ok(0), str::parse::<usize>);
        let len = len.map_err(|_| invalid("content-length"))?;
        self.fill(len).await?;
        Ok(self.buffer.split_to(len).freeze())
    }

    async fn chunks(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break end;
                }
                self.fill(self.buffer.len() + 1).await?;
            };
            let line = self.buffer.split_to(end + 2);
            let size =
                std::str::from_utf8(&line[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
            let size = size.ok_or_else(|| invalid("chunk size"))?;
            self.fill(size + 2).await?;
            body.extend_from_slice(&self.buffer[..size]);
            self.buffer.advance(size + 2);
            if size == 0 {
                return Ok(body.freeze());
            }
        }
    }

    /// Reads until the buffer holds this many bytes.
    async fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.buffer.len() < len {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    /// Completes when the client closes or resets the connection. What it sends meanwhile is kept.
    async fn gone(&mut self) {
        while self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0) {}
    }

    pub(super) async fn play(&mut self, steps: Vec<Step>) -> Played {
        for step in steps {
            match step {
                Step::Write(bytes) => {
                    if self.stream.write_all(&bytes).await.is_err() {
                        return Played::Gone;
                    }
                }
                Step::Wait(gate) => tokio::select! {
                    () = gate.pass() => {}
                    () = self.gone() => return Played::Gone,
                },
                Step::Break(how) => return self.end(how).await,
            }
        }
        Played::Through
    }

    async fn end(&mut self, how: Break) -> Played {
        match how {
            Break::Close => {
                self.stream.shutdown().await.ok();
                Played::Broken
            }
            // Closing with a linger of zero sends RST (socket(7), SO_LINGER).
            Break::Reset => {
                socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).ok();
                Played::Broken
            }
            Break::Hang => {
                self.gone().await;
                Played::Gone
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn parse_head(head: &[u8]) -> Option<(Method, String, HeaderMap)> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.parse().ok()?;
    let path = first.next()?.to_owned();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?);
    }
    Some((method, path, headers))
}
