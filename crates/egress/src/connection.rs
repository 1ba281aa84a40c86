//! One open connection: HTTP/1, which carries one call at a time, or HTTP/2, which carries many.

use std::future::{Future, poll_fn};
use std::mem::take;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use contract::Body;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::alarm::Alarm;
use crate::dial::{Dialled, Wire};
use crate::pool::Gauge;
use crate::target::Form;

/// An HTTP/2 connection is asked for a sign of life after this long without one, and given half of it to answer.
const PING: Duration = Duration::from_secs(20);

/// The read buffer of an HTTP/1 connection grows to this at most; a response head must fit into it.
const BUFFER: usize = 128 << 10;

/// An HTTP/1 connection. Dropping it closes the socket at once, whatever it was doing.
///
/// It has no task of its own: the task that waits for the answer moves its bytes ([`drive`]), which saves a switch
/// of tasks for every chunk and lets a reader take all that has arrived in one go.
pub(crate) struct Line {
    sender: http1::SendRequest<Body>,
    /// Gone once the connection has ended.
    driver: Option<Driver>,
    form: Form,
    alarm: Alarm,
    _open: Gauge,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Line {
    /// Can it take a call? Looks at the socket first: nobody does while it is idle.
    pub(crate) fn is_ready(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.may_be_ready()
    }

    /// As [`Line::is_ready`], but as it was when the socket was last looked at.
    pub(crate) fn may_be_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Moves whatever can be moved. What comes of it shows in the answer and its body, which therefore need no waker.
fn drive(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    let Some(running) = driver else { return };
    if let Poll::Ready(ended) = running.as_mut().poll(cx) {
        *driver = None;
        if let Err(error) = ended {
            tracing::debug!(%error, "an upstream connection ended");
        }
    }
}

/// An HTTP/2 connection, or one call's share of it. The connection ends when the last share is dropped.
#[derive(Clone)]
pub(crate) struct Mux {
    sender: http2::SendRequest<Body>,
    shares: Arc<()>,
}

impl Mux {
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Calls under way, seen from the pool's own share.
    pub(crate) fn streams(&self) -> usize {
        Arc::strong_count(&self.shares) - 1
    }
}

/// What one call holds.
pub(crate) enum Link {
    /// A connection of its own.
    Line(Line),
    /// A stream of a shared connection.
    Mux(Mux, Alarm),
}

/// Why there is no response head.
pub(crate) enum SendFailure {
    /// The connection was dead before anything of the request was written. The request is where it was.
    Unsent(hyper::Error),
    /// It broke afterwards.
    Lost(hyper::Error),
    /// The time is up.
    Late,
}

impl Link {
    /// Begins HTTP on a fresh connection; an HTTP/2 one is driven by a task of the tracker.
    pub(crate) async fn open(dialled: Dialled, tasks: &TaskTracker, gauge: Gauge) -> hyper::Result<Self> {
        let Dialled { wire, form } = dialled;
        match (wire, form) {
            (Wire::Tls(stream), Form::Pseudo) => open_mux(TokioIo::new(stream), tasks, gauge).await,
            (Wire::Tls(stream), form) => open_line(TokioIo::new(stream), form, gauge).await,
            (Wire::Plain(stream), form) => open_line(TokioIo::new(stream), form, gauge).await,
        }
    }

    /// Moves the bytes of a connection that has no task of its own; false if it has one.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Line(line) => {
                drive(&mut line.driver, cx);
                true
            }
            Self::Mux(..) => false,
        }
    }

    /// The timer of this link, for the body that follows.
    pub(crate) fn alarm(&mut self) -> &mut Alarm {
        match self {
            Self::Line(line) => &mut line.alarm,
            Self::Mux(_, alarm) => alarm,
        }
    }

    /// Sends a request, which it takes out of its place, and waits for the response head until `due`.
    pub(crate) async fn exchange(
        &mut self,
        request: &mut Request<Body>,
        url: &Uri,
        due: Instant,
    ) -> Result<Response<Incoming>, SendFailure> {
        match self {
            Self::Line(Line { sender, driver, form, alarm, .. }) => {
                form.apply(request, url);
                let mut answer = pin!(sender.try_send_request(take(request)));
                let answered = poll_fn(|cx| {
                    drive(driver, cx);
                    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(result) => Poll::Ready(Some(result)),
                        Poll::Pending => alarm.poll_due(due, cx).map(|()| None),
                    }
                });
                let result = judged(answered.await, request);
                if let Err(SendFailure::Unsent(_)) = &result {
                    form.undo(request);
                }
                result
            }
            Self::Mux(mux, alarm) => {
                Form::Pseudo.apply(request, url);
                let mut answer = pin!(mux.sender.try_send_request(take(request)));
                let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
                    Poll::Ready(result) => Poll::Ready(Some(result)),
                    Poll::Pending => alarm.poll_due(due, cx).map(|()| None),
                });
                judged(answered.await, request)
            }
        }
    }
}

fn judged(
    answered: Option<Result<Response<Incoming>, TrySendError<Request<Body>>>>,
    request: &mut Request<Body>,
) -> Result<Response<Incoming>, SendFailure> {
    match answered {
        Some(Ok(response)) => Ok(response),
        Some(Err(mut error)) => Err(match error.take_message() {
            Some(unsent) => {
                *request = unsent;
                SendFailure::Unsent(error.into_error())
            }
            None => SendFailure::Lost(error.into_error()),
        }),
        None => Err(SendFailure::Late),
    }
}

async fn open_line<T>(io: T, form: Form, gauge: Gauge) -> hyper::Result<Link>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new().max_buf_size(BUFFER).handshake(io).await?;
    let alarm = Alarm::new(Instant::now() + PING);
    Ok(Link::Line(Line { sender, driver: Some(Box::pin(connection)), form, alarm, _open: gauge }))
}

async fn open_mux<T>(io: T, tasks: &TaskTracker, gauge: Gauge) -> hyper::Result<Link>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(Tracked(tasks.clone()))
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING / 2)
        .handshake(io)
        .await?;
    tasks.spawn(run(connection, gauge));
    Ok(Link::Mux(Mux { sender, shares: Arc::new(()) }, Alarm::new(Instant::now() + PING)))
}

/// Runs a connection to its end; it counts as open meanwhile.
async fn run(connection: impl Future<Output = hyper::Result<()>>, gauge: Gauge) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an upstream connection ended");
    }
    drop(gauge);
}

/// Lets hyper's HTTP/2 start its own small tasks under the tracker.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
