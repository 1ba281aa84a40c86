//! `cargo xtask catalog FOLDER`: writes the price book of `metering` from two public catalogues.
//!
//! Prices come from the first catalogue (USD per token, with batch, flex, priority and long-context figures), capabilities and
//! limits from the second where the first is silent, and both where only one knows a model. Where their prices disagree the
//! first one counts and the disagreement is printed. Facts only; no text of theirs is kept.

mod decimal;
mod modes;
mod names;
mod sources;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use self::sources::Model;

/// Writes `crates/metering/data` from the catalogues in `folder`.
///
/// # Errors
/// A catalogue cannot be read, or the book cannot be written.
pub(crate) fn run(folder: &Path, root: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let read = |name: &str| -> anyhow::Result<Value> {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        serde_json::from_str(&text).with_context(|| path.display().to_string())
    };
    let (prices, abilities) = (read("litellm_model_prices.json")?, read("models_dev.json")?);
    let mut book = sources::priced(&prices);
    let conflicts = sources::complete(&mut book, &abilities);
    for (model, mode) in [("echo", "chat"), ("embed", "embedding")] {
        book.insert(("demo".into(), model.into()), sources::demo(mode));
    }

    let data = root.join("crates/metering/data");
    let version = sources::newest(&abilities);
    std::fs::write(data.join("models.jsonl"), render(&version, &book))?;
    std::fs::write(data.join("hosts.tsv"), hosts(&abilities))?;
    report(&book, &conflicts, out)
}

fn render(version: &str, book: &BTreeMap<(String, String), Model>) -> String {
    let mut text = format!("{}\n", json!({ "version": version }));
    for ((provider, model), entry) in book {
        let mut line = Map::new();
        line.insert("provider".into(), provider.as_str().into());
        line.insert("model".into(), model.as_str().into());
        line.append(&mut entry.fields());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", Value::Object(line));
    }
    text
}

/// Which book name a host stands for, from the base URLs of the second catalogue and those it leaves out.
fn hosts(abilities: &Value) -> String {
    let mut hosts: BTreeMap<String, String> =
        names::HOSTS.iter().map(|(host, name)| ((*host).to_owned(), (*name).to_owned())).collect();
    for (id, provider) in abilities.as_object().into_iter().flatten() {
        let Some(host) = provider["api"].as_str().and_then(host_of) else { continue };
        hosts.entry(host.to_owned()).or_insert_with(|| names::second(id).to_owned());
    }
    hosts.iter().fold(String::new(), |mut text, (host, name)| {
        let _ = writeln!(text, "{host}\t{name}");
        text
    })
}

fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let host = rest.split(['/', ':']).next()?;
    let local = host.starts_with("127.") || host == "localhost";
    (!local && host.contains('.') && !host.contains('$')).then_some(host)
}

fn report(
    book: &BTreeMap<(String, String), Model>,
    conflicts: &[String],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let priced = book.values().filter(|model| model.is_priced()).count();
    let mut providers: Vec<&str> = book.keys().map(|(provider, _)| provider.as_str()).collect();
    providers.dedup();
    for conflict in conflicts {
        writeln!(out, "{conflict}")?;
    }
    writeln!(
        out,
        "{} models of {} providers, {priced} with a price; {} prices disagree (the first catalogue counts)",
        book.len(),
        providers.len(),
        conflicts.len()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_public_names() {
        assert_eq!(host_of("https://api.example.com/v1"), Some("api.example.com"));
        assert_eq!(host_of("http://localhost:1234/v1"), None);
        assert_eq!(host_of("https://${HOST}/v1"), None);
    }
}
