//! The ids of traces and spans, all derived from ids that exist anyway, and the choice of traces to export.
//!
//! The engine sends `traceparent: 00-<trace>-<last 8 bytes of the attempt's id>-<flags>` upstream without asking us; what is
//! derived here is the same, so that the upstream's spans hang below ours (W3C Trace Context §3.2).

use contract::ports::{Settled, Stage};
use contract::words::Id;

/// Eight bytes, not all zero.
pub(super) type SpanId = [u8; 8];

/// The trace of one request.
pub(super) struct Trace {
    pub(super) id: [u8; 16],
    /// The client's span.
    pub(super) parent: Option<SpanId>,
    /// The client's choice, when it made one.
    sampled: Option<bool>,
    /// The span of the request.
    pub(super) root: SpanId,
}

impl Trace {
    pub(super) fn of(settled: &Settled) -> Self {
        let request = &settled.entries.request;
        let parent = settled.parent.as_deref().and_then(parse);
        let named = request.trace_id.as_deref().and_then(hex);
        Self {
            id: parent.map(|(trace, ..)| trace).or(named).unwrap_or(*request.id.bytes()),
            parent: parent.map(|(_, span, _)| span),
            sampled: parent.map(|(.., sampled)| sampled),
            root: span(request.id),
        }
    }

    /// The span of a stage.
    pub(super) fn stage(&self, stage: Stage) -> SpanId {
        // Any step that is odd and large tells the stages of one request apart; the golden ratio is the customary one.
        let step = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(stage as u64 + 1);
        u64::from_be_bytes(self.root).wrapping_add(step).max(1).to_be_bytes()
    }
}

/// The span of a request or an attempt: the random half of its id.
pub(super) fn span(id: Id) -> SpanId {
    let [.., a, b, c, d, e, f, g, h] = *id.bytes();
    [a, b, c, d, e, f, g, h]
}

/// Trace id, span id and sampled flag of a `traceparent`.
fn parse(text: &str) -> Option<([u8; 16], SpanId, bool)> {
    let mut fields = text.split('-').skip(1);
    let (trace, span, flags) = (hex(fields.next()?)?, hex(fields.next()?)?, hex::<1>(fields.next()?)?);
    Some((trace, span, flags[0] & 1 == 1))
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Which traces are exported.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampler {
    /// Of 2³².
    share: u64,
}

impl Sampler {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the product is between 0 and 2^32"
    )]
    pub(super) fn new(share: f64) -> Self {
        Self { share: (share.clamp(0.0, 1.0) * 2_f64.powi(32)) as u64 }
    }

    /// The client decides for its traces; for ours the id does, so that every instance decides alike.
    pub(super) fn wants(self, trace: &Trace) -> bool {
        let [.., a, b, c, d] = trace.id;
        trace.sampled.unwrap_or(u64::from(u32::from_be_bytes([a, b, c, d])) < self.share)
    }
}

#[cfg(test)]
mod tests {
    use contract::words::IdKind;

    use super::*;
    use crate::settled::settled;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn the_clients_trace_goes_on() {
        let mut request = settled(Vec::new());
        request.parent = Some(PARENT.into());
        let trace = Trace::of(&request);
        assert_eq!(trace.id[..2], [0x0a, 0xf7]);
        assert_eq!(trace.parent, Some([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]));
        assert_eq!(trace.sampled, Some(true));
    }

    #[test]
    fn without_one_the_request_names_the_trace() {
        let request = settled(Vec::new());
        let trace = Trace::of(&request);
        assert_eq!(&trace.id, request.entries.request.id.bytes());
        assert_eq!(trace.parent, None);
        assert_eq!(trace.id[8..], trace.root);
    }

    #[test]
    fn span_ids_of_a_request_are_distinct() {
        let trace = Trace::of(&settled(Vec::new()));
        let mut ids: Vec<_> = Stage::ALL.iter().map(|stage| trace.stage(*stage)).collect();
        ids.push(trace.root);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 9);
    }

    #[test]
    fn broken_parents_are_ignored() {
        for text in ["", "00", "00-zz-yy-01", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01"] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_share_is_kept_and_the_clients_choice_goes_first() {
        let wanted = |share: f64, count: usize| {
            let sampler = Sampler::new(share);
            (0..count)
                .filter(|_| {
                    let id = Id::new(IdKind::Request);
                    let trace = Trace { id: *id.bytes(), parent: None, sampled: None, root: span(id) };
                    sampler.wants(&trace)
                })
                .count()
        };
        assert_eq!((wanted(0.0, 100), wanted(1.0, 100)), (0, 100));
        let half = wanted(0.5, 2000);
        assert!((800..1200).contains(&half), "{half}");
        let mut request = settled(Vec::new());
        request.parent = Some(PARENT.into());
        assert!(Sampler::new(0.0).wants(&Trace::of(&request)));
        request.parent = Some(PARENT.replace("-01", "-00").into());
        assert!(!Sampler::new(1.0).wants(&Trace::of(&request)));
    }
}
