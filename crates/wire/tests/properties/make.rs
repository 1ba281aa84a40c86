//! Requests and answers in canon, of all its words, as a client or a provider might really mean them.

use contract::canon::{
    Alternative, CacheHint, Choice, Citation, Effort, Extra, Finish, MediaKind, MediaSource, Message,
    Modality, OutputFormat, Part, PartKind, Provenance, Reasoning, Reply, Request, Role, Sampling,
    ServerTool, TokenLogprob, Tool, ToolChoice, ToolResult, Verbosity, Voice,
};
use contract::words::{Dialect, Usage};
use serde_json::{Value, json};

use crate::dice::Dice;

const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn hint(dice: &mut Dice<'_>) -> Option<CacheHint> {
    dice.some(|dice| dice.of(&[CacheHint::Short, CacheHint::Long]))
}

fn said(dice: &mut Dice<'_>, from: Provenance) -> Part {
    let cache = hint(dice);
    Part { cache, ..Part::text(dice.text(), from) }
}

/// Fields that only one dialect knows.
fn extra(dice: &mut Dice<'_>, owner: Dialect) -> Extra {
    match dice.pick(8) {
        7 => {
            let fields = json!({"xUnheardOf": dice.text()});
            Extra { owner: Some(owner), fields: fields.as_object().cloned().unwrap_or_default() }
        }
        _ => Extra::default(),
    }
}

fn media(dice: &mut Dice<'_>, from: Provenance) -> Part {
    let base64 =
        |mime: &str, data: &str| MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() };
    let (kind, source) = match dice.pick(4) {
        0 => (MediaKind::Image, base64("image/png", PIXEL)),
        1 => (MediaKind::Image, MediaSource::Url(format!("https://x.test/{}.png", dice.name("i")))),
        2 => (MediaKind::Document, base64("application/pdf", "JVBERi0xLjQK")),
        _ => (MediaKind::Audio, base64("audio/wav", "UklGRgAAAABXQVZF")),
    };
    Part::new(PartKind::Media { kind, source }, from)
}

fn arguments(dice: &mut Dice<'_>) -> String {
    match dice.pick(3) {
        0 => json!({"q": dice.text()}).to_string(),
        1 => json!({"q": dice.text(), "deep": {"list": [1, 2.5, null], "none": {}}}).to_string(),
        _ => "{}".to_owned(),
    }
}

/// The model's turn: what it says and calls, and the names of its calls.
fn answer(dice: &mut Dice<'_>, request: &Request) -> (Message, Vec<(String, String)>) {
    let mut parts = Vec::new();
    if dice.rarely() {
        let thought = Part::new(PartKind::Reasoning(dice.text()), Provenance::Model);
        parts.push(match dice.coin() {
            true => thought.with_native(Dialect::AnthropicMessages, json!({"signature": dice.name("sig")})),
            false => thought,
        });
    }
    parts.push(Part::text(dice.text(), Provenance::Model));
    let mut calls = Vec::new();
    for tool in request.tools.iter().take(dice.pick(3)) {
        let (name, custom) = match tool {
            Tool::Function { name, .. } => (name.clone(), false),
            Tool::Custom { name, .. } => (name.clone(), true),
            Tool::Server { .. } => continue,
        };
        let id = dice.name("call");
        let arguments = if custom { dice.text() } else { arguments(dice) };
        calls.push((id.clone(), name.clone()));
        parts.push(Part::new(PartKind::ToolCall { id, name, arguments, custom }, Provenance::Model));
    }
    (Message::new(Role::Assistant, parts), calls)
}

fn results(dice: &mut Dice<'_>, calls: Vec<(String, String)>) -> Vec<Message> {
    let one = |(call, name): (String, String), dice: &mut Dice<'_>| {
        let mut parts = vec![Part::text(dice.text(), Provenance::Tool)];
        if dice.rarely() {
            let source = MediaSource::Base64 { mime: "image/png".to_owned(), data: PIXEL.to_owned() };
            parts.push(Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::Tool));
        }
        let result = ToolResult { call, name: Some(name), parts, failed: dice.rarely() };
        Part::new(PartKind::ToolResult(result), Provenance::Tool)
    };
    calls.into_iter().map(|call| Message::new(Role::Tool, vec![one(call, dice)])).collect()
}

fn tools(dice: &mut Dice<'_>, owner: Dialect) -> Vec<Tool> {
    let schema = json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
    let mut all = Vec::new();
    for _ in 0..dice.pick(4) {
        let name = dice.name("tool");
        all.push(match dice.pick(6) {
            4 => Tool::Custom {
                name,
                description: dice.some(Dice::text),
                format: dice
                    .some(|_| json!({"type": "grammar", "syntax": "lark", "definition": "start: \"a\""})),
                extra: Extra::default(),
            },
            5 => Tool::Server {
                owner: Dialect::AnthropicMessages,
                tool: ServerTool::WebSearch,
                value: json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 2}),
            },
            _ => Tool::Function {
                name,
                description: dice.some(Dice::text),
                parameters: (!dice.rarely()).then(|| schema.clone()),
                strict: dice.some(|_| true),
                cache: hint(dice),
                extra: extra(dice, owner),
            },
        });
    }
    all
}

fn choice(dice: &mut Dice<'_>, tools: &[Tool]) -> Option<ToolChoice> {
    let names: Vec<String> = tools
        .iter()
        .filter_map(|tool| match tool {
            Tool::Function { name, .. } => Some(name.clone()),
            _ => None,
        })
        .collect();
    let first = names.first()?.clone();
    Some(match dice.pick(6) {
        0 => return None,
        1 => ToolChoice::Auto,
        2 => ToolChoice::None,
        3 => ToolChoice::Required,
        4 => ToolChoice::Named(first),
        _ => ToolChoice::Allowed { names: vec![first], required: dice.coin() },
    })
}

fn sampling(dice: &mut Dice<'_>) -> Sampling {
    Sampling {
        temperature: dice.some(|dice| dice.quarter() * 2.0),
        top_p: dice.some(|dice| dice.of(&[0.25, 0.5, 0.75])),
        top_k: dice.some(|dice| 1 + dice.pick(50) as u64),
        frequency_penalty: dice.some(Dice::quarter),
        presence_penalty: dice.some(Dice::quarter),
        seed: dice.some(|dice| dice.pick(9) as i64),
        stop: (0..dice.pick(6).saturating_sub(3)).map(|_| dice.name("stop")).collect(),
        n: dice.some(|_| 2),
        logprobs: dice.some(|_| true),
        top_logprobs: None,
    }
}

fn format(dice: &mut Dice<'_>) -> OutputFormat {
    match dice.pick(6) {
        4 => OutputFormat::JsonObject,
        5 => OutputFormat::JsonSchema {
            name: dice.name("shape"),
            description: None,
            schema: json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                "additionalProperties": false}),
            strict: dice.some(|_| true),
        },
        _ => OutputFormat::Text,
    }
}

fn reasoning(dice: &mut Dice<'_>) -> Reasoning {
    let efforts = [Effort::Minimal, Effort::Low, Effort::Medium, Effort::High, Effort::XHigh, Effort::Max];
    match dice.coin() {
        true => Reasoning { effort: Some(dice.of(&efforts)), ..Reasoning::default() },
        false => Reasoning { budget: Some(dice.of(&[2048, 8192, 20_000])), ..Reasoning::default() },
    }
}

/// A request of a client of this dialect.
pub(crate) fn request(dice: &mut Dice<'_>, owner: Dialect) -> Request {
    let tools = tools(dice, owner);
    let tool_choice = choice(dice, &tools);
    let mut request = Request {
        model: "m".to_owned(),
        parallel_tools: if tools.is_empty() { None } else { dice.some(|_| false) },
        tools,
        tool_choice,
        format: format(dice),
        sampling: sampling(dice),
        max_output: dice.some(|dice| dice.of(&[64_000, 32_000])),
        reasoning: dice.some(reasoning),
        user: dice.some(|dice| dice.name("user")),
        metadata: dice.some(|dice| json!({"k": dice.text()}).as_object().cloned().unwrap_or_default()),
        service_tier: dice.some(|dice| dice.of(&["flex", "priority"]).to_owned()),
        verbosity: dice.some(|dice| dice.of(&[Verbosity::Low, Verbosity::High])),
        cache_key: dice.some(|dice| dice.name("key")),
        cache_retention: dice.some(|_| "24h".to_owned()),
        safety_id: dice.some(|dice| dice.name("safe")),
        store: dice.some(|_| true),
        extra: extra(dice, owner),
        ..Request::default()
    };
    if dice.pick(8) == 7 {
        request.modalities = vec![Modality::Text, Modality::Audio];
        request.voice = Some(Voice { name: Some("alloy".to_owned()), format: Some("wav".to_owned()) });
    }
    if dice.coin() {
        let role = dice.of(&[Role::System, Role::Developer]);
        request.messages.push(Message::new(role, vec![said(dice, Provenance::System)]));
    }
    for _ in 0..dice.pick(3) {
        let question = Message::new(Role::User, vec![said(dice, Provenance::User)]);
        request.messages.push(question);
        let (answer, calls) = answer(dice, &request);
        request.messages.push(answer);
        let results = results(dice, calls);
        request.messages.extend(results);
    }
    let mut parts = vec![said(dice, Provenance::User)];
    if dice.rarely() {
        parts.push(media(dice, Provenance::User));
        parts.push(said(dice, Provenance::User));
    }
    request.messages.push(Message::new(Role::User, parts));
    request
}

fn citation(dice: &mut Dice<'_>) -> Citation {
    Citation {
        range: None,
        url: Some(format!("https://x.test/{}", dice.name("u"))),
        title: Some(dice.text()),
        ..Citation::default()
    }
}

/// An answer of any provider.
pub(crate) fn reply(dice: &mut Dice<'_>) -> Reply {
    let mut parts = Vec::new();
    if dice.rarely() {
        parts.push(Part::new(PartKind::Reasoning(dice.text()), Provenance::Model));
    }
    let mut finish = dice.of(&[Finish::Stop, Finish::Length, Finish::ContentFilter]);
    match dice.pick(8) {
        7 => {
            parts.push(Part::new(PartKind::Refusal(dice.text()), Provenance::Model));
            finish = Finish::Refusal;
        }
        _ => {
            let mut text = Part::text(dice.text(), Provenance::Model);
            text.citations = (0..dice.pick(6).saturating_sub(4)).map(|_| citation(dice)).collect();
            parts.push(text);
        }
    }
    for _ in 0..dice.pick(3) {
        let (id, name) = (dice.name("call"), dice.name("tool"));
        let call = PartKind::ToolCall { id, name, arguments: arguments(dice), custom: false };
        parts.push(Part::new(call, Provenance::Model));
        finish = Finish::ToolCalls;
    }
    let token = |text: &str| Alternative { text: text.to_owned(), logprob: -0.5, bytes: None };
    let says = parts.iter().any(|part| matches!(part.kind, PartKind::Text(_)));
    let logprobs =
        dice.some(|_| vec![TokenLogprob { token: token("a"), top: vec![token("b")] }]).filter(|_| says);
    let reasoning = dice.pick(5) as u64;
    let usage = Usage { input: 20, cached: dice.pick(9) as u64, output: 10, reasoning, ..Usage::default() };
    let choice = Choice { parts, finish, logprobs: logprobs.unwrap_or_default(), ..Choice::default() };
    Reply {
        id: "id_1".to_owned(),
        model: "m".to_owned(),
        created: Some(1_700_000_000),
        choices: vec![choice],
        usage: Some(usage),
        extra: Extra::default(),
    }
}

/// JSON text as a value, for comparison.
pub(crate) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}
