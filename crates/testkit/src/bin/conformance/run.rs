//! The checks that go through the running gateway.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use contract::words::Dialect;
use http::Method;
use serde_json::{Value, json};

use crate::apis::{Place, place};
use crate::checks::Verdict;
use crate::corpus::Exchange;
use crate::document::{self, Written};
use crate::models;
use crate::proxy::{Got, Question, Stand};
use crate::report::{Ending, Outcome};
use crate::said::{self, Figures, Said};
use crate::sdk::{self, Case, Heard};
use crate::{Arguments, checks, end, errors, note};

/// An answer that the ledger is to hold.
struct Asked {
    exchange: usize,
    client: Dialect,
    request: String,
    figures: Option<Figures>,
}

/// What is to be looked at once all was asked.
#[derive(Default)]
struct Found {
    asked: Vec<Asked>,
    cases: Vec<Case>,
    papers: Vec<Written>,
    outcomes: Vec<Outcome>,
}

/// Plays everything back through the gateway: the bytes, the ledger, the SDKs.
pub(crate) async fn through_the_gateway(
    arguments: &Arguments,
    binary: &Path,
    exchanges: Vec<Exchange>,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let exchanges = Arc::new(exchanges);
    let stand = Stand::set(binary, Arc::clone(&exchanges)).await?;
    let mut found = Found::default();
    for (at, exchange) in exchanges.iter().enumerate() {
        match place(exchange) {
            Place::Call(recorded) if exchange.status >= 400 => {
                refused(&stand, at, (exchange, recorded), &mut found).await;
            }
            Place::Call(recorded) => answered(&stand, at, (exchange, recorded), &mut found).await,
            Place::Models => listed(&stand, at, exchange, &mut found).await,
            Place::Listed(_) | Place::Beyond(_) => {}
        }
    }
    let Found { asked, cases, papers, outcomes: so_far } = found;
    outcomes.extend(so_far);
    let ledger = stand.ledger(asked.iter().map(|one| &*one.request).collect()).await?;
    for one in &asked {
        let verdict = in_the_ledger(&ledger, &one.request, one.figures);
        note(&exchanges[one.exchange], "ledger", Some(one.client), verdict, outcomes);
    }
    if let ([Some(program), _], [Some(script), Some(document)]) = (&arguments.python, &arguments.document) {
        let verdicts = tokio::task::block_in_place(|| document::check((program, script, document), &papers))?;
        for (paper, verdict) in papers.iter().zip(verdicts) {
            note(&exchanges[paper.exchange], "document", Some(paper.client), verdict, outcomes);
        }
    }
    for (check, program) in [("python", &arguments.python), ("node", &arguments.node)] {
        let [Some(program), Some(script)] = program else { continue };
        let urls = (&*stand.address(), &*stand.upstream());
        let heard = tokio::task::block_in_place(|| sdk::ask((program, script), urls, &cases))?;
        for (case, heard) in cases.iter().zip(heard) {
            let (exchange, client) = (&exchanges[case.exchange], Some(case.client));
            match heard {
                Heard::NoCall => {}
                Heard::Said(verdict) => note(exchange, check, client, verdict, outcomes),
                Heard::Accent => end(exchange, (check, client), Ending::Excepted(sdk::ACCENT), outcomes),
            }
        }
    }
    Ok(())
}

/// An error of the provider's, told to the clients of each dialect.
async fn refused(stand: &Stand, at: usize, (exchange, recorded): (&Exchange, Dialect), found: &mut Found) {
    let ours = errors::is_ours(recorded, exchange);
    for client in stand.clients(at, recorded) {
        let unserved = || "no account answers this client in the recorded dialect".to_owned();
        let got = match stand.account(at, client, recorded).ok_or_else(unserved) {
            Ok(account) => {
                let got = stand.ask(Question { exchange, recorded, client, account }).await;
                got.map_err(|torn| format!("{torn:#}"))
            }
            Err(reason) => Err(reason),
        };
        let verdict = got.and_then(|got| {
            found.papers.extend(document::refusal(at, client, (client == recorded && !ours, &got.body)));
            if ours { errors::ours(exchange, &got) } else { errors::keeps(recorded, client, exchange, &got) }
        });
        let outcomes = &mut found.outcomes;
        match verdict {
            Ok(()) if ours => {
                end(exchange, ("error", Some(client)), Ending::Excepted(errors::OURS), outcomes);
            }
            verdict => note(exchange, "error", Some(client), verdict, outcomes),
        }
    }
}

/// An answer, told to the clients of each dialect.
async fn answered(stand: &Stand, at: usize, (exchange, recorded): (&Exchange, Dialect), found: &mut Found) {
    let (played, stream) = (exchange.played(), exchange.is_stream());
    let said = said::read(recorded, stream, &played.body);
    // A job that was begun is no answer to those who cannot begin one.
    let begun = serde_json::from_slice::<Value>(&played.body).is_ok_and(|body| body["status"] == "queued");
    for client in stand.clients(at, recorded).into_iter().filter(|client| !begun || *client == recorded) {
        let first = if client == recorded { "pass" } else { "ledger" };
        let Some(account) = stand.account(at, client, recorded) else {
            let verdict = Err("no account answers this client in the recorded dialect".to_owned());
            note(exchange, first, Some(client), verdict, &mut found.outcomes);
            continue;
        };
        let got = match stand.ask(Question { exchange, recorded, client, account }).await {
            Ok(got) => got,
            Err(torn) => {
                note(exchange, first, Some(client), Err(format!("{torn:#}")), &mut found.outcomes);
                continue;
            }
        };
        if let Some(message) = errors::at_start(recorded, client, &played.body).filter(|_| got.status >= 400)
        {
            note(exchange, "error", Some(client), errors::told(&message, &got), &mut found.outcomes);
            if let Some(figures) = said.as_ref().filter(|_| !stream).map(|said| said.figures) {
                let request = got.header("x-pathgate-request-id").to_owned();
                found.asked.push(Asked { exchange: at, client, request, figures });
            }
            continue;
        }
        if client == recorded {
            let verdict = match account.is_verbatim(recorded) {
                true => passes(exchange, &played.body, &got),
                false => checks::rewritten(recorded, &got.body, &played.body),
            };
            note(exchange, "pass", Some(client), verdict, &mut found.outcomes);
        }
        if got.status >= 400 {
            let body = String::from_utf8_lossy(&got.body).chars().take(200).collect::<String>();
            let verdict = Err(format!("status {}: {body}", got.status));
            note(exchange, "ledger", Some(client), verdict, &mut found.outcomes);
            continue;
        }
        if client != recorded {
            let mut paper = document::written(at, client, stream, &got.body);
            if let Some(paper) = paper.as_mut().filter(|_| client == Dialect::OpenaiResponses && !stream) {
                kept(stand, &account.model(), &got, paper).await;
            }
            found.papers.extend(paper);
        }
        let request = got.header("x-pathgate-request-id").to_owned();
        let figures = said.as_ref().and_then(|said| said.figures);
        // What a job consumes is known when it has ended.
        if !begun {
            found.asked.push(Asked { exchange: at, client, request, figures });
        }
        if let Some(said) = &said {
            let (model, passes, call) = (account.model(), client == recorded, client.as_str());
            let expected = said.clone();
            found.cases.push(Case { exchange: at, client, call, model, stream, passes, expected });
        }
    }
}

/// What the gateway keeps of a response, and what it says of one that is made in the background.
async fn kept(stand: &Stand, model: &str, got: &Got, paper: &mut Written) {
    let answer: Value = serde_json::from_slice(&got.body).unwrap_or_default();
    let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap_or_default());
    let asked = [("Response", path.clone()), ("ResponseItemList", format!("{path}/input_items"))];
    for (schema, path) in asked {
        paper.more(schema, stand.send(Method::GET, &path, String::new()).await);
    }
    let body = json!({"model": model, "input": "hello", "background": true}).to_string();
    let begun = stand.send(Method::POST, "/v1/responses", body).await;
    let id = begun.as_ref().ok().and_then(|got| serde_json::from_slice::<Value>(&got.body).ok());
    paper.more("Response", begun);
    let path =
        format!("/v1/responses/{}/cancel", id.as_ref().and_then(|it| it["id"].as_str()).unwrap_or_default());
    paper.more("Response", stand.send(Method::POST, &path, String::new()).await);
}

/// A list of models, shown to the clients that have lists.
async fn listed(stand: &Stand, at: usize, exchange: &Exchange, found: &mut Found) {
    let Some(account) = stand.lister(at) else { return };
    let names = models::expected(exchange);
    let text = names.iter().map(|name| format!("{}/{name}", account.name)).collect::<Vec<_>>().join(" ");
    for (client, call) in models::CALLS {
        let (model, expected) =
            (format!("{}/", account.name), Said { text: text.clone(), ..Said::default() });
        let case =
            Case { exchange: at, client: *client, call, model, stream: false, passes: false, expected };
        found.cases.push(case);
    }
    let mut paper = Written::new(at, Dialect::OpenaiChat);
    paper.more("ListModelsResponse", stand.send(Method::GET, "/v1/models", String::new()).await);
    if let Some(name) = names.first() {
        let path = format!("/v1/models/{}/{name}", account.name);
        paper.more("Model", stand.send(Method::GET, &path, String::new()).await);
    }
    found.papers.push(paper);
}

/// (b) The client gets the provider's status and bytes.
fn passes(exchange: &Exchange, played: &[u8], got: &Got) -> Verdict {
    if got.status != exchange.status {
        let body = String::from_utf8_lossy(&got.body).chars().take(200).collect::<String>();
        return Err(format!("status {} instead of {}: {body}", got.status, exchange.status));
    }
    let dropped = got.header("x-pathgate-dropped");
    if !dropped.is_empty() {
        return Err(format!("dropped of what the provider took: {dropped}"));
    }
    if got.body == played {
        return Ok(());
    }
    // A stream whose last event lacks its blank line gets it.
    if exchange.is_stream() && got.body.trim_ascii_end() == played.trim_ascii_end() {
        return Ok(());
    }
    let same = got.body.iter().zip(played).take_while(|(ours, theirs)| ours == theirs).count();
    Err(format!("{} bytes instead of {}, different from byte {same} on", got.body.len(), played.len()))
}

/// (d) The ledger holds the usage that was recorded; where none was, it does not say that the provider told it.
fn in_the_ledger(ledger: &HashMap<String, Value>, request: &str, figures: Option<Figures>) -> Verdict {
    let line = ledger.get(request).ok_or("no entry")?;
    let source = &line["usage_source"];
    let count = |name: &str| line["usage"][name].as_u64().unwrap_or_default();
    let written = count("cache_write") + count("cache_write_long");
    let ours = Figures {
        input: count("input") + count("cached") + written + count("audio_input") + count("image_input"),
        output: count("output") + count("audio_output") + count("image_output"),
        cached: count("cached"),
        cache_write: written,
        reasoning: count("reasoning"),
    };
    match figures {
        None if *source == "reported" && ours != Figures::default() => {
            Err(format!("{ours:?} are reported, which were not"))
        }
        None => Ok(()),
        Some(_) if *source != "reported" => Err(format!("usage is {source} instead of reported")),
        Some(figures) if ours != figures => Err(format!("{ours:?} instead of {figures:?}")),
        Some(_) => Ok(()),
    }
}
