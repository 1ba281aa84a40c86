//! Token counts of each dialect ↔ canon's disjoint [`Usage`]. What else is billed is in `usage/beside.rs`. What a provider reports is read leniently: a figure that
//! is null, missing or of a wrong type counts as not reported, and never makes an answer fail.

use contract::canon::Extra;
use contract::words::Usage;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::json::{self, Outer};

/// A count as providers write it: a whole number, now and then `12.0`, null or something else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count(pub Option<u64>);

impl Count {
    /// The figure; 0 when there is none.
    pub(crate) fn get(self) -> u64 {
        self.0.unwrap_or_default()
    }

    /// Reads the text of a JSON value.
    fn read(text: &[u8]) -> Self {
        // So many digits fit a number.
        if text.len() < 20 && text.iter().all(u8::is_ascii_digit) {
            return Self(Some(text.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))));
        }
        serde_json::from_slice(text).unwrap_or_default()
    }

    /// Is there a figure?
    pub(crate) const fn is_told(self) -> bool {
        self.0.is_some()
    }

    /// This figure where there is one, else the other.
    pub(crate) const fn or(self, other: Self) -> Self {
        if self.0.is_some() { self } else { other }
    }
}

/// Do these counts of what went in and came out leave open how much it was? Nothing goes in nowhere. `total`: a sum says what
/// one that is missing is.
pub(crate) const fn is_partial(input: Count, output: Count, total: Count) -> bool {
    match (input.0, output.0) {
        (None | Some(0), None | Some(0)) => !matches!(total.0, Some(1..)),
        (Some(_), Some(_)) => false,
        _ => !total.is_told(),
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a count")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
        Ok(Count(Some(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
        Ok(Count(u64::try_from(value).ok()))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
        Ok(Count((0.0..=9e15).contains(&value).then_some(value as u64)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(None))
    }

    /// As protobuf's JSON mapping writes numbers of 64 bits.
    fn visit_str<E>(self, value: &str) -> Result<Count, E> {
        Ok(Count(value.parse().ok()))
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(CountVisitor)
    }
}

/// Counts with their names, and objects of counts within them: for serde, and read in passing, which every answer that is
/// not translated pays for.
macro_rules! counts {
    ($(#[$doc:meta])* $type:ident {
        $($(#[$about:meta])* $count:ident,)*
        $(; $($part:ident: $of:ident,)*)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        pub(crate) struct $type {
            $($(#[$about])* $count: Count,)*
            $($($part: Option<$of>,)*)?
        }

        impl $type {
            /// Reads the text of a JSON value. None: it, or an object within it, is something else.
            pub(crate) fn read(text: &[u8]) -> Option<Self> {
                let mut read = Self::default();
                $($(let mut $part = true;)*)?
                let outer = json::members(text, |member| match member.name.as_deref() {
                    $(Some(name) if name == stringify!($count).as_bytes() => {
                        read.$count = Count::read(member.value);
                    })*
                    $($(Some(name) if name == stringify!($part).as_bytes() => {
                        read.$part = $of::read(member.value);
                        $part = read.$part.is_some() || member.value == b"null";
                    })*)?
                    _ => {}
                });
                (outer == Some(Outer::Object) $($(&& $part)*)?).then_some(read)
            }
        }
    };
}

mod beside;

pub(crate) use beside::{Cost, Flag, Ran, Tools, ticks, told};

counts! {
    /// `usage` of OpenAI's chat completions and embeddings and of the servers that follow them.
    Openai {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        /// DeepSeek's name for cached tokens.
        prompt_cache_hit_tokens,
        /// Moonshot's.
        cached_tokens,
        /// Mistral's.
        num_cached_tokens,
        /// Where gateways in front of Anthropic models put it; within `prompt_tokens` there too.
        cache_creation_input_tokens,
        /// Perplexity's and Copilot's.
        reasoning_tokens,
        /// What the whole call costs, xAI's way: 10^-10 USD each.
        cost_in_usd_ticks,
        /// What xAI's older search read, billed by the piece.
        num_sources_used,
        /// Perplexity's searches, where they are billed by the piece.
        num_search_queries,
        ;
        prompt_tokens_details: InputDetails,
        completion_tokens_details: OutputDetails,
        cost: Cost,
        cost_details: Cost,
        is_byok: Flag,
        server_tool_use_details: Tools,
        server_side_tool_usage_details: Tools,
    }
}

counts! {
    /// Of the prompt.
    InputDetails { cached_tokens, audio_tokens, cache_write_tokens, }
}

counts! {
    /// Of the completion.
    OutputDetails { reasoning_tokens, audio_tokens, }
}

impl Openai {
    /// The counts, if there are any, or a cost.
    pub(crate) fn reported(&self) -> Option<Usage> {
        let counts = [self.prompt_tokens, self.completion_tokens, self.total_tokens];
        let usage = self.canon();
        (counts.iter().any(|count| count.is_told()) || usage.charged.is_some()).then_some(usage)
    }

    /// Canon's form. A total above prompt + completion is thoughts that some servers (xAI, Gemini's compatible surface)
    /// count beside the completion; they are billed as output. A total alone (Voyage, Jina) is input.
    fn canon(&self) -> Usage {
        let input = self.prompt_tokens_details.unwrap_or_default();
        let output = self.completion_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens.get();
        let alone = self.total_tokens.0.filter(|_| self.completion_tokens.0.is_none());
        let prompt = self.prompt_tokens.or(Count(alone)).get();
        let hidden = self.total_tokens.get().saturating_sub(prompt.saturating_add(completion));
        let cached = input
            .cached_tokens
            .or(self.prompt_cache_hit_tokens)
            .or(self.cached_tokens)
            .or(self.num_cached_tokens)
            .get()
            .min(prompt);
        let cache_write = input.cache_write_tokens.or(self.cache_creation_input_tokens).get();
        let cache_write = cache_write.min(prompt - cached);
        let audio_input = input.audio_tokens.get().min(prompt - cached - cache_write);
        let output_total = completion.saturating_add(hidden);
        let audio_output = output.audio_tokens.get().min(output_total);
        let reasoning = output.reasoning_tokens.or(self.reasoning_tokens).get().max(hidden);
        let charged = self.charged();
        Usage {
            input: prompt - cached - cache_write - audio_input,
            cached,
            cache_write,
            cache_write_long: 0,
            audio_input,
            output: output_total - audio_output,
            reasoning: reasoning.min(output_total - audio_output),
            audio_output,
            searches: self.searches(),
            tools: self.tools(),
            charged,
            partial: charged.is_none()
                && is_partial(self.prompt_tokens, self.completion_tokens, self.total_tokens),
            ..Usage::default()
        }
    }
}

/// What a `usage` of this form says beyond canon's words: costs, times, predicted tokens. Figures of 0 say nothing.
pub(crate) fn beyond_openai(usage: Value) -> Option<Map<String, Value>> {
    let Value::Object(mut usage) = usage else { return None };
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        usage.shift_remove(name);
    }
    for (name, known) in [
        ("prompt_tokens_details", ["cached_tokens", "audio_tokens", "cache_write_tokens"]),
        ("completion_tokens_details", ["reasoning_tokens", "audio_tokens", ""]),
    ] {
        if let Some(Value::Object(details)) = usage.get_mut(name) {
            details.retain(|key, _| !known.contains(&key.as_str()));
        }
    }
    prune(&mut usage);
    (!usage.is_empty()).then_some(usage)
}

/// Takes out what says nothing.
fn prune(map: &mut Map<String, Value>) {
    map.retain(|_, value| match value {
        Value::Null => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(list) => !list.is_empty(),
        Value::Object(inner) => {
            prune(inner);
            !inner.is_empty()
        }
        Value::Bool(_) | Value::String(_) => true,
    });
}

/// `usage` as OpenAI writes it.
#[derive(Serialize)]
pub(crate) struct OpenaiOut {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: InputOut,
    completion_tokens_details: OutputOut,
}

#[derive(Serialize)]
struct InputOut {
    cached_tokens: u64,
    audio_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct OutputOut {
    reasoning_tokens: u64,
    audio_tokens: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl From<&Usage> for OpenaiOut {
    fn from(usage: &Usage) -> Self {
        Self {
            prompt_tokens: usage.input_total(),
            completion_tokens: usage.output_total(),
            total_tokens: usage.total(),
            prompt_tokens_details: InputOut {
                cached_tokens: usage.cached,
                audio_tokens: usage.audio_input,
                cache_write_tokens: usage.cache_write.saturating_add(usage.cache_write_long),
            },
            completion_tokens_details: OutputOut {
                reasoning_tokens: usage.reasoning,
                audio_tokens: usage.audio_output,
            },
        }
    }
}

counts! {
    /// `usage` of OpenAI's Responses.
    Responses {
        input_tokens,
        output_tokens,
        total_tokens,
        cost_in_usd_ticks,
        num_sources_used,
        ;
        input_tokens_details: InputDetails,
        output_tokens_details: OutputDetails,
        cost: Cost,
        cost_details: Cost,
        is_byok: Flag,
        server_side_tool_usage_details: Tools,
    }
}

impl Responses {
    /// The counts of a `usage` that may hold anything.
    pub(crate) fn of(value: &serde_json::Value) -> Option<Self> {
        if value.is_object() { Self::deserialize(value).ok() } else { None }
    }

    /// The counts, if there are any: the same sums as in chat completions.
    pub(crate) fn reported(&self) -> Option<Usage> {
        let alike = Openai {
            prompt_tokens: self.input_tokens,
            completion_tokens: self.output_tokens,
            total_tokens: self.total_tokens,
            prompt_tokens_details: self.input_tokens_details,
            completion_tokens_details: self.output_tokens_details,
            cost_in_usd_ticks: self.cost_in_usd_ticks,
            num_sources_used: self.num_sources_used,
            cost: self.cost,
            cost_details: self.cost_details,
            is_byok: self.is_byok,
            server_side_tool_usage_details: self.server_side_tool_usage_details,
            ..Openai::default()
        };
        alike.reported()
    }
}

/// `usage` as the Responses API writes it.
#[derive(Serialize)]
pub(crate) struct ResponsesOut {
    input_tokens: u64,
    input_tokens_details: ResponsesInputOut,
    output_tokens: u64,
    output_tokens_details: ResponsesOutputOut,
    total_tokens: u64,
}

#[derive(Serialize)]
struct ResponsesInputOut {
    cached_tokens: u64,
    cache_write_tokens: u64,
}

#[derive(Serialize)]
struct ResponsesOutputOut {
    reasoning_tokens: u64,
}

impl From<&Usage> for ResponsesOut {
    fn from(usage: &Usage) -> Self {
        Self {
            input_tokens: usage.input_total(),
            input_tokens_details: ResponsesInputOut {
                cached_tokens: usage.cached,
                cache_write_tokens: usage.cache_write.saturating_add(usage.cache_write_long),
            },
            output_tokens: usage.output_total(),
            output_tokens_details: ResponsesOutputOut { reasoning_tokens: usage.reasoning },
            total_tokens: usage.total(),
        }
    }
}

counts! {
    /// `usage` of Anthropic's messages: cached tokens stand beside `input_tokens`. On streams `message_start` carries it
    /// first and `message_delta` replaces what it names (cumulative figures).
    Anthropic {
        input_tokens,
        output_tokens,
        cache_read_input_tokens,
        cache_creation_input_tokens,
        ;
        cache_creation: CacheCreation,
        output_tokens_details: ThinkingDetails,
        server_tool_use: Tools,
    }
}

counts! {
    /// Of the tokens written to the cache.
    CacheCreation { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, }
}

counts! {
    /// Of the output.
    ThinkingDetails { thinking_tokens, }
}

impl Anthropic {
    /// This report on top of an earlier one.
    pub(crate) fn over(self, earlier: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.or(earlier.input_tokens),
            output_tokens: self.output_tokens.or(earlier.output_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.or(earlier.cache_read_input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or(earlier.cache_creation_input_tokens),
            cache_creation: self.cache_creation.or(earlier.cache_creation),
            output_tokens_details: self.output_tokens_details.or(earlier.output_tokens_details),
            server_tool_use: self.server_tool_use.or(earlier.server_tool_use),
        }
    }

    /// The counts, if there are any.
    pub(crate) fn reported(&self) -> Option<Usage> {
        let (read, written) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let counts = [self.input_tokens, self.output_tokens, read, written];
        counts.iter().any(|count| count.is_told()).then(|| self.canon())
    }

    /// The counts up to here, of which these are the latest. `last`: they stand at the end of the answer; what came out is not
    /// known before.
    pub(crate) fn so_far(&self, all: &Self, last: bool) -> Option<Usage> {
        let usage = all.reported()?;
        let open = !(last && self.output_tokens.is_told());
        Some(Usage { partial: usage.partial || open, ..usage })
    }

    fn canon(&self) -> Usage {
        let written = self.cache_creation_input_tokens.get();
        let split = self.cache_creation.unwrap_or_default();
        let long = split.ephemeral_1h_input_tokens.get();
        let written = written.max(long.saturating_add(split.ephemeral_5m_input_tokens.get()));
        let thinking = self.output_tokens_details.unwrap_or_default().thinking_tokens.get();
        let output = self.output_tokens.get();
        let cached = self.cache_read_input_tokens.get();
        // All of the input may be in the cache.
        let sent = if cached.max(written) > 0 { Count(Some(1)) } else { self.input_tokens };
        Usage {
            input: self.input_tokens.get(),
            cached,
            cache_write: written - long,
            cache_write_long: long,
            output,
            reasoning: thinking.min(output),
            searches: self.server_tool_use.unwrap_or_default().searches,
            partial: is_partial(sent, self.output_tokens, Count(None)),
            ..Usage::default()
        }
    }
}

/// `usageMetadata` of Gemini: cached tokens within the prompt, tool-use prompts beside it, thoughts beside candidates.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Gemini {
    prompt_token_count: Count,
    cached_content_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    tool_use_prompt_token_count: Count,
    prompt_tokens_details: Option<Vec<Modality>>,
    cache_tokens_details: Option<Vec<Modality>>,
    candidates_tokens_details: Option<Vec<Modality>>,
    /// The tier it was processed in: a word.
    service_tier: serde_json::Value,
    /// The same in Vertex's words.
    traffic_type: serde_json::Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Modality {
    /// A word; from some of Vertex's clients the number of its enum.
    modality: serde_json::Value,
    token_count: Count,
}

/// A modality's word and number (ai.google.dev/api/generate-content#Modality).
const IMAGE: (&str, u8) = ("IMAGE", 2);
const AUDIO: (&str, u8) = ("AUDIO", 4);

fn of_modality((word, number): (&str, u8), details: Option<&[Modality]>) -> u64 {
    let all = details.unwrap_or_default().iter();
    all.filter(|entry| entry.modality == word || entry.modality == number)
        .map(|entry| entry.token_count.get())
        .sum()
}

impl Gemini {
    /// The counts, if there are any: early frames of a stream may name the kind of traffic alone.
    pub(crate) fn reported(&self) -> Option<Usage> {
        let counts = [self.prompt_token_count, self.candidates_token_count, self.thoughts_token_count];
        counts.iter().any(|count| count.0.is_some()).then(|| self.canon())
    }

    /// The tier it was processed in.
    pub(crate) fn service_tier(&self) -> Option<String> {
        let told = self.service_tier.as_str();
        told.or_else(|| traffic(self.traffic_type.as_str()?)).map(str::to_owned)
    }

    /// Canon's form.
    pub(crate) fn canon(&self) -> Usage {
        let prompt = self.prompt_token_count.get();
        let cached = self.cached_content_token_count.get().min(prompt);
        let audio_cached = of_modality(AUDIO, self.cache_tokens_details.as_deref());
        let audio_input =
            of_modality(AUDIO, self.prompt_tokens_details.as_deref()).saturating_sub(audio_cached);
        let audio_input = audio_input.min(prompt - cached);
        let candidates = self.candidates_token_count.get();
        let outputs = self.candidates_tokens_details.as_deref();
        let audio_output = of_modality(AUDIO, outputs).min(candidates);
        // Pictures that are drawn have a price of their own; those that are seen cost what text does.
        let image_output = of_modality(IMAGE, outputs).min(candidates - audio_output);
        let reasoning = self.thoughts_token_count.get();
        Usage {
            input: (prompt - cached - audio_input).saturating_add(self.tool_use_prompt_token_count.get()),
            cached,
            cached_audio: audio_cached.min(cached),
            audio_input,
            output: (candidates - audio_output - image_output).saturating_add(reasoning),
            reasoning,
            audio_output,
            image_output,
            // Zeros are left out, and there is no answer without output.
            partial: is_partial(
                self.prompt_token_count,
                self.candidates_token_count.or(self.thoughts_token_count),
                Count(None),
            ),
            ..Usage::default()
        }
    }
}

/// The tier that Vertex's word for the traffic means; those of usual traffic and of throughput that is paid for in advance
/// mean none (docs.cloud.google.com, "Priority PayGo", "Flex PayGo").
fn traffic(word: &str) -> Option<&'static str> {
    match word {
        "ON_DEMAND_PRIORITY" => Some("priority"),
        "ON_DEMAND_FLEX" => Some("flex"),
        _ => None,
    }
}

/// The processing tier that a frame names: OpenAI beside its counts, Anthropic and Gemini within them, Bedrock in its last
/// frame. The tier may change the price.
#[must_use]
pub fn service_tier(frame: &Extra) -> Option<&str> {
    let beside = frame.fields.get("service_tier");
    let within = || frame.fields.get("usage")?.get("service_tier");
    let googles = || frame.fields.get("usageMetadata")?.get("serviceTier");
    let vertexs = || traffic(frame.fields.get("usageMetadata")?.get("trafficType")?.as_str()?);
    let awss = || frame.fields.get("serviceTier")?.get("type");
    let told = beside.or_else(within).or_else(googles).or_else(awss);
    told.and_then(Value::as_str).or_else(vertexs)
}

#[cfg(test)]
mod tests;
