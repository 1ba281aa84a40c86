//! `docs/reference/providers.md`: of each kind, where it is, how it shows who it is, and what it speaks.

use std::fmt::Write;

use anyhow::{Context, Result};
use contract::words::{Dialect, Operation};

use crate::accounts::{self, Kind, Sample};
use crate::page::{Lists, list};
use crate::variables;

const HEAD: &str = include_str!("providers.md");

pub(crate) fn page() -> Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kinds = accounts::kinds()?;
    let mut out = HEAD.to_owned();
    let _ = writeln!(
        out,
        "\n## Places and credentials\n\n{} kinds. Variables: each set is enough when there is no configuration file.\n\n\
         | `kind` | what | a call goes to | credential | variables | settings of its own |\n|---|---|---|---|---|---|",
        kinds.len()
    );
    for kind in &kinds {
        let sample = accounts::sample(&kind.name);
        runtime.block_on(place(kind, &sample, &mut out))?;
    }
    out.push_str(
        "\n## Dialects\n\nA client of a dialect in the second column is passed through. Any other client of the same operation is \
         translated to the one in the third.\n\n| `kind` | passes | translates to |\n|---|---|---|\n",
    );
    for kind in &kinds {
        dialects(kind, &accounts::sample(&kind.name), &mut out)?;
    }
    Ok(out)
}

async fn place(kind: &Kind, sample: &Sample, out: &mut String) -> Result<()> {
    let model = sample.models.first().context("no model")?;
    let (mut places, mut credentials) = (Vec::new(), Vec::new());
    for login in &sample.logins {
        let provider = accounts::build(&kind.name, login)?;
        let speaks = accounts::speaks(&provider, model);
        let spoken = speaks.translated.iter().chain(&speaks.passed);
        let mut spoken = spoken.filter(|it| sample.serves(model, **it));
        // Conversations are what most have.
        let chat = spoken.clone().find(|it| it.operation() == Operation::Chat);
        let Some(dialect) = chat.or_else(|| spoken.next()) else { continue };
        let Some(trace) = accounts::trace(&provider, *dialect, model).await else { continue };
        let place = format!("`{}`", trace.url);
        if !places.contains(&place) {
            places.push(place);
        }
        let by = login.as_object().into_iter().flat_map(|login| login.keys());
        let by: Vec<_> = by.filter(|name| is_credential(name)).map(|name| format!("`{name}`")).collect();
        let token = trace.token.map_or_else(String::new, |url| format!(", a token of `{url}`"));
        let by = if by.is_empty() { String::new() } else { format!("{}: ", by.join(", ")) };
        credentials.push(format!("{by}{}{token}", trace.credential));
    }
    let variables = variables::of(&kind.name);
    let settings: Vec<_> = kind.settings.iter().map(|it| format!("`{it}`")).collect();
    let _ = writeln!(
        out,
        "| `{}` | {} | {} | {} | {} | {} |",
        kind.name,
        kind.about.lines().collect::<Vec<_>>().join(" ").trim_end_matches('.'),
        or_none(&places, ", "),
        or_none(&credentials, "; or "),
        or_none(&variables, "; or "),
        or_none(&settings, ", "),
    );
    Ok(())
}

fn is_credential(setting: &str) -> bool {
    ["key", "secret", "token", "credentials", "client_id", "tenant_id"].iter().any(|it| setting.contains(it))
}

fn or_none(texts: &[String], between: &str) -> String {
    if texts.is_empty() { "–".to_owned() } else { texts.join(between) }
}

fn dialects(kind: &Kind, sample: &Sample, out: &mut String) -> Result<()> {
    let provider = accounts::build(&kind.name, sample.logins.first().context("no account")?)?;
    let mut rows: Lists<String> = Vec::new();
    for model in sample.models {
        let mut speaks = accounts::speaks(&provider, model);
        let here = |it: &Dialect| sample.serves(model, *it) || !is_known(it.operation());
        speaks.passed.retain(here);
        speaks.translated.retain(here);
        let named =
            |list: Vec<Dialect>| or_none(&list.iter().map(ToString::to_string).collect::<Vec<_>>(), ", ");
        let row = format!("{} | {}", named(speaks.passed), named(speaks.translated));
        list(&mut rows, &row).push(format!("`{model}`"));
    }
    for (row, models) in rows {
        let models = if sample.models.len() > 1 { format!(": {}", models.join(", ")) } else { String::new() };
        let _ = writeln!(out, "| `{}`{models} | {row} |", kind.name);
    }
    Ok(())
}

/// Is it known which models are there for it?
const fn is_known(operation: Operation) -> bool {
    matches!(operation, Operation::Chat | Operation::Embeddings | Operation::Rerank | Operation::Predict)
}
