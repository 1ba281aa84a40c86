//! Settings that one target does not take: left out of a request for it, named in the receipt, put back for the next target.
//!
//! Which they are is known (the catalogue says that the model does not think) or learnt (the provider refuses the request and
//! names one). What a kind of provider is known to refuse is data of its quirks: see [`crate::Quirks`].

use contract::canon::{Asked, Effort, Reasoning, Receipt, Request, Sampling, Verbosity};
use contract::fault::UpstreamError;

use crate::effort;

/// A setting without which a request can still be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// How hard to think.
    Reasoning,
    /// How much to say.
    Verbosity,
    /// The temperature.
    Temperature,
    /// The nucleus share.
    TopP,
    /// Texts that end the answer.
    Stop,
    /// Whether words may come again.
    FrequencyPenalty,
    /// Whether subjects may.
    PresencePenalty,
}

/// Why a setting is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The model is known not to think.
    NoThoughts,
    /// The provider refused the request and named it.
    Refused,
}

impl Because {
    const fn reason(self) -> &'static str {
        match self {
            Self::NoThoughts => "the model does not think",
            Self::Refused => "the provider refused the request with this field",
        }
    }
}

/// Canon's name of each setting, and the words that providers have for it in what they complain of, in small letters.
// tidy: table
const WORDS: &[(Setting, &str, &[&str])] = &[
    (
        Setting::Reasoning,
        "reasoning_effort",
        &[
            "effort",
            "enable_thinking",
            "reasoning",
            "reasoning_effort",
            "reasoningeffort",
            "think",
            "thinking",
            "thinking_budget",
            "thinking_config",
            "thinking_level",
            "thinkingbudget",
            "thinkingconfig",
            "thinkinglevel",
        ],
    ),
    (Setting::Verbosity, "verbosity", &["verbosity"]),
    (Setting::Temperature, "temperature", &["temperature"]),
    (Setting::TopP, "top_p", &["top_p", "topp"]),
    (Setting::Stop, "stop", &["stop", "stop_sequences", "stopsequences"]),
    (Setting::FrequencyPenalty, "frequency_penalty", &["frequency_penalty", "frequencypenalty"]),
    (Setting::PresencePenalty, "presence_penalty", &["presence_penalty", "presencepenalty"]),
];

/// What a complaint says of a field that the model does not take, whatever its value. Of a bad value the client must learn.
const REFUSALS: &[&str] = &[
    "support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra inputs",
    "not permitted",
    "not allowed",
    "not enabled",
    "not available",
    "not accept",
    "must be one of",
    "deprecated",
];

/// What was left out of a request.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// What the receipt is to say of it.
    pub lost: Receipt,
    before: Option<Box<Before>>,
}

/// The settings as the client sent them.
#[derive(Debug)]
struct Before {
    reasoning: Option<Reasoning>,
    verbosity: Option<Verbosity>,
    sampling: Sampling,
}

impl LeftOut {
    /// Takes settings out of a request.
    pub fn take(asked: &mut Asked, settings: impl Iterator<Item = (Setting, Because)>) -> Self {
        let mut out = Self::default();
        let Some(request) = conversation(asked) else { return out };
        for (setting, because) in settings.filter(|(setting, _)| holds(request, *setting)).collect::<Vec<_>>()
        {
            out.before.get_or_insert_with(|| Box::new(Before::of(request)));
            if because == Because::Refused || !is_off(request, setting) {
                out.lost.dropped(name(setting), because.reason());
            }
            clear(request, setting);
        }
        out
    }

    /// Makes the request what its client sent.
    pub fn put_back(self, asked: &mut Asked) {
        if let (Some(before), Some(request)) = (self.before, conversation(asked)) {
            let Before { reasoning, verbosity, sampling } = *before;
            request.reasoning = reasoning;
            request.verbosity = verbosity;
            request.sampling = sampling;
        }
    }
}

impl Before {
    fn of(request: &Request) -> Self {
        let Request { reasoning, verbosity, sampling, .. } = request;
        Self { reasoning: reasoning.clone(), verbosity: *verbosity, sampling: sampling.clone() }
    }
}

/// The setting of this request that a provider says its model does not take.
#[must_use]
pub fn refused_setting(error: &UpstreamError, asked: &Asked) -> Option<Setting> {
    let Asked::Chat(request) = asked else { return None };
    let said = [Some(error.message.as_str()), error.code.as_deref()];
    let said = said.into_iter().flatten().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
    if !REFUSALS.iter().any(|refusal| said.contains(refusal)) {
        return None;
    }
    let param = error.param.as_deref().map(str::to_ascii_lowercase);
    let named = |words: &[&str]| match &param {
        Some(param) => last_of(param).is_some_and(|last| words.contains(&last)),
        None => names(&said, words),
    };
    let fits = |(setting, _, words): &&(Setting, &str, &[&str])| holds(request, *setting) && named(words);
    WORDS.iter().find(fits).map(|(setting, ..)| *setting)
}

/// Is one of these words in a complaint? `stop` is one of English, too: it counts in quotes or where a field is announced.
fn names(said: &str, words: &[&str]) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let mut before = "";
    let mut end = 0;
    for token in said.split(|letter| !is_part(letter)).filter(|token| !token.is_empty()) {
        let start = said[end..].find(token).map_or(end, |at| end + at);
        end = start + token.len();
        let quoted = said[..start].ends_with(['\'', '"', '`']);
        let announced = matches!(before, "parameter" | "parameters" | "argument" | "supplied" | "field");
        if let Some(last) = last_of(token.trim_end_matches('.'))
            && words.contains(&last)
            && (last != "stop" || quoted || announced)
        {
            return true;
        }
        before = token;
    }
    false
}

/// The field that a path names, unless it leads into the conversation.
fn last_of(path: &str) -> Option<&str> {
    let path = path.strip_prefix("body.").unwrap_or(path);
    let within = ["messages", "contents", "input", "tools"].iter().any(|list| path.starts_with(list));
    if within { None } else { path.rsplit('.').next() }
}

fn name(setting: Setting) -> &'static str {
    WORDS.iter().find(|(it, ..)| *it == setting).map_or("", |(_, name, _)| name)
}

const fn conversation(asked: &mut Asked) -> Option<&mut Request> {
    match asked {
        Asked::Chat(request) | Asked::Count(request) => Some(&mut **request),
        _ => None,
    }
}

/// Does it ask for nothing but not to think?
fn is_off(request: &Request, setting: Setting) -> bool {
    let level = request.reasoning.as_ref().and_then(effort::level);
    setting == Setting::Reasoning && level == Some(Effort::None)
}

fn holds(request: &Request, setting: Setting) -> bool {
    let sampling = &request.sampling;
    match setting {
        Setting::Reasoning => request.reasoning.is_some(),
        Setting::Verbosity => request.verbosity.is_some(),
        Setting::Temperature => sampling.temperature.is_some(),
        Setting::TopP => sampling.top_p.is_some(),
        Setting::Stop => !sampling.stop.is_empty(),
        Setting::FrequencyPenalty => sampling.frequency_penalty.is_some(),
        Setting::PresencePenalty => sampling.presence_penalty.is_some(),
    }
}

fn clear(request: &mut Request, setting: Setting) {
    let sampling = &mut request.sampling;
    match setting {
        Setting::Reasoning => request.reasoning = None,
        Setting::Verbosity => request.verbosity = None,
        Setting::Temperature => sampling.temperature = None,
        Setting::TopP => sampling.top_p = None,
        Setting::Stop => sampling.stop.clear(),
        Setting::FrequencyPenalty => sampling.frequency_penalty = None,
        Setting::PresencePenalty => sampling.presence_penalty = None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use contract::words::Dialect;
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn asked() -> Asked {
        let body = json!({ "model": "m", "max_tokens": 9, "messages": [{ "role": "user", "content": "Hi" }],
            "thinking": { "type": "enabled", "budget_tokens": 5_000 }, "temperature": 0.5, "top_p": 0.5,
            "stop_sequences": ["x"] });
        crate::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap()
    }

    fn blamed(body: &serde_json::Value) -> Option<Setting> {
        let body = Bytes::from(body.to_string());
        refused_setting(&crate::read_error(Dialect::OpenaiChat, StatusCode::BAD_REQUEST, &body), &asked())
    }

    #[test]
    fn what_is_left_out_is_named_and_comes_back() {
        let mut request = asked();
        let settings = [Setting::Reasoning, Setting::Verbosity].map(|it| (it, Because::NoThoughts));
        let out = LeftOut::take(&mut request, settings.into_iter());
        let Asked::Chat(chat) = &request else { panic!("a conversation") };
        assert!(chat.reasoning.is_none() && chat.sampling.temperature == Some(0.5));
        assert_eq!(out.lost.to_string(), "reasoning_effort");
        out.put_back(&mut request);
        assert_eq!(request, asked());
    }

    #[test]
    fn not_to_think_is_what_such_a_model_does() {
        let mut request = asked();
        let Asked::Chat(chat) = &mut request else { panic!("a conversation") };
        chat.reasoning = Some(Reasoning { effort: Some(Effort::None), ..Reasoning::default() });
        let out = LeftOut::take(&mut request, [(Setting::Reasoning, Because::NoThoughts)].into_iter());
        assert!(out.lost.is_empty());
        let Asked::Chat(chat) = &request else { panic!("a conversation") };
        assert!(chat.reasoning.is_none());
    }

    #[test]
    fn a_refused_setting_is_found_in_every_complaint() {
        let openai = |message: &str, param: &str, code: &str| json!({ "error": { "message": message, "type": "invalid_request_error", "param": param, "code": code } });
        for (body, expected) in [
            (
                json!({ "error": { "message": "Unrecognized request argument supplied: reasoning_effort",
                "param": null } }),
                Setting::Reasoning,
            ),
            (json!({ "error": "Model a-b does not support parameter reasoningEffort." }), Setting::Reasoning),
            (json!({ "error": "\"a-b\" does not support thinking" }), Setting::Reasoning),
            (
                json!({ "detail": [{ "loc": ["body", "reasoning_effort"], "msg": "Extra inputs are not permitted" }] }),
                Setting::Reasoning,
            ),
            (
                json!({ "error": { "message": "`reasoning_effort` must be one of `none` or `default`" } }),
                Setting::Reasoning,
            ),
            (
                openai(
                    "Unsupported value: 'temperature' does not support 0.5 with this model.",
                    "temperature",
                    "unsupported_value",
                ),
                Setting::Temperature,
            ),
            (
                openai(
                    "Unsupported parameter: 'stop' is not supported with this model.",
                    "stop",
                    "unsupported_parameter",
                ),
                Setting::Stop,
            ),
            (json!({ "error": "Model a-b does not support parameter stop." }), Setting::Stop),
            (json!({ "error": "Unknown name \"topP\" at 'generation_config'" }), Setting::TopP),
        ] {
            assert_eq!(blamed(&body), Some(expected), "{body}");
        }
    }

    #[test]
    fn other_complaints_name_no_setting() {
        let at = |param: &str, message: &str| json!({ "error": { "message": message, "param": param } });
        for body in [
            at("temperature", "Invalid 'temperature': decimal above maximum value."),
            at("messages[1].thinking", "Unknown parameter: 'messages[1].thinking'."),
            at("max_tokens", "Unsupported parameter: 'max_tokens' with reasoning. Use another."),
            at("verbosity", "Unsupported parameter: 'verbosity'."),
            json!({ "error": "messages.1.content.0.thinking: not supported" }),
            json!({ "error": "Unsupported input: the server had to stop." }),
            json!({ "error": "thinking.budget_tokens must be less than max_tokens" }),
        ] {
            assert_eq!(blamed(&body), None, "{body}");
        }
    }
}
