//! An account of each kind of provider, and what it does: the dialects it speaks, where it goes, and how it shows who it is.
//!
//! Kinds come from the schema of the configuration; what an account needs beside a key is in [`samples`]. Nothing is sent: what
//! would be is caught.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use contract::Body;
use contract::ports::{
    BoxFuture, Call, Clock, Outbound, PoolState, ProviderReply, SharedProvider, Timeouts, Upstream,
    UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use http::{HeaderMap, StatusCode};
use providers::ProviderConfig;
use serde_json::{Map, Value, json};
use testkit::clock::VirtualClock;

/// Stands in every secret, so that it is found where it goes.
const SECRET: &str = "open-sesame";

/// A kind of provider.
pub(crate) struct Kind {
    pub(crate) name: String,
    /// What it is, as its schema says.
    pub(crate) about: String,
    /// The settings that not all kinds have.
    pub(crate) settings: Vec<String>,
}

/// All kinds, as the configuration's schema has them.
pub(crate) fn kinds() -> Result<Vec<Kind>> {
    let schema = schemars::schema_for!(ProviderConfig).to_value();
    let kinds = schema["oneOf"].as_array().context("no kinds in the schema")?;
    let settings = |kind: &Value| -> Vec<String> {
        kind["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect()
    };
    let mut shared: BTreeMap<String, usize> = BTreeMap::new();
    kinds.iter().flat_map(settings).for_each(|name| *shared.entry(name).or_default() += 1);
    let mut all = Vec::new();
    for kind in kinds {
        let own = |name: &String| shared.get(name).is_some_and(|count| count * 2 < kinds.len());
        all.push(Kind {
            name: kind["properties"]["kind"]["const"].as_str().context("a kind without a name")?.to_owned(),
            about: kind["description"].as_str().unwrap_or_default().to_owned(),
            settings: settings(kind).into_iter().filter(own).collect(),
        });
    }
    Ok(all)
}

/// What an account of a kind needs: settings for each way to show who it is, and models of its that differ in what they speak.
pub(crate) struct Sample {
    pub(crate) logins: Vec<Value>,
    pub(crate) models: &'static [&'static str],
}

impl Sample {
    /// Is this what the model is there for? Accounts do not know it of every model.
    pub(crate) fn serves(&self, model: &str, dialect: Dialect) -> bool {
        let own = |model: &str| match model {
            _ if model.contains("embed") => Some(Operation::Embeddings),
            _ if model.contains("rerank") => Some(Operation::Rerank),
            _ if model.contains("image") => Some(Operation::Images),
            _ => None,
        };
        let asked = match dialect.operation() {
            // Whoever holds a conversation counts it.
            Operation::CountTokens => Operation::Chat,
            operation => operation,
        };
        match (asked, own(model)) {
            (_, Some(own)) => own == asked,
            (Operation::Chat | Operation::Predict, None) => true,
            // Unless there is a model for just that.
            (Operation::Embeddings | Operation::Rerank | Operation::Images, None) => {
                !self.models.iter().any(|model| own(model) == Some(asked))
            }
            _ => false,
        }
    }
}

// tidy: table
/// What is known of a kind that needs more than a key.
pub(crate) fn sample(kind: &str) -> Sample {
    let key = json!({"api_key": SECRET});
    let (logins, models): (Vec<Value>, &'static [&'static str]) = match kind {
        "anthropic" => (vec![key], &["claude-sonnet-4-6"]),
        "gemini" => (
            vec![key],
            &["gemini-2.5-pro", "gemini-embedding-001", "gemini-2.5-flash-image", "imagen-4.0-generate-001"],
        ),
        "bedrock" => (
            vec![
                json!({"region": "us-east-1", "access_key_id": "AKIA0", "secret_access_key": SECRET}),
                json!({"region": "us-east-1", "api_key": SECRET}),
            ],
            &[
                "anthropic.claude-sonnet-4-6-v1:0",
                "amazon.nova-pro-v1:0",
                "meta.llama4-maverick-17b-instruct-v1:0",
                "amazon.titan-embed-text-v2:0",
                "cohere.embed-v4:0",
                "cohere.rerank-v3-5:0",
            ],
        ),
        "azure" => (
            vec![
                json!({"resource": "acme", "api_key": SECRET}),
                json!({"resource": "acme", "tenant_id": "t", "client_id": "c", "client_secret": SECRET}),
            ],
            &["gpt-5-mini", "claude-sonnet-4-6", "gpt-image-1"],
        ),
        "vertex" => (
            vec![
                json!({"project": "acme", "credentials": PERSON}),
                json!({"project": "acme", "access_token": SECRET}),
            ],
            &[
                "gemini-2.5-pro",
                "claude-sonnet-4-6",
                "mistral-medium-3",
                "meta/llama-4-maverick",
                "text-embedding-005",
                "gemini-embedding-2",
            ],
        ),
        "watsonx" => (
            vec![json!({"base_url": "https://eu-de.ml.cloud.ibm.com", "project_id": "p", "api_key": SECRET})],
            &["model"],
        ),
        "snowflake" => {
            (vec![json!({"account": "acme", "api_key": SECRET})], &["llama4-maverick", "claude-sonnet-4-6"])
        }
        "databricks" => (
            vec![
                json!({"base_url": "https://acme.cloud.databricks.com", "api_key": SECRET}),
                json!({"base_url": "https://acme.cloud.databricks.com", "client_id": "c", "client_secret": SECRET}),
            ],
            &["databricks-llama-4-maverick", "databricks-gpt-5", "databricks-claude-sonnet-4-6"],
        ),
        "cloudflare" => (
            vec![json!({"account_id": "0a", "api_key": SECRET})],
            &["@cf/meta/llama-4-scout", "@cf/openai/gpt-oss-120b"],
        ),
        "kserve" => (
            vec![
                json!({"base_url": "http://127.0.0.1:8000", "embeddings": {"input": "TEXT", "output": "VECTOR"}}),
            ],
            &["model"],
        ),
        "http" => (
            vec![json!({"url": "http://127.0.0.1:8000/{model}",
                "chat": {"request": {"prompt": "{{prompt}}"}, "text": "/text"},
                "embeddings": {"request": {"texts": "{{inputs}}"}, "vectors": "/vectors"},
                "predict": {"request": {"rows": "{{body:/rows}}"}}})],
            &["model"],
        ),
        "openai-compatible" => (vec![json!({"base_url": SERVER, "api_key": SECRET})], &["model"]),
        "replicate" => (vec![key], &["acme/model"]),
        "demo" => (vec![json!({})], &["echo"]),
        _ => (vec![key], &["model"]),
    };
    Sample { logins, models }
}

const SERVER: &str = "http://127.0.0.1:8000/v1";
/// What `gcloud auth application-default login` leaves behind.
pub(crate) const PERSON: &str =
    r#"{"type":"authorized_user","client_id":"a","client_secret":"b","refresh_token":"c"}"#;

/// The account that a configuration describes.
pub(crate) fn build(kind: &str, login: &Value) -> Result<SharedProvider> {
    let mut config = login.clone();
    config["kind"] = json!(kind);
    let config: ProviderConfig =
        serde_json::from_value(config).with_context(|| format!("an account of {kind}"))?;
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new());
    let mut faults = Faults::default();
    match providers::build(kind, &config, &clock, &mut faults) {
        Some(provider) => Ok(provider),
        None => bail!("an account of {kind} cannot be made: {faults}"),
    }
}

/// What an account does with the clients of each dialect, for one of its models: the dialects it takes as they are, and those
/// that others are translated to.
pub(crate) struct Speaks {
    pub(crate) passed: Vec<Dialect>,
    pub(crate) translated: Vec<Dialect>,
}

pub(crate) fn speaks(provider: &SharedProvider, model: &str) -> Speaks {
    let (mut passed, mut translated) = (Vec::new(), Vec::new());
    for client in Dialect::ALL.iter().copied() {
        let Some(target) = provider.dialect(client, model) else { continue };
        let list = if target == client && provider.verbatim(client) { &mut passed } else { &mut translated };
        if !list.contains(&target) {
            list.push(target);
        }
    }
    Speaks { passed, translated }
}

/// Where a call goes and how it shows who makes it.
pub(crate) struct Trace {
    /// Where a token was asked for first.
    pub(crate) token: Option<String>,
    pub(crate) url: String,
    pub(crate) credential: String,
}

/// Catches what is sent, and answers as who gives out tokens.
#[derive(Default)]
struct Caught(Mutex<Vec<Outbound>>);

impl Upstream for Caught {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let token = json!({"access_token": SECRET, "token_type": "Bearer", "expires_in": 3600, "expiration": 4_000_000_000_u64});
        let body = Body::from(token.to_string());
        Box::pin(std::future::ready(Ok(ProviderReply {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body,
        })))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

/// Makes a call and tells where it would have gone; none when it stays inside.
pub(crate) async fn trace(provider: &SharedProvider, dialect: Dialect, model: &str) -> Option<Trace> {
    let caught = Caught::default();
    let second = std::time::Duration::from_secs(1);
    let timeouts = Timeouts { connect: second, first_byte: second, idle: second, total: second };
    let body = json!({"model": model, "messages": [], "input": {}}).to_string();
    let headers = HeaderMap::new();
    let call = Call {
        dialect,
        model,
        stream: false,
        body: [body.into()].into(),
        headers: &headers,
        traceparent: None,
        timeouts,
    };
    // Whatever it makes of the answer: what went out is what counts.
    let _answer = provider.call(call, &caught).await;
    let mut sent = caught.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
    let (first, second) = (sent.next()?, sent.next());
    let (token, call) = match second {
        Some(call) if call.uri.host() != first.uri.host() || call.uri.path() != first.uri.path() => {
            (Some(first.uri.to_string()), call)
        }
        _ => (None, first),
    };
    let credential = credential(&call.headers);
    Some(Trace { token, url: call.uri.to_string(), credential })
}

fn credential(headers: &HeaderMap) -> String {
    for (name, value) in headers {
        let text = value.to_str().unwrap_or_default();
        if text.starts_with("AWS4-HMAC-SHA256") {
            return "AWS Signature Version 4".to_owned();
        }
        if let Some((before, _)) = text.split_once(SECRET) {
            return format!("`{name}: {before}…`");
        }
    }
    "none".to_owned()
}
