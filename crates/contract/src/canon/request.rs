//! A conversation on its way to a model.

use serde_json::{Map, Value};

use super::{CacheHint, Part, ServerTool};
use crate::words::Dialect;

/// What a client asks for, in no dialect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The dialect in which a client said it.
    pub said_in: Option<Dialect>,
    /// The model as the target is to read it.
    pub model: String,
    /// The conversation, oldest first. System and developer texts stand where the client put them.
    pub messages: Vec<Message>,
    /// Functions and server tools the model may call.
    pub tools: Vec<Tool>,
    /// Whether and which tool must be called.
    pub tool_choice: Option<ToolChoice>,
    /// May several tools be called in one turn? `None`: the target's default.
    pub parallel_tools: Option<bool>,
    /// The shape of the answer.
    pub format: OutputFormat,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// The most tokens the answer may have.
    pub max_output: Option<u64>,
    /// How hard to think.
    pub reasoning: Option<Reasoning>,
    /// Send the answer as a stream?
    pub stream: bool,
    /// Did the client ask for usage on its stream? Dialects whose streams always carry it set `true`.
    pub stream_usage: bool,
    /// The end user, as the app names them.
    pub user: Option<String>,
    /// Key-value pairs the provider keeps with the request.
    pub metadata: Option<Map<String, Value>>,
    /// The processing tier asked for, in the client's words.
    pub service_tier: Option<String>,
    /// What the answer may consist of; empty is the target's default, which is text.
    pub modalities: Vec<Modality>,
    /// How spoken answers sound.
    pub voice: Option<Voice>,
    /// How much to say.
    pub verbosity: Option<Verbosity>,
    /// Requests with the same key share a prompt cache (OpenAI's `prompt_cache_key`).
    pub cache_key: Option<String>,
    /// How long the provider keeps cached prefixes, in its words (`in_memory`, `24h`).
    pub cache_retention: Option<String>,
    /// A stable name of the end user for the provider's abuse checks.
    pub safety_id: Option<String>,
    /// May the provider keep the answer?
    pub store: Option<bool>,
    /// Fields of the client's dialect that canon has no word for, verbatim.
    pub extra: Extra,
}

/// Fields that only their own dialect understands. Written back by that dialect, dropped with a receipt by others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// The dialect that owns the fields; none when there are none.
    pub owner: Option<Dialect>,
    /// The fields as they stood.
    pub fields: Map<String, Value>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The developer's instructions (OpenAI's newer word; other dialects say system).
    Developer,
    /// The person or program that asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool; its parts are [`super::PartKind::ToolResult`].
    Tool,
}

/// One entry of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What they say, in order.
    pub parts: Vec<Part>,
    /// The participant's name.
    pub name: Option<String>,
    /// Fields of the message that canon has no word for.
    pub extra: Extra,
    /// Where it stood in the client's request, such as `input[3]`; none where it is `messages[n]`.
    pub at: Option<Box<str>>,
}

impl Message {
    /// A message of these parts.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, name: None, extra: Extra::default(), at: None }
    }
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function that the client runs.
    Function {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// JSON Schema of its arguments; none means no arguments.
        parameters: Option<Value>,
        /// Must the arguments follow the schema exactly?
        strict: Option<bool>,
        /// The prompt up to here is worth keeping in the provider's cache.
        cache: Option<CacheHint>,
        /// Fields of the definition that canon has no word for.
        extra: Extra,
    },
    /// A function of the client that takes any text.
    Custom {
        /// Its name.
        name: String,
        /// What it does.
        description: Option<String>,
        /// What the text must look like: `{"type": "text"}` or a grammar, in OpenAI's words.
        format: Option<Value>,
        /// Fields of the definition that canon has no word for.
        extra: Extra,
    },
    /// A tool that the provider runs (web search, code execution).
    Server {
        /// The dialect that owns the definition.
        owner: Dialect,
        /// Which tool it is.
        tool: ServerTool,
        /// The definition as it stood.
        value: Value,
    },
}

/// Whether and which tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool may be called.
    None,
    /// Some tool must be called.
    Required,
    /// This tool must be called.
    Named(String),
    /// Only these may be called: one of them must be if `required`.
    Allowed {
        /// Their names.
        names: Vec<String>,
        /// Must one be called?
        required: bool,
    },
}

impl ToolChoice {
    /// Must a tool be called?
    #[must_use]
    pub const fn forces(&self) -> bool {
        matches!(self, Self::Required | Self::Named(_) | Self::Allowed { required: true, .. })
    }
}

/// What an answer may consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Modality {
    /// Text.
    Text,
    /// Speech.
    Audio,
    /// Pictures.
    Image,
}

/// How spoken answers sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// The voice, as the provider names it.
    pub name: Option<String>,
    /// The sound format: `wav`, `mp3`, `flac`, `opus`, `pcm16`.
    pub format: Option<String>,
}

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
}

/// The shape of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OutputFormat {
    /// Prose.
    #[default]
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema {
        /// A name for the schema.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Value,
        /// Must it be followed exactly?
        strict: Option<bool>,
    },
}

/// How tokens are drawn. `None` is the target's default everywhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// 0 to 2 for OpenAI and Gemini, 0 to 1 for Anthropic.
    pub temperature: Option<f64>,
    /// Nucleus share, 0 to 1.
    pub top_p: Option<f64>,
    /// Candidates per token.
    pub top_k: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// For repeatable sampling.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How many answers to make.
    pub n: Option<u64>,
    /// Return log-probabilities?
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u64>,
}

/// How hard to think.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reasoning {
    /// A level, for targets that take one.
    pub effort: Option<Effort>,
    /// A number of tokens, for targets that take one; 0 switches thinking off.
    pub budget: Option<u64>,
    /// Show the thoughts (or a summary of them) to the client?
    pub include: Option<bool>,
    /// How detailed a summary of the thoughts is, in OpenAI's words: `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
}

/// Levels of reasoning effort, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Do not think.
    None,
    /// As little as possible.
    Minimal,
    /// A little.
    Low,
    /// The usual.
    Medium,
    /// Much.
    High,
    /// More than `high`.
    XHigh,
    /// As much as the model can.
    Max,
}
