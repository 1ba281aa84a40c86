//! Writes a request body field by field: quirks applied, the dialect's own leftovers merged back, nothing copied twice.
//!
//! It knows no field of any dialect. Used by `anthropic/request.rs` and `gemini/request.rs`.

use bytes::Bytes;
use contract::canon::{Effort, Extra, Reasoning, Receipt, Request};
use contract::words::Dialect;
use contract::{Code, Fault};
use serde::Serialize;
use serde_json::{Map, Value};
use smallvec::SmallVec;

use crate::Quirks;
use crate::effort;
use crate::per_model::{self, EFFORT, ModelQuirks};

/// A body being written.
pub(crate) struct Outgoing<'a> {
    out: Vec<u8>,
    quirks: &'a Quirks,
    receipt: &'a mut Receipt,
    extra: Option<&'a Map<String, Value>>,
    written: SmallVec<[&'static str; 16]>,
    /// What is known of the model, and is it told to think?
    model: Option<(&'static ModelQuirks, bool)>,
}

impl<'a> Outgoing<'a> {
    /// Starts a body in `dialect`. Extra fields of another dialect are noted in the receipt.
    pub(crate) fn new(
        dialect: Dialect,
        extra: &'a Extra,
        quirks: &'a Quirks,
        receipt: &'a mut Receipt,
    ) -> Self {
        let own = own_fields(dialect, extra, "", receipt);
        Self { out: vec![b'{'], quirks, receipt, extra: own, written: SmallVec::new(), model: None }
    }

    /// For the model of this request, which may refuse what others take.
    pub(crate) fn of_model(self, request: &Request) -> Self {
        let model = self.quirks.of_model(&request.model);
        let thinks = per_model::thinks(request.reasoning.as_ref());
        Self { model: model.map(|model| (model, thinks)), ..self }
    }

    /// Does the model refuse a field?
    pub(crate) fn is_refused(&self, key: &str) -> bool {
        self.model.is_some_and(|(model, thinks)| model.refuses(key, thinks))
    }

    /// How hard to think, as far as the model can be told.
    pub(crate) fn fitted(&mut self, asked: Option<&Reasoning>) -> Option<Reasoning> {
        let mut reasoning = asked?.clone();
        let Some((model, thinks)) = self.model else { return Some(reasoning) };
        if model.refuses(EFFORT, thinks) {
            // Not to think is what a model does that has no other level.
            if thinks || model.levels != [Effort::None] {
                self.dropped(EFFORT, REFUSED);
            }
            return None;
        }
        let Some(level) = effort::level(&reasoning) else { return Some(reasoning) };
        let nearest = model.nearest(level);
        if nearest != level {
            self.dropped(EFFORT, "this model has no such level; it is told the nearest that it has");
            reasoning.effort = Some(nearest);
        }
        Some(reasoning)
    }

    /// Writes the texts that end the answer, as many as the target takes.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn put_stop(&mut self, stop: &[String]) -> Result<(), Fault> {
        let most = self.quirks.most_stops;
        let taken = if most == 0 { stop } else { stop.get(..most).unwrap_or(stop) };
        self.put_some("stop", (!taken.is_empty()).then_some(taken))?;
        if taken.len() < stop.len() {
            self.dropped("stop", "only the first are sent: the provider takes no more");
        }
        Ok(())
    }

    /// Notes what is not written.
    pub(crate) fn dropped(&mut self, field: &'static str, reason: &'static str) {
        self.receipt.dropped(field, reason);
    }

    /// Writes one field.
    ///
    /// # Errors
    /// The value has no JSON form; canon never holds such a value.
    pub(crate) fn put<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        self.written.push(key);
        self.write(key, value)
    }

    /// Writes one field if there is a value.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn put_some<T: Serialize>(
        &mut self,
        key: &'static str,
        value: Option<T>,
    ) -> Result<(), Fault> {
        value.map_or(Ok(()), |value| self.put(key, &value))
    }

    /// Writes the end user's name if it is short enough for most who take one: some agents put a whole record there.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn put_user(&mut self, user: Option<&str>) -> Result<(), Fault> {
        match user {
            Some(user) if user.len() > LONGEST_USER => {
                self.written.push("user");
                self.dropped("user", "the name is longer than the target takes");
                Ok(())
            }
            user => self.put_some("user", user),
        }
    }

    /// Writes an object together with what the dialect's own leftovers hold under the same name; nothing if both are empty.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn put_object(
        &mut self,
        key: &'static str,
        mut object: Map<String, Value>,
    ) -> Result<(), Fault> {
        if let Some(Value::Object(left)) = self.extra.and_then(|extra| extra.get(key)) {
            merge(&mut object, left);
        }
        if object.is_empty() { Ok(()) } else { self.put(key, &object) }
    }

    /// Writes a value if there is one; an object together with what the dialect's own leftovers hold under the same name.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn put_value(&mut self, key: &'static str, value: Option<Value>) -> Result<(), Fault> {
        match value {
            Some(Value::Object(object)) => self.put_object(key, object),
            value => self.put_some(key, value),
        }
    }

    /// Writes the remaining leftovers and closes the body.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(crate) fn finish(mut self) -> Result<Bytes, Fault> {
        for (key, value) in self.extra.into_iter().flatten() {
            if key != ECHO && !self.written.iter().any(|written| written == key) {
                self.write(key, value)?;
            }
        }
        self.out.push(b'}');
        Ok(self.out.into())
    }

    fn write<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Fault> {
        if self.quirks.refuses.contains(&key) {
            self.receipt.dropped(key.to_owned(), "the provider refuses this field");
            return Ok(());
        }
        if self.is_refused(key) {
            if !says_nothing(key, value) {
                self.receipt.dropped(key.to_owned(), REFUSED);
            }
            return Ok(());
        }
        let name = self.quirks.renames.iter().find(|(from, _)| *from == key).map_or(key, |(_, to)| to);
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.json(name)?;
        self.out.push(b':');
        self.json(value)
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        serde_json::to_writer(&mut self.out, value).map_err(|error| Fault::new(Code::Internal).because(error))
    }
}

/// Why a field is left out that others of the target's models take.
const REFUSED: &str = "this model refuses this field";

/// Does a setting say what a model does anyway?
fn says_nothing<T: Serialize + ?Sized>(key: &str, value: &T) -> bool {
    let usual = match key {
        "temperature" | "top_p" => Value::from(1.0),
        "frequency_penalty" | "presence_penalty" => Value::from(0.0),
        "logprobs" => Value::Bool(false),
        _ => return false,
    };
    let said = serde_json::to_value(value).unwrap_or_default();
    said == usual || said.as_f64().is_some_and(|number| usual.as_f64() == Some(number))
}

/// The longest name of an end user that OpenAI takes, in bytes (developers.openai.com, "Safety identifiers"); others take a
/// little more.
const LONGEST_USER: usize = 64;

/// The name under which a dialect may keep what an answer repeats of its request, or in what form a request said what canon
/// has words for. Its loss says nothing and is not noted; no request is sent with it.
pub(crate) const ECHO: &str = "(echo)";

/// Objects of Gemini's, Ollama's and Vertex AI's that hold settings of all kinds: each is noted for itself.
const GROUPS: [&str; 4] = ["generationConfig", "toolConfig", "options", "parameters"];

/// Lists of inputs of Gemini's and Vertex AI's, of which each may hold settings of its own.
const ITEMS: [&str; 2] = ["requests", "instances"];

/// Objects in which answers count: the counts are canon's, here is what else they say.
const COUNTS: [&str; 2] = ["usage", "usageMetadata"];

/// The leftovers if `dialect` owns them; otherwise each that says something is noted as dropped.
pub(crate) fn own_fields<'a>(
    dialect: Dialect,
    extra: &'a Extra,
    prefix: &str,
    receipt: &mut Receipt,
) -> Option<&'a Map<String, Value>> {
    let owner = extra.owner?;
    if owner == dialect {
        return (!extra.fields.is_empty()).then_some(&extra.fields);
    }
    for (key, value) in extra.fields.iter().filter(|(key, value)| *key != ECHO && !is_empty(value)) {
        let reason = || format!("only {owner} has this field");
        let mut note = |place: String, left: &Map<String, Value>| {
            for (name, _) in left.iter().filter(|(name, value)| says(key, name, value)) {
                receipt.dropped(format!("{prefix}{place}.{name}"), reason());
            }
        };
        match value {
            // What is left of an object that canon has taken apart.
            Value::Object(left) if GROUPS.contains(&key.as_str()) => note(key.clone(), left),
            Value::Object(left) if prefix == ANSWER && COUNTS.contains(&key.as_str()) => {
                note(key.clone(), left);
            }
            Value::Array(items) if ITEMS.contains(&key.as_str()) => {
                for (at, left) in
                    items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_object()?)))
                {
                    note(format!("{key}[{at}]"), left);
                }
            }
            _ if prefix == ANSWER && is_usual_tier(key, value) => {}
            _ => receipt.dropped(format!("{prefix}{key}"), reason()),
        }
    }
    None
}

/// What an answer's own fields are named below.
const ANSWER: &str = "reply.";

/// Does what is left over in a group say something that was not carried?
fn says(group: &str, name: &str, value: &Value) -> bool {
    match group {
        _ if is_empty(value) => false,
        "usage" | "usageMetadata" => !is_usual_tier(name, value) && !is_counted(name, value),
        // No end of the answer is none elsewhere.
        "options" if name == "num_predict" => !value.as_f64().is_some_and(|tokens| tokens < 0.0),
        _ => true,
    }
}

/// Is it the tier of who asked for none?
fn is_usual_tier(name: &str, value: &Value) -> bool {
    let tier = matches!(name, "service_tier" | "serviceTier" | "trafficType");
    let usual = ["standard", "default", "auto", "on_demand"];
    tier && value.as_str().is_some_and(|said| usual.iter().any(|word| said.eq_ignore_ascii_case(word)))
}

/// Is it a count that is in canon's in another cut, or none?
fn is_counted(name: &str, value: &Value) -> bool {
    match value {
        _ if name.ends_with("etails") => true,
        Value::Number(count) => {
            count.as_f64() == Some(0.0)
                || matches!(
                    name,
                    "totalTokenCount" | "toolUsePromptTokenCount" | "total_tokens" | "web_search_requests"
                )
        }
        Value::Object(counts) => counts.iter().all(|(name, count)| is_counted(name, count)),
        value => is_empty(value),
    }
}

/// Does the value say nothing? Clients send back answers of ours with `annotations: []` and the like in them.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.values().all(is_empty),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// Does a member of a provider's tool set anything? Its kind and name do not, nor does a container that is made anyway.
pub(crate) fn is_setting(name: &str, value: &Value) -> bool {
    let made_anyway = |object: &Map<String, Value>| {
        object.iter().all(|(key, value)| (key == "type" && value == "auto") || is_empty(value))
    };
    !matches!(name, "type" | "name") && !is_empty(value) && !value.as_object().is_some_and(made_anyway)
}

/// Adds the fields of `from` that `into` lacks; objects on both sides are merged.
pub(crate) fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            (Some(_), _) => {}
            (None, _) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn extra(owner: Dialect, fields: Value) -> Extra {
        let Value::Object(fields) = fields else { panic!("not an object") };
        Extra { owner: Some(owner), fields }
    }

    #[test]
    fn leftovers_are_merged_and_quirks_applied() {
        let extra = extra(Dialect::GeminiGenerate, json!({"a": {"x": 1, "y": 2}, "b": 3, "c": 4}));
        let quirks = Quirks { renames: &[("b", "B")], refuses: &["c"], ..Quirks::default() };
        let mut receipt = Receipt::default();
        let mut body = Outgoing::new(Dialect::GeminiGenerate, &extra, &quirks, &mut receipt);
        let Value::Object(object) = json!({"x": 9}) else { panic!() };
        body.put_object("a", object).unwrap();
        let bytes = body.finish().unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), json!({"a": {"x": 9, "y": 2}, "B": 3}));
        assert_eq!(receipt.to_string(), "c");
    }

    #[test]
    fn leftovers_of_another_dialect_are_noted_unless_empty() {
        let extra = extra(
            Dialect::OpenaiChat,
            json!({"logit_bias": {"1": 2}, "store": null, "annotations": [], "suffix": ""}),
        );
        let mut receipt = Receipt::default();
        let quirks = Quirks::default();
        let body = Outgoing::new(Dialect::AnthropicMessages, &extra, &quirks, &mut receipt);
        assert_eq!(body.finish().unwrap(), "{}");
        assert_eq!(receipt.to_string(), "logit_bias");
    }

    #[test]
    fn what_is_left_of_a_group_is_named_by_its_members() {
        for (fields, prefix, lost) in [
            (
                json!({"options": {"num_ctx": 9, "num_predict": -1}, "keep_alive": "5m"}),
                "",
                "options.num_ctx, keep_alive",
            ),
            (json!({"options": {"num_predict": -1}}), "", ""),
            (json!({"requests": [{"title": "t"}, {"taskType": null}]}), "", "requests[0].title"),
            (
                json!({"usage": {"service_tier": "standard", "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
                "output_tokens_details": {"x": 1}}, "service_tier": "default"}),
                "reply.",
                "",
            ),
            (
                json!({"usage": {"service_tier": "priority", "inference_geo": "us"}, "service_tier": "flex"}),
                "reply.",
                "reply.usage.service_tier, reply.usage.inference_geo, reply.service_tier",
            ),
            (
                json!({"usageMetadata": {"promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1}], "trafficType": "ON_DEMAND",
                "totalTokenCount": 7}}),
                "reply.",
                "",
            ),
        ] {
            let mut receipt = Receipt::default();
            own_fields(Dialect::OpenaiChat, &extra(Dialect::OllamaChat, fields), prefix, &mut receipt);
            assert_eq!(receipt.to_string(), lost);
        }
    }
}
