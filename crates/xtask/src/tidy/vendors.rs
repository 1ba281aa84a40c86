//! Nothing outside the crates that translate knows a vendor by name, so that a new vendor touches those crates only.

use super::Breach;
use super::tree::Source;

// tidy: table
/// The names: of those we have a kind or a dialect for, as far as they are no words that mean something else too (`together`,
/// `replicate`).
const VENDORS: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "ollama",
    "azure",
    "bedrock",
    "cerebras",
    "claude",
    "cloudflare",
    "cohere",
    "dashscope",
    "databricks",
    "deepseek",
    "groq",
    "huggingface",
    "jina",
    "kserve",
    "minimax",
    "mistral",
    "moonshot",
    "nvidia",
    "openrouter",
    "perplexity",
    "sambanova",
    "snowflake",
    "vertex",
    "vllm",
    "voyage",
    "watsonx",
    "xai",
    "zai",
];

/// Crates that may: they speak to vendors, or are never shipped.
const FREE: [&str; 4] = ["providers", "wire", "testkit", "xtask"];

/// Files that may, each with its reason.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("crates/contract/src/words/names.rs", "the names of dialects are defined here"),
    ("crates/gateway/src/config/accounts.rs", "without a file, the local server of one vendor is offered"),
    (
        "crates/telemetry/src/otlp/spans.rs",
        "OpenTelemetry's conventions have names of their own for some vendors",
    ),
    ("crates/edge/src/table.rs", "the paths and headers that clients of a dialect are known by"),
];

/// Checks all sources: code and strings of what is shipped, not its comments and tests.
pub(super) fn check(sources: &[Source]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for source in sources {
        let excepted = EXCEPTIONS.iter().any(|(path, _)| *path == source.path);
        if excepted || FREE.contains(&source.krate()) {
            continue;
        }
        for (index, line) in source.lines.iter().enumerate() {
            if source.is_test_line(index + 1) {
                continue;
            }
            let shipped = format!("{} {}", without_dialects(&line.code), line.strings);
            if let Some(vendor) = vendor_in(&shipped) {
                let says = format!("`{vendor}` is named outside `providers` and `wire`");
                breaches.push(Breach { path: source.path.clone(), line: index + 1, says });
            }
        }
    }
    breaches
}

/// Code without `Dialect::Name`: to name a dialect is not to name a vendor.
fn without_dialects(code: &str) -> String {
    const PREFIX: &str = "Dialect::";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(PREFIX) {
        out.push_str(&rest[..at]);
        rest = rest[at + PREFIX.len()..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    }
    out.push_str(rest);
    out
}

/// The first vendor that a text names as a word or as a word of an identifier.
fn vendor_in(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    VENDORS.iter().copied().find(|vendor| {
        lower.match_indices(vendor).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + vendor.len()..]);
            let begins = !before.ends_with(char::is_alphanumeric)
                || (text[at..].starts_with(char::is_uppercase) && before.ends_with(char::is_lowercase));
            let ends = !after.starts_with(char::is_lowercase) || after.is_empty();
            begins && ends
        })
    })
}
