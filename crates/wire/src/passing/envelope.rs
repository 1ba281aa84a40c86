//! One cheap pass over a client's request: what the pipeline must know, and where the named edits go.
//!
//! Messages are skipped, not parsed: their bytes are checked to be JSON ([`json`] says how strictly) and never copied. The
//! edits (model name, stream options) are spliced between slices of the client's own buffer. Translation is elsewhere:
//! [`crate::read_request`]. Requests with files come as forms: `envelope/form.rs`.

mod form;
mod nested;
mod unnamed;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use contract::ports::PathFacts;
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use serde::de::IgnoredAny;
use smallvec::SmallVec;

use crate::fields::{invalid_json, missing, wrong};
use crate::json::{self, Member, Outer};
use crate::passing::multipart::Boundary;

/// A client's request with its outside read.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// The model the client asks for.
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
    /// Bytes of the body that are files.
    pub file_bytes: u64,
    body: Bytes,
    models_at: SmallVec<[Range<usize>; 1]>,
    /// Is the body to name the model whatever it is called? Where the path names it, the body must not differ; where nobody does,
    /// OpenAI chooses among several for pictures, and what is paid for must be what is drawn with.
    always_named: bool,
    /// Does the body name no model? It is put in at the place in `models_at` where it matters.
    unnamed: bool,
    ask_usage: Splice,
    /// What separates its parts, if it is a form.
    form: Option<Boundary>,
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
    /// Reads a request body of the media type its head told: a form where the dialect has forms, else JSON.
    ///
    /// # Errors
    /// As [`read`](Self::read); `invalid_request` when it is a form that cannot be read, or that could be read in two ways.
    pub fn receive(
        dialect: Dialect,
        path: &PathFacts,
        content_type: Option<&[u8]>,
        body: Bytes,
    ) -> Result<Self, Fault> {
        match content_type.filter(|_| dialect.takes_forms()).and_then(Boundary::of) {
            Some(boundary) => Self::read_form((dialect, path), boundary?, body),
            None => Self::read(dialect, path, body),
        }
    }

    /// Reads a request body, and what the path said before it.
    ///
    /// # Errors
    /// `invalid_encoding`, `invalid_json`; `invalid_request` with the field when a field that matters here stands twice, is
    /// missing or has the wrong type.
    pub fn read(dialect: Dialect, path: &PathFacts, body: Bytes) -> Result<Self, Fault> {
        if dialect.takes_bytes() {
            return Self::unread(path, body);
        }
        let top = Top::read(&body)?;
        let stream = match (path.stream, top.stream) {
            (Some(stream), _) => stream,
            (None, Some(field)) if field.value != b"null" => flag(field.value, "stream")?,
            (None, _) => {
                streams_unless_told(dialect)
                    || (dialect == Dialect::OpenaiSpeech && top.stream_format.is_some_and(is_sse))
            }
        };
        let (include_usage, ask_usage) = match dialect {
            Dialect::OpenaiChat | Dialect::OpenaiCompletions => usage_option(&body, top.stream_options)?,
            _ => (true, Splice::None),
        };
        let text = |field: Field<'_>| json::string(field.value).map(Cow::into_owned);
        let (mut deep, mut unnamed) = (None, false);
        let usual = || unnamed::model(dialect, &body);
        let named = top.model.filter(|field| field.value != b"null" || usual().is_none());
        let model = match (&path.model, named) {
            (Some(model), _) => model.clone(),
            (None, Some(field)) => text(field).ok_or_else(|| wrong("model", "a string"))?,
            (None, None) if dialect == Dialect::BedrockRerank => {
                let (model, at) = nested::model(&body)?;
                deep = Some(at);
                model
            }
            (None, None) => {
                let usual = usual().ok_or_else(|| missing("model"))?;
                unnamed = true;
                let inside = memchr::memchr(b'{', &body).map_or(0, |brace| brace + 1);
                deep = top.model.is_none().then_some(inside..inside);
                usual.to_owned()
            }
        };
        let mut models_at: SmallVec<_> = top.model.map(Field::range).into_iter().chain(deep).collect();
        if dialect == Dialect::GeminiEmbed {
            models_at.extend(batch::models_at(&body));
        }
        let user = match dialect {
            Dialect::AnthropicMessages => top.metadata.and_then(user_id),
            _ => top.user.and_then(text),
        };
        Ok(Self {
            model,
            stream,
            include_usage,
            max_output: top.max_output(dialect),
            user,
            service_tier: top.service_tier.and_then(text),
            n: top.answers(dialect),
            file_bytes: 0,
            models_at,
            always_named: path.model.is_some() || (unnamed && dialect.operation() == Operation::Images),
            unnamed,
            ask_usage,
            form: None,
            body,
        })
    }

    /// A request that may be bytes of any kind: all that matters stands in its path.
    fn unread(path: &PathFacts, body: Bytes) -> Result<Self, Fault> {
        Ok(Self {
            model: path.model.clone().ok_or_else(|| missing("model"))?,
            stream: false,
            include_usage: true,
            max_output: None,
            user: None,
            service_tier: None,
            n: None,
            file_bytes: 0,
            models_at: SmallVec::new(),
            always_named: true,
            unnamed: false,
            ask_usage: Splice::None,
            form: None,
            body,
        })
    }

    /// The body as it came.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The upstream's name of the model, as it is written at a place of the body.
    fn named(&self, at: &Range<usize>, upstream_model: &str) -> Vec<u8> {
        match &self.form {
            Some(boundary) if self.unnamed => return boundary.field("model", upstream_model),
            Some(_) => return upstream_model.as_bytes().to_vec(),
            None if self.unnamed && at.is_empty() => return unnamed::member(upstream_model, &self.body),
            None => {}
        }
        // Google names a model with its collection.
        let collected = self.body.get(at.clone()).is_some_and(|name| name.starts_with(b"\"models/"));
        let name = match collected && !upstream_model.contains('/') {
            true => serde_json::to_vec(&format!("models/{upstream_model}")),
            false => serde_json::to_vec(upstream_model),
        };
        name.unwrap_or_default()
    }

    /// The body with the model renamed and, if `ask_usage`, with the stream's usage asked for. Everything else is the
    /// client's own bytes: slices of its buffer, not copies.
    #[must_use]
    pub fn edited(&self, upstream_model: &str, ask_usage: bool) -> VecDeque<Bytes> {
        let mut edits: SmallVec<[(Range<usize>, Bytes); 2]> = SmallVec::new();
        let named = self.always_named || upstream_model != self.model;
        for at in self.models_at.iter().filter(|_| named) {
            edits.push((at.clone(), self.named(at, upstream_model).into()));
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

/// Where a field's value starts, and the value as it stands.
#[derive(Clone, Copy)]
struct Field<'a> {
    start: usize,
    value: &'a [u8],
}

impl Field<'_> {
    fn range(self) -> Range<usize> {
        self.start..self.start + self.value.len()
    }
}

/// The fields that matter.
#[derive(Default)]
struct Top<'a> {
    model: Option<Field<'a>>,
    stream: Option<Field<'a>>,
    stream_options: Option<Field<'a>>,
    stream_format: Option<Field<'a>>,
    max_tokens: Option<Field<'a>>,
    max_completion_tokens: Option<Field<'a>>,
    max_output_tokens: Option<Field<'a>>,
    generation_config: Option<Field<'a>>,
    inference_config: Option<Field<'a>>,
    options: Option<Field<'a>>,
    user: Option<Field<'a>>,
    metadata: Option<Field<'a>>,
    service_tier: Option<Field<'a>>,
    n: Option<Field<'a>>,
}

impl<'a> Top<'a> {
    fn read(body: &'a [u8]) -> Result<Self, Fault> {
        if let Err(error) = std::str::from_utf8(body) {
            return Err(Fault::new(Code::InvalidEncoding).because(error));
        }
        let (mut top, mut second) = (Self::default(), None);
        let outer = json::members(body, |Member { name, start, value }| {
            let Some((name, slot)) = name.and_then(|name| top.slot(&name)) else { return };
            if slot.replace(Field { start, value }).is_some() {
                second.get_or_insert(name);
            }
        });
        match (outer, second) {
            (None, _) => Err(malformed(body)),
            (Some(Outer::Other), _) => Err(wrong("", "a JSON object")),
            (Some(Outer::Object), Some(name)) => Err(twice(name)),
            (Some(Outer::Object), None) => Ok(top),
        }
    }

    fn max_output(&self, dialect: Dialect) -> Option<u64> {
        match dialect {
            Dialect::GeminiGenerate => {
                within(self.generation_config, &[b"maxOutputTokens", b"max_output_tokens"])
            }
            Dialect::BedrockConverse => within(self.inference_config, &[b"maxTokens"]),
            Dialect::OllamaChat | Dialect::OllamaGenerate => within(self.options, &[b"num_predict"]),
            Dialect::OpenaiResponses => self.max_output_tokens.and_then(count),
            _ => self.max_completion_tokens.or(self.max_tokens).and_then(count),
        }
    }

    fn answers(&self, dialect: Dialect) -> Option<u64> {
        match dialect {
            Dialect::GeminiGenerate => {
                within(self.generation_config, &[b"candidateCount", b"candidate_count"])
            }
            _ => self.n.and_then(count),
        }
    }

    fn slot(&mut self, name: &[u8]) -> Option<(&'static str, &mut Option<Field<'a>>)> {
        Some(match name {
            b"model" => ("model", &mut self.model),
            b"stream" => ("stream", &mut self.stream),
            b"stream_options" => ("stream_options", &mut self.stream_options),
            b"stream_format" => ("stream_format", &mut self.stream_format),
            b"max_tokens" => ("max_tokens", &mut self.max_tokens),
            b"max_completion_tokens" => ("max_completion_tokens", &mut self.max_completion_tokens),
            b"max_output_tokens" => ("max_output_tokens", &mut self.max_output_tokens),
            // Google takes both spellings.
            b"generationConfig" | b"generation_config" => ("generationConfig", &mut self.generation_config),
            b"inferenceConfig" => ("inferenceConfig", &mut self.inference_config),
            b"options" => ("options", &mut self.options),
            b"user" => ("user", &mut self.user),
            b"metadata" => ("metadata", &mut self.metadata),
            b"service_tier" | b"serviceTier" => ("service_tier", &mut self.service_tier),
            b"n" => ("n", &mut self.n),
            _ => return None,
        })
    }
}

/// Does the dialect stream when the request does not say?
const fn streams_unless_told(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OllamaChat | Dialect::OllamaGenerate)
}

/// Speech is streamed by its format, not by a flag.
fn is_sse(format: Field<'_>) -> bool {
    json::string(format.value).is_some_and(|format| format == "sse")
}

/// A number that stands within one of the fields, under one of its names. The largest, should there be several.
fn within(outer: Option<Field<'_>>, names: &[&[u8]]) -> Option<u64> {
    let mut found = None;
    json::members(outer?.value, |Member { name, start, value }| {
        if name.is_some_and(|name| names.contains(&name.as_ref())) {
            found = found.max(count(Field { start, value }));
        }
    });
    found
}

/// Parsers differ on which of two counts: the gateway must not check one and the provider obey the other.
fn twice(name: &str) -> Fault {
    Fault::saying(Code::InvalidRequest, format!("The field '{name}' stands twice.")).at(name)
}

/// The fault for a body that is not JSON: serde finds the place.
#[cold]
fn malformed(body: &[u8]) -> Fault {
    match serde_json::from_slice::<IgnoredAny>(body) {
        Err(error) => invalid_json(&error),
        Ok(_) => Fault::new(Code::InvalidJson),
    }
}

/// `stream_options`: is usage asked for, and how would it be?
fn usage_option(body: &[u8], options: Option<Field<'_>>) -> Result<(bool, Splice), Fault> {
    const FIELD: &[u8] = b"\"stream_options\":{\"include_usage\":true},";
    const VALUE: &[u8] = b"{\"include_usage\":true}";
    let Some(options) = options else {
        let inside = memchr::memchr(b'{', body).map_or(0, |brace| brace + 1);
        return Ok((false, Splice::Put(inside..inside, FIELD)));
    };
    if options.value == b"null" {
        return Ok((false, Splice::Put(options.range(), VALUE)));
    }
    let (mut members, mut asked, mut second) = (0, None, false);
    let outer = json::members(options.value, |Member { name, start, value }| {
        members += 1;
        if name.as_deref() == Some(b"include_usage") {
            second |= asked.replace(Field { start: options.start + start, value }).is_some();
        }
    });
    if outer != Some(Outer::Object) {
        return Err(wrong("stream_options", "a JSON object"));
    }
    if second {
        return Err(twice("stream_options.include_usage"));
    }
    let inside = options.start + 1;
    Ok(match asked {
        None if members == 0 => (false, Splice::Put(options.range(), VALUE)),
        None => (false, Splice::Put(inside..inside, b"\"include_usage\":true,")),
        Some(field) if field.value == b"true" => (true, Splice::None),
        Some(field) => (false, Splice::Put(field.range(), b"true")),
    })
}

/// A count; protobuf's JSON mapping takes it as a text too.
fn count(field: Field<'_>) -> Option<u64> {
    let text = std::str::from_utf8(field.value).ok()?;
    text.trim_matches('"').parse().ok()
}

fn flag(value: &[u8], name: &str) -> Result<bool, Fault> {
    match value {
        b"true" => Ok(true),
        b"false" | b"null" => Ok(false),
        _ => Err(wrong(name, "true or false")),
    }
}

/// Anthropic's `metadata.user_id`.
fn user_id(metadata: Field<'_>) -> Option<String> {
    let mut user = None;
    json::members(metadata.value, |member| {
        if member.name.as_deref() == Some(b"user_id") {
            user = json::string(member.value).map(Cow::into_owned);
        }
    });
    user
}

mod batch;
#[cfg(test)]
mod tests;
