//! The bytes of one connection: TCP, TLS on it when configured, what was sniffed put back, every step noted in the pulse.
//!
//! No timers here; see [`watchdog`](crate::watchdog).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::pulse::{Pulse, Signal};

/// What an HTTP/2 client sends first (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most that is read and thrown away before a connection is closed.
const MOST_DISCARDED: usize = 256 << 10;

/// The version of HTTP a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// A TCP stream that notes in the pulse whether its client takes what is written.
pub(crate) struct Wire {
    tcp: TcpStream,
    pulse: Arc<Pulse>,
}

/// Plain or TLS.
pub(crate) enum Channel {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

/// What hyper reads from and writes to.
pub(crate) struct Link {
    channel: Channel,
    pulse: Arc<Pulse>,
    prefix: Prefix,
    /// HTTP/1: note the beginning of each head.
    heads: bool,
    shut: bool,
    discarded: usize,
}

/// The first bytes, read to learn the version and yet to be given to hyper.
pub(crate) struct Prefix {
    bytes: [u8; PREFACE.len()],
    from: usize,
    to: usize,
}

impl Wire {
    pub(crate) const fn new(tcp: TcpStream, pulse: Arc<Pulse>) -> Self {
        Self { tcp, pulse }
    }

    fn noted<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match written {
            Poll::Pending => self.pulse.blocked(),
            Poll::Ready(_) => self.pulse.wrote(),
        }
        written
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.pulse.is_cut() {
            // Without this the kernel would keep the unsent bytes for minutes, for a client that takes none.
            // Failing means the socket is gone already.
            self.tcp.set_zero_linger().ok();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

macro_rules! either {
    ($channel:expr, $io:ident => $call:expr) => {
        match $channel {
            Channel::Plain(wire) => {
                let $io = Pin::new(wire);
                $call
            }
            Channel::Tls(stream) => {
                let $io = Pin::new(&mut **stream);
                $call
            }
        }
    };
}

impl Channel {
    /// The version agreed on in the TLS handshake (ALPN), if any was.
    fn agreed(&self) -> Option<Version> {
        let Self::Tls(stream) = self else { return None };
        match stream.get_ref().1.alpn_protocol()? {
            b"h2" => Some(Version::Http2),
            _ => Some(Version::Http1),
        }
    }

    /// Learns the version, by ALPN or by the first bytes: an HTTP/2 client may speak it without asking (RFC 9113 §3.3).
    pub(crate) async fn sniff(&mut self) -> io::Result<(Version, Prefix)> {
        let mut prefix = Prefix { bytes: [0; PREFACE.len()], from: 0, to: 0 };
        if let Some(version) = self.agreed() {
            return Ok((version, prefix));
        }
        while prefix.to < PREFACE.len() {
            let count = self.read(&mut prefix.bytes[prefix.to..]).await?;
            prefix.to += count;
            if count == 0 || prefix.bytes[..prefix.to] != PREFACE[..prefix.to] {
                return Ok((Version::Http1, prefix));
            }
        }
        Ok((Version::Http2, prefix))
    }
}

impl AsyncRead for Channel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), io => io.poll_read(cx, buf))
    }
}

impl Link {
    pub(crate) fn new(channel: Channel, prefix: Prefix, pulse: Arc<Pulse>, version: Version) -> Self {
        Self { channel, pulse, prefix, heads: version == Version::Http1, shut: false, discarded: 0 }
    }

    /// Throws away what still comes, so that closing does not turn into a reset; the watchdog ends a client that never stops.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0_u8; 4096];
        while self.discarded < MOST_DISCARDED {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.channel).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => self.discarded += buf.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if this.prefix.from < this.prefix.to {
            let count = buf.remaining().min(this.prefix.to - this.prefix.from);
            buf.put_slice(&this.prefix.bytes[this.prefix.from..this.prefix.from + count]);
            this.prefix.from += count;
        } else {
            ready!(Pin::new(&mut this.channel).poll_read(cx, buf))?;
        }
        if this.heads {
            this.pulse.read(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(&mut self.get_mut().channel, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.get_mut().channel, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.channel {
            Channel::Plain(wire) => wire.is_write_vectored(),
            Channel::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.get_mut().channel, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            ready!(either!(&mut this.channel, io => io.poll_shutdown(cx)))?;
            this.shut = true;
            this.pulse.closing();
        }
        // At shutdown there is no time to be polite to a client that still sends.
        if this.pulse.has_unread() && !this.pulse.signalled(Signal::Close) {
            ready!(this.poll_discard(cx));
        }
        Poll::Ready(Ok(()))
    }
}
