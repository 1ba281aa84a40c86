//! What each kind of provider is asked and what it answers, as its API reference says.

use serde_json::{Value, json};
use testkit::shapes::{Tokens, anthropic, gemini, openai};
use testkit::upstream::{Exchange, Reply};

use crate::setup::SECRET;
use crate::speech::{Call, Speech};

/// A kind of provider, with the usual account of it on the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Openai,
    House,
    Claude,
    Google,
    Local,
    /// As `Local`, for clients that speak Anthropic's dialect, which it speaks too.
    LocalMessages,
    Demo,
}

/// The dialect a kind speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tongue {
    Openai,
    Anthropic,
    Gemini,
}

/// A question as it arrived at a provider.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) system: String,
    /// The last turn of the user.
    pub(crate) question: String,
    pub(crate) most: Option<u64>,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::Openai, Self::House, Self::Claude, Self::Google, Self::Local, Self::Demo];
    /// Those whose provider is scripted.
    pub(crate) const SCRIPTED: [Self; 5] =
        [Self::Openai, Self::House, Self::Claude, Self::Google, Self::Local];

    /// The account on the bench.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::House => "house",
            Self::Claude => "claude",
            Self::Google => "google",
            Self::Local | Self::LocalMessages => "local",
            Self::Demo => "demo",
        }
    }

    /// A model of it, as the provider names it.
    pub(crate) const fn upstream_model(self) -> &'static str {
        match self {
            Self::Openai => "gpt-4.1-mini",
            Self::House => "qwen3",
            Self::Claude => "claude-haiku-4-5",
            Self::Google => "gemini-2.5-flash",
            Self::Local | Self::LocalMessages => "llama3.2",
            Self::Demo => "echo",
        }
    }

    /// The same, as clients name it.
    pub(crate) fn model(self) -> String {
        format!("{}/{}", self.account(), self.upstream_model())
    }

    pub(crate) const fn tongue(self) -> Tongue {
        match self {
            Self::Openai | Self::House | Self::Local | Self::Demo => Tongue::Openai,
            Self::Claude | Self::LocalMessages => Tongue::Anthropic,
            Self::Google => Tongue::Gemini,
        }
    }

    /// Is a price of its model known? The demo is known to be free.
    pub(crate) const fn priced(self) -> bool {
        !matches!(self, Self::House | Self::Local | Self::LocalMessages)
    }

    /// The kind as a client of this dialect meets it: one that speaks several answers each in its own.
    pub(crate) fn met_by(self, speech: Speech) -> Self {
        if self == Self::Local && speech == Speech::Anthropic { Self::LocalMessages } else { self }
    }

    /// Where its calls go.
    pub(crate) fn path(self, stream: bool) -> String {
        let account = self.account();
        match (self.tongue(), stream) {
            (Tongue::Openai, _) => format!("/{account}/v1/chat/completions"),
            (Tongue::Anthropic, _) => format!("/{account}/v1/messages"),
            (Tongue::Gemini, false) => {
                format!("/{account}/v1beta/models/{}:generateContent", self.upstream_model())
            }
            (Tongue::Gemini, true) => {
                format!("/{account}/v1beta/models/{}:streamGenerateContent?alt=sse", self.upstream_model())
            }
        }
    }

    /// Checks where a call went and that it carried the account's key and nobody else's.
    pub(crate) fn check_call(self, call: &Exchange, stream: bool) {
        let key = format!("{SECRET}{}", self.account());
        let (header, value) = match self.tongue() {
            Tongue::Openai => ("authorization", format!("Bearer {key}")),
            Tongue::Anthropic if self == Self::LocalMessages => ("authorization", format!("Bearer {key}")),
            Tongue::Anthropic => ("x-api-key", key),
            Tongue::Gemini => ("x-goog-api-key", key),
        };
        assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", self.path(stream).as_str()));
        assert_eq!(call.header(header), value);
        assert_eq!(call.header("content-type"), "application/json");
        for other in ["authorization", "x-api-key", "x-goog-api-key", "api-key"] {
            assert!(other == header || !call.headers.contains_key(other), "{other}: {:?}", call.headers);
        }
        if self == Self::Claude {
            assert_eq!(call.header("anthropic-version"), "2023-06-01");
        }
        if self.tongue() != Tongue::Gemini {
            let body = call.json();
            assert_eq!((&body["model"], body["stream"] == true), (&json!(self.upstream_model()), stream));
        }
    }

    /// Answers in these pieces of text.
    pub(crate) fn says(self, stream: bool, pieces: &[&str], tokens: Tokens) -> Reply {
        let whole = pieces.concat();
        match (self.tongue(), stream) {
            (Tongue::Openai, false) => Reply::json(200, &openai::text(&whole, tokens)),
            (Tongue::Openai, true) => Reply::sse(openai::text_stream(pieces, Some(tokens))),
            (Tongue::Anthropic, false) => Reply::json(200, &anthropic::text(&whole, tokens)),
            (Tongue::Anthropic, true) => Reply::sse(anthropic::text_stream(pieces, tokens)),
            (Tongue::Gemini, false) => Reply::json(200, &gemini::text(&whole, tokens)),
            (Tongue::Gemini, true) => Reply::sse(gemini::text_stream(pieces, tokens)),
        }
    }

    /// Calls a tool.
    pub(crate) fn calls(self, stream: bool, call: &Call, tokens: Tokens) -> Reply {
        let Call { id, name, arguments } = call;
        let text = arguments.to_string();
        let (first, second) = text.split_at(text.len() / 2);
        match (self.tongue(), stream) {
            (Tongue::Openai, false) => Reply::json(200, &openai::tool_call(id, name, &text, tokens)),
            (Tongue::Openai, true) => {
                Reply::sse(openai::tool_call_stream(id, name, &[first, second], Some(tokens)))
            }
            (Tongue::Anthropic, false) => {
                Reply::json(200, &anthropic::tool_call(id, name, arguments, tokens))
            }
            (Tongue::Anthropic, true) => {
                Reply::sse(anthropic::tool_call_stream(id, name, &[first, second], tokens))
            }
            (Tongue::Gemini, false) => Reply::json(200, &gemini::tool_call(name, arguments, tokens)),
            (Tongue::Gemini, true) => Reply::sse(gemini::tool_call_stream(name, arguments, tokens)),
        }
    }

    /// Refuses, in its own words.
    pub(crate) fn refuses(self, status: u16, kind: &str, message: &str) -> Reply {
        match self.tongue() {
            Tongue::Openai => openai::error(status, kind, Some("some_code"), message),
            Tongue::Anthropic => anthropic::error(status, kind, message),
            Tongue::Gemini => gemini::error(status, kind, message),
        }
    }

    /// Reads the question from a body that arrived.
    pub(crate) fn asked(self, body: &Value) -> Asked {
        match self.tongue() {
            Tongue::Openai => {
                let messages = body["messages"].as_array().expect("messages");
                assert!(messages[0]["role"] == "system" || messages[0]["role"] == "developer", "{body}");
                let most = body["max_completion_tokens"].as_u64().or(body["max_tokens"].as_u64());
                let question = plain(&messages.last().expect("a question")["content"]);
                Asked { system: plain(&messages[0]["content"]), question, most }
            }
            Tongue::Anthropic => Asked {
                system: plain(&body["system"]),
                question: plain(
                    &body["messages"].as_array().and_then(|all| all.last()).expect("a question")["content"],
                ),
                most: body["max_tokens"].as_u64(),
            },
            Tongue::Gemini => Asked {
                system: plain(&body["systemInstruction"]["parts"]),
                question: plain(
                    &body["contents"].as_array().and_then(|all| all.last()).expect("a question")["parts"],
                ),
                most: body["generationConfig"]["maxOutputTokens"].as_u64(),
            },
        }
    }

    /// The schema of the first tool on offer, with its name.
    pub(crate) fn offered(self, body: &Value) -> (Value, Value) {
        let tool = &body["tools"][0];
        match self.tongue() {
            Tongue::Openai => (tool["function"]["name"].clone(), tool["function"]["parameters"].clone()),
            Tongue::Anthropic => (tool["name"].clone(), tool["input_schema"].clone()),
            Tongue::Gemini => {
                let function = &tool["functionDeclarations"][0];
                (function["name"].clone(), function["parametersJsonSchema"].clone())
            }
        }
    }

    /// The call and the result at the end of a conversation that arrived.
    pub(crate) fn called(self, body: &Value) -> (Call, String) {
        let turns = body[if self.tongue() == Tongue::Gemini { "contents" } else { "messages" }].as_array();
        let [.., call, result] = turns.expect("turns").as_slice() else { panic!("two turns: {body}") };
        match self.tongue() {
            Tongue::Openai => {
                let made = &call["tool_calls"][0];
                assert_eq!(
                    (&result["role"], &result["tool_call_id"]),
                    (&json!("tool"), &made["id"]),
                    "{body}"
                );
                let arguments = made["function"]["arguments"].as_str().expect("arguments");
                let arguments = serde_json::from_str(arguments).expect("arguments are JSON");
                (made_call(&made["id"], &made["function"]["name"], arguments), plain(&result["content"]))
            }
            Tongue::Anthropic => {
                let (made, back) = (&call["content"][0], &result["content"][0]);
                assert_eq!(
                    (&made["type"], &back["type"]),
                    (&json!("tool_use"), &json!("tool_result")),
                    "{body}"
                );
                assert_eq!(back["tool_use_id"], made["id"], "{body}");
                (made_call(&made["id"], &made["name"], made["input"].clone()), plain(&back["content"]))
            }
            Tongue::Gemini => {
                let (made, back) =
                    (&call["parts"][0]["functionCall"], &result["parts"][0]["functionResponse"]);
                assert_eq!((&call["role"], &back["name"]), (&json!("model"), &made["name"]), "{body}");
                let said = back["response"].as_object().and_then(|response| response.values().next());
                let call = made_call(&made["id"], &made["name"], made["args"].clone());
                (call, plain(said.expect("a response")))
            }
        }
    }

    /// The picture in the question, as MIME type and base64.
    pub(crate) fn pictured(self, body: &Value) -> (String, String) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        match self.tongue() {
            Tongue::Openai => {
                let question = body["messages"].as_array().and_then(|all| all.last()).expect("a question");
                let parts = question["content"].as_array().expect("parts");
                let image = parts.iter().find(|part| part["type"] == "image_url").expect("an image");
                let url = text(&image["image_url"]["url"]);
                let (mime, data) = url.strip_prefix("data:").unwrap().split_once(";base64,").unwrap();
                (mime.to_owned(), data.to_owned())
            }
            Tongue::Anthropic => {
                let parts = body["messages"][0]["content"].as_array().expect("parts");
                let image = parts.iter().find(|part| part["type"] == "image").expect("an image");
                (text(&image["source"]["media_type"]), text(&image["source"]["data"]))
            }
            Tongue::Gemini => {
                let parts = body["contents"][0]["parts"].as_array().expect("parts");
                let data = parts.iter().find_map(|part| part.get("inlineData")).expect("an image");
                (text(&data["mimeType"]), text(&data["data"]))
            }
        }
    }

    /// The schema the answer is to follow.
    pub(crate) fn schema(self, body: &Value) -> Value {
        match self.tongue() {
            Tongue::Openai => body["response_format"]["json_schema"]["schema"].clone(),
            Tongue::Anthropic => body["output_config"]["format"]["schema"].clone(),
            Tongue::Gemini => {
                assert_eq!(body["generationConfig"]["responseMimeType"], "application/json");
                body["generationConfig"]["responseJsonSchema"].clone()
            }
        }
    }
}

fn made_call(id: &Value, name: &Value, arguments: Value) -> Call {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Call { id: text(id), name: text(name), arguments }
}

/// The text of a string or of a list of parts.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}
