//! What is special about Snowflake accounts.

use contract::settings::Faults;
use contract::words::Dialect;
use serde_json::json;

use crate::conformance::{Script, built, chat, stopped};

#[test]
fn the_account_or_its_url_says_where() {
    for config in [
        json!({ "kind": "snowflake", "api_key": "k", "account": "org-acct" }),
        json!({ "kind": "snowflake", "api_key": "k", "base_url": "https://org-acct.snowflakecomputing.com/" }),
        json!({ "kind": "snowflake", "api_key": "k",
            "base_url": "https://org-acct.snowflakecomputing.com/api/v2/cortex/v1" }),
    ] {
        let (provider, script) = (built(config), Script::answering("{}"));
        chat(&*provider, &script, &[]);
        let sent = script.sent();
        assert_eq!(sent.uri, "https://org-acct.snowflakecomputing.com/api/v2/cortex/v1/chat/completions");
        assert_eq!(sent.headers["x-snowflake-authorization-token-type"], "PROGRAMMATIC_ACCESS_TOKEN");
    }
    let mut faults = Faults::default();
    let config =
        serde_json::from_value(json!({ "kind": "snowflake", "api_key": "k", "account": "a.b/c" })).unwrap();
    assert!(crate::build("flake", &config, &stopped(), &mut faults).is_none());
    assert_eq!(faults.problems()[0].path, "providers.flake.account");
}

#[test]
fn other_tokens_are_named() {
    let config = json!({ "kind": "snowflake", "api_key": "k", "account": "a", "token_type": "keypair-jwt" });
    let (provider, script) = (built(config), Script::answering("{}"));
    chat(&*provider, &script, &[]);
    assert_eq!(script.sent().headers["x-snowflake-authorization-token-type"], "KEYPAIR_JWT");
}

#[test]
fn only_claude_speaks_anthropics_dialect() {
    let provider = built(json!({ "kind": "snowflake", "api_key": "k", "account": "a" }));
    let dialect = |model| provider.dialect(Dialect::AnthropicMessages, model);
    assert_eq!(dialect("claude-sonnet-4-5"), Some(Dialect::AnthropicMessages));
    assert_eq!(dialect("llama3.1-70b"), Some(Dialect::OpenaiChat));
    // Who speaks neither gets Claude's own, which says more.
    let translated = |model| provider.dialect(Dialect::OpenaiResponses, model);
    assert_eq!(translated("claude-sonnet-4-5"), Some(Dialect::AnthropicMessages));
    assert_eq!(translated("llama3.1-70b"), Some(Dialect::OpenaiChat));
    assert_eq!(provider.dialect(Dialect::OpenaiChat, "claude-sonnet-4-5"), Some(Dialect::OpenaiChat));
}
