//! How the catalogues call the providers, and how the price book does.

// tidy: table
/// First catalogue → book. A name that is not here stays, with `_` as `-`.
const FIRST: &[(&str, &str)] = &[
    ("amazon_nova", "amazon-nova"),
    ("bedrock_converse", "bedrock"),
    ("bigmodel", "zhipuai"),
    ("cohere_chat", "cohere"),
    ("codestral", "mistral"),
    ("dashscope", "alibaba"),
    ("fireworks_ai", "fireworks"),
    ("fireworks_ai-embedding-models", "fireworks"),
    ("friendliai", "friendli"),
    ("jina_ai", "jina"),
    ("lambda_ai", "lambda"),
    ("meta_llama", "llama"),
    ("nvidia_nim", "nvidia"),
    ("text-completion-openai", "openai"),
    ("together_ai", "together"),
    ("vercel_ai_gateway", "vercel"),
    ("vertex_ai", "vertex"),
    ("vertex_ai-ai21_models", "vertex"),
    ("vertex_ai-anthropic_models", "vertex"),
    ("vertex_ai-deepseek_models", "vertex"),
    ("vertex_ai-embedding-models", "vertex"),
    ("vertex_ai-language-models", "vertex"),
    ("vertex_ai-llama_models", "vertex"),
    ("vertex_ai-minimax_models", "vertex"),
    ("vertex_ai-mistral_models", "vertex"),
    ("vertex_ai-moonshot_models", "vertex"),
    ("vertex_ai-openai_models", "vertex"),
    ("vertex_ai-qwen_models", "vertex"),
    ("vertex_ai-zai_models", "vertex"),
];

// tidy: table
/// Second catalogue → book. A name that is not here stays.
const SECOND: &[(&str, &str)] = &[
    ("amazon-bedrock", "bedrock"),
    ("cloudflare-workers-ai", "cloudflare"),
    ("fireworks-ai", "fireworks"),
    ("gmicloud", "gmi"),
    ("google", "gemini"),
    ("google-vertex", "vertex"),
    ("google-vertex-anthropic", "vertex"),
    ("moonshotai", "moonshot"),
    ("novita-ai", "novita"),
    ("nova", "amazon-nova"),
    ("ollama-cloud", "ollama"),
    ("snowflake-cortex", "snowflake"),
    ("togetherai", "together"),
];

// tidy: table
/// Hosts whose base URL the second catalogue leaves out.
pub(super) const HOSTS: &[(&str, &str)] = &[
    ("api.anthropic.com", "anthropic"),
    ("api.cerebras.ai", "cerebras"),
    ("api.cohere.com", "cohere"),
    ("api.deepinfra.com", "deepinfra"),
    ("api.groq.com", "groq"),
    ("api.jina.ai", "jina"),
    ("api.mistral.ai", "mistral"),
    ("api.openai.com", "openai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.together.xyz", "together"),
    ("api.venice.ai", "venice"),
    ("api.voyageai.com", "voyage"),
    ("api.x.ai", "xai"),
    ("generativelanguage.googleapis.com", "gemini"),
];

pub(super) fn first(name: &str) -> String {
    find(FIRST, name).map_or_else(|| name.replace('_', "-"), str::to_owned)
}

pub(super) fn second(name: &str) -> &str {
    find(SECOND, name).unwrap_or(name)
}

fn find<'a>(table: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    table.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}
