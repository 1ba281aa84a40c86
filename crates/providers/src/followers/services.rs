//! Hosted services. Each row names the page of its documentation that it follows.
//!
//! A field is refused here when the documentation says that it is refused, or says that it is passed over: then it is left
//! out so that the receipt says so.

use contract::canon::Effort::{High, Low, Medium, None as Off, XHigh};
use contract::words::Dialect;
use wire::{Lack, ModelQuirks, Quirks, Thinking};

use super::{FACTS, Follower, Listing, SWITCHED, USUAL};
use crate::openai_like::Surface;
use crate::request::Facts;

const CHAT: Surface = (Dialect::OpenaiChat, "/chat/completions");
const EMBEDDINGS: Surface = (Dialect::OpenaiEmbeddings, "/embeddings");
const RESPONSES: Surface = (Dialect::OpenaiResponses, "/responses");
const COMPLETIONS: Surface = (Dialect::OpenaiCompletions, "/completions");
const RERANK: Surface = (Dialect::CohereRerank, "/rerank");
const MESSAGES: Surface = (Dialect::AnthropicMessages, "/messages");
const IMAGES: Surface = (Dialect::OpenaiImages, "/images/generations");
const IMAGE_EDITS: Surface = (Dialect::OpenaiImageEdits, "/images/edits");
const SPEECH: Surface = (Dialect::OpenaiSpeech, "/audio/speech");
const TRANSCRIPTIONS: Surface = (Dialect::OpenaiTranscriptions, "/audio/transcriptions");
const TRANSLATIONS: Surface = (Dialect::OpenaiTranslations, "/audio/translations");

const SERVICE: Follower = Follower {
    facts: FACTS,
    domains: &[],
    variable: None,
    surfaces: &[CHAT],
    beside: &[],
    accent: None,
    quirks: USUAL,
    mute: &[],
    listing: Listing::Usual,
    own: false,
};

/// docs.mistral.ai/api, "Fim Completion": a prompt and a suffix, answered in the form of a chat.
const FILLING: Quirks = Quirks {
    renames: &[("seed", "random_seed")],
    refuses: &[
        "best_of",
        "echo",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "n",
        "presence_penalty",
        "stream_options",
        "top_k",
        "user",
    ],
    ..USUAL
};

/// docs.mistral.ai/capabilities/reasoning/adjustable and /native: a switch at most, and those that always think have none.
const MISTRAL_MODELS: &[ModelQuirks] = &[
    ModelQuirks { names: &["magistral*"], refuses: &["reasoning_effort"], ..PLAIN },
    ModelQuirks { names: &["mistral-small*", "mistral-medium*"], levels: &[Off, High], ..PLAIN },
];

const PLAIN: ModelQuirks = ModelQuirks { names: &[], refuses: &[], refuses_thinking: &[], levels: &[] };

/// The three levels of OpenAI's open models (console.groq.com/docs/reasoning, inference-docs.cerebras.ai/capabilities/reasoning).
const GPT_OSS: &[ModelQuirks] =
    &[ModelQuirks { names: &["gpt-oss*"], levels: &[Low, Medium, High], ..PLAIN }];

// tidy: table
/// docs.mistral.ai/api: unknown fields are refused, the seed has another name, streams always carry usage. Ids of calls and
/// the order of messages: its errors 3280 and 3230.
pub(crate) const MISTRAL: Follower = Follower {
    facts: Facts {
        kind: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["mistral.ai"],
    variable: Some("MISTRAL_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, TRANSCRIPTIONS, (Dialect::OpenaiModerations, "/moderations")],
    accent: Some(((Dialect::OpenaiCompletions, "/fim/completions"), &["codestral"], FILLING)),
    quirks: Quirks {
        renames: &[("max_completion_tokens", "max_tokens"), ("seed", "random_seed")],
        refuses: &[
            "audio",
            "logit_bias",
            "modalities",
            "prompt_cache_retention",
            "safety_identifier",
            "service_tier",
            "store",
            "user",
            "verbosity",
            "web_search_options",
        ],
        accepts: &["document_url"],
        lacks: &[Lack::CustomTools, Lack::AllowedTools, Lack::CallIds, Lack::WordsAfterResults],
        models: MISTRAL_MODELS,
        ..USUAL
    },
    mute: &["stream_options"],
    ..SERVICE
};

/// console.groq.com/docs/openai: answers 400 to these fields; `max_tokens` is the old name here, too.
pub(crate) const GROQ: Follower = Follower {
    facts: Facts { kind: "groq", base_url: Some("https://api.groq.com/openai/v1"), ..FACTS },
    domains: &["groq.com"],
    variable: Some("GROQ_API_KEY"),
    surfaces: &[CHAT, RESPONSES, SPEECH, TRANSCRIPTIONS, TRANSLATIONS],
    quirks: Quirks {
        renames: &[],
        refuses: &["logprobs", "top_logprobs", "logit_bias"],
        models: GPT_OSS,
        most_stops: 4,
        ..USUAL
    },
    ..SERVICE
};

/// api-docs.deepseek.com: thoughts go back during tool calls (guides/thinking_mode); Anthropic's dialect (guides/anthropic_api);
/// JSON, but no schema for it (api/create-chat-completion).
pub(crate) const DEEPSEEK: Follower = Follower {
    facts: Facts { kind: "deepseek", base_url: Some("https://api.deepseek.com"), ..FACTS },
    domains: &["deepseek.com"],
    variable: Some("DEEPSEEK_API_KEY"),
    surfaces: &[CHAT, RESPONSES],
    beside: &[
        (Dialect::AnthropicMessages, "/anthropic/v1/messages"),
        (Dialect::OpenaiCompletions, "/beta/completions"),
    ],
    quirks: Quirks {
        refuses: &["logit_bias", "metadata", "response_format.json_schema", "seed", "service_tier", "store"],
        accepts: &["reasoning_content"],
        thinking: SWITCHED,
        ..USUAL
    },
    ..SERVICE
};

/// What models of xAI's that think refuse.
const XAI_THINKING: &[&str] = &["frequency_penalty", "presence_penalty", "stop"];
/// As [`XAI_THINKING`], where nobody can say how hard.
const XAI_UNTOLD: &[&str] = &["frequency_penalty", "presence_penalty", "reasoning_effort", "stop"];

// tidy: table
/// docs.x.ai/developers/model-capabilities/text/reasoning, and docs.x.ai/docs/guides/reasoning for those before grok-4.3.
const XAI_MODELS: &[ModelQuirks] = &[
    ModelQuirks { names: &["grok-3-mini*"], refuses: XAI_THINKING, levels: &[Low, High], ..PLAIN },
    ModelQuirks {
        names: &["grok-*-non-reasoning*", "grok-3*"],
        refuses: &["reasoning_effort"],
        levels: &[Off],
        ..PLAIN
    },
    ModelQuirks {
        names: &["grok-*-multi-agent*"],
        refuses: XAI_THINKING,
        levels: &[Low, Medium, High, XHigh],
        ..PLAIN
    },
    ModelQuirks {
        names: &["grok-4", "grok-4-*", "grok-4.1*", "grok-4.20*", "grok-code-fast*"],
        refuses: XAI_UNTOLD,
        ..PLAIN
    },
    ModelQuirks { names: &["grok-4.3*"], refuses: XAI_THINKING, levels: &[Off, Low, Medium, High], ..PLAIN },
    ModelQuirks { names: &["grok-*"], refuses: XAI_THINKING, ..PLAIN },
];

/// docs.x.ai/docs/api-reference: `max_tokens` is the old name here, too.
pub(crate) const XAI: Follower = Follower {
    facts: Facts { kind: "xai", base_url: Some("https://api.x.ai/v1"), version: Some("v1"), ..FACTS },
    domains: &["x.ai"],
    variable: Some("XAI_API_KEY"),
    surfaces: &[CHAT, RESPONSES, IMAGES, IMAGE_EDITS],
    quirks: Quirks {
        renames: &[],
        refuses: &["logit_bias"],
        accepts: &["image.object"],
        models: XAI_MODELS,
        most_stops: 4,
        ..USUAL
    },
    ..SERVICE
};

/// openrouter.ai/docs/api-reference.
pub(crate) const OPENROUTER: Follower = Follower {
    facts: Facts { kind: "openrouter", base_url: Some("https://openrouter.ai/api/v1"), ..FACTS },
    domains: &["openrouter.ai"],
    variable: Some("OPENROUTER_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, RESPONSES, MESSAGES, COMPLETIONS, RERANK],
    quirks: Quirks {
        accepts: &["top_k", "reasoning", "cache_control", "file.url"],
        thinking: &[Thinking::Object],
        ..USUAL
    },
    ..SERVICE
};

/// docs.together.ai/reference.
pub(crate) const TOGETHER: Follower = Follower {
    facts: Facts {
        kind: "together",
        base_url: Some("https://api.together.xyz/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["together.xyz", "together.ai"],
    variable: Some("TOGETHER_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, COMPLETIONS, RERANK, IMAGES, SPEECH, TRANSCRIPTIONS, TRANSLATIONS],
    quirks: Quirks { accepts: &["top_k"], ..USUAL },
    ..SERVICE
};

/// docs.fireworks.ai/api-reference, docs.fireworks.ai/tools-sdks/anthropic-compatibility.
pub(crate) const FIREWORKS: Follower = Follower {
    facts: Facts { kind: "fireworks", base_url: Some("https://api.fireworks.ai/inference/v1"), ..FACTS },
    domains: &["fireworks.ai"],
    variable: Some("FIREWORKS_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, RESPONSES, MESSAGES, COMPLETIONS, RERANK],
    quirks: Quirks { accepts: &["top_k", "reasoning_content"], ..USUAL },
    ..SERVICE
};

/// docs.perplexity.ai/api-reference/chat-completions-post: no tools. Its list names the models of another product.
pub(crate) const PERPLEXITY: Follower = Follower {
    facts: Facts { kind: "perplexity", base_url: Some("https://api.perplexity.ai"), ..FACTS },
    domains: &["perplexity.ai"],
    variable: Some("PERPLEXITY_API_KEY"),
    surfaces: &[CHAT],
    beside: &[(Dialect::OpenaiEmbeddings, "/v1/embeddings")],
    quirks: Quirks {
        refuses: &[
            "logit_bias",
            "logprobs",
            "metadata",
            "n",
            "parallel_tool_calls",
            "seed",
            "service_tier",
            "store",
            "tool_choice",
            "tools",
            "top_logprobs",
            "user",
        ],
        accepts: &["top_k"],
        ..USUAL
    },
    listing: Listing::Fixed(&["sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"]),
    ..SERVICE
};

/// inference-docs.cerebras.ai/resources/openai: answers 400 to these fields.
pub(crate) const CEREBRAS: Follower = Follower {
    facts: Facts {
        kind: "cerebras",
        base_url: Some("https://api.cerebras.ai/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["cerebras.ai"],
    variable: Some("CEREBRAS_API_KEY"),
    surfaces: &[CHAT, COMPLETIONS],
    quirks: Quirks {
        renames: &[],
        refuses: &["frequency_penalty", "presence_penalty", "logit_bias", "metadata", "store"],
        models: GPT_OSS,
        most_stops: 4,
        ..USUAL
    },
    ..SERVICE
};

/// huggingface.co/docs/inference-providers: the router speaks chat and responses; other tasks are not in OpenAI's dialect.
pub(crate) const HUGGINGFACE: Follower = Follower {
    facts: Facts {
        kind: "huggingface",
        base_url: Some("https://router.huggingface.co/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["huggingface.co"],
    variable: Some("HF_TOKEN"),
    surfaces: &[CHAT, RESPONSES],
    ..SERVICE
};

/// docs.api.nvidia.com/nim/reference: unknown fields are refused. The same containers run at home with `base_url`.
pub(crate) const NVIDIA: Follower = Follower {
    facts: Facts {
        kind: "nvidia",
        base_url: Some("https://integrate.api.nvidia.com/v1"),
        version: Some("v1"),
        keyless: true,
        ..FACTS
    },
    domains: &["nvidia.com"],
    variable: Some("NVIDIA_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, COMPLETIONS],
    quirks: Quirks {
        refuses: &[
            "metadata",
            "prompt_cache_key",
            "safety_identifier",
            "service_tier",
            "store",
            "user",
            "verbosity",
        ],
        ..USUAL
    },
    ..SERVICE
};

/// docs.sambanova.ai/docs/en/features/openai-compatibility, anthropic-compatibility and audio.
pub(crate) const SAMBANOVA: Follower = Follower {
    facts: Facts {
        kind: "sambanova",
        base_url: Some("https://api.sambanova.ai/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["sambanova.ai"],
    variable: Some("SAMBANOVA_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, MESSAGES, TRANSCRIPTIONS, TRANSLATIONS],
    quirks: Quirks {
        refuses: &[
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "n",
            "presence_penalty",
            "seed",
            "top_logprobs",
        ],
        accepts: &["top_k"],
        ..USUAL
    },
    ..SERVICE
};

/// platform.kimi.ai/docs/api: thoughts go back during tool calls (guide/use-kimi-k2-thinking-model).
pub(crate) const MOONSHOT: Follower = Follower {
    facts: Facts {
        kind: "moonshot",
        base_url: Some("https://api.moonshot.ai/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["moonshot.ai", "moonshot.cn"],
    variable: Some("MOONSHOT_API_KEY"),
    surfaces: &[CHAT, RESPONSES],
    beside: &[(Dialect::AnthropicMessages, "/anthropic/v1/messages")],
    quirks: Quirks {
        refuses: &["logit_bias", "logprobs", "top_logprobs", "seed", "service_tier", "metadata", "store"],
        accepts: &["reasoning_content"],
        thinking: &[Thinking::Switch],
        ..USUAL
    },
    ..SERVICE
};

/// docs.z.ai/api-reference/llm/chat-completion: the end user has another name, JSON has no schema; .../image/generate-image.
pub(crate) const ZAI: Follower = Follower {
    facts: Facts { kind: "zai", base_url: Some("https://api.z.ai/api/paas/v4"), ..FACTS },
    domains: &["z.ai", "bigmodel.cn"],
    variable: Some("ZAI_API_KEY"),
    surfaces: &[CHAT, IMAGES],
    beside: &[(Dialect::AnthropicMessages, "/api/anthropic/v1/messages")],
    quirks: Quirks {
        renames: &[("max_completion_tokens", "max_tokens"), ("user", "user_id")],
        refuses: &[
            "frequency_penalty",
            "logit_bias",
            "logprobs",
            "metadata",
            "n",
            "parallel_tool_calls",
            "presence_penalty",
            "response_format.json_schema",
            "seed",
            "service_tier",
            "store",
            "top_logprobs",
        ],
        accepts: &["reasoning_content"],
        thinking: SWITCHED,
        ..USUAL
    },
    listing: Listing::Nowhere,
    ..SERVICE
};

/// alibabacloud.com/help/en/model-studio/qwen-api-reference, .../anthropic-api-messages.
pub(crate) const DASHSCOPE: Follower = Follower {
    facts: Facts {
        kind: "dashscope",
        base_url: Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ..FACTS
    },
    domains: &["aliyuncs.com"],
    variable: Some("DASHSCOPE_API_KEY"),
    surfaces: &[CHAT, EMBEDDINGS, COMPLETIONS],
    beside: &[
        (Dialect::AnthropicMessages, "/apps/anthropic/v1/messages"),
        (Dialect::OpenaiResponses, "/api/v2/apps/protocols/compatible-mode/v1/responses"),
    ],
    quirks: Quirks {
        refuses: &["frequency_penalty", "logit_bias", "user", "service_tier", "metadata", "store"],
        accepts: &["top_k", "reasoning_content"],
        thinking: &[Thinking::Enable],
        ..USUAL
    },
    ..SERVICE
};

/// platform.minimax.io/docs/api-reference/text-openai-api, .../text-anthropic-api.
pub(crate) const MINIMAX: Follower = Follower {
    facts: Facts {
        kind: "minimax",
        base_url: Some("https://api.minimax.io/v1"),
        version: Some("v1"),
        ..FACTS
    },
    domains: &["minimax.io", "minimaxi.com"],
    variable: Some("MINIMAX_API_KEY"),
    surfaces: &[CHAT, RESPONSES],
    beside: &[(Dialect::AnthropicMessages, "/anthropic/v1/messages")],
    quirks: Quirks { refuses: &["frequency_penalty", "presence_penalty", "logit_bias", "n"], ..USUAL },
    ..SERVICE
};
