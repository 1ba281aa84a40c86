//! The outside of a request that is a form: the fields that matter, where the model's name stands, how much of it is files.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use contract::Fault;
use contract::ports::PathFacts;
use contract::words::Dialect;
use serde_json::{Map, Value};

use super::{Envelope, Splice, twice, unnamed};
use crate::fields::{missing, wrong};
use crate::passing::multipart::{Boundary, Part};

/// The fields that matter, as they stand.
#[derive(Default)]
struct Fields<'a> {
    model: Option<(&'a str, usize)>,
    stream: Option<(&'a str, usize)>,
    user: Option<(&'a str, usize)>,
    n: Option<(&'a str, usize)>,
    file_bytes: u64,
}

impl<'a> Fields<'a> {
    fn take(&mut self, part: &Part<'a>, body: &'a [u8]) -> Result<(), Fault> {
        let (name, slot) = match part.name {
            "model" => ("model", &mut self.model),
            "stream" => ("stream", &mut self.stream),
            "user" => ("user", &mut self.user),
            "n" => ("n", &mut self.n),
            _ => {
                if part.is_file {
                    self.file_bytes += part.at.len() as u64;
                }
                return Ok(());
            }
        };
        let text = std::str::from_utf8(&body[part.at.clone()]).ok().filter(|_| !part.is_file);
        let text = text.ok_or_else(|| wrong(name, "a text"))?;
        if slot.replace((text, part.at.start)).is_some() {
            return Err(twice(name));
        }
        Ok(())
    }
}

impl Envelope {
    /// Reads a form.
    ///
    /// # Errors
    /// `invalid_request`: it cannot be read, or a field that matters stands twice, is missing or is no text.
    pub(super) fn read_form(
        (dialect, path): (Dialect, &PathFacts),
        boundary: Boundary,
        body: Bytes,
    ) -> Result<Self, Fault> {
        let mut fields = Fields::default();
        boundary.parts(&body, |part| fields.take(&part, &body))?;
        let unnamed = fields.model.is_none();
        let usual = || unnamed::model(dialect, &body).ok_or_else(|| missing("model"));
        let (model, at) = fields.model.map_or_else(|| usual().map(|model| (model, 0)), Ok)?;
        // A new name takes this one's place as it is: with a line break in it, it could pass for further fields.
        if model.contains(|letter: char| letter.is_control()) {
            return Err(wrong("model", "a name"));
        }
        let stream = match (path.stream, fields.stream) {
            (Some(stream), _) => stream,
            (None, Some((text, _))) => flag(text)?,
            (None, None) => false,
        };
        let user = fields.user.map(|(text, _)| text.to_owned());
        let model_at = if unnamed { 0..0 } else { at..at + model.len() };
        let (model, n) = (model.to_owned(), fields.n.and_then(|(text, _)| text.parse().ok()));
        Ok(Self {
            model,
            stream,
            include_usage: true,
            max_output: None,
            user,
            service_tier: None,
            n,
            file_bytes: fields.file_bytes,
            models_at: smallvec::smallvec![model_at],
            // The one form without a model is of pictures.
            always_named: unnamed,
            unnamed,
            ask_usage: Splice::None,
            form: Some(boundary),
            body,
        })
    }
}

impl Envelope {
    /// The body as JSON, for the way through canon: files of a form become data URLs.
    ///
    /// # Errors
    /// As reading the form.
    pub fn as_json(&self) -> Result<Bytes, Fault> {
        let Some(boundary) = &self.form else { return Ok(self.body.clone()) };
        let mut map: Map<String, Value> = Map::new();
        boundary.parts(&self.body, |part| {
            let bytes = &self.body[part.at];
            let value = if part.is_file {
                let mime = part.media_type.unwrap_or("application/octet-stream");
                format!("data:{mime};base64,{}", BASE64_STANDARD.encode(bytes))
            } else {
                String::from_utf8_lossy(bytes).into_owned()
            };
            match map.get_mut(part.name) {
                None => drop(map.insert(part.name.to_owned(), value.into())),
                Some(Value::Array(list)) => list.push(value.into()),
                Some(first) => *first = Value::Array(vec![first.take(), value.into()]),
            }
            Ok(())
        })?;
        Ok(Value::Object(map).to_string().into())
    }
}

/// Forms have no types: clients write truth as their language does.
fn flag(text: &str) -> Result<bool, Fault> {
    match text {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" | "" => Ok(false),
        _ => Err(wrong("stream", "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use contract::Code;

    use super::*;

    const KIND: &[u8] = b"multipart/form-data; boundary=XX";

    fn form(fields: &[(&str, &str)]) -> Bytes {
        let mut body = Vec::new();
        for (name, value) in fields {
            let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(head.as_bytes());
        }
        body.extend_from_slice(b"--XX\r\nContent-Disposition: form-data; name=file; filename=a.wav\r\n");
        body.extend_from_slice(b"Content-Type: audio/wav\r\n\r\n\0\xff\r\n--\r\n--XX--\r\n");
        body.into()
    }

    fn read(fields: &[(&str, &str)]) -> Result<Envelope, Fault> {
        let path = PathFacts::default();
        Envelope::receive(Dialect::OpenaiTranscriptions, &path, Some(KIND), form(fields))
    }

    fn joined(envelope: &Envelope, model: &str) -> Vec<u8> {
        envelope.edited(model, true).iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn the_model_is_renamed_and_nothing_else_is_touched() {
        let fields = [("n", "2"), ("model", "house/whisper"), ("user", "u"), ("stream", "True")];
        let seen = read(&fields).unwrap();
        assert_eq!((seen.model.as_str(), seen.stream, seen.n), ("house/whisper", true, Some(2)));
        assert_eq!((seen.user.as_deref(), seen.file_bytes), (Some("u"), 6));
        let pieces = seen.edited("w \"1\"", true);
        assert_eq!(pieces.len(), 3, "the client's own buffer and the name");
        let expected = form(&[("n", "2"), ("model", "w \"1\""), ("user", "u"), ("stream", "True")]);
        assert_eq!(joined(&seen, "w \"1\""), expected);
        assert_eq!(joined(&seen, "house/whisper"), form(&fields));
    }

    #[test]
    fn a_model_that_is_not_named_is_put_in() {
        let path = PathFacts::default();
        let seen =
            Envelope::receive(Dialect::OpenaiImageEdits, &path, Some(KIND), form(&[("n", "1")])).unwrap();
        assert_eq!(seen.model, "gpt-image-1.5");
        assert_eq!(joined(&seen, "x"), form(&[("model", "x"), ("n", "1")]));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        for (fields, param) in [
            (&[("prompt", "x")][..], "model"),
            (&[("model", "a"), ("model", "b")], "model"),
            (&[("model", "a\r\n--XY")], "model"),
            (&[("file", ""), ("model", "m"), ("stream", "maybe")], "stream"),
        ] {
            let fault = read(fields).unwrap_err();
            assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)), "{fields:?}");
        }
        let body = Bytes::from_static(
            b"--XX\r\nContent-Disposition: form-data; name=model; filename=m\r\n\r\nm\r\n--XX--",
        );
        let path = PathFacts::default();
        assert!(Envelope::receive(Dialect::OpenaiTranscriptions, &path, Some(KIND), body.clone()).is_err());
        // A dialect without forms reads JSON, whatever the head says.
        let fault = Envelope::receive(Dialect::OpenaiChat, &path, Some(KIND), body).unwrap_err();
        assert_eq!(fault.code(), Code::InvalidJson);
    }

    #[test]
    fn a_form_becomes_json_for_the_way_through_canon() {
        let seen = read(&[("model", "m"), ("a[]", "1"), ("a[]", "2")]).unwrap();
        let json: Value = serde_json::from_slice(&seen.as_json().unwrap()).unwrap();
        let expected =
            serde_json::json!({"model": "m", "a[]": ["1", "2"], "file": "data:audio/wav;base64,AP8NCi0t"});
        assert_eq!(json, expected);
    }

    #[test]
    fn a_request_with_files_may_be_json_too() {
        let body = Bytes::from_static(br#"{"model":"m","images":[],"stream":true}"#);
        let kind = Some(&b"application/json"[..]);
        let seen = Envelope::receive(Dialect::OpenaiImageEdits, &PathFacts::default(), kind, body).unwrap();
        assert!(seen.stream && seen.file_bytes == 0);
        let speech = Bytes::from_static(br#"{"model":"m","stream_format":"sse"}"#);
        assert!(Envelope::read(Dialect::OpenaiSpeech, &PathFacts::default(), speech).unwrap().stream);
    }
}
