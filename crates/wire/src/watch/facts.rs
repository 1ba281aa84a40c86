//! What a whole answer says of itself, read without building a tree.

use std::borrow::Cow;

use contract::words::{Dialect, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::scan::{self, WORDS};
use crate::WireError;
use crate::usage::{Anthropic, Gemini, Openai};

/// What a whole answer says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyFacts {
    /// What it consumed; none when the upstream did not say.
    pub usage: Option<Usage>,
    /// The processing tier the upstream says it used.
    pub service_tier: Option<String>,
    /// The model that says it answered.
    pub model: Option<String>,
    /// Bytes of text, thoughts and arguments, JSON escapes included; counted only when there is no usage.
    pub output_bytes: u64,
}

/// Reads an answer in passing. What is valid JSON but not what the dialect allows yields no facts: it passes all the same.
///
/// # Errors
/// The answer is not JSON, or was cut off.
pub fn reply_facts(dialect: Dialect, body: &[u8]) -> Result<ReplyFacts, WireError> {
    let facts = match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiEmbeddings => openai(body),
        Dialect::AnthropicMessages => anthropic(body),
        Dialect::GeminiGenerate | Dialect::GeminiEmbed => gemini(body),
    };
    match facts {
        Ok(facts) => Ok(facts),
        Err(error) if error.is_data() => Ok(ReplyFacts::default()),
        Err(error) => Err(WireError { dialect, reason: error.to_string() }),
    }
}

fn owned(text: Option<Cow<'_, str>>) -> Option<String> {
    text.map(Cow::into_owned)
}

fn openai(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        service_tier: Option<Cow<'a, str>>,
        #[serde(default)]
        usage: Option<Openai>,
        #[serde(default, borrow)]
        choices: Option<&'a RawValue>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let output_bytes = match (&reply.usage, reply.choices) {
        (None, Some(choices)) => {
            super::openai_texts().iter().map(|word| scan::text_bytes(choices.get().as_bytes(), word)).sum()
        }
        _ => 0,
    };
    Ok(ReplyFacts {
        usage: reply.usage.map(|usage| usage.canon()),
        service_tier: owned(reply.service_tier),
        model: owned(reply.model),
        output_bytes,
    })
}

fn anthropic(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model: Option<Cow<'a, str>>,
        #[serde(default, borrow)]
        usage: Option<&'a RawValue>,
        #[serde(default, borrow)]
        content: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Tier {
        service_tier: Option<String>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let usage = reply.usage.and_then(|raw| serde_json::from_str::<Anthropic>(raw.get()).ok());
    let tier = reply.usage.and_then(|raw| serde_json::from_str::<Tier>(raw.get()).ok()?.service_tier);
    let output_bytes = match (&usage, reply.content) {
        (None, Some(content)) => [&WORDS.text, &WORDS.thinking]
            .iter()
            .map(|word| scan::text_bytes(content.get().as_bytes(), word))
            .sum(),
        _ => 0,
    };
    let usage = usage.map(|usage| usage.canon());
    Ok(ReplyFacts { usage, service_tier: tier, model: owned(reply.model), output_bytes })
}

fn gemini(body: &[u8]) -> serde_json::Result<ReplyFacts> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Reply<'a> {
        #[serde(default, borrow)]
        model_version: Option<Cow<'a, str>>,
        #[serde(default)]
        usage_metadata: Option<Gemini>,
        #[serde(default, borrow)]
        candidates: Option<&'a RawValue>,
    }
    let reply: Reply<'_> = serde_json::from_slice(body)?;
    let output_bytes = match (&reply.usage_metadata, reply.candidates) {
        (None, Some(candidates)) => scan::text_bytes(candidates.get().as_bytes(), &WORDS.text),
        _ => 0,
    };
    let usage = reply.usage_metadata.map(|usage| usage.canon());
    Ok(ReplyFacts { usage, service_tier: None, model: owned(reply.model_version), output_bytes })
}
