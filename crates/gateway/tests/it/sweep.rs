//! The smallest request of each client dialect at each kind of provider, in strict mode: it must reach the provider. Whatever a
//! kind adds, renames or leaves out of its own accord must cost the client nothing.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use testkit::client::{Answer, Client};
use testkit::upstream::Reply;

use crate::setup::{Bench, Setup};

/// The status and what the scripted upstream says: its refusal shows that it was asked.
const STATUS: u16 = 418;

/// What a kind does beside conversations, for its model of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Converse,
    Embed,
    Rerank,
    Draw,
    Edit,
    Speak,
    Transcribe,
    Translate,
    Moderate,
}

use Does::{Converse, Draw, Edit, Embed, Moderate, Rerank, Speak, Transcribe, Translate};

const CHAT: &[Does] = &[Converse];
const TEXT: &[Does] = &[Converse, Embed];
const RANKS: &[Does] = &[Converse, Embed, Rerank];
const SERVER: &[Does] = &[Converse, Embed, Rerank, Transcribe, Translate];
const ALL: &[Does] = &[Converse, Embed, Draw, Edit, Speak, Transcribe, Translate, Moderate];

/// A kind, what is set of it beside its address, a model, and what that does.
type Row = (&'static str, &'static str, &'static str, &'static [Does]);

// tidy: table
const KINDS: &[Row] = &[
    ("openai", "api_key: k", "m", ALL),
    ("openai-compatible", "", "m", ALL),
    ("openai-compatible", "", "m", &[Rerank]),
    ("anthropic", "api_key: k", "claude-sonnet-4-5", CHAT),
    ("gemini", "api_key: k", "gemini-2.5-flash", CHAT),
    ("gemini", "api_key: k", "gemini-embedding-001", &[Embed]),
    ("gemini", "api_key: k", "gemini-2.5-flash-image", &[Draw, Edit]),
    ("gemini", "api_key: k", "imagen-4.0-generate-001", &[Draw]),
    ("bedrock", "api_key: k, region: us-east-1", "us.amazon.nova-pro-v1:0", CHAT),
    ("bedrock", "api_key: k, region: us-east-1", "us.anthropic.claude-sonnet-4-6-v1:0", CHAT),
    ("bedrock", "api_key: k, region: us-east-1", "amazon.titan-embed-text-v2:0", &[Embed]),
    ("ollama", "", "m", TEXT),
    ("cohere", "api_key: k", "m", RANKS),
    ("voyage", "api_key: k", "m", &[Embed, Rerank]),
    ("jina", "api_key: k", "m", &[Embed, Rerank]),
    ("azure", "api_key: k", "m", &[Converse, Embed, Draw, Edit, Speak, Transcribe, Translate]),
    (
        "azure",
        "api_key: k, api_version: 2024-10-21",
        "m",
        &[Converse, Embed, Draw, Speak, Transcribe, Translate],
    ),
    ("azure", "api_key: k, api_version: 2025-04-01-preview", "m", &[Converse, Edit]),
    ("azure", "api_key: k", "claude-sonnet-4-6", CHAT),
    ("vertex", "access_token: t, project: p", "gemini-2.5-flash", CHAT),
    ("vertex", "access_token: t, project: p", "claude-sonnet-4-6", CHAT),
    ("vertex", "access_token: t, project: p", "mistral-medium-3", CHAT),
    ("vertex", "access_token: t, project: p", "meta/llama-4-maverick", CHAT),
    ("vertex", "access_token: t, project: p", "text-embedding-005", &[Embed]),
    ("vertex", "access_token: t, project: p", "gemini-embedding-2", &[Embed]),
    ("vertex", "access_token: t, project: p", "gemini-2.5-flash-image", &[Draw, Edit]),
    ("vertex", "access_token: t, project: p", "imagen-4.0-generate-001", &[Draw]),
    ("watsonx", "access_token: t, project_id: p", "m", RANKS),
    ("snowflake", "api_key: k", "m", TEXT),
    ("snowflake", "api_key: k", "claude-sonnet-4-6", CHAT),
    ("databricks", "api_key: k", "m", TEXT),
    ("databricks", "api_key: k", "databricks-gpt-5", CHAT),
    ("databricks", "api_key: k", "databricks-claude-sonnet-4-6", CHAT),
    ("cloudflare", "api_key: k", "m", TEXT),
    ("github", "api_key: k", "m", TEXT),
    ("replicate", "api_key: k", "acme/m", CHAT),
    ("kserve", "embeddings: { input: TEXT, output: VECTOR }", "m", &[Embed]),
    ("mistral", "api_key: k", "m", &[Converse, Embed, Transcribe, Moderate]),
    ("groq", "api_key: k", "m", &[Converse, Speak, Transcribe, Translate]),
    ("deepseek", "api_key: k", "m", CHAT),
    ("xai", "api_key: k", "m", &[Converse, Draw, Edit]),
    ("openrouter", "api_key: k", "m", RANKS),
    ("together", "api_key: k", "m", &[Converse, Embed, Rerank, Draw, Speak, Transcribe, Translate]),
    ("fireworks", "api_key: k", "m", RANKS),
    ("perplexity", "api_key: k", "m", CHAT),
    ("cerebras", "api_key: k", "m", CHAT),
    ("huggingface", "api_key: k", "m", CHAT),
    ("nvidia", "api_key: k", "m", TEXT),
    ("sambanova", "api_key: k", "m", &[Converse, Embed, Transcribe, Translate]),
    ("moonshot", "api_key: k", "m", CHAT),
    ("zai", "api_key: k", "m", &[Converse, Draw]),
    ("dashscope", "api_key: k", "m", TEXT),
    ("minimax", "api_key: k", "m", CHAT),
    ("vllm", "", "m", SERVER),
    ("llama-cpp", "", "m", RANKS),
    ("lm-studio", "", "m", TEXT),
];

/// Kinds that have tests of their own for this: one answers itself, the other is what its templates say.
const APART: [&str; 2] = ["demo", "http"];

/// A call: the path, the body, and whether it is a form.
type Ask = (String, Value, bool);

fn asks(does: Does, model: &str) -> Vec<Ask> {
    let json = |path: &str, body: Value| (path.to_owned(), body, false);
    let form = |path: &str| (path.to_owned(), json!({ "model": model }), true);
    match does {
        Converse => [false, true].into_iter().flat_map(|stream| conversations(model, stream)).collect(),
        Embed => vec![
            json("/v1/embeddings", json!({ "model": model, "input": "x" })),
            json("/ollama/api/embed", json!({ "model": model, "input": "x" })),
            json(
                &format!("/v1beta/models/{model}:embedContent"),
                json!({ "content": { "parts": [{ "text": "x" }] } }),
            ),
        ],
        Rerank => vec![
            json("/v2/rerank", json!({ "model": model, "query": "x", "documents": ["y"] })),
            json("/voyage/v1/rerank", json!({ "model": model, "query": "x", "documents": ["y"] })),
        ],
        Draw => vec![json("/v1/images/generations", json!({ "model": model, "prompt": "x" }))],
        Speak => vec![json("/v1/audio/speech", json!({ "model": model, "input": "x", "voice": "v" }))],
        Moderate => vec![json("/v1/moderations", json!({ "model": model, "input": "x" }))],
        Edit => vec![form("/v1/images/edits")],
        Transcribe => vec![form("/v1/audio/transcriptions")],
        Translate => vec![form("/v1/audio/translations")],
    }
}

fn conversations(model: &str, stream: bool) -> Vec<Ask> {
    let messages = json!([{ "role": "user", "content": "x" }]);
    let with = |more: Value| {
        let mut body = json!({ "model": model, "stream": stream });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        body
    };
    let (google, aws) = match stream {
        true => ("streamGenerateContent?alt=sse", "converse-stream"),
        false => ("generateContent", "converse"),
    };
    let escaped = model.replace('/', "%2F").replace(':', "%3A");
    let said = json!([{ "role": "user", "parts": [{ "text": "x" }] }]);
    let told = json!([{ "role": "user", "content": [{ "text": "x" }] }]);
    let mut asks = vec![
        ("/v1/chat/completions".to_owned(), with(json!({ "messages": messages }))),
        ("/v1/responses".to_owned(), with(json!({ "input": "x", "store": false }))),
        ("/v1/completions".to_owned(), with(json!({ "prompt": "x" }))),
        ("/v1/messages".to_owned(), with(json!({ "messages": messages, "max_tokens": 9 }))),
        ("/v2/chat".to_owned(), with(json!({ "messages": messages }))),
        ("/ollama/api/chat".to_owned(), with(json!({ "messages": messages }))),
        ("/ollama/api/generate".to_owned(), with(json!({ "prompt": "x" }))),
        (format!("/v1beta/models/{model}:{google}"), json!({ "contents": said })),
        (format!("/model/{escaped}/{aws}"), json!({ "messages": told })),
    ];
    if stream {
        let usage = json!({ "messages": messages, "stream_options": { "include_usage": true } });
        asks.push(("/v1/chat/completions".to_owned(), with(usage)));
    }
    asks.into_iter().map(|(path, body)| (path, body, false)).collect()
}

async fn send(client: &Client, (path, body, form): &Ask) -> Answer {
    if !form {
        return client.post(path, body).await;
    }
    let model = body["model"].as_str().unwrap_or_default();
    let file = if path.contains("image") { "image" } else { "file" };
    let part = |name: &str| format!("--e\r\ncontent-disposition: form-data; name=\"{name}\"");
    let text = |name: &str, text: &str| format!("{}\r\n\r\n{text}\r\n", part(name));
    let (model, prompt, file) = (text("model", model), text("prompt", "x"), part(file));
    let body =
        format!("{model}{prompt}{file}; filename=\"a.png\"\r\ncontent-type: image/png\r\n\r\nx\r\n--e--\r\n");
    let client = client.clone().with("content-type", "multipart/form-data; boundary=e");
    client.send(Method::POST, path, Bytes::from(body)).await
}

async fn start() -> Bench {
    let mut setup = Setup::new().without_accounts();
    for (at, (kind, settings, model, _)) in KINDS.iter().enumerate() {
        let settings = if settings.is_empty() { String::new() } else { format!(", {settings}") };
        let yaml = format!(
            "a{at}: {{ kind: {kind}, base_url: \"{{upstream}}/a{at}/v1\", models: [\"{model}\"]{settings} }}"
        );
        setup = setup.provider(&yaml);
    }
    let bench = setup.start().await;
    bench.upstream.always(Reply::json(STATUS, &json!({ "error": { "message": "a teapot" } })));
    bench
}

#[tokio::test]
async fn every_kind_is_asked_without_a_loss() {
    let bench = start().await;
    let client = bench.openai().with("x-pathgate-strict", "true");
    let mut lost = Vec::new();
    for (at, (kind, settings, model, does)) in KINDS.iter().enumerate() {
        for ask in does.iter().flat_map(|does| asks(*does, &format!("a{at}/{model}"))) {
            let answer = send(&client, &ask).await;
            let (status, dropped) = (answer.status.as_u16(), answer.header("x-pathgate-dropped").to_owned());
            if status != STATUS || !dropped.is_empty() {
                let says = answer.text().await;
                lost.push(format!("{kind} {{{settings}}} {} {}: {status} {dropped} {says}", ask.0, ask.1));
            }
        }
    }
    assert!(lost.is_empty(), "{} of them:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn every_kind_is_swept() {
    let schema: Value = serde_json::from_str(include_str!("../../../../schema/config.schema.json")).unwrap();
    let kinds = schema["$defs"]["ProviderConfig"]["oneOf"].as_array().expect("kinds");
    for kind in kinds {
        let kind = kind["properties"]["kind"]["const"].as_str().expect("a name");
        assert!(KINDS.iter().any(|row| row.0 == kind) || APART.contains(&kind), "{kind}");
    }
}
