//! The edge with real sockets, fakes behind it and a clock turned by hand.

mod behind;
mod drain;
mod limits;
mod requests;
mod secure;
mod versions;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use contract::ports::Clock;
use testkit::clock::VirtualClock;
use testkit::soon;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::{Certificates, Edge, Listen, ServerConfig, Socket};
use behind::Behind;

/// A running edge.
struct Running {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    behind: Behind,
    clock: VirtualClock,
    certificates: Option<Arc<Certificates>>,
    shutdown: CancellationToken,
    ended: tokio::task::JoinHandle<usize>,
}

/// A configuration that listens on any free port.
fn config() -> ServerConfig {
    ServerConfig { listen: Listen(vec![any_port()]), ..ServerConfig::default() }
}

fn any_port() -> Socket {
    "127.0.0.1:0".parse().unwrap()
}

fn start(config: &ServerConfig) -> Running {
    let clock = VirtualClock::new();
    let behind = Behind::new();
    let edge = Edge::bind(config, behind.services(Arc::new(clock.clone()))).unwrap();
    let (address, admin) = (edge.addresses()[0], edge.admin_address());
    let certificates = edge.certificates();
    let shutdown = CancellationToken::new();
    let tracker = tokio_util::task::TaskTracker::new();
    let ended = tracker.spawn(edge.run(shutdown.clone()));
    Running { address, admin, behind, clock, certificates, shutdown, ended }
}

impl Running {
    async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends a request on a connection of its own and gives the whole answer.
    async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        client.send(request.as_bytes()).await;
        client.answer().await
    }

    /// Turns the clock until this has happened.
    async fn in_time<F: Future>(&self, step: Duration, event: F) -> F::Output {
        let mut event = std::pin::pin!(event);
        soon("something on the virtual clock", async {
            loop {
                tokio::select! {
                    biased;
                    output = event.as_mut() => return output,
                    () = tokio::task::yield_now() => self.clock.advance(step),
                }
            }
        })
        .await
    }
}

/// A client that writes and reads bytes.
struct Client(TcpStream);

impl Client {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The head of the next answer.
    async fn head(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let byte = soon("a response head", self.0.read_u8()).await;
            bytes.push(byte.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&bytes));
            }));
        }
        String::from_utf8(bytes).unwrap()
    }

    /// The next answer, which must say its length.
    async fn answer(&mut self) -> String {
        let head = self.head().await;
        let length = header(&head, "content-length").unwrap_or("0").parse().unwrap();
        let mut body = vec![0; length];
        soon("a response body", self.0.read_exact(&mut body)).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    /// Reads to the end and says how many bytes there were; a reset is an end, too.
    async fn rest(&mut self) -> usize {
        let mut scratch = vec![0; 64 << 10];
        let mut count = 0;
        while let Ok(more) = self.0.read(&mut scratch).await {
            if more == 0 {
                break;
            }
            count += more;
        }
        count
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.split("\r\n").skip(1).take_while(|line| !line.is_empty());
    lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no status: {answer:?}"))
}

/// A model call with these further header lines.
fn call(lines: &str, body: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{lines}\r\n{body}",
        body.len()
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}
