//! What a whole answer says of itself, read without building a tree.

use std::borrow::Cow;

use contract::words::{Dialect, Usage};
use serde::de::IgnoredAny;

use super::scan::{self, WORDS, Word};
use crate::gemini::grounded;
use crate::usage::{Anthropic, Gemini, Openai, Ran, Responses, told};
use crate::{WireError, json};

/// What a whole answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyFacts {
    /// What it consumed; none when the upstream did not say.
    pub usage: Option<Usage>,
    /// The processing tier the upstream says it used.
    pub service_tier: Option<String>,
    /// The model that says it answered.
    pub model: Option<String>,
    /// Bytes of text, thoughts and arguments, JSON escapes included; counted only when there is no usage, or a partial one.
    pub output_bytes: u64,
    /// Does it have an error and say nothing? [`error_in`](crate::error_in) reads it.
    pub instead: bool,
}

/// Reads an answer in passing. It must be whole JSON (see [`json`]): what the client is handed as an answer has arrived in
/// full. Whether it is what its dialect allows is not looked at: a member that is something else than it
/// should be counts as not there, and of two with one name the last counts.
///
/// # Errors
/// The answer is not JSON, or was cut off.
pub fn reply_facts(dialect: Dialect, body: &[u8]) -> Result<ReplyFacts, WireError> {
    if super::media::is_read_here(dialect) {
        return super::media::facts(dialect, body);
    }
    let Some(names) = names(dialect) else { return crate::hub::facts(dialect, body) };
    let mut found = Found::default();
    let outer = json::members(body, |member| match member.name.as_deref() {
        Some(name) if name == names.model => found.model = Some(member.value),
        Some(name) if name == names.usage => found.usage = Some(member.value),
        Some(name) if name == names.said => found.said = Some(member.value),
        Some(b"tool_usage") => found.tools = Some(member.value),
        Some(b"service_tier") => found.tier = Some(member.value),
        Some(b"error") => {
            found.error = member.value.first().is_some_and(|first| matches!(first, b'{' | b'"'));
        }
        // MiniMax has one in every answer.
        Some(b"base_resp") => found.error = true,
        // What embeddings say.
        Some(b"data" | b"embeddings" | b"embedding") => found.data = true,
        _ => {}
    });
    if outer.is_none() {
        return Err(WireError { dialect, reason: malformed(body) });
    }
    let (usage, tier) = match dialect {
        Dialect::AnthropicMessages => (
            found.usage.and_then(Anthropic::read).as_ref().and_then(Anthropic::reported),
            found.usage.and_then(tier_within),
        ),
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne => {
            let counts = found.usage.and_then(gemini_counts);
            let usage = counts.as_ref().and_then(Gemini::reported);
            (
                usage.map(|usage| found.said.map_or(usage, |said| grounded(usage, said))),
                counts.as_ref().and_then(Gemini::service_tier),
            )
        }
        Dialect::OpenaiResponses => (
            found.usage.and_then(Responses::read).and_then(|counts| ran(&counts, &found)),
            found.tier.and_then(text),
        ),
        _ => (
            found.usage.and_then(Openai::read).as_ref().and_then(Openai::reported),
            found.tier.and_then(text),
        ),
    };
    let output_bytes = match (usage, found.said) {
        (usage, Some(said)) if usage.is_none_or(|usage| usage.partial) => said_bytes(dialect, said),
        _ => 0,
    };
    let said = match found.said {
        None | Some(b"null") => false,
        // A response that failed is an answer too.
        Some(b"[]") => dialect == Dialect::OpenaiResponses,
        Some(_) => true,
    };
    let instead = found.error && !said && !found.data;
    Ok(ReplyFacts { usage, service_tier: tier, model: found.model.and_then(text), output_bytes, instead })
}

/// Why a body is not JSON: serde finds the place.
#[cold]
pub(super) fn malformed(body: &[u8]) -> String {
    serde_json::from_slice::<IgnoredAny>(body).err().map(|error| error.to_string()).unwrap_or_default()
}

/// The members that say something, as they stand.
#[derive(Default)]
struct Found<'a> {
    model: Option<&'a [u8]>,
    tier: Option<&'a [u8]>,
    usage: Option<&'a [u8]>,
    tools: Option<&'a [u8]>,
    said: Option<&'a [u8]>,
    error: bool,
    data: bool,
}

struct Names {
    model: &'static [u8],
    usage: &'static [u8],
    said: &'static [u8],
}

/// None: the answer of this dialect is read into canon.
const fn names(dialect: Dialect) -> Option<Names> {
    Some(match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiCompletions | Dialect::OpenaiEmbeddings => {
            Names { model: b"model", usage: b"usage", said: b"choices" }
        }
        Dialect::OpenaiResponses => Names { model: b"model", usage: b"usage", said: b"output" },
        Dialect::KserveInfer => Names { model: b"model_name", usage: b"", said: b"" },
        Dialect::AnthropicMessages => Names { model: b"model", usage: b"usage", said: b"content" },
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne => {
            Names { model: b"modelVersion", usage: b"usageMetadata", said: b"candidates" }
        }
        _ => return None,
    })
}

/// The usage of a response, with the tools that ran.
fn ran(counts: &Responses, found: &Found<'_>) -> Option<Usage> {
    let tools = found.tools.and_then(|tools| serde_json::from_slice(tools).ok());
    let usage = counts.reported()?;
    Some(Ran::in_text(found.said.unwrap_or_default()).within(usage, told(tools.as_ref())))
}

/// The bytes of the texts that are output.
fn said_bytes(dialect: Dialect, said: &[u8]) -> u64 {
    let count = |words: &[&Word]| words.iter().map(|word| scan::text_bytes(said, word)).sum();
    match dialect {
        Dialect::AnthropicMessages => count(&[&WORDS.text, &WORDS.thinking]),
        Dialect::GeminiGenerate
        | Dialect::GeminiEmbed
        | Dialect::GeminiEmbedOne
        | Dialect::OpenaiCompletions => count(&[&WORDS.text]),
        Dialect::OpenaiResponses => count(&[&WORDS.text, &WORDS.arguments, &WORDS.refusal]),
        _ => count(&super::openai_texts()),
    }
}

fn text(value: &[u8]) -> Option<String> {
    json::string(value).map(Cow::into_owned)
}

fn gemini_counts(usage: &[u8]) -> Option<Gemini> {
    serde_json::from_slice::<Option<Gemini>>(usage).ok()?
}

/// Anthropic's tier stands among its counts.
fn tier_within(usage: &[u8]) -> Option<String> {
    let mut tier = None;
    json::members(usage, |member| {
        if member.name.as_deref() == Some(b"service_tier") {
            tier = text(member.value);
        }
    });
    tier
}

#[cfg(test)]
mod tests;
