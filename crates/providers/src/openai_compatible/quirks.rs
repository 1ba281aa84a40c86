//! Facts about servers that speak OpenAI's dialect: what they have in common, and what is known of some by their host.

use wire::{Lack, Quirks, Thinking};

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "openai-compatible",
    base_url: None,
    version: None,
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    forwards: &["openai-beta"],
};

/// `max_tokens` is what every such server knows, and few know the role `developer`. `top_k` is taken by vLLM, SGLang,
/// llama.cpp, OpenRouter, Together and Fireworks.
const USUAL: Quirks = Quirks {
    renames: &[("max_completion_tokens", "max_tokens")],
    refuses: &[],
    accepts: &["top_k"],
    developer_as_system: true,
    lacks: &[Lack::CustomTools, Lack::AllowedTools],
    thinking: &[],
};

/// A switch, and a level beside it.
const SWITCHED: &[Thinking] = &[Thinking::Switch, Thinking::Effort];

// tidy: table
const BY_HOST: &[(&str, Quirks)] = &[
    // api-docs.deepseek.com/guides/thinking_mode: thoughts go back during tool calls
    ("deepseek.com", Quirks { accepts: &["reasoning_content"], thinking: SWITCHED, ..USUAL }),
    // console.groq.com/docs/openai: answers 400 to these fields
    ("groq.com", Quirks { refuses: &["logprobs", "top_logprobs", "logit_bias"], accepts: &[], ..USUAL }),
    // docs.mistral.ai/api: the seed has another name
    (
        "mistral.ai",
        Quirks {
            renames: &[("max_completion_tokens", "max_tokens"), ("seed", "random_seed")],
            accepts: &[],
            ..USUAL
        },
    ),
    // platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model: thoughts go back during tool calls
    ("moonshot.ai", Quirks { accepts: &["reasoning_content"], thinking: &[Thinking::Switch], ..USUAL }),
    ("moonshot.cn", Quirks { accepts: &["reasoning_content"], thinking: &[Thinking::Switch], ..USUAL }),
    // docs.z.ai/guides/capabilities/thinking-mode: thoughts go back with the results of tools
    ("z.ai", Quirks { accepts: &["reasoning_content"], thinking: SWITCHED, ..USUAL }),
    ("bigmodel.cn", Quirks { accepts: &["reasoning_content"], thinking: SWITCHED, ..USUAL }),
    // help.aliyun.com/model-studio: "Deep thinking"
    ("aliyuncs.com", Quirks { thinking: &[Thinking::Enable], ..USUAL }),
    // openrouter.ai/docs: "Reasoning Tokens", "Prompt Caching"
    (
        "openrouter.ai",
        Quirks { accepts: &["top_k", "reasoning", "cache_control"], thinking: &[Thinking::Object], ..USUAL },
    ),
    ("x.ai", Quirks { accepts: &[], ..USUAL }),
    ("cerebras.ai", Quirks { accepts: &[], ..USUAL }),
];

static UNKNOWN: Quirks = USUAL;

/// What is known of a host or of the domain it is in.
pub(super) fn of(host: &str) -> &'static Quirks {
    let within =
        |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    BY_HOST.iter().find(|(domain, _)| within(domain)).map_or(&UNKNOWN, |(_, quirks)| quirks)
}
