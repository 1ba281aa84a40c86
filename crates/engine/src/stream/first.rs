//! The beginning of a stream, waited for before its client is told that there is one: a provider that has nothing to say but an
//! error, or breaks off before it says anything, has not answered, and another one may.
//!
//! What is heard until then is fed to the lane as it comes, so that nothing is read twice. A provider that is silent for long is
//! not waited for: its client is given a sign of life.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::body::{Body, BodyError};
use contract::fault::UpstreamError;
use contract::words::Dialect;
use http_body::Body as HttpBody;

use super::{Lane, Streaming};
use crate::ticket::Consumed;
use crate::verdict::Failure;

/// Why there is no stream.
enum Stillborn {
    Told(UpstreamError),
    Broken(BodyError),
}

impl Streaming {
    /// Waits until the upstream, which speaks this dialect, has said something.
    ///
    /// # Errors
    /// It was an error, or nothing; with what was consumed all the same.
    pub(crate) async fn begun(&mut self, upstream: Dialect) -> Result<(), (Failure, Consumed)> {
        if matches!(self.lane, Lane::Through { .. }) {
            return Ok(());
        }
        let mut heard = Vec::new();
        let begun = std::future::poll_fn(|cx| self.poll_begun(cx, upstream, &mut heard)).await;
        begun.map_err(|stillborn| {
            let failure = match stillborn {
                Stillborn::Told(error) => Failure::instead(error),
                Stillborn::Broken(error) => Failure::torn(error),
            };
            (failure, self.lane.consumed())
        })
    }

    fn poll_begun(
        &mut self,
        cx: &mut Context<'_>,
        upstream: Dialect,
        heard: &mut Vec<Bytes>,
    ) -> Poll<Result<(), Stillborn>> {
        loop {
            let Poll::Ready(arrived) = Pin::new(&mut self.upstream).poll_frame(cx) else {
                // Within a frame nothing can be said, and nothing has gone out of it.
                let silence = self.silence.as_mut().filter(|_| self.lane.between_frames());
                let Some(sign) = silence.and_then(|silence| silence.poll(cx)) else { return Poll::Pending };
                self.out.push_back(sign);
                return Poll::Ready(Ok(()));
            };
            let fed = match arrived {
                Some(Ok(frame)) => {
                    let chunk = frame.into_data().unwrap_or_default();
                    heard.push(chunk.clone());
                    self.lane.feed(chunk, &mut self.out)
                }
                over => self.over(over.and_then(Result::err)),
            };
            if let Some(error) = self.lane.error().filter(|_| !self.lane.content_started()) {
                return Poll::Ready(Err(Stillborn::Told(wire::error_at_start(
                    upstream,
                    &heard.concat(),
                    error,
                ))));
            }
            if let Err(error) = fed {
                return Poll::Ready(Err(Stillborn::Broken(error)));
            }
            if self.over || self.has_begun() {
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn over(&mut self, broken: Option<BodyError>) -> Result<(), BodyError> {
        self.over = true;
        self.upstream = Body::Empty;
        self.lane.finish(broken, &mut self.out)
    }

    fn has_begun(&self) -> bool {
        let says = |dialect: &Dialect| self.out.iter().any(|frames| wire::says(*dialect, frames));
        match &self.lane {
            Lane::Pass { dialect, .. } if !self.lane.ended() && !self.lane.content_started() => says(dialect),
            Lane::Translate(_) => !self.out.is_empty(),
            _ => true,
        }
    }
}
