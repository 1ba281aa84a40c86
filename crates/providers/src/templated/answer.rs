//! What a model answered → the answer that the engine reads: OpenAI's for conversations and vectors, our own for
//! predictions. The settings say where in the model's answer each thing stands.

use bytes::Bytes;
use contract::words::Dialect;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Where an answer holds what; JSON pointers.
pub(super) enum Places {
    Chat { text: String },
    Vectors { list: String, each: Option<String> },
    Result { at: String },
}

/// Where an answer holds numbers of tokens.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
}

/// An answer with what was asked of the call.
pub(super) struct Answer<'a> {
    pub(super) body: &'a [u8],
    pub(super) model: &'a str,
    pub(super) stream: bool,
}

impl Answer<'_> {
    /// The answer in the dialect of the places.
    pub(super) fn adapted(&self, places: &Places, counts: &Counts) -> Result<Bytes, String> {
        // A vector's numbers are floats; a result's are whatever the model says.
        let body = match places {
            Places::Result { .. } => wire::exact::held(self.body),
            Places::Chat { .. } | Places::Vectors { .. } => self.body.into(),
        };
        let value: Value = serde_json::from_slice(&body).map_err(|error| format!("not JSON: {error}"))?;
        let usage = counts.read(&value);
        match places {
            Places::Chat { text } => {
                let text = at(&value, text)?.as_str().ok_or_else(|| format!("no text at {text}"))?;
                Ok(if self.stream { self.streamed(text, usage) } else { self.said(text, usage) })
            }
            Places::Vectors { list, each } => {
                let vectors = vectors(at(&value, list)?, each.as_deref())?;
                let entry =
                    |(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector});
                let data: Vec<Value> = vectors.into_iter().enumerate().map(entry).collect();
                Ok(self.with(json!({"object": "list", "data": data}), usage.map(openai)))
            }
            Places::Result { at: place } => {
                let usage =
                    usage.map(|(input, output)| json!({"input_tokens": input, "output_tokens": output}));
                let told = self.with(json!({"result": at(&value, place)?}), usage);
                Ok(wire::exact::released(&told).into_owned().into())
            }
        }
    }

    fn said(&self, text: &str, usage: Option<(u64, u64)>) -> Bytes {
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        self.with(json!({"object": "chat.completion", "choices": [choice]}), usage.map(openai))
    }

    /// The whole answer as a stream: clients that ask for one get it in one piece.
    fn streamed(&self, text: &str, usage: Option<(u64, u64)>) -> Bytes {
        let delta = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "delta": delta, "finish_reason": "stop"});
        let chunk = |choices: Value| json!({"object": "chat.completion.chunk", "choices": choices});
        let mut out = b"data: ".to_vec();
        out.extend_from_slice(&self.with(chunk(json!([choice])), None));
        if usage.is_some() {
            out.extend_from_slice(b"\n\ndata: ");
            out.extend_from_slice(&self.with(chunk(json!([])), usage.map(openai)));
        }
        out.extend_from_slice(b"\n\ndata: [DONE]\n\n");
        out.into()
    }

    fn with(&self, mut value: Value, usage: Option<Value>) -> Bytes {
        if let Value::Object(members) = &mut value {
            members.insert("model".to_owned(), self.model.into());
            members.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        }
        value.to_string().into()
    }
}

impl Counts {
    fn read(&self, value: &Value) -> Option<(u64, u64)> {
        let count = |place: &Option<String>| value.pointer(place.as_deref()?)?.as_u64();
        let (input, output) = (count(&self.input), count(&self.output));
        (input.is_some() || output.is_some()).then(|| (input.unwrap_or_default(), output.unwrap_or_default()))
    }
}

fn openai((input, output): (u64, u64)) -> Value {
    json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input.saturating_add(output)})
}

fn at<'v>(value: &'v Value, pointer: &str) -> Result<&'v Value, String> {
    value.pointer(pointer).ok_or_else(|| format!("nothing at {pointer}"))
}

/// The vectors of a list, or the one that is no list of vectors.
fn vectors<'v>(list: &'v Value, each: Option<&str>) -> Result<Vec<&'v Value>, String> {
    let entries = list.as_array().ok_or("no list of vectors")?;
    let vectors = match each {
        Some(each) => entries.iter().map(|entry| at(entry, each)).collect::<Result<Vec<_>, _>>()?,
        None if !entries.is_empty() && entries.iter().all(Value::is_number) => vec![list],
        None => entries.iter().collect(),
    };
    let sound =
        |vector: &Value| vector.as_array().is_some_and(|numbers| numbers.iter().all(Value::is_number));
    match vectors.iter().position(|vector| !sound(vector)) {
        Some(place) => Err(format!("entry {place} is not a vector")),
        None => Ok(vectors),
    }
}

/// An error in OpenAI's form, whatever the model's is.
pub(super) fn refused(status: StatusCode, body: &Bytes, message_at: Option<&str>) -> Bytes {
    let error = wire::read_error(Dialect::OpenaiChat, status, body);
    let own =
        || serde_json::from_slice::<Value>(body).ok()?.pointer(message_at?)?.as_str().map(str::to_owned);
    let mut told = Map::new();
    told.insert("message".to_owned(), own().unwrap_or(error.message).into());
    told.insert("type".to_owned(), error.kind.into());
    told.insert("param".to_owned(), error.param.into());
    told.insert("code".to_owned(), error.code.into());
    json!({"error": told}).to_string().into()
}
