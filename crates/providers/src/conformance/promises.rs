//! What each kind promises, written down apart from the data that it is made of.

use serde_json::{Value, json};

/// What a kind promises.
pub(super) struct Promise {
    pub(super) config: Value,
    pub(super) chat: &'static str,
    pub(super) stream: &'static str,
    pub(super) embeddings: Option<&'static str>,
    /// None: there is no list to ask for.
    pub(super) models: Option<&'static str>,
    pub(super) auth: (&'static str, &'static str),
    /// A list that names the model `m`.
    pub(super) list: Value,
    /// What is accepted as a stream.
    pub(super) streams_as: &'static str,
    /// What becomes of `{"model":"m"}`.
    pub(super) body: &'static str,
}

const BODY: &str = r#"{"model":"m"}"#;

/// A follower of OpenAI's: a bearer, and a list in OpenAI's shape.
fn follows(
    kind: &str,
    chat: &'static str,
    embeddings: Option<&'static str>,
    models: Option<&'static str>,
) -> Promise {
    Promise {
        config: json!({ "kind": kind, "api_key": "k-1" }),
        chat,
        stream: chat,
        embeddings,
        models,
        auth: ("authorization", "Bearer k-1"),
        list: json!({ "object": "list", "data": [{ "id": "m" }] }),
        streams_as: "text/event-stream",
        body: BODY,
    }
}

pub(super) fn promises() -> Vec<Promise> {
    makers().into_iter().chain(services()).chain(more_services()).chain(servers()).chain(clouds()).collect()
}

fn makers() -> [Promise; 5] {
    [
        follows(
            "openai",
            "https://api.openai.com/v1/chat/completions",
            Some("https://api.openai.com/v1/embeddings"),
            Some("https://api.openai.com/v1/models"),
        ),
        Promise {
            config: json!({ "kind": "anthropic", "api_key": "k-1" }),
            chat: "https://api.anthropic.com/v1/messages",
            stream: "https://api.anthropic.com/v1/messages",
            embeddings: None,
            models: Some("https://api.anthropic.com/v1/models?limit=1000"),
            auth: ("x-api-key", "k-1"),
            list: json!({ "data": [{ "id": "m" }] }),
            streams_as: "text/event-stream",
            body: BODY,
        },
        Promise {
            config: json!({ "kind": "gemini", "api_key": "k-1" }),
            chat: "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
            stream: "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
            embeddings: Some("https://generativelanguage.googleapis.com/v1beta/models/m:batchEmbedContents"),
            models: Some("https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000"),
            auth: ("x-goog-api-key", "k-1"),
            list: json!({ "models": [{ "name": "models/m", "supportedGenerationMethods": ["generateContent"] }] }),
            streams_as: "text/event-stream",
            body: BODY,
        },
        Promise {
            models: Some("http://127.0.0.1:11434/api/tags"),
            list: json!({ "models": [{ "name": "m" }] }),
            ..follows(
                "ollama",
                "http://127.0.0.1:11434/v1/chat/completions",
                Some("http://127.0.0.1:11434/v1/embeddings"),
                None,
            )
        },
        Promise {
            list: json!({ "models": [{ "name": "m", "endpoints": ["chat"] }] }),
            ..follows(
                "cohere",
                "https://api.cohere.com/v2/chat",
                Some("https://api.cohere.com/v2/embed"),
                Some("https://api.cohere.com/v1/models?page_size=1000"),
            )
        },
    ]
}

// tidy: table
fn services() -> [Promise; 11] {
    [
        follows(
            "mistral",
            "https://api.mistral.ai/v1/chat/completions",
            Some("https://api.mistral.ai/v1/embeddings"),
            Some("https://api.mistral.ai/v1/models"),
        ),
        follows(
            "groq",
            "https://api.groq.com/openai/v1/chat/completions",
            None,
            Some("https://api.groq.com/openai/v1/models"),
        ),
        follows(
            "deepseek",
            "https://api.deepseek.com/chat/completions",
            None,
            Some("https://api.deepseek.com/models"),
        ),
        follows("xai", "https://api.x.ai/v1/chat/completions", None, Some("https://api.x.ai/v1/models")),
        follows(
            "openrouter",
            "https://openrouter.ai/api/v1/chat/completions",
            Some("https://openrouter.ai/api/v1/embeddings"),
            Some("https://openrouter.ai/api/v1/models"),
        ),
        follows(
            "together",
            "https://api.together.xyz/v1/chat/completions",
            Some("https://api.together.xyz/v1/embeddings"),
            Some("https://api.together.xyz/v1/models"),
        ),
        follows(
            "fireworks",
            "https://api.fireworks.ai/inference/v1/chat/completions",
            Some("https://api.fireworks.ai/inference/v1/embeddings"),
            Some("https://api.fireworks.ai/inference/v1/models"),
        ),
        follows(
            "perplexity",
            "https://api.perplexity.ai/chat/completions",
            Some("https://api.perplexity.ai/v1/embeddings"),
            None,
        ),
        follows(
            "cerebras",
            "https://api.cerebras.ai/v1/chat/completions",
            None,
            Some("https://api.cerebras.ai/v1/models"),
        ),
        follows(
            "huggingface",
            "https://router.huggingface.co/v1/chat/completions",
            None,
            Some("https://router.huggingface.co/v1/models"),
        ),
        follows(
            "nvidia",
            "https://integrate.api.nvidia.com/v1/chat/completions",
            Some("https://integrate.api.nvidia.com/v1/embeddings"),
            Some("https://integrate.api.nvidia.com/v1/models"),
        ),
    ]
}

// tidy: table
fn more_services() -> [Promise; 5] {
    [
        follows(
            "sambanova",
            "https://api.sambanova.ai/v1/chat/completions",
            Some("https://api.sambanova.ai/v1/embeddings"),
            Some("https://api.sambanova.ai/v1/models"),
        ),
        follows(
            "moonshot",
            "https://api.moonshot.ai/v1/chat/completions",
            None,
            Some("https://api.moonshot.ai/v1/models"),
        ),
        follows("zai", "https://api.z.ai/api/paas/v4/chat/completions", None, None),
        follows(
            "dashscope",
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/chat/completions",
            Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1/embeddings"),
            Some("https://dashscope-intl.aliyuncs.com/compatible-mode/v1/models"),
        ),
        follows(
            "minimax",
            "https://api.minimax.io/v1/chat/completions",
            None,
            Some("https://api.minimax.io/v1/models"),
        ),
    ]
}

fn servers() -> [Promise; 4] {
    [
        Promise {
            config: json!({ "kind": "openai-compatible", "api_key": "k-1", "base_url": "http://box.test:8000/v1" }),
            ..follows(
                "openai-compatible",
                "http://box.test:8000/v1/chat/completions",
                Some("http://box.test:8000/v1/embeddings"),
                Some("http://box.test:8000/v1/models"),
            )
        },
        follows(
            "vllm",
            "http://127.0.0.1:8000/v1/chat/completions",
            Some("http://127.0.0.1:8000/v1/embeddings"),
            Some("http://127.0.0.1:8000/v1/models"),
        ),
        follows(
            "llama-cpp",
            "http://127.0.0.1:8080/v1/chat/completions",
            Some("http://127.0.0.1:8080/v1/embeddings"),
            Some("http://127.0.0.1:8080/v1/models"),
        ),
        follows(
            "lm-studio",
            "http://127.0.0.1:1234/v1/chat/completions",
            Some("http://127.0.0.1:1234/v1/embeddings"),
            Some("http://127.0.0.1:1234/v1/models"),
        ),
    ]
}

// tidy: table
fn clouds() -> [Promise; 8] {
    [
        Promise {
            config: json!({ "kind": "azure", "api_key": "k-1", "resource": "r" }),
            auth: ("api-key", "k-1"),
            ..follows(
                "azure",
                "https://r.openai.azure.com/openai/v1/chat/completions",
                Some("https://r.openai.azure.com/openai/v1/embeddings"),
                None,
            )
        },
        Promise {
            config: json!({ "kind": "vertex", "access_token": "k-1", "project": "p", "location": "eu" }),
            stream: "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/m:streamGenerateContent?alt=sse",
            ..follows(
                "vertex",
                "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/m:generateContent",
                Some(
                    "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/publishers/google/models/m:predict",
                ),
                None,
            )
        },
        Promise {
            config: json!({ "kind": "watsonx", "access_token": "k-1", "base_url": "https://eu-de.ml.cloud.ibm.com" }),
            stream: "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat_stream?version=2025-10-01",
            list: json!({ "resources": [{ "model_id": "m", "functions": [{ "id": "text_chat" }] }] }),
            body: r#"{"model_id":"m"}"#,
            ..follows(
                "watsonx",
                "https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat?version=2025-10-01",
                Some("https://eu-de.ml.cloud.ibm.com/ml/v1/text/embeddings?version=2025-10-01"),
                Some(
                    "https://eu-de.ml.cloud.ibm.com/ml/v1/foundation_model_specs?version=2025-10-01&limit=200",
                ),
            )
        },
        Promise {
            config: json!({ "kind": "snowflake", "api_key": "k-1", "account": "org-acct" }),
            ..follows(
                "snowflake",
                "https://org-acct.snowflakecomputing.com/api/v2/cortex/v1/chat/completions",
                Some("https://org-acct.snowflakecomputing.com/api/v2/cortex/inference:embed"),
                None,
            )
        },
        Promise {
            config: json!({ "kind": "databricks", "api_key": "k-1", "base_url": "https://dbc-1.cloud.databricks.com" }),
            list: json!({ "endpoints": [{ "name": "m", "task": "llm/v1/chat" }] }),
            ..follows(
                "databricks",
                "https://dbc-1.cloud.databricks.com/serving-endpoints/chat/completions",
                Some("https://dbc-1.cloud.databricks.com/serving-endpoints/embeddings"),
                Some("https://dbc-1.cloud.databricks.com/api/2.0/serving-endpoints"),
            )
        },
        Promise {
            config: json!({ "kind": "cloudflare", "api_key": "k-1", "account_id": "0a" }),
            list: json!({ "result": [{ "name": "m", "task": { "name": "Text Generation" } }] }),
            ..follows(
                "cloudflare",
                "https://api.cloudflare.com/client/v4/accounts/0a/ai/v1/chat/completions",
                Some("https://api.cloudflare.com/client/v4/accounts/0a/ai/v1/embeddings"),
                Some("https://api.cloudflare.com/client/v4/accounts/0a/ai/models/search?per_page=1000"),
            )
        },
        Promise {
            list: json!([{ "id": "m" }]),
            ..follows(
                "github",
                "https://models.github.ai/inference/chat/completions",
                Some("https://models.github.ai/inference/embeddings"),
                Some("https://models.github.ai/catalog/models"),
            )
        },
        Promise {
            streams_as: "application/json",
            ..follows("replicate", "https://api.replicate.com/v1/models/m/predictions", None, None)
        },
    ]
}
