//! The fields of a response around its output ↔ canon: for whole answers and for the frames of a stream that carry one.
//!
//! A response repeats the request it answers (`tools`, `instructions`, `temperature`, …). That is kept together under
//! [`ECHO`], apart from what the provider adds, so that nobody is told of its loss.

use contract::canon::{Extra, Finish};
use contract::words::Usage;
use serde_json::{Map, Value, json};

use super::{DIALECT, object, status};
use crate::EncodeOptions;
use crate::outgoing::{ECHO, merge};
use crate::usage::{Ran, Responses, ResponsesOut, told};

/// Fields that repeat the request, and times that only this API tells.
const REPEATED: &[&str] = &[
    "background",
    "completed_at",
    "conversation",
    "frequency_penalty",
    "include",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "output_text",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// What a response says of itself.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created: Option<i64>,
    pub(super) usage: Option<Usage>,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) extra: Extra,
}

/// Takes a response apart; its output, of which `ran` tells, and its error have been taken out before.
pub(super) fn read(mut response: Map<String, Value>, ran: Ran) -> Head {
    let mut text = |name: &str| match response.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (id, model) = (text("id").unwrap_or_default(), text("model").unwrap_or_default());
    let status = text("status").unwrap_or_else(|| "completed".to_owned());
    let created = response.shift_remove("created_at");
    #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the range; these are seconds")]
    let seconds = |value: &Value| value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    let reason = response.get("incomplete_details").and_then(|details| details.get("reason")?.as_str());
    let reason = reason.map(str::to_owned);
    if matches!(reason.as_deref(), None | Some("max_output_tokens" | "content_filter")) {
        response.shift_remove("incomplete_details");
    }
    if response.get("object") == Some(&json!("response")) {
        response.shift_remove("object");
    }
    Head {
        id,
        model,
        created: created.as_ref().and_then(seconds),
        usage: take_usage(&mut response, ran),
        status,
        reason,
        extra: extra(response),
    }
}

/// Takes the counts; what else `usage` says stays.
fn take_usage(response: &mut Map<String, Value>, ran: Ran) -> Option<Usage> {
    let counts = response.get("usage").and_then(Responses::of)?.reported();
    let counts = counts.map(|counts| ran.within(counts, told(response.get("tool_usage"))));
    if let Some(Value::Object(left)) = response.get_mut("usage") {
        let known = [
            "input_tokens",
            "input_tokens_details",
            "output_tokens",
            "output_tokens_details",
            "total_tokens",
        ];
        left.retain(|name, value| !known.contains(&name.as_str()) && !value.is_null());
        if left.is_empty() {
            response.shift_remove("usage");
        }
    }
    counts
}

/// What is left of a response, what it repeats put together. Nulls say nothing.
fn extra(response: Map<String, Value>) -> Extra {
    let mut fields = Map::new();
    let mut echo = Map::new();
    for (name, value) in response.into_iter().filter(|(_, value)| !value.is_null()) {
        let place = if REPEATED.contains(&name.as_str()) { &mut echo } else { &mut fields };
        place.insert(name, value);
    }
    if !echo.is_empty() {
        fields.insert(ECHO.to_owned(), Value::Object(echo));
    }
    Extra { owner: (!fields.is_empty()).then_some(DIALECT), fields }
}

/// The response of an answer: everything but its output and its usage.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    /// Its id.
    pub(super) id: String,
    fields: Map<String, Value>,
    left_usage: Option<Map<String, Value>>,
}

impl Outline {
    /// For an answer of this id and model; the fields of this dialect's own answers are kept.
    pub(super) fn of(
        id: &str,
        model: &str,
        created: Option<i64>,
        extra: &Extra,
        options: &EncodeOptions,
    ) -> Self {
        let own = (extra.owner == Some(DIALECT)).then_some(&extra.fields);
        let id = response_id(id, own.is_some(), options);
        let model = if options.model.is_empty() { model } else { &options.model };
        let mut fields = object([
            ("id", Some(json!(id))),
            ("object", Some(json!("response"))),
            ("created_at", Some(json!(created.unwrap_or(options.created)))),
            ("model", Some(json!(model))),
        ]);
        let mut own = own.cloned().unwrap_or_default();
        if let Some(Value::Object(echo)) = own.shift_remove(ECHO) {
            own.extend(echo);
        } else if let Some(tier) = crate::service_tier(extra).and_then(service_tier) {
            fields.insert("service_tier".to_owned(), json!(tier));
        }
        let left_usage = match own.shift_remove("usage") {
            Some(Value::Object(left)) => Some(left),
            _ => None,
        };
        fields.extend(own);
        for (name, value) in &options.repeated {
            fields.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        fill(&mut fields);
        Self { id, fields, left_usage }
    }

    /// A response that nobody has begun to make.
    pub(super) fn waiting(options: &EncodeOptions) -> Map<String, Value> {
        let outline = Self::of("", &options.asked, None, &Extra::default(), options);
        outline.with("queued", None, Vec::new())
    }

    /// Takes in fields that came later.
    pub(super) fn update(&mut self, extra: &Extra) {
        if extra.owner != Some(DIALECT) {
            if let Some(tier) = crate::service_tier(extra).and_then(service_tier) {
                self.fields.insert("service_tier".to_owned(), json!(tier));
            }
            return;
        }
        for (name, value) in &extra.fields {
            match value {
                Value::Object(echo) if name == ECHO => self.fields.extend(echo.clone()),
                Value::Object(left) if name == "usage" => self.left_usage = Some(left.clone()),
                value => {
                    self.fields.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// The response as it is being made.
    pub(super) fn in_progress(&self) -> Map<String, Value> {
        self.with("in_progress", None, Vec::new())
    }

    /// The response that failed.
    pub(super) fn failed(
        &self,
        (code, message): (&str, &str),
        output: Vec<Value>,
        usage: Option<&Usage>,
    ) -> Map<String, Value> {
        let mut fields = self.with("failed", None, output);
        self.count(&mut fields, usage);
        fields.insert("error".to_owned(), json!({"code": code, "message": message}));
        fields
    }

    /// The whole response.
    pub(super) fn whole(
        &self,
        finish: &Finish,
        declined: bool,
        output: Vec<Value>,
        usage: Option<&Usage>,
    ) -> Map<String, Value> {
        let own = self.fields.get("incomplete_details").and_then(|details| details.get("reason")?.as_str());
        let (status, reason) = match (finish, own) {
            (Finish::Other(reason), Some(own)) if reason == own => ("incomplete", Some(own)),
            _ => status(finish, declined),
        };
        let mut fields = self.with(status, reason, output);
        self.count(&mut fields, usage);
        fields
    }

    fn count(&self, fields: &mut Map<String, Value>, usage: Option<&Usage>) {
        if let Some(Value::Object(mut counts)) = usage.map(|usage| json!(ResponsesOut::from(usage))) {
            merge(&mut counts, self.left_usage.as_ref().unwrap_or(&Map::new()));
            fields.insert("usage".to_owned(), Value::Object(counts));
        }
    }

    fn with(&self, status: &str, reason: Option<&str>, output: Vec<Value>) -> Map<String, Value> {
        let mut fields = self.fields.clone();
        fields.insert("status".to_owned(), json!(status));
        let details = reason.map(|reason| json!({"reason": reason}));
        fields.insert("incomplete_details".to_owned(), details.unwrap_or_default());
        fields.insert("output".to_owned(), Value::Array(output));
        fields
    }
}

/// The tiers this API names (schema `ServiceTier`).
pub(super) const TIERS: [&str; 7] = ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"];

/// Anthropic's `standard` is the `default` here; a tier of another name is not told.
fn service_tier(tier: &str) -> Option<&str> {
    if tier == "standard" { Some("default") } else { TIERS.contains(&tier).then_some(tier) }
}

/// The id of a response as OpenAI's clients know it: `resp_…`. One that came from this API stays.
fn response_id(own: &str, verbatim: bool, options: &EncodeOptions) -> String {
    if !verbatim && options.id.starts_with("resp_") {
        return options.id.clone();
    }
    let id = if own.is_empty() { &options.id } else { own };
    if id.starts_with("resp_") || (verbatim && !own.is_empty()) {
        id.to_owned()
    } else {
        format!("resp_{id}")
    }
}

/// The fields that clients insist on (schema `Response`), as far as the answer has none of its own.
fn fill(fields: &mut Map<String, Value>) {
    for name in [
        "status",
        "error",
        "incomplete_details",
        "instructions",
        "previous_response_id",
        "temperature",
        "top_p",
    ] {
        fields.entry(name).or_insert(Value::Null);
    }
    fields.entry("parallel_tool_calls").or_insert(Value::Bool(true));
    fields.entry("tool_choice").or_insert_with(|| json!("auto"));
    fields.entry("tools").or_insert_with(|| json!([]));
    fields.entry("metadata").or_insert_with(|| json!({}));
    fields.entry("text").or_insert_with(|| json!({"format": {"type": "text"}}));
    fields.entry("truncation").or_insert_with(|| json!("disabled"));
}
