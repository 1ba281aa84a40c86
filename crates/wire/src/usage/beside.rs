//! What an answer costs beside its tokens: tools that the provider ran itself, and the cost that it names. Tokens are in
//! [`crate::usage`], prices in `metering`.
//!
//! Whatever cannot be read here counts as not said; it never makes the tokens beside it unreadable.

use std::borrow::Cow;

use contract::words::{NanoUsd, Usage};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Count, Openai};
use crate::json;

/// How often tools were run, from an object of counts: Anthropic's `server_tool_use`
/// (platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool#usage-and-pricing), OpenRouter's
/// `server_tool_use_details` and xAI's `server_side_tool_usage_details` (docs.x.ai/developers/pricing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tools {
    pub(crate) searches: u64,
    pub(crate) others: u64,
}

impl Tools {
    /// Reads the text of a JSON value.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let mut tools = Self::default();
        json::members(text, |member| {
            if let Some(name) = member.name.as_deref() {
                tools.add(name, Count::read(member.value));
            }
        });
        Some(tools)
    }

    fn add(&mut self, name: &[u8], count: Count) {
        let place = match name {
            b"web_search_requests" | b"web_search_calls" | b"x_search_calls" => &mut self.searches,
            b"code_interpreter_calls"
            | b"file_search_calls"
            | b"document_search_calls"
            | b"image_generation_calls" => &mut self.others,
            _ => return,
        };
        *place = place.saturating_add(count.get());
    }
}

struct ToolsVisitor;

impl<'de> Visitor<'de> for ToolsVisitor {
    type Value = Tools;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("counts of tools")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tools, A::Error> {
        let mut tools = Tools::default();
        while let Some((name, count)) = map.next_entry::<Cow<'de, str>, Count>()? {
            tools.add(name.as_bytes(), count);
        }
        Ok(tools)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tools, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Tools::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tools, E> {
        Ok(Tools::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tools, E> {
        Ok(Tools::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tools, E> {
        Ok(Tools::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tools, E> {
        Ok(Tools::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Tools, E> {
        Ok(Tools::default())
    }

    fn visit_unit<E>(self) -> Result<Tools, E> {
        Ok(Tools::default())
    }
}

impl<'de> Deserialize<'de> for Tools {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ToolsVisitor)
    }
}

/// An amount of USD as it is told: a number, or an object with the whole and its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    plain: Option<NanoUsd>,
    /// Of an object: Perplexity's `total_cost`.
    total: Option<NanoUsd>,
    /// Of an object: what OpenRouter paid, or one's own account there did.
    upstream: Option<NanoUsd>,
    is_object: bool,
}

impl Cost {
    /// Reads the text of a JSON value.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        Some(serde_json::from_slice(text).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let usd = |value: &Value| NanoUsd::from_usd(value.as_f64()?);
        let in_usd = value.get("currency").is_none_or(|currency| currency == "USD");
        let within = |name: &str| value.get(name).filter(|_| in_usd).and_then(usd);
        Ok(Self {
            plain: usd(&value),
            total: within("total_cost"),
            upstream: within("upstream_inference_cost"),
            is_object: value.is_object(),
        })
    }
}

/// Yes, no, or something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flag(bool);

impl Flag {
    /// Reads the text of a JSON value.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        Some(Self(text == b"true"))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(|value| Self(value == true))
    }
}

/// An amount in xAI's ticks of 10^-10 USD (docs.x.ai/developers/cost-tracking). 0 is what those say that bill themselves
/// (Azure).
pub(crate) fn ticks(count: Count) -> Option<NanoUsd> {
    count.0.filter(|ticks| *ticks > 0).map(|ticks| NanoUsd::from_pico(i128::from(ticks) * 100))
}

impl Openai {
    /// What the provider says the call costs, in USD for certain: xAI by name, Perplexity by its form
    /// (docs.perplexity.ai/api-reference/chat-completions-post), OpenRouter by what it has beside the cost
    /// (openrouter.ai/docs/use-cases/usage-accounting). Any other `cost` may be of any unit.
    pub(super) fn charged(&self) -> Option<NanoUsd> {
        let cost = self.cost.unwrap_or_default();
        if let Some(whole) = ticks(self.cost_in_usd_ticks).or(cost.total) {
            return Some(whole);
        }
        let details = self.cost_details.filter(|details| details.is_object)?;
        match self.is_byok.unwrap_or_default() {
            // A fee, beside what one's own account pays.
            Flag(true) => Some(cost.plain? + details.upstream?),
            Flag(false) => cost.plain,
        }
    }

    pub(super) fn searches(&self) -> u64 {
        let told = self.server_tool_use_details.or(self.server_side_tool_usage_details);
        told.map_or(0, |tools| tools.searches).max(self.num_search_queries.get())
    }

    pub(super) fn tools(&self) -> u64 {
        let told = self.server_side_tool_usage_details.unwrap_or_default();
        told.others.saturating_add(self.num_sources_used.get())
    }
}

/// Tools that were run, counted by the items of a response's output. Of a web search only the search itself is billed, not
/// the pages it opens (developers.openai.com/api/docs/pricing#built-in-tools).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    searches: u64,
    tools: u64,
}

impl Ran {
    /// Of an output that was read.
    pub(crate) fn of<'v>(output: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut ran = Self::default();
        output.into_iter().for_each(|item| ran.add(item));
        ran
    }

    /// Of an output as it stands, which is JSON.
    pub(crate) fn in_text(output: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Item {
            #[serde(default, rename = "type")]
            kind: Value,
            #[serde(default)]
            action: Value,
        }
        // Most have none of these; no call of a function has such a type.
        if !["_search_call\"", "_interpreter_call\"", "_generation_call\""]
            .iter()
            .any(|end| memchr::memmem::find(output, end.as_bytes()).is_some())
        {
            return Self::default();
        }
        let items: Vec<Item> = serde_json::from_slice(output).unwrap_or_default();
        let mut ran = Self::default();
        items.iter().for_each(|item| ran.count(&item.kind, &item.action));
        ran
    }

    /// One more item.
    pub(crate) fn add(&mut self, item: &Value) {
        self.count(item.get("type").unwrap_or(&Value::Null), item.get("action").unwrap_or(&Value::Null));
    }

    fn count(&mut self, kind: &Value, action: &Value) {
        let action = action.get("type").and_then(Value::as_str);
        match (kind.as_str().unwrap_or_default(), action) {
            ("web_search_call", None | Some("search")) => self.searches += 1,
            ("file_search_call" | "code_interpreter_call" | "image_generation_call", _) => self.tools += 1,
            _ => {}
        }
    }

    /// The most of both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { searches: self.searches.max(other.searches), tools: self.tools.max(other.tools) }
    }

    /// The usage with what ran, where the provider's own counts do not say it. `told`: `tool_usage.web_search.num_requests`.
    pub(crate) fn within(self, usage: Usage, told: Option<u64>) -> Usage {
        if usage.searches > 0 || usage.tools > 0 {
            return usage;
        }
        Usage { searches: told.unwrap_or(self.searches), tools: self.tools, ..usage }
    }
}

/// The number of searches that OpenAI tells beside the counts.
pub(crate) fn told(tool_usage: Option<&Value>) -> Option<u64> {
    tool_usage?.get("web_search")?.get("num_requests")?.as_u64()
}

#[cfg(test)]
mod tests;
