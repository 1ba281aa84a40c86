//! One account of every kind that converses, all of them at the scripted upstream.

use std::fmt::Write as _;

use serde_json::Value;
use testkit::upstream::Upstream;

use super::upstream::answer;
use crate::setup::{Bench, Setup};

/// An account: its name, which is its kind where there is one of the kind; its settings beyond the address; its models.
pub(super) struct Account {
    pub(super) name: &'static str,
    settings: &'static str,
    pub(super) models: &'static [&'static str],
}

const KEY: &str = "api_key: sk-of-the-account";

/// An account with a key, a base URL that ends like this, and one model.
const fn plain(name: &'static str, settings: &'static str) -> Account {
    Account { name, settings, models: &["some-model"] }
}

// tidy: table
/// All of them. Settings stand for themselves; `{at}` is the account's place at the upstream.
pub(super) const ACCOUNTS: &[Account] = &[
    Account { models: &["gpt-5"], ..plain("openai", "base_url: \"{at}/v1\", KEY") },
    plain("openai-compatible", "base_url: \"{at}/v1\", KEY"),
    Account { models: &["claude-sonnet-4-5"], ..plain("anthropic", "base_url: \"{at}\", KEY") },
    Account { models: &["gemini-2.5-pro"], ..plain("gemini", "base_url: \"{at}\", KEY") },
    Account {
        models: &["us.anthropic.claude-sonnet-4-5-v1:0", "us.amazon.nova-premier-v1:0"],
        ..plain("bedrock", "base_url: \"{at}\", region: us-east-1, KEY")
    },
    plain("ollama", "base_url: \"{at}\", KEY"),
    plain("cohere", "base_url: \"{at}\", KEY"),
    Account { models: &["gpt-5", "claude-sonnet-4-5"], ..plain("azure", "base_url: \"{at}\", KEY") },
    Account {
        models: &["gemini-2.5-pro", "claude-sonnet-4-5@20250929", "mistral-medium-3", "meta/llama-4"],
        ..plain("vertex", "base_url: \"{at}\", access_token: t-1, project: p, location: global")
    },
    plain("watsonx", "base_url: \"{at}\", access_token: t-1, project_id: p"),
    Account {
        models: &["llama4-maverick", "claude-sonnet-4-5"],
        ..plain("snowflake", "base_url: \"{at}\", KEY")
    },
    Account {
        models: &["databricks-gpt-5", "databricks-claude-sonnet-4-5", "databricks-llama-4"],
        ..plain("databricks", "base_url: \"{at}\", KEY")
    },
    Account {
        models: &["@cf/openai/gpt-oss-120b", "@cf/meta/llama-4"],
        ..plain("cloudflare", "base_url: \"{at}\", KEY")
    },
    plain("github", "base_url: \"{at}\", KEY"),
    Account { models: &["meta/llama-4"], ..plain("replicate", "base_url: \"{at}\", KEY") },
    plain("http", "url: \"{at}/run\", KEY, chat: { request: \"{{body}}\", text: /said }"),
    plain("mistral", "base_url: \"{at}/v1\", KEY"),
    plain("groq", "base_url: \"{at}/openai/v1\", KEY"),
    plain("deepseek", "base_url: \"{at}\", KEY"),
    plain("xai", "base_url: \"{at}/v1\", KEY"),
    plain("openrouter", "base_url: \"{at}/api/v1\", KEY"),
    plain("together", "base_url: \"{at}/v1\", KEY"),
    plain("fireworks", "base_url: \"{at}/inference/v1\", KEY"),
    Account { models: &["sonar"], ..plain("perplexity", "base_url: \"{at}\", KEY") },
    plain("cerebras", "base_url: \"{at}/v1\", KEY"),
    plain("huggingface", "base_url: \"{at}/v1\", KEY"),
    plain("nvidia", "base_url: \"{at}/v1\", KEY"),
    plain("sambanova", "base_url: \"{at}/v1\", KEY"),
    plain("moonshot", "base_url: \"{at}/v1\", KEY"),
    plain("zai", "base_url: \"{at}/api/paas/v4\", KEY"),
    plain("dashscope", "base_url: \"{at}/compatible-mode/v1\", KEY"),
    plain("minimax", "base_url: \"{at}/v1\", KEY"),
    plain("vllm", "base_url: \"{at}/v1\", KEY"),
    plain("llama-cpp", "base_url: \"{at}/v1\", KEY"),
    plain("lm-studio", "base_url: \"{at}/v1\", KEY"),
];

/// Kinds that have no conversations, and the one that answers by itself.
const APART: [&str; 4] = ["voyage", "jina", "kserve", "demo"];

/// Kinds whose models call no tools: what is offered is left out, and named.
pub(super) const TOOLLESS: [&str; 3] = ["perplexity", "replicate", "http"];

/// The gateway with all accounts.
pub(super) async fn start() -> Bench {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let at = url.clone();
    upstream.always_with(move |asked| answer(asked, &at));
    let setup = ACCOUNTS.iter().fold(Setup::new().without_accounts(), |setup, account| {
        let name = account.name;
        let settings = account.settings.replace("{at}", &format!("{url}/{name}")).replace("KEY", KEY);
        let mut yaml = format!("{name}: {{ kind: {name}, {settings}");
        write!(yaml, ", models: [{}] }}", quoted(account.models)).unwrap();
        setup.provider(&yaml)
    });
    Bench { gateway: setup.launch(&upstream).start().await, upstream }
}

fn quoted(models: &[&str]) -> String {
    let quoted: Vec<String> = models.iter().map(|model| format!("\"{model}\"")).collect();
    quoted.join(", ")
}

/// Every model, as clients name it, with its account.
pub(super) fn models() -> impl Iterator<Item = (&'static str, String)> {
    ACCOUNTS.iter().flat_map(|account| {
        account.models.iter().map(|model| (account.name, format!("{}/{model}", account.name)))
    })
}

#[test]
fn every_kind_that_converses_has_an_account() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../../schema/config.schema.json")).unwrap();
    let text = schema.to_string();
    let kinds: Vec<&str> = schema["$defs"]["ProviderConfig"]["oneOf"]
        .as_array()
        .unwrap_or_else(|| panic!("the kinds: {text}"))
        .iter()
        .filter_map(|kind| kind["properties"]["kind"]["const"].as_str())
        .collect();
    assert!(kinds.len() > 30, "{kinds:?}");
    for kind in kinds {
        let listed = ACCOUNTS.iter().any(|account| account.name == kind) || APART.contains(&kind);
        assert!(listed, "{kind} is not tried with agents");
    }
}
