//! Recorded exchanges, as any folder of the corpus' shape holds them: one JSON file each, at any depth.

use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

/// One recorded exchange.
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) operation: String,
    pub(crate) api: String,
    /// What the model is called at the provider.
    pub(crate) model: Option<String>,
    pub(crate) features: Vec<String>,
    pub(crate) request: Option<Request>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// As the provider sent it.
    pub(crate) body: Vec<u8>,
}

/// What was asked.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// What an upstream sends.
pub(crate) struct Played {
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

impl Exchange {
    /// Is the answer a stream?
    pub(crate) fn is_stream(&self) -> bool {
        self.operation.ends_with(".stream")
    }

    /// The answer in its dialect: what Bedrock's Invoke wraps in messages of its own is unwrapped. Nova's events are those of
    /// Converse.
    pub(crate) fn unwrapped(&self) -> Vec<u8> {
        if self.api != "bedrock.invoke" || !self.is_stream() {
            return self.body.clone();
        }
        let mut out = Vec::new();
        for chunk in crate::said::chunks(&self.body) {
            let event = chunk["bytes"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
            let event = event.unwrap_or_default();
            let kind: Value = serde_json::from_slice(&event).unwrap_or_default();
            if let Some((name, payload)) = converse_event(&kind) {
                out.extend(message(name, payload.to_string().as_bytes()));
                continue;
            }
            out.extend(format!("event: {}\ndata: ", kind["type"].as_str().unwrap_or("message")).into_bytes());
            out.extend(event);
            out.extend(b"\n\n");
        }
        out
    }

    /// The answer as an upstream sends it that speaks its dialect as the gateway asks for it: what Invoke wraps is unwrapped,
    /// Gemini's streams are events, and a type that was not recorded is that of the dialect.
    pub(crate) fn played(&self) -> Played {
        let kind = self.header("content-type").filter(|kind| kind.contains('/'));
        if !self.is_stream() {
            return Played { kind: kind.unwrap_or("application/json").to_owned(), body: self.body.clone() };
        }
        let sse = "text/event-stream";
        if self.api == "bedrock.invoke" {
            let body = self.unwrapped();
            let kind = if body.starts_with(b"event:") { sse } else { EVENT_STREAM };
            return Played { kind: kind.to_owned(), body };
        }
        if self.api.starts_with("gemini")
            && let Ok(Value::Array(frames)) = serde_json::from_slice(&self.body)
        {
            let body: String = frames.iter().map(|frame| format!("data: {frame}\n\n")).collect();
            return Played { kind: sse.to_owned(), body: body.into_bytes() };
        }
        let usual = if self.api == "bedrock.converse" { EVENT_STREAM } else { sse };
        Played { kind: kind.unwrap_or(usual).to_owned(), body: self.body.clone() }
    }

    /// The answer as Bedrock sends it.
    pub(crate) fn wrapped(&self) -> Played {
        Played { kind: EVENT_STREAM.to_owned(), body: self.body.clone() }
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// The media type of AWS's event streams.
const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// An event that Converse has, too: an object of one member, named after the event.
fn converse_event(event: &Value) -> Option<(&String, &Value)> {
    let (name, payload) = event.as_object()?.iter().next()?;
    let known = ["messageStart", "contentBlock", "messageStop", "metadata"];
    known.iter().any(|known| name.starts_with(known)).then_some((name, payload))
}

/// Everything in a folder, in the order of the paths.
pub(crate) fn load(folder: &Path) -> Result<Vec<Exchange>> {
    let mut found = Vec::new();
    collect(folder, &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<Exchange>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "json") {
            let value: Value = serde_json::from_slice(&std::fs::read(&path)?)
                .with_context(|| format!("reading {}", path.display()))?;
            if value.get("response").is_some() {
                found.push(read(&value).with_context(|| format!("reading {}", path.display()))?);
            }
        }
    }
    Ok(())
}

fn read(value: &Value) -> Result<Exchange> {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let response = &value["response"];
    let (api, encoding) = (text("api"), response["body_encoding"].as_str().unwrap_or_default());
    let mut headers = pairs(&response["headers"]);
    let mut operation = text("operation");
    let body = if let Some(whole) = whole(response) {
        // Asked for at the path of streams by a body that does not stream.
        operation.truncate(operation.trim_end_matches(".stream").len());
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        whole.to_string().into_bytes()
    } else if encoding == "events" {
        let (body, kind) = reframe(&api, &response["body"])?;
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        headers.push(("content-type".to_owned(), kind.to_owned()));
        body
    } else {
        bytes(&response["body"], encoding)?
    };
    if encoding == "json" && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let request = value["request"].as_object().map(|request| -> Result<Request> {
        Ok(Request {
            method: request["method"].as_str().unwrap_or("POST").to_owned(),
            path: request["path"].as_str().unwrap_or_default().to_owned(),
            body: bytes(&request["body"], request["body_encoding"].as_str().unwrap_or_default())?,
        })
    });
    Ok(Exchange {
        id: text("id"),
        provider: text("provider"),
        model: model_of(value),
        operation,
        features: value["features"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|feature| feature.as_str().map(str::to_owned))
            .collect(),
        request: request.transpose()?,
        status: response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200),
        headers,
        body,
        api,
    })
}

/// The one whole message that stands where events should.
fn whole(response: &Value) -> Option<&Value> {
    match response["body"].as_array()?.as_slice() {
        [only] if response["body_encoding"] == "events" && only["type"] == "message" => Some(only),
        _ => None,
    }
}

/// The model's name, wherever it stands.
fn model_of(value: &Value) -> Option<String> {
    let places = ["/request/body/model", "/model", "/response/body/model"];
    let named = places.into_iter().find_map(|place| value.pointer(place)?.as_str());
    named.filter(|name| !name.is_empty()).map(|name| name.trim_start_matches("models/").to_owned())
}

fn pairs(headers: &Value) -> Vec<(String, String)> {
    let all = headers.as_object().into_iter().flatten();
    all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn bytes(body: &Value, encoding: &str) -> Result<Vec<u8>> {
    Ok(match (encoding, body) {
        ("empty", _) | (_, Value::Null) => Vec::new(),
        ("json", body) => body.to_string().into_bytes(),
        (encoding, Value::String(text)) if encoding.starts_with("base64") => BASE64_STANDARD.decode(text)?,
        (_, Value::String(text)) => text.clone().into_bytes(),
        (_, body) => body.to_string().into_bytes(),
    })
}

/// Without the streams of further calls that were recorded behind the first: no client reads on behind its end.
fn first_stream(events: &[Value]) -> &[Value] {
    let begins = |event: &Value| matches!(event["type"].as_str(), Some("response.created" | "message_start"));
    let second = events.iter().skip(1).position(begins);
    second.and_then(|at| events.get(..=at)).unwrap_or(events)
}

/// Streams recorded behind an SDK are a list of events; they are framed again as the provider frames them.
fn reframe(api: &str, events: &Value) -> Result<(Vec<u8>, &'static str)> {
    let events = first_stream(events.as_array().context("events are a list")?);
    let mut out = Vec::new();
    let kind = match api {
        "bedrock.converse" => {
            for (name, payload) in events.iter().filter_map(Value::as_object).flatten() {
                out.extend(message(name, payload.to_string().as_bytes()));
            }
            EVENT_STREAM
        }
        "bedrock.invoke" => {
            for event in events {
                let chunk = serde_json::json!({"bytes": BASE64_STANDARD.encode(event.to_string())});
                out.extend(message("chunk", chunk.to_string().as_bytes()));
            }
            EVENT_STREAM
        }
        api if api.starts_with("ollama") => {
            for event in events {
                out.extend(format!("{event}\n").into_bytes());
            }
            "application/x-ndjson"
        }
        "anthropic.messages"
        | "vertex.anthropic"
        | "openai.responses"
        | "cohere.v2_chat"
        | "gemini.interactions" => {
            for event in events {
                let name = event["type"].as_str().or_else(|| event["event_type"].as_str());
                out.extend(format!("event: {}\ndata: {event}\n\n", name.unwrap_or("message")).into_bytes());
            }
            "text/event-stream"
        }
        api => {
            for event in events {
                out.extend(format!("data: {event}\n\n").into_bytes());
            }
            if api.starts_with("openai.") || api.starts_with("mistral") {
                out.extend(b"data: [DONE]\n\n");
            }
            "text/event-stream"
        }
    };
    if out.is_empty() {
        bail!("a stream without events");
    }
    Ok((out, kind))
}

/// One message of AWS's event stream: lengths, headers, payload, checksums.
fn message(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut headers = Vec::new();
    for (key, value) in
        [(":event-type", name), (":content-type", "application/json"), (":message-type", "event")]
    {
        headers.push(u8::try_from(key.len()).unwrap_or_default());
        headers.extend(key.as_bytes());
        headers.push(7);
        headers.extend(u16::try_from(value.len()).unwrap_or_default().to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or_default().to_be_bytes();
    let mut out = Vec::new();
    out.extend(length(16 + headers.len() + payload.len()));
    out.extend(length(headers.len()));
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out.extend(headers);
    out.extend(payload);
    out.extend(crc32fast::hash(&out).to_be_bytes());
    out
}
