//! An answer that arrives over time, on its way through: counted, translated if need be, settled at its last event.
//!
//! Nothing is collected: what one poll of the upstream brings goes out before the next. The record is durable before the
//! frame that tells the client the answer is complete.

mod first;
mod lane;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use contract::Code;
use contract::Fault;
use contract::body::{Body, BodyError};
use contract::canon::Event;
use contract::ports::{BoxFuture, Clock, InputSize, Outcome};
use contract::words::{Dialect, Usage};
use http::HeaderValue;
use http_body::{Body as HttpBody, Frame};
use wire::{EncodeOptions, Gather, Listing, Media, StreamDecoder, StreamEncoder, StreamError, Untold, Watch};

use crate::estimate::Sizes;
use crate::keeper::{GATHERED, Keeper};
use crate::pipeline::Pipeline;
use crate::shelf::Shelf;
use crate::shelving::Shelving;
use crate::silence::Silence;
use crate::snapshot::BodyLog;
use crate::ticket::{Ending, Ticket};
use crate::verdict::broken;

/// What the client of a stream reads whose answer is forgotten.
const FORGOTTEN: &str = "The response was deleted while it was streamed.";
/// How long what was consumed is waited for behind an error.
const LINGER: Duration = Duration::from_millis(100);

/// A streamed answer whose head has arrived.
pub(crate) struct Streaming {
    upstream: Body,
    lane: Lane,
    keep: BodyLog,
    /// The media type, where it is not that of the dialect's streams.
    kind: Option<Box<HeaderValue>>,
    /// What was heard of it already.
    out: VecDeque<Bytes>,
    /// Nothing more comes from the upstream.
    over: bool,
    shelf: Option<Box<Shelf>>,
    silence: Option<Box<Silence>>,
    listing: Option<Listing>,
}

/// How the bytes get from one side to the other.
enum Lane {
    /// Both sides speak the same dialect: bytes pass, usage is read in passing.
    Pass { dialect: Dialect, watch: Box<dyn Watch> },
    /// Bytes without frames, in which nothing can be said: sound.
    Through { watch: Box<dyn Watch> },
    /// Through canon.
    Translate(Box<Translator>),
}

struct Translator {
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    events: Vec<Event>,
    /// The answer so far, where it may hold blocks to be remembered.
    gather: Option<Gather>,
    keeper: Keeper,
    untold: Untold,
    usage: Option<Usage>,
    output: InputSize,
    /// For an estimate of what the upstream does not report.
    sizes: Sizes,
    media: Media,
    /// How many bytes of its text had been said when usage was told last.
    told_at: u64,
    service_tier: Option<Arc<str>>,
    content: bool,
    complete: bool,
    failed: Option<StreamError>,
}

impl Streaming {
    /// The client gets the upstream's own frames; `strip_usage` takes out what only we asked for.
    /// None: the dialect has no streams.
    pub(crate) fn pass(dialect: Dialect, upstream: Body, strip_usage: bool) -> Option<Self> {
        let watch = wire::watch(dialect, strip_usage)?;
        Some(Self::new(upstream, Lane::Pass { dialect, watch }))
    }

    /// The client gets the upstream's own bytes, which are no events.
    pub(crate) fn through(upstream: Body, kind: Option<HeaderValue>) -> Self {
        let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
        let lane = Lane::Through { watch: wire::through() };
        Self { kind: Some(Box::new(kind)), ..Self::new(upstream, lane) }
    }

    /// The media type, where it is not that of the dialect's streams.
    pub(crate) fn kind(&self) -> Option<&HeaderValue> {
        self.kind.as_deref()
    }

    /// The client gets frames of its own dialect. None: one of the two has no streams.
    pub(crate) fn translate(
        from: Dialect,
        to: Dialect,
        upstream: Body,
        mut options: EncodeOptions,
        keeper: Keeper,
    ) -> Option<Self> {
        let translator = Translator {
            decoder: wire::decoder_for(from, to, std::mem::take(&mut options.renamed))?,
            encoder: wire::encoder(to, options)?,
            events: Vec::new(),
            gather: keeper.natives.is_some().then(|| Gather::with_cap(GATHERED)),
            keeper,
            untold: Untold::to(to),
            usage: None,
            output: InputSize::default(),
            sizes: Sizes::default(),
            media: Media::default(),
            told_at: 0,
            service_tier: None,
            content: false,
            complete: false,
            failed: None,
        };
        Some(Self::new(upstream, Lane::Translate(Box::new(translator))))
    }

    fn new(upstream: Body, lane: Lane) -> Self {
        Self {
            upstream,
            lane,
            keep: BodyLog::default(),
            kind: None,
            out: VecDeque::new(),
            over: false,
            shelf: None,
            silence: None,
            listing: None,
        }
    }

    /// What was sent: for the usage that the upstream does not report, where it is told in frames of ours.
    pub(crate) fn sized(mut self, sizes: Sizes) -> Self {
        if let Lane::Translate(translator) = &mut self.lane {
            translator.sizes = sizes;
        }
        self
    }

    /// Keeps the whole answer, which goes by at the end, for clients that refer to it.
    pub(crate) fn shelved(mut self, shelf: Option<Box<Shelf>>) -> Self {
        self.shelf = shelf;
        self
    }

    /// Keeps the beginning of the answer for the request log, if bodies are logged.
    pub(crate) fn keeping(mut self, bodies: BodyLog) -> Self {
        self.keep = bodies;
        self
    }

    /// Tells the client that it is alive whenever the upstream was silent for so long.
    pub(crate) fn alive(mut self, span: Duration, client: Dialect, clock: &Arc<dyn Clock>) -> Self {
        let sign = match (&self.lane, &self.listing) {
            (Lane::Through { .. }, _) => None,
            (_, Some(_)) => Some(Listing::BLANK),
            (_, None) => wire::keep_alive(client),
        };
        self.silence = Silence::after(span, sign, clock).map(Box::new);
        self
    }

    /// Is the client one that reads a JSON array instead of events?
    pub(crate) fn listed(mut self, yes: bool) -> Self {
        if yes {
            self.listing = Some(Listing::default());
            self.kind = Some(Box::new(HeaderValue::from_static("application/json")));
        }
        self
    }

    /// The body for the client, which takes the ticket along.
    pub(crate) fn metered(self, ticket: Ticket, pipeline: &Arc<Pipeline>) -> Metered {
        let mut metered = Metered {
            upstream: self.upstream,
            lane: self.lane,
            cut: Box::pin(ticket.cut()),
            lingering: false,
            ticket: Some(ticket),
            out: self.out,
            bytes_out: 0,
            first_content: false,
            ended: self.over,
            keep: self.keep,
            kept: Vec::new(),
            torn: None,
            silence: self.silence,
            listing: self.listing,
            shelf: self.shelf.map(|shelf| Box::new(Shelving::new(shelf, pipeline))),
        };
        metered.heard(0, Ok(()));
        metered
    }
}

/// The body the client reads.
pub(crate) struct Metered {
    upstream: Body,
    lane: Lane,
    /// The process stops and waits no longer, or what comes behind an error has had its moment.
    cut: BoxFuture<'static, ()>,
    lingering: bool,
    /// Gone once the stream is settled.
    ticket: Option<Ticket>,
    out: VecDeque<Bytes>,
    bytes_out: u64,
    first_content: bool,
    /// Nothing more comes from the upstream.
    ended: bool,
    keep: BodyLog,
    kept: Vec<u8>,
    /// The answer broke off where nothing can be said: the connection has to break off too.
    torn: Option<BodyError>,
    /// Where the answer is kept.
    shelf: Option<Box<Shelving>>,
    silence: Option<Box<Silence>>,
    /// What makes an array of the frames, for clients that read one.
    listing: Option<Listing>,
}

impl Metered {
    fn take(&mut self, arrived: Option<Result<Frame<Bytes>, BodyError>>) {
        let waiting = self.out.len();
        let step = match arrived {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => self.lane.feed(data, &mut self.out),
                Err(_trailers) => Ok(()),
            },
            over => {
                self.ended = true;
                self.lane.finish(over.and_then(Result::err), &mut self.out)
            }
        };
        self.heard(waiting, step);
    }

    /// Learns from what waits to go out, from this frame on.
    fn heard(&mut self, waiting: usize, step: Result<(), BodyError>) {
        self.note_content();
        self.note_answer(waiting);
        match step {
            Ok(()) if self.ended || self.lane.ended() => self.settle(None),
            Ok(()) => self.linger(),
            Err(error) => self.end(&broken(error)),
        }
    }

    /// Behind an error the provider has a moment to say what was consumed.
    fn linger(&mut self) {
        if !self.lingering
            && self.lane.error().is_some()
            && let Some(ticket) = &self.ticket
        {
            self.lingering = true;
            self.cut = ticket.moment(LINGER);
        }
    }

    /// Keeps the answer if it is among the frames from this one on, which are held back meanwhile.
    fn note_answer(&mut self, from: usize) {
        if let Some(shelf) = &mut self.shelf {
            shelf.note(self.out.range(from..), self.ticket.as_ref());
        }
    }

    /// The process waits no longer.
    fn stop(&mut self) {
        match self.lane.finish(Some(BodyError::Lost), &mut self.out) {
            Ok(()) => {
                self.ended = true;
                self.settle(None);
            }
            Err(_) => self.end(&Code::Draining.into()),
        }
    }

    /// Breaks off, and says why.
    fn end(&mut self, fault: &Fault) {
        self.ended = true;
        self.upstream = Body::Empty;
        self.settle(Some(fault));
    }

    fn note_content(&mut self) {
        if !self.first_content && self.lane.content_started() {
            self.first_content = true;
            if let Some(ticket) = &mut self.ticket {
                ticket.first_content();
            }
        }
    }

    /// Once: at the last event, or when the answer broke off.
    fn settle(&mut self, broken: Option<&Fault>) {
        let Some(mut ticket) = self.ticket.take() else { return };
        if let Some(fault) = broken
            && !self.lane.fail(fault, &mut self.out)
        {
            self.torn = Some(BodyError::Lost);
        }
        // The upstream itself may have ended the stream with an error event.
        let code = broken.map(Fault::code).or_else(|| self.lane.error().map(|_| Code::UpstreamError));
        ticket.consumed(self.lane.consumed());
        let Some(mut ticket) = self.seen_through(ticket) else { return };
        let outcome = if code.is_some() { Outcome::Interrupted } else { Outcome::Answered };
        ticket.stages_over();
        ticket.end_attempt(&Ending { outcome, error: code.map(Code::as_str), assume_consumed: true });
        let waiting: usize = self.out.iter().map(Bytes::len).sum();
        let bytes_out = self.bytes_out + waiting as u64;
        for frame in &self.out {
            keep(&mut self.kept, self.keep, frame);
        }
        let lost = self.lane.lost();
        let kept = self.keep.keep.then(|| String::from_utf8_lossy(&self.kept).into_owned());
        ticket.edit(|record| {
            record.kept.entries.request.outcome = outcome;
            record.kept.entries.request.bytes_out = bytes_out;
            record.kept.entries.request.response_body = kept;
            record.kept.entries.request.dropped.extend(lost.into_entries());
            match (broken, code) {
                (Some(fault), _) => record.note(fault),
                (None, Some(code)) => record.note(&code.into()),
                (None, None) => {}
            }
        });
        ticket.settle();
    }

    /// An answer that is not over when its stream is may be seen through, and its ticket with it.
    fn seen_through(&mut self, ticket: Ticket) -> Option<Ticket> {
        match &mut self.shelf {
            Some(shelf) => shelf.over(ticket),
            None => Some(ticket),
        }
    }

    /// Something to send while the upstream is silent.
    fn sign_of_life(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        // Behind the last event nothing more is said.
        let silence = self
            .silence
            .as_mut()
            .filter(|_| self.ticket.is_some() && !self.lingering && self.lane.between_frames())?;
        let sign = silence.poll(cx)?;
        self.bytes_out += sign.len() as u64;
        Some(sign)
    }

    /// The frames as the client reads them; none when there is nothing in them for it.
    fn element(&mut self, frames: Bytes) -> Option<Bytes> {
        let Some(listing) = &mut self.listing else { return Some(frames) };
        let mut elements = BytesMut::new();
        if listing.feed(&frames, &mut elements).is_err() {
            self.out.clear();
            if self.ticket.is_none() {
                self.torn = Some(BodyError::Lost);
            }
            self.end(&broken(BodyError::Malformed));
        }
        (!elements.is_empty()).then(|| elements.freeze())
    }

    fn last_of_list(&mut self) -> Option<Bytes> {
        let mut end = BytesMut::new();
        self.listing.take()?.finish(&mut end);
        Some(end.freeze())
    }
}

fn keep(kept: &mut Vec<u8>, rule: BodyLog, frame: &Bytes) {
    if rule.keep && kept.len() < rule.max {
        kept.extend_from_slice(&frame[..frame.len().min(rule.max - kept.len())]);
    }
}

impl HttpBody for Metered {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        loop {
            if let Some(shelf) = &mut this.shelf {
                if shelf.is_under_way(cx) {
                    return Poll::Pending;
                }
                if shelf.is_stopped(cx) {
                    this.end(&Fault::saying(Code::ResponseNotFound, FORGOTTEN));
                }
            }
            if let Some(frame) = this.out.pop_front() {
                this.bytes_out += frame.len() as u64;
                if this.ticket.is_some() {
                    keep(&mut this.kept, this.keep, &frame);
                }
                let Some(frame) = this.element(frame) else { continue };
                if let Some(silence) = &mut this.silence {
                    silence.broken();
                }
                return Poll::Ready(Some(Ok(Frame::data(frame))));
            }
            if this.ended {
                if let Some(error) = this.torn.take() {
                    this.listing = None;
                    return Poll::Ready(Some(Err(error)));
                }
                return Poll::Ready(this.last_of_list().map(|end| Ok(Frame::data(end))));
            }
            let arrived = Pin::new(&mut this.upstream).poll_frame(cx);
            if this.ticket.is_none() {
                // Behind the last event nothing is said. The end of the body mostly comes along with it, and gives the connection
                // back; who is let go of before that has a moment for it.
                this.upstream = Body::Empty;
                this.ended = true;
                continue;
            }
            match arrived {
                Poll::Ready(arrived) => this.take(arrived),
                Poll::Pending if this.cut.as_mut().poll(cx).is_ready() => this.stop(),
                Poll::Pending => {
                    let sign = this.sign_of_life(cx);
                    return sign.map_or(Poll::Pending, |sign| Poll::Ready(Some(Ok(Frame::data(sign)))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.out.is_empty() && self.torn.is_none() && self.listing.is_none()
    }
}

impl Drop for Metered {
    /// The client went away: what is known so far goes along with the ticket. Behind an error it has heard all there is.
    fn drop(&mut self) {
        if self.lingering {
            self.settle(None);
        }
        if let Some(mut ticket) = self.ticket.take() {
            ticket.consumed(self.lane.consumed());
            let Some(mut ticket) = self.seen_through(ticket) else { return };
            let bytes_out = self.bytes_out;
            ticket.edit(|record| record.kept.entries.request.bytes_out = bytes_out);
        }
    }
}
