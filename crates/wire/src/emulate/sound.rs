//! Sound in the form its client asked for: models that speak raw samples alone are given a head, of WAV. It can be made for whole
//! answers only, and clients can ask for it there only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use contract::canon::{MediaKind, MediaSource, PartKind, Reply};

/// The form of sound that can be made of samples.
pub(crate) const WAV: &str = "wav";

/// Puts the heads before the samples in an answer, if `asked` is that form.
pub(crate) fn sounds(reply: &mut Reply, asked: Option<&str>) {
    if asked != Some(WAV) {
        return;
    }
    for part in reply.choices.iter_mut().flat_map(|choice| &mut choice.parts) {
        if let PartKind::Media { kind: MediaKind::Audio, source: MediaSource::Base64 { mime, data } } =
            &mut part.kind
            && let Some(samples) = Samples::of(mime)
            && let Ok(bytes) = STANDARD.decode(data.as_bytes())
            && let Some(whole) = samples.whole(&bytes)
        {
            *data = STANDARD.encode(whole);
            "audio/wav".clone_into(mime);
        }
    }
}

/// Samples of 16 bits, the low byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Samples {
    /// How many a second.
    rate: u32,
    channels: u16,
}

impl Samples {
    /// What a type such as `audio/L16;codec=pcm;rate=24000` says (ai.google.dev/gemini-api/docs/speech-generation).
    fn of(mime: &str) -> Option<Self> {
        let mut words = mime.split(';').map(str::trim);
        let kind = words.next()?.to_ascii_lowercase();
        let mut samples = Self { rate: 24_000, channels: 1 };
        let mut told = kind == "audio/l16";
        for word in words {
            match word.split_once('=') {
                Some(("rate", rate)) => {
                    samples.rate = rate.parse().ok()?;
                    told = true;
                }
                Some(("channels", channels)) => samples.channels = channels.parse().ok()?,
                _ => {}
            }
        }
        (told && matches!(kind.as_str(), "audio/l16" | "audio/pcm")).then_some(samples)
    }

    /// The samples behind a head ("Multimedia Programming Interface and Data Specifications 1.0", Microsoft and IBM). None:
    /// they are too long for one.
    fn whole(self, samples: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(samples.len()).ok()?;
        let frame = self.channels.checked_mul(2)?;
        let mut out = Vec::with_capacity(samples.len() + 44);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&length.checked_add(36)?.to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16_u32.to_le_bytes());
        // Samples as they are.
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&self.channels.to_le_bytes());
        out.extend_from_slice(&self.rate.to_le_bytes());
        out.extend_from_slice(&self.rate.checked_mul(u32::from(frame))?.to_le_bytes());
        out.extend_from_slice(&frame.to_le_bytes());
        out.extend_from_slice(&16_u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(samples);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::Answered;
    use contract::words::Dialect;
    use serde_json::json;

    use super::*;
    use crate::EncodeOptions;

    /// The type and the bytes of what a model said to a client that asked for this form.
    fn said(mime: &str, asked: Option<&str>) -> (String, Vec<u8>) {
        let body = json!({"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": mime,
            "data": "AQIDBA=="}}]}, "finishReason": "STOP"}]});
        let options = EncodeOptions { sound: asked.map(str::to_owned), ..EncodeOptions::default() };
        let body = body.to_string();
        let answered = crate::read_reply_for(Dialect::GeminiGenerate, body.as_bytes(), &options).unwrap();
        let Answered::Chat(reply) = answered else { panic!("no conversation") };
        let PartKind::Media { source: MediaSource::Base64 { mime, data }, .. } =
            &reply.choices[0].parts[0].kind
        else {
            panic!("no sound")
        };
        (mime.clone(), STANDARD.decode(data).unwrap())
    }

    #[test]
    fn samples_are_given_a_head() {
        let (mime, bytes) = said("audio/L16;codec=pcm;rate=16000", Some(WAV));
        assert_eq!(mime, "audio/wav");
        let mut head =
            b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data".to_vec();
        head.extend_from_slice(b"\x04\0\0\0\x01\x02\x03\x04");
        assert_eq!(bytes, head);
    }

    #[test]
    fn all_else_stays() {
        for (mime, asked) in [
            ("audio/L16;codec=pcm;rate=24000", None),
            ("audio/L16;codec=pcm;rate=24000", Some("pcm16")),
            ("audio/L16;rate=4294967295", Some(WAV)),
            ("audio/L16;rate=x", Some(WAV)),
            ("audio/mpeg", Some(WAV)),
            ("audio/wav", Some(WAV)),
            // Whatever a server calls so without saying more.
            ("audio/pcm", Some(WAV)),
        ] {
            assert_eq!(said(mime, asked), (mime.to_owned(), vec![1, 2, 3, 4]), "{mime} {asked:?}");
        }
    }
}
