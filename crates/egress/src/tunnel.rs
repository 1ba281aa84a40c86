//! A CONNECT tunnel through a proxy (RFC 9110 §9.3.6).

use std::io;

use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest answer head a proxy may send.
const HEAD: usize = 8 * 1024;

/// Asks for a tunnel to `place` (`host:port`). Afterwards the stream leads there.
pub(crate) async fn open(
    stream: &mut TcpStream,
    place: &str,
    credentials: Option<&HeaderValue>,
) -> io::Result<()> {
    let mut ask = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
    if let Some(credentials) = credentials {
        ask.extend_from_slice(b"proxy-authorization: ");
        ask.extend_from_slice(credentials.as_bytes());
        ask.extend_from_slice(b"\r\n");
    }
    ask.extend_from_slice(b"\r\n");
    stream.write_all(&ask).await?;

    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        // Whoever is behind the tunnel speaks only after us, so nothing follows the head yet.
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the proxy closed the connection"));
        }
        if head.len() > HEAD {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
    }
    match status(&head) {
        Some(code) if code.starts_with('2') => Ok(()),
        Some(code) => Err(io::Error::other(format!("the proxy answered {code}"))),
        None => Err(io::Error::other("the proxy does not speak HTTP/1")),
    }
}

fn status(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next().filter(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn only_http_1_status_lines_count() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some("200"));
        assert_eq!(status(b"HTTP/1.0 407 x\r\n\r\n"), Some("407"));
        for head in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 2000 x\r\n\r\n", b""] {
            assert_eq!(status(head), None);
        }
    }
}
