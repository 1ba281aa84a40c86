//! The gateway between a client and the recordings: an upstream that plays back what the model's name asks for, and the built
//! gateway in front of it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use contract::words::Dialect;
use http::Method;
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::gateway::{Gateway, Launch};
use testkit::upstream::{Exchange as Asked, Reply, Upstream};

use crate::apis::{ACCOUNTS, Account, spoken_by};
use crate::corpus::Exchange;

/// The key of every call.
pub(crate) const KEY: &str = "the-key-of-the-conformance-run";
const ADMIN_KEY: &str = "the-admin-key-of-the-conformance-run";

/// Everything that runs.
pub(crate) struct Stand {
    _upstream: Upstream,
    gateway: Gateway,
}

/// An answer of the gateway.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    /// A header as text; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Stand {
    pub(crate) async fn set(binary: &Path, exchanges: Arc<HashMap<String, Exchange>>) -> Result<Self> {
        let upstream = Upstream::start().await;
        upstream.always_with(move |asked| play(asked, &exchanges));
        let gateway = Launch::new(binary).config(&config(&upstream.url())).start().await;
        Ok(Self { _upstream: upstream, gateway })
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// Asks for a recording in a dialect. The client's own recorded request is sent when it is in that dialect.
    pub(crate) async fn ask(&self, exchange: &Exchange, recorded: Dialect, client: Dialect) -> Result<Got> {
        let model = model(exchange, recorded);
        let body = match exchange.request.as_ref().filter(|_| client == recorded) {
            Some(request) => serde_json::from_slice(&request.body).ok(),
            None => None,
        };
        let body: Option<Value> = body.filter(Value::is_object);
        let mut body = body.unwrap_or_else(|| minimal(client));
        let path = path(client, &model, exchange.is_stream());
        if client == Dialect::BedrockRerank {
            body["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"] =
                json!({"modelArn": model});
        } else if !client.path().contains("{model}") {
            body["model"] = json!(model);
            body["stream"] = json!(exchange.is_stream());
        }
        if exchange.is_stream() && wire::asks_for_usage(client) {
            body["stream_options"]["include_usage"] = json!(true);
        }
        let client = Client::new(self.gateway.address()).bearer(KEY);
        let answer = client.try_send(Method::POST, &path, body.to_string().into()).await;
        let answer = answer.map_err(|torn| anyhow::anyhow!("{torn}"))?;
        let (status, headers) = (answer.status.as_u16(), answer.headers.clone());
        let body = answer.try_bytes().await.map_err(|torn| anyhow::anyhow!("{torn}"))?;
        Ok(Got { status, headers, body: body.to_vec() })
    }

    /// The usage of every answered attempt in the ledger, by request.
    pub(crate) async fn ledger(&self, expected: Vec<&str>) -> Result<HashMap<String, Value>> {
        let client = Client::new(self.gateway.address()).bearer(ADMIN_KEY);
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        let mut found = HashMap::new();
        for _ in 0..100 {
            ticks.tick().await;
            found.clear();
            let mut cursor = String::new();
            loop {
                let page = client.get(&format!("/admin/v1/ledger?limit=1000{cursor}")).await;
                if page.status != 200 {
                    let status = page.status;
                    bail!("the ledger answers {status}: {}", page.text().await);
                }
                let mut page = page.json().await;
                for item in page["items"].as_array().context("a page has items")? {
                    let request = item["request"].as_str().unwrap_or_default().to_owned();
                    found.insert(request, item.clone());
                }
                match page["next"].take() {
                    Value::String(next) => cursor = format!("&cursor={next}"),
                    _ => break,
                }
            }
            if expected.iter().all(|request| found.contains_key(*request)) {
                break;
            }
        }
        Ok(found)
    }
}

/// The name of the model that plays a recording.
pub(crate) fn model(exchange: &Exchange, recorded: Dialect) -> String {
    // Bedrock knows by its name what a model does.
    let named = match recorded {
        Dialect::BedrockRerank => "amazon.rerank-",
        Dialect::BedrockCount => "anthropic.claude-",
        Dialect::BedrockTitanEmbed => "amazon.titan-embed-",
        _ => "",
    };
    format!("{}/{named}{}", spoken_by(recorded), exchange.id)
}

/// Where a client of a dialect asks for a model.
pub(crate) fn path(client: Dialect, model: &str, stream: bool) -> String {
    let path = client.path();
    let path = match (client, stream) {
        (Dialect::GeminiGenerate, true) => path.replace(":generateContent", ":streamGenerateContent?alt=sse"),
        (Dialect::BedrockConverse, true) => path.replace("/converse", "/converse-stream"),
        _ => path.to_owned(),
    };
    let model = if matches!(client, Dialect::BedrockConverse | Dialect::BedrockCount) {
        model.replace('/', "%2F")
    } else {
        model.to_owned()
    };
    path.replace("{model}", &model)
}

/// The smallest request of a dialect.
fn minimal(client: Dialect) -> Value {
    let message = json!([{"role": "user", "content": "hello"}]);
    match client {
        Dialect::OpenaiResponses | Dialect::OpenaiCount => json!({"input": "hello"}),
        Dialect::OpenaiCompletions | Dialect::OllamaGenerate | Dialect::OllamaEmbedOne => {
            json!({"prompt": "hello"})
        }
        Dialect::AnthropicMessages => json!({"max_tokens": 1000, "messages": message}),
        Dialect::GeminiGenerate | Dialect::GeminiCount => {
            json!({"contents": [{"parts": [{"text": "hello"}]}]})
        }
        Dialect::BedrockConverse => json!({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}),
        Dialect::OpenaiEmbeddings | Dialect::OllamaEmbed => json!({"input": "hello"}),
        Dialect::CohereEmbed => {
            json!({"texts": ["hello"], "input_type": "search_query", "embedding_types": ["float"]})
        }
        Dialect::GeminiEmbedOne => json!({"content": {"parts": [{"text": "hello"}]}}),
        Dialect::GeminiEmbed => json!({"requests": [{"content": {"parts": [{"text": "hello"}]}}]}),
        Dialect::CohereRerank => {
            json!({"query": "hello", "documents": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]})
        }
        Dialect::VoyageRerank => minimal(Dialect::CohereRerank),
        Dialect::BedrockRerank => {
            let source = json!({"type": "INLINE",
                "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}});
            json!({"queries": [{"type": "TEXT", "textQuery": {"text": "hello"}}], "sources": vec![source; 10]})
        }
        Dialect::BedrockCount => json!({"input": {"converse": minimal(Dialect::BedrockConverse)}}),
        Dialect::OpenaiImages | Dialect::OpenaiImageEdits => json!({"prompt": "hello"}),
        Dialect::OpenaiModerations => json!({"input": "hello"}),
        Dialect::OpenaiSpeech => json!({"input": "hello", "voice": "alloy"}),
        _ => json!({"messages": message}),
    }
}

fn config(upstream: &str) -> String {
    let mut yaml = format!(
        "server: {{ listen: \"{{listen}}\", max_body: 64MiB }}\nstorage: {{ database: \"sqlite://{{dir}}/pathgate.db\" }}\n\
         auth: {{ admin_key: {ADMIN_KEY} }}\nproviders:\n"
    );
    for Account { name, kind, path, dialects } in ACCOUNTS {
        let dialects: Vec<String> = dialects.iter().map(ToString::to_string).collect();
        write!(yaml, "  {name}:\n    kind: {kind}\n    base_url: {upstream}{path}\n    models: [none]\n")
            .ok();
        if !dialects.is_empty() {
            writeln!(yaml, "    dialects: [{}]", dialects.join(", ")).ok();
        }
        // With an API key alone documents are ordered in another way.
        yaml.push_str(match *kind {
            "bedrock" => "    region: us-east-1\n    access_key_id: AK\n    secret_access_key: played-back\n",
            _ => "    api_key: sk-played-back\n",
        });
    }
    write!(yaml, "keys:\n  - name: conformance\n    key: {KEY}\n").ok();
    yaml
}

/// Plays back the recording whose id stands in the path or is the model of the body.
fn play(asked: &Asked, exchanges: &HashMap<String, Exchange>) -> Reply {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let arn = "/rerankingConfiguration/bedrockRerankingConfiguration/modelConfiguration/modelArn";
    let named = body.pointer(arn).unwrap_or(&body["model"]).as_str().unwrap_or_default();
    let path = asked.path.replace("%3A", ":");
    let words = path.split(['/', ':', '?', '-']).chain(named.split(['/', '-']));
    let Some(exchange) = words.into_iter().find_map(|word| exchanges.get(word)) else {
        return Reply::json(599, &json!({"error": "there is no such recording"}));
    };
    let played = exchange.played();
    let mut reply = Reply::text(exchange.status, &played.kind, played.body);
    for (name, value) in &exchange.headers {
        let framing =
            ["content-type", "content-length", "transfer-encoding", "content-encoding", "connection"];
        if !framing.contains(&name.to_ascii_lowercase().as_str()) {
            reply = reply.header(name, value);
        }
    }
    reply
}
