//! One cheap pass over a client's request: what the pipeline must know, and where the named edits go.
//!
//! Messages are skipped, not parsed: their bytes are checked to be JSON and never copied. The edits (model name, stream
//! options) are spliced between slices of the client's own buffer. Translation is elsewhere: [`crate::read_chat`].

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::fields::{invalid_json, missing, wrong};

/// A client's request with its outside read.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The model the client asks for; empty in dialects that name it in the path.
    pub model: String,
    /// Does it want a stream?
    pub stream: bool,
    /// Did it ask for usage on its stream? Always true in dialects whose streams carry it anyway.
    pub include_usage: bool,
    /// The most output tokens it wants, for each of its `n` answers.
    pub max_output: Option<u64>,
    /// The end user, as the app names them.
    pub user: Option<String>,
    /// The processing tier asked for.
    pub service_tier: Option<String>,
    /// How many answers it wants.
    pub n: Option<u64>,
    body: Bytes,
    model_at: Range<usize>,
    ask_usage: Splice,
}

/// How `stream_options.include_usage` is switched on.
#[derive(Clone, Debug)]
enum Splice {
    /// There is nothing to do, or no way to do it.
    None,
    /// These bytes replace a range.
    Put(Range<usize>, &'static [u8]),
}

impl Envelope {
    /// Reads a request body.
    ///
    /// # Errors
    /// `invalid_encoding`, `invalid_json`; `invalid_request` with the field when a field that matters here stands twice, is
    /// missing or has the wrong type.
    pub fn read(dialect: Dialect, body: Bytes) -> Result<Self, Fault> {
        let text =
            std::str::from_utf8(&body).map_err(|error| Fault::new(Code::InvalidEncoding).because(error))?;
        let mut from = serde_json::Deserializer::from_str(text);
        let top = from.deserialize_any(TopVisitor).map_err(|error| fault(&error))?;
        from.end().map_err(|error| fault(&error))?;
        let origin = text.as_ptr().addr();
        let span = |raw: &RawValue| {
            let start = raw.get().as_ptr().addr() - origin;
            start..start + raw.get().len()
        };
        let stream = top.stream.map_or(Ok(false), |raw| flag(raw, "stream"))?;
        let (include_usage, ask_usage) = match dialect {
            Dialect::OpenaiChat => usage_option(&top, text, span)?,
            _ => (true, Splice::None),
        };
        let (model, model_at) = match top.model {
            Some(raw) => (string(raw).ok_or_else(|| wrong("model", "a string"))?, span(raw)),
            None if matches!(dialect, Dialect::GeminiGenerate | Dialect::GeminiEmbed) => {
                (Cow::Borrowed(""), 0..0)
            }
            None => return Err(missing("model")),
        };
        let user = match dialect {
            Dialect::AnthropicMessages => top.metadata.and_then(user_id),
            _ => top.user.and_then(string).map(Cow::into_owned),
        };
        Ok(Self {
            model: model.into_owned(),
            stream,
            include_usage,
            max_output: top.max_completion_tokens.or(top.max_tokens).and_then(count),
            user,
            service_tier: top.service_tier.and_then(string).map(Cow::into_owned),
            n: top.n.and_then(count),
            model_at,
            ask_usage,
            body,
        })
    }

    /// The body as it came.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body with the model renamed and, if `ask_usage`, with the stream's usage asked for. Everything else is the
    /// client's own bytes: slices of its buffer, not copies.
    #[must_use]
    pub fn edited(&self, upstream_model: &str, ask_usage: bool) -> VecDeque<Bytes> {
        let mut edits: Vec<(Range<usize>, Bytes)> = Vec::with_capacity(2);
        if upstream_model != self.model && !self.model_at.is_empty() {
            let name = serde_json::to_vec(upstream_model).unwrap_or_default();
            edits.push((self.model_at.clone(), name.into()));
        }
        if ask_usage
            && self.stream
            && let Splice::Put(at, bytes) = &self.ask_usage
        {
            edits.push((at.clone(), Bytes::from_static(bytes)));
        }
        edits.sort_by_key(|(at, _)| at.start);
        let mut out = VecDeque::with_capacity(2 * edits.len() + 1);
        let mut from = 0;
        for (at, bytes) in edits {
            if at.start > from {
                out.push_back(self.body.slice(from..at.start));
            }
            out.push_back(bytes);
            from = at.end;
        }
        if from < self.body.len() {
            out.push_back(self.body.slice(from..));
        }
        out
    }
}

/// The fields that matter, as they stand.
#[derive(Default)]
struct Top<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    stream_options: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    user: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    service_tier: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
}

struct TopVisitor;

impl<'de> Visitor<'de> for TopVisitor {
    type Value = Top<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key_seed(Key(TOP))? {
            let (name, slot) = match key {
                Some("model") => ("model", &mut top.model),
                Some("stream") => ("stream", &mut top.stream),
                Some("stream_options") => ("stream_options", &mut top.stream_options),
                Some("max_tokens") => ("max_tokens", &mut top.max_tokens),
                Some("max_completion_tokens") => ("max_completion_tokens", &mut top.max_completion_tokens),
                Some("user") => ("user", &mut top.user),
                Some("metadata") => ("metadata", &mut top.metadata),
                Some("service_tier") => ("service_tier", &mut top.service_tier),
                Some("n") => ("n", &mut top.n),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            // Parsers differ on which of two counts: the gateway must not check one and the provider obey the other.
            if slot.is_some() {
                return Err(A::Error::custom(Twice(name)));
            }
            *slot = Some(map.next_value()?);
        }
        Ok(top)
    }
}

const TOP: &[&str] = &[
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "user",
    "metadata",
    "service_tier",
    "n",
];

#[derive(Debug)]
struct Twice(&'static str);

impl std::fmt::Display for Twice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the field '{}' stands twice", self.0)
    }
}

/// Which of a list of names a key is, escapes resolved.
struct Key(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|name| **name == key).copied())
    }
}

fn fault(error: &serde_json::Error) -> Fault {
    let fault = invalid_json(error);
    let text = error.to_string();
    match text.strip_prefix("the field '").and_then(|rest| rest.split_once('\'')) {
        Some((name, _)) => fault.at(name),
        None => fault,
    }
}

/// `stream_options`: is usage asked for, and how would it be?
fn usage_option(
    top: &Top<'_>,
    text: &str,
    span: impl Fn(&RawValue) -> Range<usize>,
) -> Result<(bool, Splice), Fault> {
    const FIELD: &[u8] = b"\"stream_options\":{\"include_usage\":true},";
    const VALUE: &[u8] = b"{\"include_usage\":true}";
    let Some(raw) = top.stream_options else {
        let inside = text.find('{').map_or(0, |brace| brace + 1);
        return Ok((false, Splice::Put(inside..inside, FIELD)));
    };
    let at = span(raw);
    if raw.get() == "null" {
        return Ok((false, Splice::Put(at, VALUE)));
    }
    let options = serde_json::Deserializer::from_str(raw.get()).deserialize_any(OptionsVisitor);
    let options = options.map_err(|error| match error.to_string() {
        text if text.starts_with("the field") => fault(&error),
        _ => wrong("stream_options", "a JSON object"),
    })?;
    let splice = match options {
        Options::Empty => Splice::Put(at, VALUE),
        Options::Others => Splice::Put(at.start + 1..at.start + 1, b"\"include_usage\":true,"),
        Options::Usage(raw) if raw.get() == "true" => return Ok((true, Splice::None)),
        Options::Usage(raw) => Splice::Put(span(raw), b"true"),
    };
    Ok((false, splice))
}

enum Options<'a> {
    Empty,
    Others,
    Usage(&'a RawValue),
}

struct OptionsVisitor;

impl<'de> Visitor<'de> for OptionsVisitor {
    type Value = Options<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Options<'de>, A::Error> {
        let mut options = Options::Empty;
        while let Some(key) = map.next_key_seed(Key(&["include_usage"]))? {
            match (key, &options) {
                (None, Options::Empty) => {
                    map.next_value::<IgnoredAny>()?;
                    options = Options::Others;
                }
                (None, _) => {
                    map.next_value::<IgnoredAny>()?;
                }
                (Some(_), Options::Usage(_)) => {
                    return Err(A::Error::custom(Twice("stream_options.include_usage")));
                }
                (Some(_), _) => options = Options::Usage(map.next_value()?),
            }
        }
        Ok(options)
    }
}

fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Some(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned),
        None => None,
    }
}

fn count(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok()
}

fn flag(raw: &RawValue, name: &str) -> Result<bool, Fault> {
    match raw.get() {
        "true" => Ok(true),
        "false" | "null" => Ok(false),
        _ => Err(wrong(name, "true or false")),
    }
}

/// Anthropic's `metadata.user_id`.
fn user_id(raw: &RawValue) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    serde_json::from_str::<Metadata>(raw.get()).ok()?.user_id
}

#[cfg(test)]
mod tests;
