//! The checks that go through the running gateway.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use contract::words::{Dialect, Operation};
use serde_json::Value;

use crate::apis::{Place, clients, place};
use crate::checks::Verdict;
use crate::corpus::Exchange;
use crate::proxy::{Got, Stand, model};
use crate::report::Outcome;
use crate::said::{self, Figures};
use crate::sdk::{self, Case};
use crate::{Arguments, document, note};

/// One question put to the gateway.
struct Asked {
    exchange: usize,
    client: Dialect,
    request: String,
    figures: Option<Figures>,
}

/// Plays everything back through the gateway: the bytes, the ledger, the SDKs.
pub(crate) async fn through_the_gateway(
    arguments: &Arguments,
    binary: &Path,
    exchanges: Vec<Exchange>,
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    let ids: Vec<String> = exchanges.iter().map(|exchange| exchange.id.clone()).collect();
    let by_id: HashMap<String, Exchange> =
        exchanges.into_iter().map(|exchange| (exchange.id.clone(), exchange)).collect();
    let by_id = Arc::new(by_id);
    let stand = Stand::set(binary, Arc::clone(&by_id)).await?;
    let (mut asked, mut cases, mut papers) = (Vec::new(), Vec::new(), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        let Some(exchange) = by_id.get(id) else { continue };
        let Place::Call(recorded) = place(exchange) else { continue };
        if exchange.status >= 400 || exchange.body.is_empty() {
            continue;
        }
        let played = exchange.played();
        let said = said::read(recorded, exchange.is_stream(), &played.body);
        // A job that was begun is no answer to those who cannot begin one.
        let begun =
            serde_json::from_slice::<Value>(&played.body).is_ok_and(|body| body["status"] == "queued");
        for client in clients(recorded).into_iter().filter(|client| !begun || *client == recorded) {
            let got = match stand.ask(exchange, recorded, client).await {
                Ok(got) => got,
                Err(torn) => {
                    note(exchange, "ledger", Some(client), Ok(Err(format!("{torn:#}"))), outcomes);
                    continue;
                }
            };
            let figures = said.as_ref().and_then(|said| said.figures);
            let request = got.header("x-pathgate-request-id").to_owned();
            if client == recorded {
                note(exchange, "pass", Some(client), Ok(passes(exchange, &played.body, &got)), outcomes);
            }
            if got.status >= 400 {
                let body = String::from_utf8_lossy(&got.body).chars().take(200).collect::<String>();
                let verdict = Err(format!("status {}: {body}", got.status));
                note(exchange, "ledger", Some(client), Ok(verdict), outcomes);
                continue;
            }
            if client != recorded {
                papers.extend(document::written(at, client, exchange.is_stream(), &got.body));
            }
            asked.push(Asked { exchange: at, client, request, figures });
            if let Some(said) = said.as_ref().filter(|_| compared(recorded)) {
                let (model, stream) = (model(exchange, recorded), exchange.is_stream());
                let passes = client == recorded;
                cases.push(Case { exchange: at, client, model, stream, passes, expected: said.clone() });
            }
        }
    }
    let ledger = stand.ledger(asked.iter().map(|one| &*one.request).collect()).await?;
    for one in &asked {
        let Some(exchange) = by_id.get(&ids[one.exchange]) else { continue };
        let verdict = one.figures.map(|figures| in_the_ledger(&ledger, &one.request, figures));
        note(exchange, "ledger", Some(one.client), verdict.ok_or("no usage was recorded"), outcomes);
    }
    if let ([Some(program), _], [Some(script), Some(document)]) = (&arguments.python, &arguments.document) {
        let verdicts = tokio::task::block_in_place(|| document::check((program, script, document), &papers))?;
        for (paper, verdict) in papers.iter().zip(verdicts) {
            if let Some(exchange) = by_id.get(&ids[paper.exchange]) {
                note(exchange, "document", Some(paper.client), Ok(verdict), outcomes);
            }
        }
    }
    by_sdks(arguments, &stand.address(), &cases, |case, check, verdict| {
        if let Some(exchange) = by_id.get(&ids[case.exchange]) {
            note(exchange, check, Some(case.client), verdict, outcomes);
        }
    })
}

/// Puts the cases to the SDKs of each language.
fn by_sdks(
    arguments: &Arguments,
    url: &str,
    cases: &[Case],
    mut note: impl FnMut(&Case, &'static str, Result<Verdict, &'static str>),
) -> Result<()> {
    for (check, program) in [("python", &arguments.python), ("node", &arguments.node)] {
        let [Some(program), Some(script)] = program else { continue };
        let verdicts = tokio::task::block_in_place(|| sdk::ask(program, script, url, cases))?;
        for (case, verdict) in cases.iter().zip(verdicts).filter(|(_, it)| *it != Err(sdk::NO_CALL)) {
            note(case, check, verdict);
        }
    }
    Ok(())
}

/// Do the SDKs say what can be compared?
fn compared(dialect: Dialect) -> bool {
    matches!(dialect.operation(), Operation::Chat | Operation::Embeddings | Operation::Rerank)
}

/// (b) The client gets the provider's status and bytes.
fn passes(exchange: &Exchange, played: &[u8], got: &Got) -> Verdict {
    if got.status != exchange.status {
        let body = String::from_utf8_lossy(&got.body).chars().take(200).collect::<String>();
        return Err(format!("status {} instead of {}: {body}", got.status, exchange.status));
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

/// (d) The ledger holds the usage that was recorded.
fn in_the_ledger(ledger: &HashMap<String, Value>, request: &str, figures: Figures) -> Verdict {
    let line = ledger.get(request).ok_or("no entry")?;
    if line["usage_source"] != "reported" {
        return Err(format!("usage is {} instead of reported", line["usage_source"]));
    }
    let count = |name: &str| line["usage"][name].as_u64().unwrap_or_default();
    let written = count("cache_write") + count("cache_write_long");
    let ours = Figures {
        input: count("input") + count("cached") + written + count("audio_input") + count("image_input"),
        output: count("output") + count("audio_output") + count("image_output"),
        cached: count("cached"),
        cache_write: written,
        reasoning: count("reasoning"),
    };
    if ours == figures { Ok(()) } else { Err(format!("{ours:?} instead of {figures:?}")) }
}
