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

/// The exception: what an SDK makes of the provider's own bytes.
pub(crate) const ACCENT: &str = "on pass-through, the SDK makes of the provider's bytes the same as without the gateway, which is not \
                                 what they say";

/// One question to an SDK.
#[derive(Clone)]
pub(crate) struct Case {
    /// Which exchange, by its place in the list.
    pub(crate) exchange: usize,
    pub(crate) client: Dialect,
    /// What the scripts know the call as.
    pub(crate) call: &'static str,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Do client and provider speak the same dialect?
    pub(crate) passes: bool,
    pub(crate) expected: Said,
}

/// What came of a question.
pub(crate) enum Heard {
    /// The SDK has no such call.
    NoCall,
    Said(Verdict),
    /// Not what was recorded, but what it says without the gateway, too.
    Accent,
}

/// Asks the gateway for them all; and, where what passes through it is not understood, the upstream itself.
pub(crate) fn ask(
    (program, script): (&Path, &Path),
    (gateway, upstream): (&str, &str),
    cases: &[Case],
) -> Result<Vec<Heard>> {
    let script = script.display().to_string();
    let questions = |cases: &[Case]| -> Vec<Value> {
        let question = |(at, case): (usize, &Case)| json!({"case": at, "client": case.call, "model": case.model, "stream": case.stream});
        cases.iter().enumerate().map(question).collect()
    };
    let answers = talk(program, &[&script, gateway, crate::proxy::KEY], questions(cases).into_iter())?;
    let mut heard = Vec::with_capacity(cases.len());
    let mut doubtful = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        heard.push(match answers.get(&(at as u64)) {
            None => Heard::Said(Err("no answer".to_owned())),
            Some(answer) if answer.get("skipped").is_some() => Heard::NoCall,
            Some(answer) => {
                let verdict = compare(answer, case);
                if verdict.is_err() && case.passes {
                    doubtful.push((at, case.clone()));
                }
                Heard::Said(verdict)
            }
        });
    }
    let again: Vec<Case> = doubtful.iter().map(|(_, case)| case.clone()).collect();
    if again.is_empty() {
        return Ok(heard);
    }
    let without = talk(program, &[&script, upstream, crate::proxy::KEY], questions(&again).into_iter())?;
    for (place, (at, _)) in doubtful.iter().enumerate() {
        if let (Some(with), Some(without)) = (answers.get(&(*at as u64)), without.get(&(place as u64)))
            && understood(with) == understood(without)
        {
            heard[*at] = Heard::Accent;
        }
    }
    Ok(heard)
}

/// What an SDK said, without the number of the case.
fn understood(answer: &Value) -> Value {
    let mut answer = answer.clone();
    answer.as_object_mut().and_then(|map| map.shift_remove("case"));
    answer
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
    // What passes says it in its server's way.
    if let Some(calling) = answer["calling"].as_bool().filter(|_| !case.passes)
        && calling == case.expected.calls.is_empty()
    {
        let ends = if calling { "for calls that are not there" } else { "as if nothing was called" };
        return Err(format!("it ends {ends}"));
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
