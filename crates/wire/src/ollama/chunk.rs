//! One object of an answer: the whole of it, or a line of a stream. Both have the same fields.

use contract::canon::{Part, PartKind, TokenLogprob};
use contract::words::{Timestamp, Usage};
use serde::Serialize;
use serde_json::{Map, Value};

use super::calls::{self, Call, Look};
use super::{Form, logprobs};
use crate::WireError;
use crate::fields::Fields;
use crate::usage::{Count, is_partial};

/// What an object says. What is beyond is in `left`, what is beyond of its message in `left["message"]`.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) model: String,
    pub(super) created_at: Option<String>,
    pub(super) text: String,
    pub(super) thinking: String,
    pub(super) images: Vec<String>,
    /// Parts that are calls.
    pub(super) calls: Vec<Part>,
    pub(super) done: bool,
    pub(super) done_reason: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) logprobs: Vec<TokenLogprob>,
    pub(super) error: Option<String>,
    pub(super) left: Map<String, Value>,
}

impl Chunk {
    /// Reads an object. `made_up` makes the id of a call that has none, from its number within the object and `created_at`.
    pub(super) fn read(
        form: Form,
        body: &[u8],
        made_up: impl Fn(Option<&str>, usize) -> String,
    ) -> Result<Self, WireError> {
        let invalid = |reason| form.invalid(reason);
        let value: Value = serde_json::from_slice(body).map_err(|error| form.invalid(error))?;
        let mut top = Fields::of(value, "").map_err(invalid)?;
        if let Some(error) = top.value("error") {
            let error = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            return Ok(Self { error: Some(error), ..Self::default() });
        }
        let mut chunk = Self {
            model: top.text("model").map_err(invalid)?.unwrap_or_default(),
            created_at: top.text("created_at").map_err(invalid)?,
            done: top.flag("done").map_err(invalid)?.unwrap_or_default(),
            done_reason: top.text("done_reason").map_err(invalid)?,
            usage: usage(&mut top),
            ..Self::default()
        };
        if let Some(value) = top.value("logprobs") {
            match logprobs::read(value) {
                Ok(tokens) => chunk.logprobs = tokens,
                Err(value) => top.put_back("logprobs", value),
            }
        }
        match form {
            Form::Generate => chunk.say(form, &mut top, (body, &made_up)).map_err(invalid)?,
            Form::Chat => {
                if let Some(mut message) = top.object("message").map_err(invalid)? {
                    chunk.say(form, &mut message, (body, &made_up)).map_err(invalid)?;
                    let left = message.left();
                    if !left.is_empty() {
                        top.put_back("message", Value::Object(left));
                    }
                }
            }
        }
        chunk.left = top.left();
        Ok(chunk)
    }

    /// Takes what the model says out of the object that holds it.
    fn say(
        &mut self,
        form: Form,
        fields: &mut Fields,
        (body, made_up): (&[u8], &impl Fn(Option<&str>, usize) -> String),
    ) -> Result<(), contract::Fault> {
        let _constant = fields.value("role");
        self.text = fields.text(form.text())?.unwrap_or_default();
        self.thinking = fields.text("thinking")?.unwrap_or_default();
        let images = fields.list("images")?.unwrap_or_default();
        self.images = images.into_iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        self.images.extend(fields.text("image")?);
        let list = fields.list("tool_calls")?.unwrap_or_default();
        let look = if list.is_empty() { Look::default() } else { Look::at(body) };
        for (at, call) in list.into_iter().enumerate() {
            let id = made_up(self.created_at.as_deref(), at);
            let part = calls::read((call, "tool_calls"), look.answer(at), form.dialect(), id)?;
            // Some models answer with a call of no function; it is none.
            if !matches!(&part.kind, PartKind::ToolCall { name, .. } if name.is_empty()) {
                self.calls.push(part);
            }
        }
        Ok(())
    }

    /// When it was made, in Unix seconds.
    pub(super) fn created(&self) -> Option<i64> {
        self.created_at.as_deref()?.parse::<Timestamp>().ok().map(Timestamp::seconds)
    }
}

/// The counts, when there are any. A prompt that was wholly in the cache is not counted by older versions.
fn usage(fields: &mut Fields) -> Option<Usage> {
    let mut count = |name| fields.value(name).and_then(|value| serde_json::from_value::<Count>(value).ok());
    let (input, output) = (count("prompt_eval_count"), count("eval_count"));
    let (input, output) = (input.unwrap_or_default(), output.unwrap_or_default());
    let partial = is_partial(input, output, Count::default());
    let told = input.is_told() || output.is_told();
    told.then(|| Usage { input: input.get(), output: output.get(), partial, ..Usage::default() })
}

/// An id for a call that has none, which is the same whenever the same answer is read.
pub(super) fn made_up(created_at: Option<&str>, number: usize) -> String {
    let stamp: String = created_at.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("call_{stamp}_{number}")
}

/// An object of an answer as it is written. What the model says in it, [`say`](Self::say) puts in its place.
#[derive(Default, Serialize)]
pub(super) struct Written<'a> {
    pub(super) model: &'a str,
    pub(super) created_at: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<&'a str>,
    pub(super) done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) done_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) logprobs: Vec<logprobs::Out<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt_eval_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eval_count: Option<u64>,
    #[serde(flatten)]
    pub(super) extra: Map<String, Value>,
}

/// The message of an answer as it is written.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// What a model says in an object that is written.
#[derive(Default)]
pub(super) struct Saying<'a> {
    pub(super) text: &'a str,
    pub(super) thinking: &'a str,
    /// What a model of pictures drew, in base64: `generate` alone has a place for it.
    pub(super) image: Option<&'a str>,
    pub(super) calls: Vec<Call<'a>>,
}

impl<'a> Written<'a> {
    /// Puts what the model says where the form has it.
    pub(super) fn say(&mut self, form: Form, said: Saying<'a>) {
        let thinking = (!said.thinking.is_empty()).then_some(said.thinking);
        match form {
            Form::Generate => {
                self.response = Some(said.text);
                self.thinking = thinking;
                self.image = said.image;
            }
            Form::Chat => {
                let extra = match self.extra.shift_remove("message") {
                    Some(Value::Object(left)) => left,
                    _ => Map::new(),
                };
                self.message = Some(Message {
                    role: "assistant",
                    content: said.text,
                    thinking,
                    tool_calls: said.calls,
                    extra,
                });
            }
        }
    }

    /// Adds the counts.
    pub(super) fn count(&mut self, usage: Option<Usage>) {
        self.prompt_eval_count = usage.map(|usage| usage.input_total());
        self.eval_count = usage.map(|usage| usage.output_total());
    }
}

/// A time as it is written, from Unix seconds.
pub(super) fn time(seconds: i64) -> String {
    Timestamp(seconds.saturating_mul(1_000_000)).to_string()
}
