//! Accepts the connections of one listener, and turns away those that are too many.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use contract::words::{Dialect, Id, IdKind};
use contract::{Body, Code, Fault};
use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::connection;
use crate::edge::{Listener, Shared};

/// How long to wait when the process has no file descriptor left for another connection.
const BREATH: Duration = Duration::from_millis(50);
/// How long a client that is turned away may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many are told why at once. Further ones are just closed: a flood must cost us nothing.
const MOST_FAREWELLS: usize = 64;

/// Accepts until the edge closes.
pub(crate) async fn run(socket: TcpListener, listener: Arc<Listener>, shared: Arc<Shared>) {
    let farewells = Arc::new(Semaphore::new(MOST_FAREWELLS));
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = shared.services.closing.cancelled() => return,
        };
        let (tcp, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, address = %listener.address, "cannot accept a connection");
                shared.services.clock.sleep(BREATH).await;
                continue;
            }
        };
        // Without it Nagle's algorithm and delayed acknowledgements hold back small frames by 40 ms. It fails only on a
        // socket that is gone already.
        tcp.set_nodelay(true).ok();
        match shared.load.connection() {
            Some(slot) => {
                let (listener, shared) = (Arc::clone(&listener), Arc::clone(&shared));
                let tracker = shared.tracker.clone();
                tracker.spawn(async move {
                    connection::run(tcp, peer.ip(), &listener, &shared).await;
                    drop(slot);
                });
            }
            None => turn_away(tcp, &listener, &shared, &farewells),
        }
    }
}

/// Errors of one connection that the kernel reports at the listener.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn turn_away(tcp: TcpStream, listener: &Listener, shared: &Arc<Shared>, farewells: &Arc<Semaphore>) {
    shared.services.telemetry.edge_refused(Code::Overloaded);
    let Ok(permit) = Arc::clone(farewells).try_acquire_owned() else { return };
    if listener.tls.is_some() {
        // Saying anything would take a handshake.
        return;
    }
    let services = Arc::clone(&shared.services);
    shared.tracker.spawn(async move {
        let fault = Fault::new(Code::Overloaded).retry_after(Duration::from_secs(1));
        let response = services.renderer.render(Dialect::OpenaiChat, &fault, Id::new(IdKind::Request));
        let answer = plain(&response);
        tokio::select! {
            // The client may have gone already, which is as well.
            _ = say(tcp, &answer) => {}
            () = services.clock.sleep(FAREWELL) => {}
        }
        drop(permit);
    });
}

/// Writes an answer, then reads until the client closes: closing first could reset the connection and destroy the answer.
async fn say(mut tcp: TcpStream, answer: &[u8]) -> io::Result<()> {
    tcp.write_all(answer).await?;
    tcp.shutdown().await?;
    let mut scratch = [0; 1024];
    while tcp.read(&mut scratch).await? > 0 {}
    Ok(())
}

/// An answer as HTTP/1.1 bytes.
fn plain(response: &Response<Body>) -> Vec<u8> {
    let body: &[u8] = match response.body() {
        Body::Full(bytes) => bytes,
        Body::Empty | Body::Chain(_) | Body::Stream(_) => &[],
    };
    let mut bytes = format!("HTTP/1.1 {}\r\nconnection: close\r\n", response.status()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}
