//! Canon → a `generateContent` request. The way in is `read.rs`.
//!
//! Schemas of tools and answers go out as JSON Schema (`parametersJsonSchema`, `responseJsonSchema`). What has no place is
//! named in the receipt; what Gemini's own client said goes on as it said it.

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Receipt, Request};
use serde_json::{Map, Value, json};

use super::beside::Beside;
use super::contents::{Contents, is_own};
use super::models::Traits;
use super::{DIALECT, config, tools};
use crate::Quirks;
use crate::outgoing::{Outgoing, merge};

/// Writes a request.
///
/// # Errors
/// The conversation cannot be put in Gemini's form: see [`Contents::of`].
pub(super) fn write_chat(request: &Request, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let own = is_own(&request.messages);
    let traits = Traits::of(&request.model);
    let contents = Contents::of(request, traits, receipt)?;
    let beside = Beside::of(request, traits, quirks);
    let tools = tools::write(request, beside, receipt);
    let left = |key: &str| match request.extra.owner {
        Some(DIALECT) => request.extra.fields.get(key).and_then(Value::as_object),
        _ => None,
    };
    let choice = tools::write_config(request, (own, beside), receipt);
    let config = config::write(request, traits, left("generationConfig"), own, receipt);
    let tier = service_tier(request, own, receipt);
    let labels = request.metadata.as_ref().filter(|labels| !labels.is_empty());
    let labels = labels.filter(|_| own || quirks.accepts.contains(&"labels"));
    if !own {
        note_inexpressible(request, labels.is_some(), receipt);
    }

    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    if !contents.system.is_empty() {
        body.put("systemInstruction", &json!({"parts": contents.system}))?;
    }
    body.put("contents", &contents.turns)?;
    if !tools.is_empty() {
        body.put("tools", &tools)?;
    }
    for (key, object) in [("toolConfig", choice), ("generationConfig", config)] {
        let object = with_left(object, left(key));
        if !object.is_empty() || left(key).is_some() {
            body.put(key, &object)?;
        }
    }
    body.put_some("serviceTier", tier)?;
    body.put_some("labels", labels)?;
    if own {
        body.put_some("store", request.store)?;
    }
    body.finish()
}

/// An object with what the dialect's own leftovers hold under the same name. Nulls there are marks of ours.
fn with_left(mut object: Map<String, Value>, left: Option<&Map<String, Value>>) -> Map<String, Value> {
    if let Some(left) = left {
        merge(&mut object, &without_nulls(left));
    }
    object
}

/// Objects that hold nothing but marks go with them; one that its client sent empty is a wish (`audioTranscriptionConfig`).
fn without_nulls(object: &Map<String, Value>) -> Map<String, Value> {
    let kept = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Null => return None,
            Value::Object(inner) if !inner.is_empty() => {
                let inner = without_nulls(inner);
                if inner.is_empty() {
                    return None;
                }
                Value::Object(inner)
            }
            other => other.clone(),
        };
        Some((key.clone(), value))
    };
    object.iter().filter_map(kept).collect()
}

/// The tier in Google's words (docs: "Flex inference", "Priority inference").
fn service_tier<'a>(request: &'a Request, own: bool, receipt: &mut Receipt) -> Option<&'a str> {
    match request.service_tier.as_deref()? {
        tier if own => Some(tier),
        "auto" | "default" => None,
        "flex" => Some("flex"),
        "priority" => Some("priority"),
        "standard" | "standard_only" => Some("standard"),
        _ => {
            receipt.dropped("service_tier", "Gemini has no such tier");
            None
        }
    }
}

/// What Gemini cannot be told.
fn note_inexpressible(request: &Request, labelled: bool, receipt: &mut Receipt) {
    let asked = [
        ("user", request.user.is_some()),
        ("safety_identifier", request.safety_id.is_some()),
        ("metadata", !labelled && request.metadata.as_ref().is_some_and(|metadata| !metadata.is_empty())),
        ("verbosity", request.verbosity.is_some()),
        ("prompt_cache_key", request.cache_key.is_some()),
        ("prompt_cache_retention", request.cache_retention.is_some()),
        ("store", request.store == Some(true)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Gemini has no such parameter");
    }
}
