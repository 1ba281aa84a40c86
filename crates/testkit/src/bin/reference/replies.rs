//! What an answer can say: one case for each word of canon that is worth a row, and how an answer is told as a stream.

use std::fmt::Debug;

use anyhow::{Context, Result};
use contract::canon::{
    Alternative, Answered, Choice, Citation, Event, Finish, MediaKind, MediaSource, Native, Part, PartKind,
    PartStart, Provenance, Reply, ServerCall, ServerResult, ServerTool, TokenLogprob,
};
use contract::words::{Dialect, Usage};
use serde_json::json;

type Case = crate::judge::Case<Reply>;

const CONTENT: &str = "What is answered";
const AROUND: &str = "Sources and likelihoods";
const ENDS: &str = "Why it stopped";
const USAGE: &str = "What it consumed";

/// An answer that every dialect can give.
pub(crate) fn base() -> Reply {
    Reply {
        id: "answer-1".to_owned(),
        model: "model".to_owned(),
        created: Some(1_700_000_000),
        choices: vec![Choice { parts: vec![Part::text("A cat.", Provenance::Model)], ..Choice::default() }],
        usage: Some(Usage { input: 100, output: 50, ..Usage::default() }),
        ..Reply::default()
    }
}

/// All rows, in the order of the page.
pub(crate) fn cases() -> Result<Vec<Case>> {
    let mut cases = content()?;
    cases.extend(around());
    cases.extend(ends());
    cases.extend(usage());
    Ok(cases)
}

fn text(it: &impl Debug) -> String {
    format!("{it:?}")
}

fn parts(reply: &Reply) -> impl Iterator<Item = &Part> {
    reply.choices.iter().flat_map(|choice| &choice.parts)
}

fn found<'a, T: Debug + 'a>(reply: &'a Reply, pick: impl Fn(&'a Part) -> Option<T>) -> String {
    text(&parts(reply).filter_map(pick).collect::<Vec<_>>())
}

/// Puts a part before the text.
fn first(reply: &mut Reply, part: Part) {
    reply.choices[0].parts.insert(0, part);
}

fn part(kind: PartKind) -> Part {
    Part::new(kind, Provenance::Model)
}

fn call(id: &str, custom: bool) -> Part {
    let (name, arguments) = if custom { ("run", "print(1)") } else { ("look_up", r#"{"word":"cat"}"#) };
    part(PartKind::ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        custom,
    })
}

fn calls(reply: &mut Reply, parts: Vec<Part>) {
    reply.choices[0].parts.extend(parts);
    reply.choices[0].finish = Finish::ToolCalls;
}

fn content() -> Result<Vec<Case>> {
    let called = |it: &Reply| {
        found(it, |part| match &part.kind {
            PartKind::ToolCall { id, name, arguments, custom } => Some((id, name, arguments, custom)),
            _ => None,
        })
    };
    let media = |it: &Reply| {
        found(it, |part| match &part.kind {
            PartKind::Media { kind, source } => Some((kind, source)),
            _ => None,
        })
    };
    let medium = |kind: MediaKind, mime: &'static str| {
        move |it: &mut Reply| {
            let source = MediaSource::Base64 { mime: mime.to_owned(), data: "aGVsbG8=".to_owned() };
            it.choices[0].parts.push(part(PartKind::Media { kind, source }));
        }
    };
    let mut cases = vec![
        Case::new(
            CONTENT,
            "the provider's id of the answer",
            |it| it.id = "other".to_owned(),
            |it| it.id.clone(),
        ),
        Case::new(CONTENT, "when it was made", |it| it.created = Some(1_600_000_000), |it| text(&it.created)),
        Case::new(
            CONTENT,
            "several answers (`n`)",
            |it| {
                it.choices.push(Choice {
                    parts: vec![Part::text("A dog.", Provenance::Model)],
                    ..Choice::default()
                });
            },
            |it| text(&it.choices.len()),
        ),
        Case::new(
            CONTENT,
            "thoughts",
            |it| first(it, part(PartKind::Reasoning("I see fur.".to_owned()))),
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::Reasoning(text) => Some(text),
                    _ => None,
                })
            },
        ),
        Case::new(CONTENT, "a call of a function", |it| calls(it, vec![call("call_1", false)]), called),
        Case::new(
            CONTENT,
            "several calls",
            |it| calls(it, vec![call("call_1", false), call("call_2", false)]),
            called,
        ),
        Case::new(CONTENT, "a call of a custom tool", |it| calls(it, vec![call("call_1", true)]), called),
        Case::new(
            CONTENT,
            "a refusal in words",
            |it| {
                it.choices[0].parts = vec![part(PartKind::Refusal("I would rather not.".to_owned()))];
                it.choices[0].finish = Finish::Refusal;
            },
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::Refusal(text) => Some(text),
                    _ => None,
                })
            },
        ),
        Case::new(CONTENT, "a picture", medium(MediaKind::Image, "image/png"), media),
        Case::new(CONTENT, "speech", medium(MediaKind::Audio, "audio/wav"), media),
    ];
    cases.extend(served());
    cases.extend(natives()?);
    Ok(cases)
}

/// What the provider's own tools did.
fn served() -> Vec<Case> {
    [
        ("a web search and what it found", ServerTool::WebSearch, r#"{"query":"fur"}"#),
        ("code that was run and its output", ServerTool::Code, r#"{"code":"print(1)"}"#),
        ("a call of an MCP server and its result", ServerTool::Mcp, "{}"),
    ]
    .into_iter()
    .map(|(name, tool, input)| {
        let ran = ServerCall {
            id: "run_1".to_owned(),
            tool,
            name: Some("look".to_owned()),
            input: input.to_owned(),
        };
        let result = ServerResult { call: "run_1".to_owned(), tool, output: "1".to_owned(), failed: false };
        Case::new(
            CONTENT,
            name,
            move |it: &mut Reply| {
                first(it, part(PartKind::ServerResult(result.clone())));
                first(it, part(PartKind::ServerCall(ran.clone())));
            },
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::ServerCall(call) => Some(text(&call.tool)),
                    PartKind::ServerResult(result) => Some(text(&result.tool)),
                    _ => None,
                })
            },
        )
    })
    .collect()
}

/// What only its own dialect understands, read from what it sends.
fn natives() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, owner, body) in [
        (
            "the signature of a thought",
            Dialect::AnthropicMessages,
            json!({"id": "m", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "content": [{"type": "thinking", "thinking": "I see fur.", "signature": "c2lnbmVk"}],
                "usage": {"input_tokens": 1, "output_tokens": 1}}),
        ),
        (
            "encrypted reasoning",
            Dialect::OpenaiResponses,
            json!({"id": "r", "object": "response", "status": "completed", "model": "m", "output": [{"type": "reasoning",
                "id": "rs_1", "summary": [{"type": "summary_text", "text": "I see fur."}], "encrypted_content": "c2lnbmVk"}]}),
        ),
        (
            "a thought signature",
            Dialect::GeminiGenerate,
            json!({"candidates": [{"content": {"role": "model", "parts":
                [{"text": "I see fur.", "thought": true, "thoughtSignature": "c2lnbmVk"}]}}]}),
        ),
    ] {
        let Answered::Chat(reply) = wire::read_reply(owner, body.to_string().as_bytes())? else { continue };
        let thought = reply.choices.into_iter().flat_map(|it| it.parts).next().context("no thought")?;
        let case =
            Case::new(
                CONTENT,
                format!("{name} of `{owner}`"),
                move |it: &mut Reply| {
                    it.choices[0].parts.remove(0);
                    first(it, thought.clone());
                },
                move |it| {
                    text(&parts(it).any(|part| {
                        part.native_for(owner).is_some_and(|it| it.to_string().contains("c2lnbmVk"))
                    }))
                },
            );
        cases.push(case.within(|it| first(it, part(PartKind::Reasoning("I see fur.".to_owned())))));
    }
    Ok(cases)
}

fn around() -> Vec<Case> {
    let source = |name: &'static str, citation: Citation, pick: fn(&Citation) -> String| {
        let say = move |it: &mut Reply| it.choices[0].parts[0].citations.push(citation.clone());
        Case::new(AROUND, name, say, move |it: &Reply| {
            text(&parts(it).flat_map(|part| &part.citations).map(pick).collect::<Vec<_>>())
        })
    };
    let web = Citation {
        range: Some(0..5),
        url: Some("https://example.com".to_owned()),
        title: Some("Cats".to_owned()),
        ..Citation::default()
    };
    let paper = Citation {
        quote: Some("Cats have fur.".to_owned()),
        title: Some("Cats".to_owned()),
        source: Some("doc-1".to_owned()),
        ..Citation::default()
    };
    let alternative = |text: &str| Alternative { text: text.to_owned(), logprob: -0.5, bytes: None };
    let token = TokenLogprob {
        token: alternative("A cat."),
        top: vec![alternative("A cat."), alternative("A dog.")],
    };
    vec![
        source("a source's URL and title", web.clone(), |it| text(&(&it.url, &it.title))),
        source("the words that rest on it", web, |it| text(&it.range)),
        source("a quote from a document", paper, |it| text(&it.quote)),
        Case::new(
            AROUND,
            "log-probabilities",
            move |it| it.choices[0].logprobs = vec![token.clone()],
            |it| {
                let tokens = it.choices.iter().flat_map(|it| &it.logprobs);
                text(&tokens.map(|it| (&it.token.text, it.token.logprob)).collect::<Vec<_>>())
            },
        ),
        Case::new(
            AROUND,
            "the likeliest tokens beside them",
            {
                let token = TokenLogprob {
                    token: alternative("A cat."),
                    top: vec![alternative("A cat."), alternative("A dog.")],
                };
                move |it| it.choices[0].logprobs = vec![token.clone()]
            },
            |it| {
                text(
                    &it.choices.iter().flat_map(|it| &it.logprobs).map(|it| it.top.len()).collect::<Vec<_>>(),
                )
            },
        ),
    ]
}

fn ends() -> Vec<Case> {
    let mut cases: Vec<_> = [
        ("the output limit", Finish::Length),
        ("a stop text", Finish::StopSequence),
        ("calls of tools", Finish::ToolCalls),
        ("a safety filter", Finish::ContentFilter),
        ("the model declined", Finish::Refusal),
        ("the context window was full", Finish::ContextWindow),
        ("a call that cannot be read", Finish::MalformedCall),
        ("a pause, to be called again", Finish::Pause),
    ]
    .into_iter()
    .map(|(name, finish)| {
        let (meant, calls) = (finish.clone(), finish == Finish::ToolCalls);
        Case::new(
            ENDS,
            name,
            move |it: &mut Reply| it.choices[0].finish = meant.clone(),
            |it| text(&it.choices.first().map(|it| &it.finish)),
        )
        .within(move |it| {
            if calls {
                it.choices[0].parts.push(call("call_1", false));
            }
        })
    })
    .collect();
    cases.push(
        Case::new(
            ENDS,
            "which stop text it was",
            |it| it.choices[0].stop_sequence = Some("END".to_owned()),
            |it| text(&it.choices.first().map(|it| &it.stop_sequence)),
        )
        .within(|it| it.choices[0].finish = Finish::StopSequence),
    );
    cases
}

fn usage() -> Vec<Case> {
    macro_rules! counts {
        ($($name:literal = $field:ident),*) => {
            vec![$(Case::new(
                USAGE,
                $name,
                |it| it.usage.iter_mut().for_each(|it| it.$field = 20),
                |it| text(&it.usage.map(|it| it.$field)),
            )),*]
        };
    }
    counts!(
        "input tokens" = input,
        "of these, read from the cache" = cached,
        "written to the cache (5 minutes)" = cache_write,
        "written to the cache (1 hour)" = cache_write_long,
        "input tokens of sound" = audio_input,
        "input tokens of pictures" = image_input,
        "output tokens" = output,
        "of these, thoughts" = reasoning,
        "output tokens of sound" = audio_output,
        "output tokens of pictures" = image_output,
        "searches by the piece" = searches,
        "other tools by the piece" = tools
    )
}

/// The same answer as an upstream streams it.
pub(crate) fn events(reply: &Reply) -> Vec<Event> {
    let mut events = vec![Event::Start {
        id: reply.id.clone(),
        model: reply.model.clone(),
        created: reply.created,
        extra: reply.extra.clone(),
    }];
    for (choice, it) in (0..).zip(&reply.choices) {
        for (index, part) in (0..).zip(&it.parts) {
            part_events(choice, index, part, &mut events);
            // They come with the text they are of.
            if matches!(part.kind, PartKind::Text(_)) && !it.logprobs.is_empty() {
                let last = events.len().saturating_sub(1);
                events.insert(last, Event::Logprobs { choice, tokens: it.logprobs.clone() });
            }
        }
        let (reason, stop_sequence) = (it.finish.clone(), it.stop_sequence.clone());
        events.push(Event::Finish { choice, reason, stop_sequence });
    }
    events.extend(reply.usage.map(Event::Usage));
    events.push(Event::End);
    events
}

fn part_events(choice: u32, index: u32, part: &Part, events: &mut Vec<Event>) {
    let said = |text: &String| Some(text.clone());
    let (start, delta) = match &part.kind {
        PartKind::Text(text) => (PartStart::Text, said(text)),
        PartKind::Reasoning(text) => (PartStart::Reasoning, said(text)),
        PartKind::Refusal(text) => (PartStart::Refusal, said(text)),
        PartKind::ToolCall { id, name, arguments, custom } => {
            (PartStart::ToolCall { id: id.clone(), name: name.clone(), custom: *custom }, said(arguments))
        }
        PartKind::ServerCall(call) => {
            let start =
                PartStart::ServerCall { id: call.id.clone(), tool: call.tool, name: call.name.clone() };
            (start, said(&call.input))
        }
        PartKind::ServerResult(result) => (PartStart::ServerResult(result.clone()), None),
        PartKind::Media { kind, source: MediaSource::Base64 { mime, data } } => {
            (PartStart::Media { kind: *kind, mime: mime.clone() }, said(data))
        }
        _ => (PartStart::Native, None),
    };
    let native = part.native.clone();
    // Signatures come at the end of what they sign.
    let (early, late): (Option<Native>, Option<Native>) =
        if matches!(start, PartStart::Reasoning) { (None, native) } else { (native, None) };
    events.push(Event::PartStart { choice, index, part: start, native: early });
    events.extend(delta.map(|text| Event::Delta { choice, index, text }));
    let cited = part.citations.iter().cloned();
    events.extend(cited.map(|citation| Event::Citation { choice, index, citation }));
    events.extend(late.map(|native| Event::NativeDelta { choice, index, native }));
    events.push(Event::PartStop { choice, index });
}
