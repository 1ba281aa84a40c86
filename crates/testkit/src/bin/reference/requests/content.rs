//! Roles, texts, media, and what stands in earlier turns.

use anyhow::Result;
use contract::canon::{
    CacheHint, Citation, MediaKind, MediaSource, Part, PartKind, Provenance, Request, Role,
};
use contract::words::Dialect;
use serde_json::{Value, json};

use super::{Case, found, parts, read, said, text, texts};

const ROLES: &str = "Roles and turns";
const MEDIA: &str = "Media in a user's message";
const THOUGHTS: &str = "Thoughts and blocks of earlier answers";
const HINTS: &str = "Cache hints";

pub(super) fn cases() -> Result<Vec<Case>> {
    let mut cases = roles();
    cases.extend(media());
    cases.extend(thoughts()?);
    cases.extend(hints());
    Ok(cases)
}

fn roles() -> Vec<Case> {
    let order = |request: &Request| text(&request.messages.iter().map(|it| it.role).collect::<Vec<_>>());
    vec![
        Case::new(
            ROLES,
            "system text at the start",
            |it: &mut Request| it.messages.insert(0, said(Role::System, "Be brief.")),
            |it| texts(it, Role::System),
        ),
        Case::new(
            ROLES,
            "system text in its place between turns",
            |it| it.messages.insert(1, said(Role::System, "Be brief.")),
            order,
        )
        .within(|it| it.messages.push(said(Role::User, "And that?"))),
        Case::new(
            ROLES,
            "developer text",
            |it| it.messages.insert(0, said(Role::Developer, "Be brief.")),
            |it| texts(it, Role::Developer),
        ),
        Case::new(
            ROLES,
            "earlier turns of the assistant",
            |it| it.messages.extend([said(Role::Assistant, "A cat."), said(Role::User, "And that?")]),
            |it| texts(it, Role::Assistant),
        ),
        Case::new(
            ROLES,
            "the beginning of the answer",
            |it| it.messages.push(said(Role::Assistant, "It is a")),
            |it| texts(it, Role::Assistant),
        ),
        Case::new(
            ROLES,
            "a participant's name",
            |it| it.messages.iter_mut().for_each(|it| it.name = Some("ada".to_owned())),
            |it| text(&it.messages.iter().map(|it| &it.name).collect::<Vec<_>>()),
        ),
    ]
}

fn media() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, name, mime, end) in [
        (MediaKind::Image, "image", "image/png", "png"),
        (MediaKind::Audio, "audio", "audio/wav", "wav"),
        (MediaKind::Video, "video", "video/mp4", "mp4"),
        (MediaKind::Document, "document (PDF)", "application/pdf", "pdf"),
    ] {
        let inline = MediaSource::Base64 { mime: mime.to_owned(), data: "aGVsbG8=".to_owned() };
        let url = MediaSource::Url(format!("https://example.com/it.{end}"));
        for (how, source) in
            [("base64", inline), ("URL", url), ("file id", MediaSource::File("file-1".into()))]
        {
            let say = move |it: &mut Request| add(it, PartKind::Media { kind, source: source.clone() });
            cases.push(Case::new(MEDIA, format!("{name}: {how}"), say, sources));
        }
    }
    let plain = MediaSource::Base64 { mime: "text/plain".to_owned(), data: "aGVsbG8=".to_owned() };
    let say = move |it: &mut Request| {
        add(it, PartKind::Media { kind: MediaKind::Document, source: plain.clone() });
    };
    cases.push(Case::new(MEDIA, "document (text): base64", say, sources));
    cases
}

/// Adds to what the user says.
fn add(request: &mut Request, kind: PartKind) {
    request.messages[0].parts.push(Part::new(kind, Provenance::User));
}

pub(super) fn sources(request: &Request) -> String {
    found(request, |part| match &part.kind {
        PartKind::Media { kind, source } => Some((kind, source)),
        _ => None,
    })
}

/// Each block as the dialect that owns it has it, in an earlier turn.
fn thoughts() -> Result<Vec<Case>> {
    let thought = Part::new(PartKind::Reasoning("I see fur.".to_owned()), Provenance::Model);
    let mut cases = vec![
        Case::new(
            THOUGHTS,
            "thoughts as plain text",
            move |it: &mut Request| {
                it.messages[1].parts.insert(0, thought.clone());
            },
            |it| {
                found(it, |part| match &part.kind {
                    PartKind::Reasoning(text) => Some(text),
                    _ => None,
                })
            },
        )
        .within(answered),
    ];
    for (name, owner, body) in blocks() {
        let turns = read(owner, &body)?.messages;
        let say = move |it: &mut Request| it.messages = turns.clone();
        let native = move |it: &Request| {
            found(it, |part| part.native_for(owner).map(|native| (text(&part.kind), native.to_string())))
        };
        cases.push(Case::new(THOUGHTS, format!("{name} of `{owner}`"), say, native).within(answered));
    }
    let citation = Citation {
        url: Some("https://example.com".into()),
        title: Some("Cats".into()),
        ..Citation::default()
    };
    cases.push(
        Case::new(
            THOUGHTS,
            "sources of an earlier text (URL, title)",
            move |it: &mut Request| {
                for part in it
                    .messages
                    .iter_mut()
                    .filter(|it| it.role == Role::Assistant)
                    .flat_map(|it| &mut it.parts)
                {
                    part.citations.push(citation.clone());
                }
            },
            |it| {
                text(
                    &parts(it)
                        .flat_map(|it| &it.citations)
                        .map(|it| (&it.url, &it.title))
                        .collect::<Vec<_>>(),
                )
            },
        )
        .within(answered),
    );
    Ok(cases)
}

/// An earlier turn, and the next question.
pub(super) fn answered(request: &mut Request) {
    request.messages.extend([said(Role::Assistant, "A cat."), said(Role::User, "And that?")]);
}

/// Conversations of one earlier turn with a block that only its owner understands.
fn blocks() -> Vec<(&'static str, Dialect, Value)> {
    let claude = |block: Value| {
        json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": "What is it?"},
            {"role": "assistant", "content": [block, {"type": "text", "text": "A cat."}]},
            {"role": "user", "content": "And that?"}]})
    };
    vec![
        (
            "a signed thought",
            Dialect::AnthropicMessages,
            claude(json!({"type": "thinking", "thinking": "I see fur.", "signature": "c2lnbmVk"})),
        ),
        (
            "a redacted thought",
            Dialect::AnthropicMessages,
            claude(json!({"type": "redacted_thinking", "data": "c2VjcmV0"})),
        ),
        (
            "encrypted reasoning",
            Dialect::OpenaiResponses,
            json!({"model": "m", "input": [
                {"role": "user", "content": "What is it?"},
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"},
                {"role": "assistant", "content": [{"type": "output_text", "text": "A cat."}]},
                {"role": "user", "content": "And that?"}]}),
        ),
        (
            "a thought signature",
            Dialect::GeminiGenerate,
            json!({"contents": [
                {"role": "user", "parts": [{"text": "What is it?"}]},
                {"role": "model", "parts": [{"text": "A cat.", "thoughtSignature": "c2lnbmVk"}]},
                {"role": "user", "parts": [{"text": "And that?"}]}]}),
        ),
        (
            "signed reasoning",
            Dialect::BedrockConverse,
            json!({"messages": [
                {"role": "user", "content": [{"text": "What is it?"}]},
                {"role": "assistant", "content": [
                    {"reasoningContent": {"reasoningText": {"text": "I see fur.", "signature": "c2lnbmVk"}}},
                    {"text": "A cat."}]},
                {"role": "user", "content": [{"text": "And that?"}]}]}),
        ),
    ]
}

fn hints() -> Vec<Case> {
    let seen = |it: &Request| text(&parts(it).map(|part| part.cache).collect::<Vec<_>>());
    let hint = |hint: CacheHint| {
        move |it: &mut Request| {
            it.messages.iter_mut().flat_map(|it| &mut it.parts).for_each(|it| it.cache = Some(hint));
        }
    };
    vec![
        Case::new(HINTS, "keep the prompt up to here: 5 minutes", hint(CacheHint::Short), seen),
        Case::new(HINTS, "keep the prompt up to here: 1 hour", hint(CacheHint::Long), seen),
        Case::new(
            HINTS,
            "a name for what shares a cache (`prompt_cache_key`)",
            |it: &mut Request| it.cache_key = Some("team-1".to_owned()),
            |it| text(&it.cache_key),
        ),
        Case::new(
            HINTS,
            "how long it is kept (`prompt_cache_retention`)",
            |it: &mut Request| it.cache_retention = Some("24h".to_owned()),
            |it| text(&it.cache_retention),
        ),
    ]
}
