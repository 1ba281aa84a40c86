//! Refusals that are not of the request but of the account it was sent with. A client must not take them for its own.
//!
//! A 401 is always one. A 403 may be: it also stands for models and things that an account has not, and for input that a filter
//! stopped, which are the client's to know. What it says of itself tells them apart, never the text of its message.

use bytes::Bytes;
use contract::fault::UpstreamError;
use http::StatusCode;
use serde_json::Value;

/// Types and codes, in small letters without marks, that say that a key is wrong, or may not do this.
///
/// Anthropic's and `OpenAI`'s guides of errors, Google's `google.rpc.Code` and `ErrorInfo` reasons, AWS's common errors, Azure's
/// `PermissionDenied` and `AuthenticationTypeDisabled`, Groq's `permissions_error`.
const WORDS: &[&str] = &[
    "accessdenied",
    "accessdeniedexception",
    "apikeyinvalid",
    "apikeyserviceblocked",
    "authenticationerror",
    "authenticationtypedisabled",
    "autherror",
    "expiredtoken",
    "expiredtokenexception",
    "incompletesignature",
    "insufficientpermissions",
    "invalidapikey",
    "invalidauthentication",
    "invalidclienttokenid",
    "invalidsignatureexception",
    "missingauthenticationtoken",
    "missingscope",
    "notauthorized",
    "permissiondenied",
    "permissionerror",
    "permissionserror",
    "signaturedoesnotmatch",
    "unauthenticated",
    "unauthorized",
    "unrecognizedclientexception",
];

/// How keys begin, of which a message may quote one.
const KEYS: &[&str] = &[
    "AIza", "AKIA", "ASIA", "csk-", "dapi", "eyJ", "fw_", "gsk_", "hf_", "jina_", "nvapi-", "pplx-", "r8_",
    "sk-", "sk_", "xai-",
];

/// The shortest text that is taken for a key, in bytes.
const SHORTEST: usize = 12;

/// Is it the account that is refused?
#[must_use]
pub fn refuses_login(error: &UpstreamError) -> bool {
    let said = || [&error.kind, &error.code].into_iter().flatten().any(|word| is_of_login(word));
    match error.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => said(),
        _ => false,
    }
}

fn is_of_login(word: &str) -> bool {
    let word: String =
        word.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    WORDS.contains(&&*word)
}

/// The same without the keys that it quotes.
#[must_use]
pub fn scrubbed(mut error: UpstreamError) -> UpstreamError {
    if let Some(clean) = without_keys(&error.message) {
        error.message = clean;
    }
    let Ok(body) = std::str::from_utf8(&error.body) else {
        error.body = Bytes::new();
        return error;
    };
    if let Some(clean) = without_keys(body) {
        let readable = serde_json::from_str::<Value>(&clean).is_ok();
        error.body = if readable { clean.into() } else { Bytes::new() };
    }
    error
}

/// The text with three stars for each key; none if it has none.
fn without_keys(text: &str) -> Option<String> {
    let is_of_key = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '*' | '.');
    let mut clean = String::new();
    let (mut rest, mut found) = (text, false);
    while !rest.is_empty() {
        let start = rest.find(is_of_key).unwrap_or(rest.len());
        let (before, word) = rest.split_at(start);
        let (word, after) = word.split_at(word.find(|letter| !is_of_key(letter)).unwrap_or(word.len()));
        clean.push_str(before);
        let secret = word.len() >= SHORTEST && KEYS.iter().any(|key| word.starts_with(key));
        clean.push_str(if secret { "***" } else { word });
        found |= secret;
        rest = after;
    }
    found.then_some(clean)
}

#[cfg(test)]
mod tests {
    use contract::words::Dialect;

    use super::*;

    fn error(dialect: Dialect, status: u16, body: &'static str) -> UpstreamError {
        let status = StatusCode::from_u16(status).unwrap();
        crate::read_error(dialect, status, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_403_says_by_its_type_whether_the_key_is_refused() {
        for (dialect, body, expected) in [
            (Dialect::AnthropicMessages, r#"{"error":{"type":"permission_error","message":"m"}}"#, true),
            (Dialect::AnthropicMessages, r#"{"error":{"type":"authentication_error","message":"m"}}"#, true),
            (
                Dialect::GeminiGenerate,
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"m"}}"#,
                true,
            ),
            (Dialect::BedrockConverse, r#"{"message":"m"}"#, true),
            (Dialect::BedrockConverse, r#"{"__type":"aws#ValidationException","message":"m"}"#, false),
            (Dialect::OpenaiChat, r#"{"error":{"code":"invalid_api_key","message":"m"}}"#, true),
            (Dialect::OpenaiChat, r#"{"error":{"type":"invalid_request_error","message":"m"}}"#, false),
            // OpenRouter's moderation.
            (Dialect::OpenaiChat, r#"{"error":{"code":403,"message":"m"}}"#, false),
            (Dialect::OpenaiChat, "a proxy's page", false),
            (Dialect::CohereChat, r#"{"message":"m"}"#, false),
        ] {
            assert_eq!(refuses_login(&error(dialect, 403, body)), expected, "{body}");
            assert!(refuses_login(&error(dialect, 401, body)), "{body}");
            assert!(!refuses_login(&error(dialect, 400, body)), "{body}");
        }
    }

    #[test]
    fn keys_are_not_quoted() {
        let body =
            r#"{"error":{"message":"The key \"sk-proj-abc123def456\" of req_1234567890 may not. sk-ip"}}"#;
        let clean = scrubbed(error(Dialect::OpenaiChat, 403, body));
        assert_eq!(clean.message, "The key \"***\" of req_1234567890 may not. sk-ip");
        let body = std::str::from_utf8(&clean.body).unwrap();
        assert!(body.contains(r#"The key \"***\" of"#), "{body}");
        let plain = r#"{"error":{"message":"Not this model"}}"#;
        assert_eq!(scrubbed(error(Dialect::OpenaiChat, 403, plain)).body, plain);
    }
}
