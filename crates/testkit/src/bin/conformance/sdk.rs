//! (f) The official SDKs, asking the gateway: what they understand is what was recorded.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use contract::words::{Dialect, Operation};
use serde_json::{Value, json};

use crate::checks::Verdict;
use crate::said::Said;

/// Why an SDK is not asked.
pub(crate) const NO_CALL: &str = "this SDK has no such call";

/// One question to an SDK.
pub(crate) struct Case {
    /// Which exchange, by its place in the list.
    pub(crate) exchange: usize,
    pub(crate) client: Dialect,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Do client and provider speak the same dialect?
    pub(crate) passes: bool,
    pub(crate) expected: Said,
}

/// Asks them all; gives a verdict for each, a reason where there is none.
pub(crate) fn ask(
    program: &Path,
    script: &Path,
    url: &str,
    cases: &[Case],
) -> Result<Vec<Result<Verdict, &'static str>>> {
    let question = |(at, case): (usize, &Case)| json!({"case": at, "client": case.client.as_str(), "model": case.model, "stream": case.stream});
    let questions = cases.iter().enumerate().map(question);
    let answers = talk(program, &[&script.display().to_string(), url, crate::proxy::KEY], questions)?;
    let verdict = |(at, case): (usize, &Case)| match answers.get(&(at as u64)) {
        None => Ok(Err("no answer".to_owned())),
        Some(answer) if answer.get("skipped").is_some() => Err(NO_CALL),
        Some(answer) => match compare(answer, case) {
            // That the bytes are the provider's is another check.
            Err(_) if case.passes => Err("the SDK cannot read what the provider sends"),
            verdict => Ok(verdict),
        },
    };
    Ok(cases.iter().enumerate().map(verdict).collect())
}

/// Hands lines of JSON to a program and collects its answers by their `case`.
pub(crate) fn talk(
    program: &Path,
    arguments: &[&str],
    questions: impl Iterator<Item = Value>,
) -> Result<HashMap<u64, Value>> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let mut input = child.stdin.take().context("a pipe was asked for")?;
    let lines: String = questions.map(|question| format!("{question}\n")).collect();
    // The program answers while it reads, so that both pipes must be served at once.
    let feeder = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output()?;
    let fed = feeder.join();
    if !output.status.success() || !matches!(fed, Ok(Ok(()))) {
        bail!("{} ended with {}", arguments.join(" "), output.status);
    }
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let answers = lines.map(|line| {
        let answer: Value = serde_json::from_slice(line)?;
        Ok((answer["case"].as_u64().unwrap_or(u64::MAX), answer))
    });
    answers.collect()
}

fn compare(answer: &Value, case: &Case) -> Verdict {
    match (answer["error"].as_str(), case.expected.fails) {
        (Some(_), true) => return Ok(()),
        (Some(error), false) => return Err(error.to_owned()),
        (None, true) => return Err("the stream's error is not seen".to_owned()),
        (None, false) => {}
    }
    // What passes through has the provider's accent, which is not ours to mend: that it is understood is enough.
    if case.passes {
        return Ok(());
    }
    let text = answer["text"].as_str().unwrap_or_default();
    let declined = !case.expected.refusal.is_empty() && text.ends_with(case.expected.refusal.trim());
    if text != case.expected.text && !declined {
        return Err(format!("text {:?} instead of {:?}", clip(text), clip(&case.expected.text)));
    }
    let expected: Vec<Value> = case.expected.calls.iter().map(|(name, value)| json!([name, value])).collect();
    let torn = case.expected.calls.iter().any(|(_, arguments)| arguments.is_string());
    if !holds_no_calls(case.client) && !torn && !same_numbers(&answer["calls"], &json!(expected)) {
        return Err(format!(
            "calls {} instead of {}",
            clip(&answer["calls"].to_string()),
            clip(&json!(expected).to_string())
        ));
    }
    if let (Some(figures), Value::Object(usage)) = (case.expected.figures, &answer["usage"])
        && (usage["input"] != figures.input || usage["output"] != figures.output)
    {
        return Err(format!("usage {usage:?} instead of {figures:?}"));
    }
    // Vectors are compared by their lengths alone.
    let counted = case.client.operation() == Operation::Chat && case.expected.figures.is_some();
    if counted && answer["usage"].is_null() && !case.expected.text.is_empty() {
        return Err("no usage".to_owned());
    }
    Ok(())
}

/// Text completions have no place for calls.
const fn holds_no_calls(client: Dialect) -> bool {
    matches!(client, Dialect::OpenaiCompletions | Dialect::OllamaGenerate)
}

/// SDKs may read 1 as 1.0.
fn same_numbers(ours: &Value, theirs: &Value) -> bool {
    crate::plain::difference(&crate::plain::numbers(ours.clone()), &crate::plain::numbers(theirs.clone()))
        .is_none()
}

fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}
