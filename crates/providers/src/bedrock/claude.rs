//! Claude's own dialect through `InvokeModel`: the envelope is put on and taken off here, so that the gateway sees
//! `anthropic.messages`. What is in the envelope knows `wire::bedrock`.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use contract::Body;
use contract::body::BodyError;
use contract::ports::{Outbound, ProviderReply, UpstreamFailure};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body::{Body as HttpBody, Frame};
use wire::bedrock::{InvokeStream, claude_body, claude_count, claude_count_body, claude_error};

use super::quirks;
use crate::betas::BETA;
use crate::listing::collect;

const ERROR_TYPE: &str = "x-amzn-errortype";

/// Does Bedrock offer this model in Anthropic's own dialect?
pub(super) fn is_claude(model: &str) -> bool {
    model.contains("anthropic.claude")
}

/// The model itself: what counts tokens takes no inference profiles, such as `us.anthropic.…` (docs: "Count tokens").
pub(super) fn bare(model: &str) -> &str {
    model.find("anthropic.claude").and_then(|at| model.get(at..)).unwrap_or(model)
}

/// Puts the request in the envelope; the betas move from their header into it.
pub(super) fn wrap(request: &mut Outbound) -> Result<(), UpstreamFailure> {
    enveloped(request, |body, betas| claude_body(body, betas.into_iter()))
}

/// As [`wrap`], for what is to be counted only.
pub(super) fn wrap_count(request: &mut Outbound) -> Result<(), UpstreamFailure> {
    enveloped(request, |body, betas| claude_count_body(body, betas.into_iter()))
}

fn enveloped<E: ToString>(
    request: &mut Outbound,
    envelope: impl FnOnce(&[u8], Vec<&str>) -> Result<Bytes, E>,
) -> Result<(), UpstreamFailure> {
    let body = joined(std::mem::take(&mut request.body));
    let body = envelope(&body, quirks::BETAS.of(&request.headers))
        .map_err(|error| UpstreamFailure::Build(error.to_string()))?;
    request.headers.remove(BETA);
    request.body = Body::Full(body);
    Ok(())
}

/// Puts a count in the words of Anthropic's clients.
pub(super) async fn unwrap_count(reply: ProviderReply) -> Result<ProviderReply, UpstreamFailure> {
    if !reply.status.is_success() {
        return Ok(unwrap(reply).await);
    }
    let ProviderReply { status, mut headers, body } = reply;
    let body: Bytes = collect(body).await?.into();
    // What cannot be read goes on as it is: the gateway says what is wrong with it.
    let body = claude_count(&body).unwrap_or(body);
    headers.remove(CONTENT_LENGTH);
    Ok(ProviderReply { status, headers, body: Body::Full(body) })
}

/// The bytes of a body that is at hand.
pub(super) fn joined(body: Body) -> Bytes {
    match body {
        Body::Full(bytes) => bytes,
        Body::Chain(pieces) => {
            let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
            whole.freeze()
        }
        Body::Empty | Body::Stream(_) => Bytes::new(),
    }
}

/// Takes the envelope off an answer.
pub(super) async fn unwrap(reply: ProviderReply) -> ProviderReply {
    let ProviderReply { status, mut headers, body } = reply;
    if !status.is_success() {
        // An error whose body is torn or endless is still an error of that status.
        let body = collect(body).await.unwrap_or_default();
        let kind = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
        let body = claude_error(status, kind, &body.into());
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return ProviderReply { status, headers, body: Body::Full(body) };
    }
    let streams = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| wire::Framing::EventStream.announced_by(kind.as_bytes()));
    if !streams {
        return ProviderReply { status, headers, body };
    }
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::Framing::Sse.media_type()));
    let body =
        Body::stream(Unwrapped { inner: body, stream: InvokeStream::default(), owed: None, ended: false });
    ProviderReply { status, headers, body }
}

/// A stream of Anthropic's events, taken out of the event stream they come in.
struct Unwrapped {
    inner: Body,
    stream: InvokeStream,
    /// An error to be told after the bytes before it.
    owed: Option<BodyError>,
    ended: bool,
}

impl HttpBody for Unwrapped {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        while !this.ended {
            if let Some(error) = this.owed.take() {
                this.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(cx)) else {
                this.ended = true;
                // Half a message: the connection was lost in the middle.
                let torn = !this.stream.is_between();
                return Poll::Ready(torn.then_some(Err(BodyError::Lost)));
            };
            let data = match frame.map(Frame::into_data) {
                Ok(Ok(data)) => data,
                // Trailers say nothing here.
                Ok(Err(_)) => continue,
                Err(error) => {
                    this.owed = Some(error);
                    continue;
                }
            };
            let mut out = BytesMut::with_capacity(data.len());
            if this.stream.push(&data, &mut out).is_err() {
                this.owed = Some(BodyError::Malformed);
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.freeze()))));
            }
        }
        Poll::Ready(None)
    }
}
