//! (e) An error that comes through the gateway keeps its status, its type, its message and its hint when to try again, in every
//! client's dialect.

use bytes::Bytes;
use contract::canon::Event;
use contract::words::Dialect;
use serde_json::Value;

use crate::checks::Verdict;
use crate::corpus::Exchange;
use crate::proxy::Got;

/// The exception: what is wrong with the gateway's own key is told as 502 (docs/dialects.md, "Errors").
pub(crate) const OURS: &str = "a refusal of the gateway's own credentials, which a client would take for a complaint of its own \
                               key, is told as 502 `upstream_auth` without the provider's words (docs/dialects.md, \"Errors\")";

/// Is it the account that the provider refuses? All that are 401; and a 403 that says so in its type or code, or in none, as AWS
/// answers (docs: "Common error types").
pub(crate) fn is_ours(recorded: Dialect, exchange: &Exchange) -> bool {
    if exchange.status != 403 {
        return exchange.status == 401;
    }
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let words = ["/error/type", "/error/code", "/error/status", "/code", "/type", "/__type"];
    let mut said =
        words.into_iter().filter_map(|place| body.pointer(place)?.as_str()).map(str::to_ascii_lowercase);
    let of_keys = ["auth", "permission", "api_key", "credential", "accessdenied", "access_denied"];
    recorded == Dialect::BedrockConverse || said.any(|word| of_keys.iter().any(|of| word.contains(of)))
}

/// A refusal of the account is told as the gateway's own, without a word of the provider's.
pub(crate) fn ours(exchange: &Exchange, got: &Got) -> Verdict {
    if got.status != 502 || got.header("x-pathgate-error") != "upstream_auth" {
        return Err(format!("status {} {}", got.status, got.header("x-pathgate-error")));
    }
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let told = String::from_utf8_lossy(&got.body);
    match message(&body) {
        Some(message) if message.len() > 12 && told.contains(message) => {
            Err("the provider's words are told".to_owned())
        }
        _ => Ok(()),
    }
}

/// What is said by an answer of which nothing came, for a client of this dialect, or a stream that begins with an error: they are no
/// answers, whatever their status.
pub(crate) fn at_start(recorded: Dialect, client: Dialect, body: &[u8]) -> Option<String> {
    if let Ok(answered) = wire::read_reply(recorded, body) {
        return wire::fruitless(recorded, client, &answered).map(|error| error.message);
    }
    let (mut decoder, mut events) = (wire::decoder_for(recorded, client, Vec::new())?, Vec::new());
    decoder.push(&Bytes::copy_from_slice(body), &mut events).ok()?;
    decoder.finish(&mut events).ok()?;
    let said = events.into_iter().find(|event| {
        matches!(
            event,
            Event::PartStart { .. } | Event::Delta { .. } | Event::Finish { .. } | Event::Error { .. }
        )
    });
    match said? {
        Event::Error { message, .. } => Some(message),
        _ => None,
    }
}

/// The client reads this message.
pub(crate) fn told(message: &str, got: &Got) -> Verdict {
    let told = serde_json::from_slice::<Value>(&got.body).ok();
    match told.as_ref().and_then(self::message) == Some(message) {
        true => Ok(()),
        false => Err(format!("status {} without the message {message:?}", got.status)),
    }
}

/// Any other error is told as it came.
pub(crate) fn keeps(recorded: Dialect, client: Dialect, exchange: &Exchange, got: &Got) -> Verdict {
    if got.status != exchange.status {
        return Err(format!("status {} instead of {}", got.status, exchange.status));
    }
    let body: Value = serde_json::from_slice(&exchange.body).unwrap_or_default();
    let told: Value = serde_json::from_slice(&got.body).map_err(|error| error.to_string())?;
    match (message(&told), message(&body)) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            return Err(format!("message {ours:?} instead of {theirs:?}"));
        }
        (None, _) => return Err(format!("no message in {told}")),
        _ => {}
    }
    if let Some(wait) = wait(exchange, &body) {
        let hint = got.header("retry-after").parse().unwrap_or(0.0);
        if hint < wait {
            return Err(format!("retry-after {hint} instead of {wait}"));
        }
    }
    let said_so = told.pointer(place_of_type(recorded)).and_then(Value::as_str).is_some();
    if client == recorded && said_so {
        let theirs = body.pointer(place_of_type(recorded));
        let ours = told.pointer(place_of_type(recorded));
        return if ours == theirs { Ok(()) } else { Err(format!("type {ours:?} instead of {theirs:?}")) };
    }
    typed(client, exchange.status, &body, got, &told)
}

/// The type is the one that the client's dialect has for the status, or the provider's own word.
fn typed(client: Dialect, status: u16, body: &Value, got: &Got, told: &Value) -> Verdict {
    let header = Value::from(got.header("x-amzn-errortype"));
    let ours = match place_of_type(client) {
        "" if is_aws(client) => Some(&header),
        "" => return Ok(()),
        place => told.pointer(place),
    };
    let Some(ours) = ours.and_then(Value::as_str).filter(|kind| !kind.is_empty()) else {
        // What passes in the provider's own words may have no type.
        let own = message(body).is_some_and(|_| told == body);
        return if own { Ok(()) } else { Err(format!("no type in {told}")) };
    };
    let theirs = ["/error/type", "/error/status", "/error/code", "/type", "/code", "/__type"];
    let carried = theirs.into_iter().any(|place| body.pointer(place).and_then(Value::as_str) == Some(ours));
    match usual(client, status).contains(&ours) || carried {
        true => Ok(()),
        false => Err(format!("type {ours:?} for status {status}")),
    }
}

fn is_aws(client: Dialect) -> bool {
    matches!(
        client,
        Dialect::BedrockConverse
            | Dialect::BedrockCount
            | Dialect::BedrockRerank
            | Dialect::BedrockTitanEmbed
    )
}

fn is_google(client: Dialect) -> bool {
    matches!(
        client,
        Dialect::GeminiGenerate | Dialect::GeminiEmbed | Dialect::GeminiEmbedOne | Dialect::GeminiCount
    )
}

fn is_anthropic(client: Dialect) -> bool {
    matches!(client, Dialect::AnthropicMessages | Dialect::AnthropicCount)
}

/// The types that a dialect's documentation has for a status: OpenAI's and Anthropic's guides of errors, `google.rpc.Code`,
/// Bedrock's API reference.
fn usual(client: Dialect, status: u16) -> &'static [&'static str] {
    // tidy: table
    if is_google(client) {
        match status {
            403 => &["PERMISSION_DENIED"],
            404 => &["NOT_FOUND"],
            408 | 504 => &["DEADLINE_EXCEEDED"],
            429 => &["RESOURCE_EXHAUSTED"],
            503 | 529 => &["UNAVAILABLE"],
            500.. => &["INTERNAL", "UNIMPLEMENTED"],
            _ => &["INVALID_ARGUMENT", "FAILED_PRECONDITION"],
        }
    } else if is_anthropic(client) {
        match status {
            403 => &["permission_error"],
            404 => &["not_found_error"],
            408 | 504 => &["timeout_error"],
            413 => &["request_too_large"],
            429 => &["rate_limit_error"],
            503 | 529 => &["overloaded_error"],
            500.. => &["api_error"],
            _ => &["invalid_request_error"],
        }
    } else if is_aws(client) {
        match status {
            403 => &["AccessDeniedException"],
            404 => &["ResourceNotFoundException"],
            408 | 504 => &["ModelTimeoutException"],
            429 => &["ThrottlingException"],
            503 | 529 => &["ServiceUnavailableException"],
            500.. => &["InternalServerException"],
            _ => &["ValidationException"],
        }
    } else {
        match status {
            403 => &["permission_error", "invalid_request_error"],
            408 | 504 => &["timeout_error"],
            429 => &["rate_limit_error", "insufficient_quota"],
            503 | 529 => &["overloaded_error"],
            500.. => &["server_error"],
            _ => &["invalid_request_error"],
        }
    }
}

/// Where a dialect says of what type an error is; nowhere in the body, for some.
fn place_of_type(dialect: Dialect) -> &'static str {
    match dialect {
        _ if is_google(dialect) => "/error/status",
        _ if is_aws(dialect) => "",
        Dialect::OllamaChat
        | Dialect::OllamaGenerate
        | Dialect::OllamaEmbed
        | Dialect::OllamaEmbedOne
        | Dialect::CohereChat
        | Dialect::CohereEmbed
        | Dialect::CohereRerank => "",
        _ => "/error/type",
    }
}

/// How long to wait, in seconds, by the header or as Google's bodies say it (`google.rpc.RetryInfo`).
fn wait(exchange: &Exchange, body: &Value) -> Option<f64> {
    if let Some(wait) = exchange.header("retry-after").and_then(|text| text.parse().ok()) {
        return Some(wait);
    }
    let details = body.pointer("/error/details")?.as_array()?;
    details.iter().find_map(|detail| detail["retryDelay"].as_str()?.strip_suffix('s')?.parse().ok())
}

/// The message, wherever services put it.
fn message(body: &Value) -> Option<&str> {
    let places = [
        "/error/message",
        "/message",
        "/0/error/message",
        "/error",
        "/detail",
        "/Message",
        "/errors/0/message",
    ];
    places.into_iter().find_map(|place| body.pointer(place)?.as_str()).filter(|message| !message.is_empty())
}
