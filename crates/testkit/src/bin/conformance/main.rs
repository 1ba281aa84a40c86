//! `make conformance`: recorded exchanges of real providers, played back through the gateway and read by the official SDKs.
//!
//! The recordings are not part of this project: any folder of the same shape will do. What is checked is listed in
//! [`report::CHECKS`]; what counts as the same in [`plain`]; what is left out in [`apis`]. The answers are read a second time, in
//! another way than the gateway's, in [`said`]. The last line that is printed is one JSON object.

#![expect(clippy::print_stdout, reason = "the figures are the product of this program")]

mod accounts;
mod apis;
mod checks;
mod corpus;
mod document;
mod errors;
mod models;
mod passing;
mod plain;
mod proxy;
mod report;
mod run;
mod said;
mod sdk;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use contract::canon::{PartKind, Reply};
use contract::words::Dialect;
use serde_json::{Map, Value};

use report::{Ending, Outcome};
use said::Said;

/// What the command line asks for.
struct Arguments {
    fixtures: PathBuf,
    gateway: Option<PathBuf>,
    /// The program and the script of each SDK's language.
    python: [Option<PathBuf>; 2],
    node: [Option<PathBuf>; 2],
    /// The script that holds answers against OpenAI's document, and the document.
    document: [Option<PathBuf>; 2],
    page: Option<PathBuf>,
    only: Option<String>,
}

const USAGE: &str = "usage: conformance --fixtures FOLDER [--gateway FILE] [--python FILE --python-script FILE] [--node FILE --node-script FILE] [--document FILE --document-script FILE] [--page FILE] \
                     [--only PROVIDER|OPERATION|ID]";

fn main() -> Result<()> {
    let arguments = arguments()?;
    let mut exchanges = corpus::load(&arguments.fixtures)?;
    if let Some(only) = &arguments.only {
        exchanges.retain(|it| [&it.id, &it.provider, &it.operation, &it.api].contains(&only));
    }
    if exchanges.is_empty() {
        bail!("no recordings in {}", arguments.fixtures.display());
    }
    let mut outcomes = Vec::new();
    for exchange in &exchanges {
        // What breaks on one recording says nothing of the others.
        let whole = catch_unwind(AssertUnwindSafe(|| alone(exchange, &mut outcomes)));
        if whole.is_err() {
            note(exchange, "reply", None, Err("a panic".to_owned()), &mut outcomes);
        }
    }
    if let Some(binary) = &arguments.gateway {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(run::through_the_gateway(&arguments, binary, exchanges, &mut outcomes))?;
    }
    if let Some(page) = &arguments.page {
        std::fs::write(page, report::page(&outcomes))
            .with_context(|| format!("writing {}", page.display()))?;
    }
    print!("{}", report::failures(&outcomes));
    println!("{}", report::line(&outcomes));
    Ok(())
}

fn arguments() -> Result<Arguments> {
    let mut given = std::env::args().skip(1);
    let (mut fixtures, mut arguments) = (
        None,
        Arguments {
            fixtures: PathBuf::new(),
            gateway: None,
            python: [None, None],
            node: [None, None],
            document: [None, None],
            page: None,
            only: None,
        },
    );
    while let Some(flag) = given.next() {
        let value = given.next().with_context(|| format!("{flag} needs a value\n{USAGE}"))?;
        match flag.as_str() {
            "--fixtures" => fixtures = Some(value.into()),
            "--gateway" => arguments.gateway = Some(value.into()),
            "--python" => arguments.python[0] = Some(value.into()),
            "--python-script" => arguments.python[1] = Some(value.into()),
            "--node" => arguments.node[0] = Some(value.into()),
            "--node-script" => arguments.node[1] = Some(value.into()),
            "--document" => arguments.document[1] = Some(value.into()),
            "--document-script" => arguments.document[0] = Some(value.into()),
            "--page" => arguments.page = Some(value.into()),
            "--only" => arguments.only = Some(value),
            _ => bail!("{USAGE}"),
        }
    }
    arguments.fixtures = fixtures.context(USAGE)?;
    Ok(arguments)
}

/// The checks that need no gateway.
fn alone(exchange: &corpus::Exchange, outcomes: &mut Vec<Outcome>) {
    let dialect = match apis::place(exchange) {
        apis::Place::Call(dialect) => dialect,
        apis::Place::Models => {
            for client in models::SHAPES {
                note(exchange, "reply", Some(client), models::listed(exchange, client), outcomes);
            }
            return;
        }
        apis::Place::Listed(why) => return end(exchange, ("", None), Ending::Listed(why), outcomes),
        apis::Place::Beyond(why) => return end(exchange, ("", None), Ending::Beyond(why), outcomes),
    };
    if exchange.status >= 400 {
        return;
    }
    let mut add = |check, verdict| note(exchange, check, None, verdict, outcomes);
    if !wire::has_canon(dialect) {
        return add("reply", checks::passing(dialect, exchange));
    }
    if let Some(verdict) = checks::request(dialect, exchange) {
        add("request", verdict);
    }
    if let Some(verdict) = passing::request(dialect, exchange) {
        add("passing", verdict);
    }
    let verdict = match exchange.is_stream() {
        true => passing::stream(dialect, &exchange.played().body),
        false => Some(passing::reply(dialect, &exchange.body)),
    };
    if let Some(verdict) = verdict {
        add("passing", verdict);
    }
    if exchange.is_stream() {
        add("reply", checks::stream(dialect, &exchange.unwrapped()));
        add("cuts", checks::cuts(dialect, &exchange.unwrapped()));
    } else {
        add("reply", checks::reply(dialect, &exchange.body));
    }
}

/// Notes how a check ended.
pub(crate) fn note(
    exchange: &corpus::Exchange,
    check: &'static str,
    client: Option<Dialect>,
    verdict: checks::Verdict,
    outcomes: &mut Vec<Outcome>,
) {
    let ending = match verdict {
        Ok(()) => Ending::Passed,
        Err(reason) => Ending::Failed(reason),
    };
    end(exchange, (check, client), ending, outcomes);
}

/// Notes an end of any kind.
pub(crate) fn end(
    exchange: &corpus::Exchange,
    (check, client): (&'static str, Option<Dialect>),
    ending: Ending,
    outcomes: &mut Vec<Outcome>,
) {
    outcomes.push(Outcome {
        exchange: exchange.id.clone(),
        provider: exchange.provider.clone(),
        operation: exchange.operation.clone(),
        features: exchange.features.clone(),
        check,
        client,
        ending,
    });
}

/// What canon holds of an answer's first choice, in the words of [`said`].
pub(crate) fn said_of(reply: &Reply) -> Said {
    let mut said = Said::default();
    for part in reply.choices.first().into_iter().flat_map(|choice| &choice.parts) {
        match &part.kind {
            PartKind::Text(text) => said.text.push_str(text),
            PartKind::Refusal(text) => said.refusal.push_str(text),
            PartKind::ToolCall { name, arguments, .. } => {
                let value = if matches!(arguments.trim(), "" | "null") {
                    Value::Object(Map::new())
                } else {
                    serde_json::from_str(arguments).unwrap_or_else(|_| Value::String(arguments.clone()))
                };
                said.calls.push((name.clone(), value));
            }
            _ => {}
        }
    }
    said
}
