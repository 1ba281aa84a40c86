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

use crate::accounts::{self, Account};
use crate::apis::{Place, clients, place};
use crate::corpus::Exchange;
use crate::models;

/// The key of every call.
pub(crate) const KEY: &str = "the-key-of-the-conformance-run";
const ADMIN_KEY: &str = "the-admin-key-of-the-conformance-run";

/// Everything that runs.
pub(crate) struct Stand {
    upstream: Upstream,
    gateway: Gateway,
    /// Those of each recording.
    accounts: Arc<Vec<Vec<Account>>>,
}

/// One question to the gateway.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) recorded: Dialect,
    pub(crate) client: Dialect,
    pub(crate) account: &'a Account,
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
    pub(crate) async fn set(binary: &Path, exchanges: Arc<Vec<Exchange>>) -> Result<Self> {
        let upstream = Upstream::start().await;
        let url = upstream.url();
        let accounts: Vec<Vec<Account>> =
            exchanges.iter().enumerate().map(|(at, exchange)| playing(at, exchange, &url)).collect();
        let accounts = Arc::new(accounts);
        let (played, players) = (exchanges, Arc::clone(&accounts));
        upstream.always_with(move |asked| play(asked, &played, &players));
        let gateway = Launch::new(binary).config(&config(&accounts)).start().await;
        Ok(Self { upstream, gateway, accounts })
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    /// Where the recordings are played without the gateway.
    pub(crate) fn upstream(&self) -> String {
        self.upstream.url()
    }

    /// The account that answers a client with a recording in the dialect it was recorded in.
    pub(crate) fn account(&self, at: usize, client: Dialect, recorded: Dialect) -> Option<&Account> {
        self.accounts.get(at)?.iter().find(|account| account.serves(client, recorded))
    }

    /// Those of the dialect's clients for whom somebody translates, or passes: where all accounts that speak the recorded dialect
    /// speak the client's, too, there is nothing to be asked.
    pub(crate) fn clients(&self, at: usize, recorded: Dialect) -> Vec<Dialect> {
        let accounts = self.accounts.get(at).map(Vec::as_slice).unwrap_or_default();
        let asks = |client: &Dialect| {
            let served = accounts.iter().any(|account| account.serves(*client, recorded));
            served || accounts.is_empty() || !accounts.iter().all(|account| account.takes(*client))
        };
        clients(recorded).into_iter().filter(asks).collect()
    }

    /// The account whose list of models was recorded.
    pub(crate) fn lister(&self, at: usize) -> Option<&Account> {
        self.accounts.get(at)?.first()
    }

    /// Asks for a recording in a dialect. The client's own recorded request is sent when it is in that dialect.
    pub(crate) async fn ask(&self, question: Question<'_>) -> Result<Got> {
        let Question { exchange, recorded, client, account } = question;
        let model = account.model();
        let stream = exchange.is_stream() && exchange.status < 400;
        let body = match exchange.request.as_ref().filter(|_| client == recorded) {
            Some(request) => serde_json::from_slice(&request.body).ok(),
            None => None,
        };
        let body: Option<Value> = body.filter(Value::is_object);
        let mut body = body.unwrap_or_else(|| minimal(client));
        let path = path(client, &model, stream);
        if client == Dialect::BedrockRerank {
            body["rerankingConfiguration"]["bedrockRerankingConfiguration"]["modelConfiguration"] =
                json!({"modelArn": model});
        } else if !client.path().contains("{model}") {
            body["model"] = json!(model);
            body["stream"] = json!(stream);
        }
        if stream && wire::asks_for_usage(client) && !account.tells_usage(recorded) {
            body["stream_options"]["include_usage"] = json!(true);
        }
        self.send(Method::POST, &path, body.to_string()).await
    }

    /// Asks for anything.
    pub(crate) async fn send(&self, method: Method, path: &str, body: String) -> Result<Got> {
        let client = Client::new(self.gateway.address()).bearer(KEY);
        let answer = client.try_send(method, path, body.into()).await;
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

/// Where a client of a dialect asks for a model.
pub(crate) fn path(client: Dialect, model: &str, stream: bool) -> String {
    let path = client.path();
    let path = match (client, stream) {
        (Dialect::GeminiGenerate, true) => path.replace(":generateContent", ":streamGenerateContent?alt=sse"),
        (Dialect::BedrockConverse, true) => path.replace("/converse", "/converse-stream"),
        _ => path.to_owned(),
    };
    let within = !matches!(client, Dialect::BedrockConverse | Dialect::BedrockCount);
    path.replace("{model}", &escaped(model, within))
}

/// A name as it stands in a path (RFC 3986, section 3.3), with or without its slashes.
fn escaped(name: &str, slashes: bool) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) || (slashes && byte == b'/');
    let mut out = String::new();
    for byte in name.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
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

/// The accounts that take part: of those that could play a recording, the first that serves each client.
fn playing(at: usize, exchange: &Exchange, upstream: &str) -> Vec<Account> {
    let recorded = match place(exchange) {
        Place::Call(recorded) => recorded,
        Place::Models => return models::account(at, exchange, upstream).into_iter().collect(),
        Place::Listed(_) | Place::Beyond(_) => return Vec::new(),
    };
    let mut wanted = clients(recorded);
    let mut chosen = Vec::new();
    for account in accounts::all(at, exchange, recorded, upstream) {
        let before = wanted.len();
        wanted.retain(|client| !account.serves(*client, recorded));
        if wanted.len() < before {
            chosen.push(account);
        }
    }
    chosen
}

fn config(accounts: &[Vec<Account>]) -> String {
    let mut yaml = format!(
        "server: {{ listen: \"{{listen}}\", max_body: 64MiB }}\nstorage: {{ database: \"sqlite://{{dir}}/pathgate.db\" }}\n\
         auth: {{ admin_key: {ADMIN_KEY} }}\nproviders:\n"
    );
    for account in accounts.iter().flatten() {
        // JSON is YAML.
        writeln!(yaml, "  {}: {}", account.name, account.config).ok();
    }
    write!(yaml, "keys:\n  - name: conformance\n    key: {KEY}\n").ok();
    yaml
}

/// Plays back the recording whose place stands in the path, or in the model's name where an SDK asks by itself.
fn play(asked: &Asked, exchanges: &[Exchange], accounts: &[Vec<Account>]) -> Reply {
    let path = asked.path.replace("%3A", ":").replace("%2F", "/");
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    let named = body["model"].as_str().unwrap_or_default();
    let mut words = path.split(['/', ':', '?']).chain(named.split('/'));
    let Some(at) = words.find_map(accounts::placed).filter(|at| *at < exchanges.len()) else {
        return Reply::json(599, &json!({"error": "there is no such recording"}));
    };
    let exchange = &exchanges[at];
    let invoked = path.ends_with("/invoke-with-response-stream");
    let wrapped = invoked && accounts[at].iter().any(Account::wraps);
    let played = if wrapped { exchange.wrapped() } else { exchange.played() };
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
