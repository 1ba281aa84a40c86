//! What a request or an answer says, as a list of facts that can be looked for in another, each with the name that a receipt
//! has for its loss.

use contract::canon::{
    Extra, Finish, MediaSource, OutputFormat, Part, PartKind, Receipt, Reply, Request, Role, Tool, ToolChoice,
};
use serde_json::Value;

use crate::make::json_of;

/// Something said: where, and what.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    /// The names under which its loss may be noted, or the beginning of one.
    pub(crate) names: Vec<String>,
    pub(crate) what: String,
}

struct Facts(Vec<Fact>);

impl Facts {
    fn add(&mut self, names: &[&str], what: impl Into<String>) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.0.push(Fact { names, what: what.into() });
    }

    fn some<T: std::fmt::Debug>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.add(&[name], format!("{name} = {value:?}"));
        }
    }

    fn extra(&mut self, at: &str, extra: &Extra) {
        for (name, value) in extra.fields.iter().filter(|(_, value)| !says_nothing(value)) {
            self.add(&[&format!("{at}{name}")], format!("extra {name} = {value}"));
        }
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(says_nothing),
        _ => false,
    }
}

/// The facts of a request.
pub(crate) fn of_request(request: &Request) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    let sampling = &request.sampling;
    facts.some("temperature", sampling.temperature);
    facts.some("top_p", sampling.top_p);
    facts.some("top_k", sampling.top_k);
    facts.some("frequency_penalty", sampling.frequency_penalty);
    facts.some("presence_penalty", sampling.presence_penalty);
    facts.some("seed", sampling.seed);
    sampling.stop.iter().for_each(|stop| facts.some("stop", Some(stop)));
    facts.some("n", sampling.n);
    facts.some("logprobs", sampling.logprobs);
    facts.some("max_completion_tokens", request.max_output);
    // Levels and budgets become each other: that there is one must be kept.
    if request.reasoning.is_some() {
        facts.add(&["reasoning_effort", "reasoning"], "reasoning");
    }
    for (name, value) in [("user", &request.user), ("safety_identifier", &request.safety_id)] {
        if let Some(value) = value {
            // Dialects with one name for the end user have it for either.
            facts.add(&[name], format!("somebody = {value}"));
        }
    }
    for (name, value) in request.metadata.iter().flatten() {
        facts.add(&["metadata"], format!("metadata {name} = {value}"));
    }
    // Each provider has tiers of its own, which stand for each other.
    facts.some("service_tier", request.service_tier.as_ref().map(|_| "one"));
    facts.some("verbosity", request.verbosity);
    facts.some("prompt_cache_key", request.cache_key.as_ref());
    facts.some("prompt_cache_retention", request.cache_retention.as_ref());
    facts.some("store", request.store.filter(|store| *store));
    if !request.modalities.is_empty() {
        facts.add(&["modalities"], format!("modalities = {:?}", request.modalities));
    }
    if let Some(voice) = &request.voice {
        facts.add(&["audio"], format!("voice = {voice:?}"));
    }
    match &request.format {
        OutputFormat::Text => {}
        OutputFormat::JsonObject => facts.add(&["response_format"], "any JSON"),
        OutputFormat::JsonSchema { .. } => facts.add(&["response_format"], "JSON of a schema"),
    }
    let functions = request.tools.iter().filter(|tool| !matches!(tool, Tool::Server { .. }));
    let callable = functions.into_iter().any(|tool| may_be_called(request, tool));
    facts.some("parallel_tool_calls", request.parallel_tools.filter(|parallel| !parallel && callable));
    of_tools(request, &mut facts);
    facts.extra("", &request.extra);
    for (at, message) in request.messages.iter().enumerate() {
        let at = format!("messages[{at}]");
        facts.extra(&format!("{at}."), &message.extra);
        let instructs = matches!(message.role, Role::System | Role::Developer);
        message.parts.iter().for_each(|part| of_part(part, &at, instructs, &mut facts));
    }
    facts.0
}

/// The tools that may be called: what a choice rules out need not be told.
fn may_be_called(request: &Request, tool: &Tool) -> bool {
    let (Tool::Function { name, .. } | Tool::Custom { name, .. }) = tool else {
        return !matches!(
            request.tool_choice,
            Some(ToolChoice::None | ToolChoice::Named(_) | ToolChoice::Allowed { .. })
        );
    };
    match &request.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::Required) => true,
        Some(ToolChoice::None) => false,
        Some(ToolChoice::Named(only)) => name == only,
        Some(ToolChoice::Allowed { names, .. }) => names.contains(name),
    }
}

fn must_call(request: &Request) -> bool {
    match &request.tool_choice {
        None | Some(ToolChoice::Auto | ToolChoice::None) => false,
        Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
        Some(ToolChoice::Allowed { required, .. }) => *required,
    }
}

fn of_tools(request: &Request, facts: &mut Facts) {
    let callable = |(_, tool): &(usize, &Tool)| may_be_called(request, tool);
    for (at, tool) in request.tools.iter().enumerate().filter(callable) {
        let at = format!("tools[{at}]");
        match tool {
            Tool::Function { name, description, parameters, strict, cache, extra } => {
                facts.add(&[&at, "tools"], format!("tool {name}"));
                if let Some(description) = description {
                    facts.add(&[&at, "tools"], format!("tool described as {description}"));
                }
                if let Some(parameters) = parameters {
                    let named = parameters["properties"]["q"].is_object();
                    facts.add(&[&at, "tools"], format!("tool {name} takes q: {named}"));
                }
                // Who must call a tool is held to its schema where tools can be forced at all.
                if *strict == Some(true) && !must_call(request) {
                    facts.add(&[&at, "tools"], format!("tool {name} is strict"));
                }
                if cache.is_some() {
                    facts.add(&[&at, "cache_control", "tools"], format!("cache after {name}"));
                }
                facts.extra(&format!("{at}."), extra);
            }
            Tool::Custom { name, .. } => facts.add(&[&at, "tools"], format!("tool {name}")),
            Tool::Server { tool, .. } => facts.add(&[&at, "tools"], format!("server tool {tool:?}")),
        }
    }
    if must_call(request) {
        facts.add(&["tool_choice", "tools"], "a tool must be called");
    }
}

fn of_part(part: &Part, at: &str, instructs: bool, facts: &mut Facts) {
    let what = match &part.kind {
        PartKind::Text(text) => format!("instructs {instructs}: {text}"),
        PartKind::Reasoning(text) => format!("thinks: {text}"),
        PartKind::Refusal(text) => format!("declines: {text}"),
        PartKind::ToolCall { id, name, arguments, .. } => format!("calls {id} {name} {}", input(arguments)),
        PartKind::Media { source, .. } => match source {
            MediaSource::Base64 { mime, data } => format!("shows {mime} {data}"),
            MediaSource::Url(url) | MediaSource::File(url) => format!("shows {url}"),
        },
        PartKind::ToolResult(result) => {
            for inner in &result.parts {
                match &inner.kind {
                    PartKind::Text(text) => {
                        facts.add(&[at], format!("{} returned {text}", result.call));
                    }
                    _ => of_part(inner, at, false, facts),
                }
            }
            if result.failed {
                facts.add(&[at], format!("{} failed", result.call));
            }
            return;
        }
        PartKind::ServerCall(_) | PartKind::ServerResult(_) | PartKind::Native => return,
    };
    facts.add(&[at], what.clone());
    if part.cache.is_some() {
        facts.add(&[at, "cache_control"], format!("cache after {what}"));
    }
    if let Some(signature) = part.native.as_ref().and_then(|native| native.value.get("signature")) {
        facts.add(&[at], format!("signed {signature}"));
    }
    for citation in &part.citations {
        facts.add(&[at], format!("cites {:?}", citation.url));
    }
}

/// What is put into a tool. One that stands for a custom tool takes the same as its `input`.
fn input(arguments: &str) -> Value {
    let value = json_of(arguments);
    match value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("input")) {
        Some(inner) => inner.clone(),
        None => value,
    }
}

/// The facts of an answer.
pub(crate) fn of_reply(reply: &Reply) -> Vec<Fact> {
    let mut facts = Facts(Vec::new());
    for choice in &reply.choices {
        choice.parts.iter().for_each(|part| of_part(part, "choices[0]", false, &mut facts));
        // A model that declines has said so; not every dialect has a word for the end of it.
        if !choice.parts.iter().any(|part| matches!(part.kind, PartKind::Refusal(_))) {
            let finish = match choice.finish {
                // Held back by the model, or by its provider: few tell these apart.
                Finish::ContentFilter | Finish::Refusal => "held back".to_owned(),
                ref other => format!("{other:?}"),
            };
            facts.add(&["choices[0]"], format!("ended: {finish}"));
        }
        for token in &choice.logprobs {
            facts.add(
                &["choices[0]", "logprobs"],
                format!("likely {} {}", token.token.text, token.token.logprob),
            );
        }
    }
    if let Some(usage) = reply.usage {
        facts.add(&["usage"], format!("input {}", usage.input_total()));
        facts.add(&["usage"], format!("output {}", usage.output_total()));
    }
    facts.0
}

/// What `before` says, `after` does not, and the receipt does not name.
pub(crate) fn lost(before: &[Fact], after: &[Fact], receipt: &Receipt) -> Vec<Fact> {
    // Texts that follow each other may be joined.
    let joined = |fact: &Fact, other: &Fact| {
        let (role, text) = fact.what.split_once(": ").unwrap_or((&fact.what, ""));
        let same = other.what.starts_with(role) || role == "declines" && other.what.starts_with("instructs");
        (role.starts_with("instructs") || role == "declines") && same && other.what.contains(text)
    };
    let kept = |fact: &Fact| after.iter().any(|other| other.what == fact.what || joined(fact, other));
    let named = |fact: &Fact| {
        let entries = receipt.entries();
        fact.names.iter().any(|name| entries.iter().any(|entry| entry.field.starts_with(name.as_str())))
    };
    before.iter().filter(|fact| !kept(fact) && !named(fact)).cloned().collect()
}
