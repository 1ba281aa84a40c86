//! `docs/reference/translation.md`: what becomes of each word of canon in each dialect, for models that differ from the rest,
//! and at each kind of provider.

use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use contract::canon::Request;
use contract::ports::SharedProvider;
use contract::words::{Dialect, Operation};

use crate::accounts;
use crate::judge::{Ask, Case, Verdict, Way, judge};
use crate::page::{Cell, Lists, Matrix, Row, list};
use crate::ways::{At, Plain, Told};
use crate::{others, replies, requests};

const HEAD: &str = include_str!("translation.md");

// tidy: table
/// Models that can do less or more than the one that stands for their dialect.
const MODELS: &[(Dialect, &[&str])] = &[
    (
        Dialect::AnthropicMessages,
        &["claude-3-5-haiku-latest", "claude-sonnet-4-0", "claude-sonnet-4-5", "claude-opus-4-7"],
    ),
    (
        Dialect::GeminiGenerate,
        &["gemini-2.0-flash", "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-3-flash-preview"],
    ),
    (
        Dialect::BedrockConverse,
        &["amazon.nova-pro-v1:0", "openai.gpt-oss-120b-1:0", "meta.llama4-maverick-17b-instruct-v1:0"],
    ),
    (Dialect::OllamaChat, &["gpt-oss:20b"]),
];

/// The model that stands for a dialect's.
const fn model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "claude-sonnet-4-6",
        Dialect::GeminiGenerate => "gemini-2.5-pro",
        Dialect::BedrockConverse => "anthropic.claude-sonnet-4-6-v1:0",
        Dialect::GeminiImages => "gemini-2.5-flash-image",
        _ => "model",
    }
}

/// The dialects of an operation that canon has words for.
fn dialects(operation: Operation) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().filter(move |it| it.operation() == operation && wire::has_canon(*it))
}

pub(crate) fn page() -> Result<String> {
    let cases = requests::cases()?;
    let mut out = HEAD.to_owned();
    out.push_str("\n## Conversations: what is asked\n");
    matrix(&cases, Operation::Chat, |it| requests::base(model(it)))?.write("###", &mut out);
    out.push_str("\n## Conversations: what is answered\n");
    answers()?.write("###", &mut out);
    out.push_str("\n## Other requests\n");
    matrix(&others::vectors(), Operation::Embeddings, |it| others::texts(model(it)))?.write("###", &mut out);
    matrix(&others::order(), Operation::Rerank, |it| others::documents(model(it)))?.write("###", &mut out);
    matrix(&others::pictures(), Operation::Images, |it| others::wanted(model(it)))?.write("###", &mut out);
    counts(&cases, &mut out)?;
    models(&cases, &mut out)?;
    kinds(&cases, &mut out)?;
    Ok(out)
}

/// What becomes of each case in each dialect of an operation.
fn matrix<T: Ask>(cases: &[Case<T>], operation: Operation, base: impl Fn(Dialect) -> T) -> Result<Matrix> {
    let dialects: Vec<_> = dialects(operation).collect();
    let mut rows = Vec::new();
    for case in cases {
        let mut cells = Vec::new();
        for dialect in &dialects {
            let verdict = judge(case, &base(*dialect), &Plain(*dialect));
            let verdict = verdict.with_context(|| format!("{} in {dialect}", case.name))?;
            let silent = verdict == Verdict::Omitted && !case.harmless;
            ensure!(!silent, "{} is lost in {dialect}, and no receipt says so", case.name);
            cells.push(Cell { verdict, streamed: None });
        }
        rows.push(Row { topic: case.topic, name: case.name.clone(), cells });
    }
    Ok(Matrix { columns: dialects.iter().map(ToString::to_string).collect(), rows })
}

fn answers() -> Result<Matrix> {
    // What nobody speaks as a client is told to nobody.
    let dialects: Vec<_> =
        dialects(Operation::Chat).filter(|it| *it != Dialect::ReplicatePredictions).collect();
    let mut rows = Vec::new();
    for case in replies::cases()? {
        let mut cells = Vec::new();
        for dialect in &dialects {
            let told = |streamed| {
                judge(&case, &replies::base(), &Told { dialect: *dialect, streamed })
                    .with_context(|| format!("{} in {dialect}, streamed: {streamed}", case.name))
            };
            let (whole, streamed) = (told(false)?, told(true)?);
            let differs = (!whole.is_like(&streamed)).then_some(streamed);
            cells.push(Cell { verdict: whole, streamed: differs });
        }
        rows.push(Row { topic: case.topic, name: case.name.clone(), cells });
    }
    Ok(Matrix { columns: dialects.iter().map(ToString::to_string).collect(), rows })
}

/// What becomes of cases otherwise on one way than on another, by what becomes of it.
#[derive(Default)]
struct Differences(Lists<String>);

impl Differences {
    fn between<T: Ask>(cases: &[Case<T>], usual: (&T, &dyn Way<T>), here: (&T, &dyn Way<T>)) -> Result<Self> {
        let mut found = Self::default();
        for case in cases {
            let (usual, here) = (judge(case, usual.0, usual.1)?, judge(case, here.0, here.1)?);
            if !usual.is_like(&here) {
                list(&mut found.0, &word(&here)).push(case.name.clone());
            }
        }
        Ok(found)
    }

    /// In words, of all that was judged.
    fn text<T>(&self, all: &[Case<T>]) -> String {
        let texts = self.0.iter().map(|(word, names)| format!("**{word}**: {}", families(names, all)));
        let text = texts.collect::<Vec<_>>().join("; ");
        if text.is_empty() { "–".to_owned() } else { text }
    }
}

fn word(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Native => "native".to_owned(),
        Verdict::Omitted => "left out".to_owned(),
        other => other.to_string(),
    }
}

/// What a count is told otherwise than the conversation whose tokens it counts.
fn counts(cases: &[Case<Request>], out: &mut String) -> Result<()> {
    out.push_str(include_str!("counts.md"));
    for dialect in dialects(Operation::CountTokens) {
        let Some(chat) = dialect.counted() else { continue };
        let base = requests::base(model(chat));
        let found = Differences::between(cases, (&base, &Plain(chat)), (&base, &Plain(dialect)))?;
        let _ = writeln!(out, "| {dialect} | {chat} | {} |", found.text(cases));
    }
    Ok(())
}

fn models(cases: &[Case<Request>], out: &mut String) -> Result<()> {
    out.push_str("\n## Models that differ from their dialect's column\n\n| dialect | column | model | what differs |\n|---|---|---|---|\n");
    let mut row = |dialect: Dialect, name: &str, what: String| {
        let _ = writeln!(out, "| {dialect} | `{}` | `{name}` | {what} |", model(dialect));
    };
    for (dialect, names) in MODELS {
        for name in *names {
            row(*dialect, name, between(cases, *dialect, name, requests::base)?);
        }
    }
    let (dialect, name) = (Dialect::GeminiImages, "imagen-4.0-generate-001");
    row(dialect, name, between(&others::pictures(), dialect, name, others::wanted)?);
    Ok(())
}

/// What becomes otherwise of cases with this model than with the one that stands for its dialect.
fn between<T: Ask>(
    cases: &[Case<T>],
    dialect: Dialect,
    name: &str,
    base: impl Fn(&str) -> T,
) -> Result<String> {
    let (usual, here) = (base(model(dialect)), base(name));
    let found = Differences::between(cases, (&usual, &Plain(dialect)), (&here, &Plain(dialect)))?;
    Ok(found.text(cases))
}

fn kinds(cases: &[Case<Request>], out: &mut String) -> Result<()> {
    out.push_str(include_str!("kinds.md"));
    for kind in accounts::kinds()? {
        let sample = accounts::sample(&kind.name);
        let provider = accounts::build(&kind.name, sample.logins.first().context("no account")?)?;
        // What is the same for several models is one row.
        let mut rows: Lists<String> = Vec::new();
        for model in sample.models {
            for target in accounts::speaks(&provider, model).translated {
                if let Some(text) =
                    sample.serves(model, target).then(|| difference(cases, &provider, target, model))
                {
                    list(&mut rows, &format!("| {target} | {text} |")).push(format!("`{model}`"));
                }
            }
        }
        for (row, models) in rows {
            let models =
                if sample.models.len() > 1 { format!(" {}", models.join(", ")) } else { String::new() };
            let _ = writeln!(out, "| `{}`{models} {row}", kind.name);
        }
    }
    Ok(())
}

/// What an account does otherwise than its dialect, in words.
fn difference(cases: &[Case<Request>], provider: &SharedProvider, target: Dialect, model: &str) -> String {
    let it = (provider, target, model);
    let own = || "by its settings ([custom models](../custom-models.md))".to_owned();
    if ["kserve", "http"].contains(&provider.kind()) {
        return own();
    }
    match target.operation() {
        Operation::Embeddings => differences(&others::vectors(), it, others::texts),
        Operation::Rerank => differences(&others::order(), it, others::documents),
        Operation::Images => differences(&others::pictures(), it, others::wanted),
        _ => differences(cases, it, requests::base),
    }
    .unwrap_or_else(|_| own())
}

fn differences<T: Ask>(
    cases: &[Case<T>],
    (provider, dialect, model): (&SharedProvider, Dialect, &str),
    base: impl Fn(&str) -> T,
) -> Result<String> {
    let base = base(model);
    let (usual, here) = (Plain(dialect), At { provider, dialect });
    Ok(Differences::between(cases, (&base, &usual), (&base, &here))?.text(cases))
}

/// Names by their families: `effort: low` and `effort: high` are `effort (low, high)`, and `effort` where that is all of it.
fn families<T>(names: &[String], all: &[Case<T>]) -> String {
    let parted = |name: &str| match name.split_once(": ") {
        Some((family, member)) => (family.to_owned(), Some(member.to_owned())),
        None => (name.to_owned(), None),
    };
    let mut found: Lists<Option<String>> = Vec::new();
    for name in names {
        let (family, member) = parted(name);
        list(&mut found, &family).push(member);
    }
    let texts = found.into_iter().map(|(family, members)| {
        let whole = all.iter().filter(|case| parted(&case.name).0 == family).count();
        let members: Vec<String> = members.into_iter().flatten().collect();
        if members.is_empty() || members.len() == whole {
            family
        } else {
            format!("{family} ({})", members.join(", "))
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}
