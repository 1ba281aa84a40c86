//! Keeps the answer of a stream, which goes by among its frames.
//!
//! One that its provider makes in the background goes on there whatever becomes of the stream: it is kept from its first event
//! on, before the client learns its id, and when the stream ends before it does, whoever follows such answers sees it through
//! (see `background`) and settles.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use contract::ports::{Answer, StoredResponse};
use http::StatusCode;
use tokio::runtime::Handle;
use tokio_util::sync::WaitForCancellationFutureOwned;
use wire::stored::{self, Tap};

use crate::jobs::{Job, name};
use crate::pipeline::Pipeline;
use crate::shelf::Shelf;
use crate::ticket::Ticket;

/// Where the answer of a stream is kept.
pub(crate) struct Shelving {
    shelf: Box<Shelf>,
    /// What finds it among the frames.
    tap: Tap,
    /// What is on its way to the store: the client goes on once it is there.
    kept: Option<Answer<'static, ()>>,
    /// What follows it, where its provider may go on with it on its own.
    pipeline: Option<Arc<Pipeline>>,
    /// The answer, where that is so and it is not over.
    watched: Option<Watched>,
}

/// An answer that its provider makes in the background, while its stream lasts.
struct Watched {
    job: Job,
    /// The answer is forgotten.
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    kept: StoredResponse,
}

impl Shelving {
    pub(crate) fn new(shelf: Box<Shelf>, pipeline: &Arc<Pipeline>) -> Self {
        let goes_on = shelf.background && shelf.draft.native;
        let tap = if goes_on { Tap::from_start() } else { Tap::default() };
        let pipeline = goes_on.then(|| Arc::clone(pipeline));
        Self { shelf, tap, kept: None, pipeline, watched: None }
    }

    /// Keeps the answer if it is among these frames.
    pub(crate) fn note<'a>(&mut self, frames: impl Iterator<Item = &'a Bytes>, ticket: Option<&Ticket>) {
        for frame in frames {
            let over = self.tap.feed(frame);
            if let (Some(begun), Some(ticket)) = (self.tap.begun(), ticket) {
                self.begin(&begun, ticket);
            }
            if let Some(answer) = over {
                // Kept first, as whoever finds no job expects it (see `found`).
                self.kept = self.shelf.secure(&answer);
                self.watched = None;
            }
        }
    }

    /// From the response as its first event carries it. Where there are too many of them it ends with its stream.
    fn begin(&mut self, begun: &Bytes, ticket: &Ticket) {
        let (Some(pipeline), shelf) = (&self.pipeline, &self.shelf) else { return };
        if !stored::facts(begun).is_some_and(|facts| facts.background && facts.is_pending()) {
            return;
        }
        let Some(mut kept) = shelf.filled(begun) else { return };
        let Some(job) = pipeline.jobs.begin(name(&kept)) else { return };
        kept.making = pipeline.handles.making(ticket, &shelf.deployment);
        let (pipeline, response) = (Arc::clone(pipeline), kept.clone());
        self.kept = Some(Answer::Later(Box::pin(async move {
            pipeline.handles.entrust(&response).await;
        })));
        let stopped = Box::pin(job.stop());
        self.watched = Some(Watched { job, stopped, kept });
    }

    /// Has the client to wait until something is kept?
    pub(crate) fn is_under_way(&mut self, cx: &mut Context<'_>) -> bool {
        self.kept.take_if(|kept| Pin::new(kept).poll(cx).is_ready());
        self.kept.is_some()
    }

    /// Is the answer forgotten while it is streamed?
    pub(crate) fn is_stopped(&mut self, cx: &mut Context<'_>) -> bool {
        let stopped = |watched: &mut Watched| matches!(watched.stopped.as_mut().poll(cx), Poll::Ready(()));
        self.watched.as_mut().is_some_and(stopped)
    }

    /// The stream is over: gives the ticket back, unless the answer is not over and is seen through.
    pub(crate) fn over(&mut self, ticket: Ticket) -> Option<Ticket> {
        let (Some(watched), Some(pipeline)) = (self.watched.take(), &self.pipeline) else {
            return Some(ticket);
        };
        // What the end of the process drops is left to the next one.
        if Handle::try_current().is_err() {
            ticket.hand_over();
            return None;
        }
        let (pipeline, kept) = (Arc::clone(pipeline), self.kept.take());
        let (jobs, deployment) = (pipeline.jobs.clone(), Arc::clone(&self.shelf.deployment));
        jobs.spawn(async move {
            if let Some(kept) = kept {
                kept.await;
            }
            let Watched { job, kept, .. } = watched;
            pipeline.see_through((kept, StatusCode::OK), &deployment.provider, (ticket, job)).await;
        });
        None
    }
}
