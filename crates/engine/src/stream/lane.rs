//! How the bytes of an answer get from one side to the other, and what is learned on the way.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use contract::Fault;
use contract::body::BodyError;
use contract::canon::{Event, Receipt};
use wire::StreamError;

use super::{Lane, Translator};
use crate::estimate::Sizes;
use crate::ticket::Consumed;

impl Lane {
    pub(super) fn feed(&mut self, chunk: Bytes, out: &mut VecDeque<Bytes>) -> Result<(), BodyError> {
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => {
                watch.feed(chunk, out);
                Ok(())
            }
            Self::Translate(translator) => {
                let fed = translator.decoder.push(&chunk, &mut translator.events);
                translator.write(out);
                fed.map_err(|_| BodyError::Malformed)
            }
        }
    }

    /// The upstream's body is over; `broken` tells why if it is not whole. An answer that was complete by then is one all the
    /// same: not every dialect has a last event.
    pub(super) fn finish(
        &mut self,
        broken: Option<BodyError>,
        out: &mut VecDeque<Bytes>,
    ) -> Result<(), BodyError> {
        let lost = broken.unwrap_or(BodyError::Lost);
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => {
                watch.finish(out);
                let seen = watch.seen();
                let told = seen.complete() || seen.error.is_some();
                if told || (broken.is_none() && seen.unread) { Ok(()) } else { Err(lost) }
            }
            Self::Translate(translator) => {
                let finished = translator.decoder.finish(&mut translator.events);
                translator.write(out);
                match finished {
                    Ok(()) if translator.complete => Ok(()),
                    _ => Err(lost),
                }
            }
        }
    }

    /// Has the last event gone by?
    pub(super) fn ended(&self) -> bool {
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => watch.seen().ended,
            Self::Translate(translator) => {
                translator.complete && (translator.failed.is_none() || translator.decoder.is_over())
            }
        }
    }

    /// Does what was sent so far end with a whole frame?
    pub(super) fn between_frames(&self) -> bool {
        match self {
            Self::Pass { watch, .. } => !watch.unfinished(),
            Self::Through { .. } => false,
            Self::Translate(_) => true,
        }
    }

    pub(super) fn content_started(&self) -> bool {
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => watch.seen().content_started,
            Self::Translate(translator) => translator.content,
        }
    }

    /// The failure that the upstream told of.
    pub(super) fn error(&self) -> Option<&StreamError> {
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => watch.seen().error.as_ref(),
            Self::Translate(translator) => translator.failed.as_ref(),
        }
    }

    pub(super) fn consumed(&mut self) -> Consumed {
        match self {
            Self::Pass { watch, .. } | Self::Through { watch } => {
                let seen = watch.seen();
                let service_tier = seen.service_tier.as_deref().map(Into::into);
                Consumed {
                    usage: seen.usage,
                    output: seen.output,
                    underreported: seen.is_underreported(),
                    service_tier,
                }
            }
            Self::Translate(translator) => Consumed {
                usage: translator.usage,
                output: translator.output,
                underreported: translator.is_underreported(),
                service_tier: translator.service_tier.clone(),
            },
        }
    }

    /// What of the answer the client's dialect had no place for.
    pub(super) fn lost(&mut self) -> Receipt {
        match self {
            Self::Pass { .. } | Self::Through { .. } => Receipt::default(),
            Self::Translate(translator) => translator.untold.take(),
        }
    }

    /// Ends the client's stream the way its dialect reports errors; tells whether there is such a way.
    pub(super) fn fail(&mut self, fault: &Fault, out: &mut VecDeque<Bytes>) -> bool {
        let mut frames = BytesMut::new();
        match self {
            Self::Pass { dialect, watch } => {
                if !wire::fail(*dialect, fault, &**watch, &mut frames) {
                    return false;
                }
            }
            Self::Through { .. } => return false,
            Self::Translate(translator) => translator.encoder.fail(fault, &mut frames),
        }
        out.push_back(frames.freeze());
        true
    }
}

impl Translator {
    /// May there be more output than was reported?
    pub(super) fn is_underreported(&self) -> bool {
        self.usage.is_none_or(|usage| usage.output == 0) || self.told_at < self.output.text
    }

    /// Writes the events at hand and learns from them.
    pub(super) fn write(&mut self, out: &mut VecDeque<Bytes>) {
        let mut frames = BytesMut::new();
        for event in self.events.drain(..) {
            // Behind its end there is nothing.
            if self.complete {
                if let (Event::Usage(usage), Some(_)) = (&event, &self.failed) {
                    (self.usage, self.told_at) = (Some(*usage), self.output.text);
                }
                continue;
            }
            self.media.weigh(&event, &mut self.output);
            match &event {
                Event::Start { extra, .. } => self.service_tier = wire::service_tier(extra).map(Into::into),
                Event::Extra { choice: None, extra } => {
                    // The tier that served an answer may be told at its end only.
                    if let Some(tier) = wire::service_tier(extra) {
                        self.service_tier = Some(tier.into());
                    }
                }
                Event::Usage(usage) => (self.usage, self.told_at) = (Some(*usage), self.output.text),
                Event::Delta { .. } => self.content = true,
                Event::PartStart { part: contract::canon::PartStart::ToolCall { .. }, .. } => {
                    self.content = true;
                }
                Event::End => {
                    self.complete = true;
                    let sizes = Sizes { output: self.output, ..self.sizes };
                    if let Some(usage) = sizes.missing(self.usage, self.told_at < self.output.text) {
                        self.encoder.write(&Event::Usage(usage), &mut frames);
                    }
                    // Before the client learns that the answer is complete: its next turn may come at once.
                    if let Some(mut gather) = self.gather.take() {
                        gather.push(Event::End);
                        if gather.complete() {
                            self.keeper.keep(&gather.finish());
                        }
                    }
                }
                Event::Error { kind, message } => {
                    self.complete = true;
                    self.failed = Some(StreamError { kind: kind.clone(), message: message.clone() });
                }
                _ => {}
            }
            self.untold.note(&event);
            self.encoder.write(&event, &mut frames);
            if let Some(gather) = &mut self.gather {
                gather.push(event);
            }
        }
        if !frames.is_empty() {
            out.push_back(frames.freeze());
        }
    }
}
