//! Receipts in the client's own words: writers name canon's fields, the client knows those of its dialect.

use std::borrow::Cow;

use contract::Fault;
use contract::canon::{Asked, Receipt};
use contract::words::Dialect;

/// Names the losses of a request as its client would.
#[must_use]
pub fn place(client: Dialect, asked: &Asked, receipt: &Receipt) -> Receipt {
    let mut placed = Receipt::default();
    for lost in receipt.entries() {
        placed.dropped(field(client, asked, &lost.field).into_owned(), lost.reason.clone());
    }
    placed
}

/// A fault that names the field at fault as the client would.
#[must_use]
pub fn place_fault(client: Dialect, asked: &Asked, fault: Fault) -> Fault {
    let placed = fault.param().map(|param| field(client, asked, param).into_owned());
    match placed {
        Some(placed) => fault.at(placed),
        None => fault,
    }
}

/// The client's name of a field of canon, such as `messages[2].content[0]` or `top_k`.
fn field<'a>(client: Dialect, asked: &Asked, field: &'a str) -> Cow<'a, str> {
    if let Some(rest) = field.strip_prefix("messages[")
        && let Some((number, rest)) = rest.split_once(']')
    {
        let Asked::Chat(request) = asked else { return field.into() };
        let message = number.parse().ok().and_then(|number: usize| request.messages.get(number));
        let at = message.and_then(|message| message.at.as_deref());
        let rest = if client == Dialect::GeminiGenerate {
            rest.replacen(".content[", ".parts[", 1)
        } else {
            rest.into()
        };
        return match at {
            Some(at) => format!("{at}{rest}").into(),
            None => format!("messages[{number}]{rest}").into(),
        };
    }
    let end = field.find(['.', '[']).unwrap_or(field.len());
    let (name, rest) = field.split_at(end);
    match names(client).iter().find(|(canon, _)| *canon == name) {
        Some((_, theirs)) => format!("{theirs}{rest}").into(),
        None => field.into(),
    }
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

const RERANK: &[(&str, &str)] =
    &[("top_n", "rerankingConfiguration.bedrockRerankingConfiguration.numberOfResults")];

#[cfg(test)]
mod tests {
    use contract::canon::{Message, Request, Role};

    use super::*;

    #[test]
    fn losses_are_named_as_the_client_names_them() {
        let said = |at: &str| Message { at: Some(at.into()), ..Message::new(Role::User, Vec::new()) };
        let messages = vec![said("system"), Message::new(Role::User, Vec::new())];
        let asked = Asked::Chat(Box::new(Request { messages, ..Request::default() }));
        for (client, canon, theirs) in [
            (Dialect::AnthropicMessages, "stop[4]", "stop_sequences[4]"),
            (Dialect::AnthropicMessages, "messages[0].content[1]", "system.content[1]"),
            (Dialect::AnthropicMessages, "messages[1].content[1]", "messages[1].content[1]"),
            (Dialect::GeminiGenerate, "messages[0].content[1]", "system.parts[1]"),
            (Dialect::GeminiGenerate, "top_k", "generationConfig.topK"),
            (Dialect::OpenaiResponses, "reasoning_effort", "reasoning.effort"),
            (Dialect::OpenaiChat, "reasoning_effort", "reasoning_effort"),
            (Dialect::OpenaiChat, "messages[9].name", "messages[9].name"),
            (Dialect::OllamaChat, "tools[0]", "tools[0]"),
            (Dialect::BedrockConverse, "tools[0].strict", "toolConfig.tools[0].strict"),
        ] {
            assert_eq!(field(client, &asked, canon), theirs);
        }
    }
}
