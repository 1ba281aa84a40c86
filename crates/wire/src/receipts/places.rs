//! Receipts in the client's own words: writers name canon's fields, the client knows those of its dialect.

use std::borrow::Cow;

use contract::Fault;
use contract::canon::{Asked, EmbedInput, Message, Part, PartKind, Receipt, Request, Role};
use contract::words::Dialect;

use super::schemas;
use crate::needs;

/// Names the losses of a request as its client would.
#[must_use]
pub fn place(client: Dialect, asked: &Asked, receipt: &Receipt) -> Receipt {
    let mut placed = Receipt::default();
    for lost in receipt.entries() {
        placed.dropped(field(client, asked, &lost.field).into_owned(), lost.reason.clone());
    }
    placed
}

/// A fault that names the field at fault as the client would, and what that field needs.
#[must_use]
pub fn place_fault(client: Dialect, asked: &Asked, fault: Fault) -> Fault {
    let fault = needs::told(asked, fault);
    let placed = fault.param().map(|param| field(client, asked, param).into_owned());
    match placed {
        Some(placed) => fault.at(placed),
        None => fault,
    }
}

/// The place of a part in a turn of Gemini's, which may be several messages of canon.
fn part_of_turn(request: &Request, number: &str, rest: &str) -> String {
    let message = number.parse::<usize>().unwrap_or_default();
    let at = request.messages.get(message).and_then(|message| message.at.as_deref());
    let before = request.messages.get(..message).unwrap_or_default().iter().rev();
    let before: usize = before
        .take_while(|message| at.is_some() && message.at.as_deref() == at)
        .map(|message| message.parts.len())
        .sum();
    let part = rest.strip_prefix(".content[").and_then(|rest| rest.split_once(']'));
    match part.and_then(|(part, rest)| Some((part.parse::<usize>().ok()?, rest))) {
        Some((part, rest)) => format!(".parts[{}]{rest}", before + part),
        None => rest.to_owned(),
    }
}

/// The client's name of a field of canon, such as `messages[2].content[0]` or `top_k`.
fn field<'a>(client: Dialect, asked: &Asked, field: &'a str) -> Cow<'a, str> {
    let hint = match client {
        Dialect::BedrockConverse | Dialect::BedrockCount => ".cachePoint",
        Dialect::OpenaiResponses | Dialect::OpenaiCount => ".prompt_cache_breakpoint",
        _ => return stands(client, asked, field),
    };
    match field.strip_suffix(".cache_control") {
        Some(place) => format!("{}{hint}", stands(client, asked, place)).into(),
        None => stands(client, asked, field),
    }
}

/// Where an input of vectors stands: what its client calls the list, or the one input that it sent.
fn input(client: Dialect, asked: &Asked, field: &str) -> Option<String> {
    let Asked::Embed(request) = asked else { return None };
    let (number, rest) = field.strip_prefix("input[")?.split_once(']')?;
    let given = request.inputs.get(number.parse::<usize>().ok()?);
    // A medium is what a text was expected in place of.
    let medium = match given {
        Some(EmbedInput::Parts(parts)) => {
            parts.iter().position(|part| !matches!(part.kind, PartKind::Text(_)))
        }
        _ => None,
    };
    let part = medium.map(|part| format!(".parts[{part}]")).unwrap_or_default();
    Some(match client {
        Dialect::GeminiEmbed => format!("requests[{number}].content{part}{rest}"),
        Dialect::GeminiEmbedOne => format!("content{part}{rest}"),
        Dialect::VertexPredict => format!("instances[{number}].content{rest}"),
        Dialect::OllamaEmbedOne => "prompt".to_owned(),
        Dialect::BedrockTitanEmbed if medium.is_some() => "inputImage".to_owned(),
        Dialect::BedrockTitanEmbed => "inputText".to_owned(),
        Dialect::CohereEmbed => {
            let images = |part: &Part| part.native_for(client).is_some_and(|own| own.get("field").is_some());
            match given {
                Some(EmbedInput::Parts(parts)) if parts.iter().any(images) => {
                    format!("images[{number}]{rest}")
                }
                Some(EmbedInput::Parts(_)) => format!("inputs[{number}]{rest}"),
                _ => format!("texts[{number}]{rest}"),
            }
        }
        _ => return None,
    })
}

/// Where it stands in the client's request.
fn stands<'a>(client: Dialect, asked: &Asked, field: &'a str) -> Cow<'a, str> {
    if let Some(rest) = field.strip_prefix("messages[")
        && let Some((number, rest)) = rest.split_once(']')
    {
        let Asked::Chat(request) = asked else { return field.into() };
        let message = number.parse().ok().and_then(|number: usize| request.messages.get(number));
        let at = message.and_then(|message| message.at.as_deref());
        // Thoughts have a field of their own in OpenAI's words alone.
        let thoughts = message.filter(|_| rest == ".reasoning" && client != Dialect::OpenaiChat);
        let block = thoughts.and_then(|message| message.parts.iter().position(is_thought));
        let block = block.map(|block| format!(".content[{block}]"));
        let rest = block.as_deref().unwrap_or(rest);
        if let (Dialect::OpenaiResponses, Some(message), Some(at)) = (client, message, at) {
            return item(message, at, rest).into();
        }
        let rest =
            if client == Dialect::GeminiGenerate { part_of_turn(request, number, rest) } else { rest.into() };
        // Where instructions are a list of blocks, no content is between it and them.
        let listed = matches!(
            client,
            Dialect::AnthropicMessages
                | Dialect::AnthropicCount
                | Dialect::BedrockConverse
                | Dialect::BedrockCount
        );
        let bare = if listed && at == Some("system") { rest.strip_prefix(".content") } else { None };
        return match at {
            Some(at) => format!("{at}{}", bare.unwrap_or(&rest)).into(),
            None => format!("messages[{number}]{rest}").into(),
        };
    }
    if let Asked::Chat(request) | Asked::Count(request) = asked
        && let Some(place) = schemas::place(client, request, field)
    {
        return place.into();
    }
    if let Some(place) = input(client, asked, field) {
        return place.into();
    }
    if client == Dialect::GeminiEmbedOne
        && let Some(own) = field.strip_prefix("requests[0].")
    {
        return own.into();
    }
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (name, rest) = field.split_at(end);
    match names(client).iter().find(|(canon, _)| *canon == name) {
        Some((_, theirs)) => format!("{theirs}{rest}").into(),
        None => field.into(),
    }
}

const fn is_thought(part: &Part) -> bool {
    matches!(part.kind, PartKind::Reasoning(_))
}

/// The place of a part in the Responses API, where a message of canon's may be several items: the calls, thoughts and words
/// of a turn. `at` is where the first of them stands.
fn item(message: &Message, at: &str, rest: &str) -> String {
    let numbered = || {
        let (number, rest) = rest.strip_prefix(".content[")?.split_once(']')?;
        Some((number.parse::<usize>().ok()?, rest))
    };
    let Some((number, rest)) = numbered() else { return format!("{at}{rest}") };
    let Some(first) = at.strip_prefix("input[").and_then(|at| at.strip_suffix(']')?.parse::<usize>().ok())
    else {
        // Instructions, a question that is one text, or what an earlier response holds.
        return format!("{at}{rest}");
    };
    let Some(part) = message.parts.get(number) else { return format!("{at}{rest}") };
    let foreign = |part: &Part| part.native.as_ref().is_some_and(|it| it.owner != Dialect::OpenaiResponses);
    let (mut before, mut index) = (0, number);
    // Parts that were put back from elsewhere stand in no item of the client's.
    if message.role == Role::Assistant && !message.parts.iter().any(foreign) {
        let starts = |at: &usize| begins_item(&message.parts, *at);
        before = (1..=number).filter(starts).count();
        index = number - (0..=number).rev().find(starts).unwrap_or(0);
    }
    let at = format!("input[{}]", first + before);
    match &part.kind {
        PartKind::Text(_) | PartKind::Refusal(_) | PartKind::Media { .. } => {
            format!("{at}.content[{index}]{rest}")
        }
        _ => format!("{at}{rest}"),
    }
}

/// Does an item begin with this part? The first always does; a tool that the provider ran is one, with what it returned.
fn begins_item(parts: &[Part], at: usize) -> bool {
    let Some((part, before)) = parts.get(at).zip(at.checked_sub(1).and_then(|at| parts.get(at))) else {
        return true;
    };
    let joins = part.native.as_ref().is_some_and(|native| native.value.get("joins") == Some(&true.into()));
    let result = match (&before.kind, &part.kind) {
        (PartKind::ServerCall(call), PartKind::ServerResult(result)) => call.id == result.call,
        _ => false,
    };
    !joins && !result
}

/// Canon's names that a dialect has others for.
const fn names(client: Dialect) -> &'static [(&'static str, &'static str)] {
    match client {
        Dialect::AnthropicMessages | Dialect::AnthropicCount => ANTHROPIC,
        Dialect::GeminiGenerate | Dialect::GeminiCount => GEMINI,
        Dialect::OpenaiResponses | Dialect::OpenaiCount => RESPONSES,
        Dialect::OllamaChat | Dialect::OllamaGenerate => OLLAMA,
        Dialect::BedrockConverse | Dialect::BedrockCount => CONVERSE,
        Dialect::CohereChat => COHERE,
        Dialect::BedrockRerank => RERANK,
        Dialect::VoyageRerank => &[("top_n", "top_k")],
        Dialect::OpenaiCompletions => COMPLETIONS,
        Dialect::GeminiEmbed => GEMINI_EMBED,
        Dialect::GeminiEmbedOne => GEMINI_EMBED_ONE,
        Dialect::VertexPredict => PREDICT,
        Dialect::CohereEmbed => COHERE_EMBED,
        Dialect::OllamaEmbedOne => &[("input", "prompt")],
        Dialect::BedrockTitanEmbed => &[("input", "inputText")],
        _ => &[],
    }
}

// tidy: table
const ANTHROPIC: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("parallel_tool_calls", "tool_choice.disable_parallel_tool_use"),
    ("reasoning_effort", "thinking"),
    ("response_format", "output_config.format"),
    ("stop", "stop_sequences"),
    ("user", "metadata.user_id"),
];

// tidy: table
const GEMINI: &[(&str, &str)] = &[
    ("frequency_penalty", "generationConfig.frequencyPenalty"),
    ("logprobs", "generationConfig.responseLogprobs"),
    ("max_completion_tokens", "generationConfig.maxOutputTokens"),
    ("modalities", "generationConfig.responseModalities"),
    ("n", "generationConfig.candidateCount"),
    ("presence_penalty", "generationConfig.presencePenalty"),
    ("reasoning_effort", "generationConfig.thinkingConfig"),
    ("response_format", "generationConfig.responseJsonSchema"),
    ("seed", "generationConfig.seed"),
    ("stop", "generationConfig.stopSequences"),
    ("temperature", "generationConfig.temperature"),
    ("tool_choice", "toolConfig.functionCallingConfig"),
    ("top_k", "generationConfig.topK"),
    ("top_logprobs", "generationConfig.logprobs"),
    ("top_p", "generationConfig.topP"),
];

// tidy: table
const RESPONSES: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_output_tokens"),
    ("reasoning_effort", "reasoning.effort"),
    ("response_format", "text.format"),
    ("verbosity", "text.verbosity"),
];

// tidy: table
const OLLAMA: &[(&str, &str)] = &[
    ("frequency_penalty", "options.frequency_penalty"),
    ("max_completion_tokens", "options.num_predict"),
    ("presence_penalty", "options.presence_penalty"),
    ("reasoning_effort", "think"),
    ("response_format", "format"),
    ("seed", "options.seed"),
    ("stop", "options.stop"),
    ("temperature", "options.temperature"),
    ("top_k", "options.top_k"),
    ("top_p", "options.top_p"),
];

// tidy: table
const CONVERSE: &[(&str, &str)] = &[
    ("max_completion_tokens", "inferenceConfig.maxTokens"),
    ("metadata", "requestMetadata"),
    ("reasoning_effort", "additionalModelRequestFields"),
    ("response_format", "outputConfig.textFormat"),
    ("stop", "inferenceConfig.stopSequences"),
    ("temperature", "inferenceConfig.temperature"),
    ("tool_choice", "toolConfig.toolChoice"),
    ("tools", "toolConfig.tools"),
    ("top_k", "additionalModelRequestFields.top_k"),
    ("top_p", "inferenceConfig.topP"),
];

// tidy: table
const COHERE: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_tokens"),
    ("reasoning_effort", "thinking"),
    ("stop", "stop_sequences"),
    ("top_k", "k"),
    ("top_p", "p"),
];

const COMPLETIONS: &[(&str, &str)] =
    &[("max_completion_tokens", "max_tokens"), ("messages", "prompt"), ("top_logprobs", "logprobs")];

const GEMINI_EMBED: &[(&str, &str)] = &[
    ("dimensions", "requests[0].outputDimensionality"),
    ("input", "requests"),
    ("task", "requests[0].taskType"),
];

const GEMINI_EMBED_ONE: &[(&str, &str)] =
    &[("dimensions", "outputDimensionality"), ("input", "content"), ("task", "taskType")];

const PREDICT: &[(&str, &str)] = &[
    ("dimensions", "parameters.outputDimensionality"),
    ("input", "instances"),
    ("task", "instances[0].task_type"),
    ("truncate", "parameters.autoTruncate"),
];

const COHERE_EMBED: &[(&str, &str)] = &[
    ("dimensions", "output_dimension"),
    ("encoding_format", "embedding_types"),
    ("input", "texts"),
    ("task", "input_type"),
];

const RERANK: &[(&str, &str)] =
    &[("top_n", "rerankingConfiguration.bedrockRerankingConfiguration.numberOfResults")];

#[cfg(test)]
mod tests {
    use contract::canon::{Provenance, Request};

    use super::*;

    #[test]
    fn items_of_one_turn_are_told_apart() {
        let body = serde_json::json!({"model": "m", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
            {"type": "web_search_call", "id": "w", "status": "completed", "action": {"type": "search", "query": "q"}},
            {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "x"},
                {"type": "summary_text", "text": "y"}]},
            {"type": "message", "role": "assistant", "id": "i", "content": [
                {"type": "output_text", "text": "c"}, {"type": "output_text", "text": "d"}]},
            {"type": "function_call", "call_id": "f", "name": "n", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "f", "output": "o"}]});
        let asked = crate::read_request(Dialect::OpenaiResponses, body.to_string().as_bytes()).unwrap();
        for (canon, theirs) in [
            ("messages[0].content[1].x", "input[0].content[1].x"),
            ("messages[1].content[0]", "input[1]"),
            ("messages[1].content[1]", "input[1]"),
            ("messages[1].content[2]", "input[2]"),
            ("messages[1].content[3]", "input[2]"),
            ("messages[1].reasoning", "input[2]"),
            ("messages[1].content[4].x", "input[3].content[0].x"),
            ("messages[1].content[5]", "input[3].content[1]"),
            ("messages[1].content[6]", "input[4]"),
            ("messages[1].content[9]", "input[1]"),
            ("messages[2].content[0].x", "input[5].x"),
            ("messages[2].name", "input[5].name"),
        ] {
            assert_eq!(field(Dialect::OpenaiResponses, &asked, canon), theirs, "{canon}");
        }
    }

    #[test]
    fn thoughts_are_named_where_they_stand() {
        let thought = Part::new(PartKind::Reasoning("x".into()), Provenance::Model);
        let parts = vec![Part::text("a", Provenance::Model), thought];
        let messages = vec![Message::new(Role::Assistant, parts)];
        let asked = Asked::Chat(Box::new(Request { messages, ..Request::default() }));
        for (client, theirs) in [
            (Dialect::AnthropicMessages, "messages[0].content[1]"),
            (Dialect::GeminiGenerate, "messages[0].parts[1]"),
            (Dialect::OpenaiChat, "messages[0].reasoning"),
        ] {
            assert_eq!(field(client, &asked, "messages[0].reasoning"), theirs);
        }
    }

    #[test]
    fn losses_of_vectors_are_named_as_the_client_names_them() {
        let picture = crate::read_request(
            Dialect::GeminiEmbedOne,
            br#"{"content":{"parts":[{"text":"a"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}"#,
        );
        let picture = picture.unwrap();
        let text = crate::read_request(Dialect::CohereEmbed, br#"{"model":"m","texts":["a"]}"#).unwrap();
        for (client, asked, canon, theirs) in [
            (Dialect::GeminiEmbedOne, &picture, "input[0]", "content.parts[1]"),
            (Dialect::GeminiEmbedOne, &picture, "task", "taskType"),
            (Dialect::GeminiEmbedOne, &picture, "requests[0].title", "title"),
            (Dialect::GeminiEmbed, &picture, "input[0]", "requests[0].content.parts[1]"),
            (Dialect::GeminiEmbed, &picture, "requests[0].title", "requests[0].title"),
            (Dialect::CohereEmbed, &text, "input[0]", "texts[0]"),
            (Dialect::CohereEmbed, &text, "task", "input_type"),
            (Dialect::VertexPredict, &text, "input[0]", "instances[0].content"),
            (Dialect::OpenaiEmbeddings, &text, "input[0]", "input[0]"),
        ] {
            assert_eq!(field(client, asked, canon), theirs, "{client}");
        }
    }

    #[test]
    fn losses_are_named_as_the_client_names_them() {
        let said = |at: &str| Message { at: Some(at.into()), ..Message::new(Role::User, Vec::new()) };
        let messages = vec![said("system"), Message::new(Role::User, Vec::new())];
        let asked = Asked::Chat(Box::new(Request { messages, ..Request::default() }));
        for (client, canon, theirs) in [
            (Dialect::AnthropicMessages, "stop[4]", "stop_sequences[4]"),
            (Dialect::AnthropicMessages, "messages[0].content[1]", "system[1]"),
            (Dialect::AnthropicMessages, "messages[1].content[1]", "messages[1].content[1]"),
            (Dialect::GeminiGenerate, "messages[0].content[1]", "system.parts[1]"),
            (Dialect::GeminiGenerate, "top_k", "generationConfig.topK"),
            (Dialect::OpenaiResponses, "reasoning_effort", "reasoning.effort"),
            (Dialect::OpenaiChat, "reasoning_effort", "reasoning_effort"),
            (Dialect::OpenaiChat, "messages[9].name", "messages[9].name"),
            (Dialect::OllamaChat, "tools[0]", "tools[0]"),
            (Dialect::OpenaiCompletions, "messages", "prompt"),
            (Dialect::OpenaiCompletions, "top_logprobs", "logprobs"),
            (Dialect::BedrockConverse, "tools[0].strict", "toolConfig.tools[0].strict"),
            (
                Dialect::BedrockConverse,
                "messages[1].content[1].cache_control",
                "messages[1].content[1].cachePoint",
            ),
            (
                Dialect::AnthropicMessages,
                "messages[1].content[1].cache_control",
                "messages[1].content[1].cache_control",
            ),
        ] {
            assert_eq!(field(client, &asked, canon), theirs);
        }
    }
}
