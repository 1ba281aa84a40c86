//! One piece of a message, with where it came from and what only its own dialect understands.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::words::Dialect;

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Where it came from.
    pub provenance: Provenance,
    /// How private it is.
    pub sensitivity: Sensitivity,
    /// The prompt up to here is worth keeping in the provider's cache.
    pub cache: Option<CacheHint>,
    /// What a text rests on.
    pub citations: Vec<Citation>,
    /// What its own dialect needs to get back: signatures, ids, `cache_control`, citations.
    pub native: Option<Native>,
}

/// The sidecar of a part: a JSON object that belongs to one dialect, verbatim.
///
/// A translator into `owner` merges it back into the block; any other leaves it out and says so in the receipt
/// when the loss matters to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Native {
    /// The dialect that owns the value.
    pub owner: Dialect,
    /// The fields.
    pub value: Value,
}

/// Asks the provider to keep the prompt up to this point: Anthropic's `cache_control`, Bedrock's `cachePoint`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CacheHint {
    /// For the provider's usual time: 5 minutes.
    #[default]
    Short,
    /// For an hour.
    Long,
}

/// One source of a text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The place in the text that rests on it, in characters (Unicode scalar values) from its start; none when the whole
    /// text does.
    pub range: Option<Range<u64>>,
    /// Where the source is.
    pub url: Option<String>,
    /// What the source is called.
    pub title: Option<String>,
    /// The words of the source.
    pub quote: Option<String>,
    /// The source's id, for documents and files that have one.
    pub source: Option<String>,
    /// The citation as its own dialect writes it.
    pub native: Option<Native>,
}

/// Where a part came from. Guards trust `System` more than `Retrieved`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Provenance {
    /// The operator or developer.
    System,
    /// The end user.
    #[default]
    User,
    /// A model.
    Model,
    /// A tool's result.
    Tool,
    /// A document brought in by recall or by the client as a source.
    Retrieved,
}

/// How private a part is. Set from tags, later by guards; routing may refuse regions on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sensitivity {
    /// Nothing is known.
    #[default]
    Unmarked,
    /// Marked as holding personal data.
    Personal,
    /// Marked as secret.
    Secret,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PartKind {
    /// Text.
    Text(String),
    /// An image, a sound, a film or a document.
    Media {
        /// Which of them.
        kind: MediaKind,
        /// Where its bytes are.
        source: MediaSource,
    },
    /// The model calls a function.
    ToolCall {
        /// The call's id; never empty (translators make one up when the dialect has none).
        id: String,
        /// The function.
        name: String,
        /// The arguments as JSON text, exactly as the model wrote them; the plain input of a custom tool.
        arguments: String,
        /// Is it a custom tool ([`super::Tool::Custom`]), whose input is no JSON?
        custom: bool,
    },
    /// What a function returned.
    ToolResult(ToolResult),
    /// The model's visible thoughts. Its signature or encrypted form is in the part's `native`.
    Reasoning(String),
    /// The model declines to answer.
    Refusal(String),
    /// The provider ran a tool of its own.
    ServerCall(ServerCall),
    /// What the provider's own tool returned.
    ServerResult(ServerResult),
    /// A block that canon has no word for; `native` of the part holds it whole.
    Native,
}

/// What a function returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call it answers.
    pub call: String,
    /// The function's name, for dialects that want it; filled in from the call by the translator that reads.
    pub name: Option<String>,
    /// The result: texts and media.
    pub parts: Vec<Part>,
    /// Did the function fail?
    pub failed: bool,
}

/// A call of a tool that the provider runs. Its own dialect writes it from the part's `native`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerCall {
    /// The call's id; never empty.
    pub id: String,
    /// Which tool.
    pub tool: ServerTool,
    /// The tool's name where there are several of a kind (MCP).
    pub name: Option<String>,
    /// What the model asked for, as JSON text: `{"query": …}` of a search, `{"code": …}` of a run.
    pub input: String,
}

/// What a tool that the provider ran returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerResult {
    /// The id of the call it answers.
    pub call: String,
    /// Which tool.
    pub tool: ServerTool,
    /// What can be said of it in words: found addresses, the output of a run.
    pub output: String,
    /// Did the tool fail?
    pub failed: bool,
}

/// Kinds of tools that providers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServerTool {
    /// Search of the web.
    WebSearch,
    /// Reading of an address.
    WebFetch,
    /// Code in a sandbox.
    Code,
    /// Search of files that were uploaded before.
    FileSearch,
    /// Making of images.
    ImageGeneration,
    /// Tools of an MCP server that the provider calls.
    Mcp,
    /// Search among tools whose definitions are not in the prompt.
    ToolSearch,
    /// Anything else.
    Other,
}

/// Kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Film.
    Video,
    /// PDF or text to be read as a document.
    Document,
}

/// Where the bytes of a medium are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaSource {
    /// A public address.
    Url(String),
    /// In the request.
    Base64 {
        /// Its MIME type, such as `image/png`.
        mime: String,
        /// Standard base64.
        data: String,
    },
    /// A file that was uploaded to the provider before.
    File(String),
}

impl Part {
    /// A part with no sidecar.
    #[must_use]
    pub fn new(kind: PartKind, provenance: Provenance) -> Self {
        Self {
            kind,
            provenance,
            sensitivity: Sensitivity::default(),
            cache: None,
            citations: Vec::new(),
            native: None,
        }
    }

    /// A text part.
    pub fn text(text: impl Into<String>, provenance: Provenance) -> Self {
        Self::new(PartKind::Text(text.into()), provenance)
    }

    /// Adds the sidecar.
    #[must_use]
    pub fn with_native(mut self, owner: Dialect, value: Value) -> Self {
        self.native = Some(Native { owner, value });
        self
    }

    /// The sidecar, if this dialect owns it.
    #[must_use]
    pub fn native_for(&self, dialect: Dialect) -> Option<&Value> {
        self.native.as_ref().filter(|native| native.owner == dialect).map(|native| &native.value)
    }
}
