//! A provider's stream torn at every byte: the client gets a complete answer or an error, and the ledger says which.

use std::collections::HashMap;

use serde_json::Value;
use testkit::client::Client;
use testkit::upstream::{Break, Exchange, Reply};
use tokio::task::JoinSet;

use super::KINDS;
use crate::kinds::{Kind, Tongue};
use crate::setup::Bench;
use crate::speech::Speech;

const TEXT: &str = "Hé llo";
/// Requests under way at once.
const ABREAST: usize = 8;

/// A short answer: every byte of it costs a request.
fn frames(kind: Kind) -> String {
    match kind.tongue() {
        Tongue::Openai => concat!(
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hé \"}}]}\n\n",
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"llo\"}}]}\n\n",
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
            "data: {\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n",
            "data: [DONE]\n\n",
        ),
        Tongue::Anthropic => concat!(
            "event: message_start\n",
            "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\n",
            "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: content_block_delta\n",
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hé llo\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: message_delta\n",
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        Tongue::Gemini => concat!(
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hé \"}]}}]}\n\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"llo\"}]},\"finishReason\":\"STOP\"}],",
            "\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":2}}\n\n",
        ),
    }
    .to_owned()
}

/// How the provider's side ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    /// The connection closes before the body's end, so that everyone can tell.
    Broken,
    /// The body ends with the connection, as HTTP/1.0 had it: nothing but the events tells that it is torn.
    Quiet,
}

/// A model's name says where the answer of its upstream ends: `broken-17`.
fn model(end: End, at: usize) -> String {
    let end = if end == End::Broken { "broken" } else { "quiet" };
    format!("{end}-{at}")
}

fn torn(call: &Exchange) -> Reply {
    let kind = KINDS.into_iter().find(|kind| call.path[1..].starts_with(kind.account())).unwrap();
    let body = String::from_utf8_lossy(&call.body);
    let place = if kind == Kind::Google { call.path.as_str() } else { &body };
    let (end, at) = place
        .split_once("broken-")
        .map(|(_, at)| (End::Broken, at))
        .or_else(|| place.split_once("quiet-").map(|(_, at)| (End::Quiet, at)))
        .expect("a model that says where");
    let at: usize = at[..at.find(|end: char| !end.is_ascii_digit()).unwrap()].parse().unwrap();
    match end {
        End::Broken => Reply::sse([frames(kind)]).broken_at(at, Break::Close),
        End::Quiet => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
            Reply::raw([&head[..], &frames(kind).as_bytes()[..at]].concat())
        }
    }
}

/// Asks once, and checks that what comes is the truth: true if it is a complete answer.
async fn ask(client: Client, speech: Speech, kind: Kind, end: End, at: usize) -> (String, bool) {
    let deployment = format!("{}/{}", kind.account(), model(end, at));
    let what = format!("{speech:?} → {deployment}");
    let answer = client.post(speech.path(), &speech.ask(&deployment, "Say hello", true)).await;
    assert_eq!(answer.header("x-pathgate-attempts"), "1", "{what}");
    if answer.status.as_u16() == 502 {
        // It broke off before it said anything.
        assert_eq!(answer.header("x-pathgate-error"), "upstream_interrupted", "{what}");
        assert!(frames(kind).as_bytes()[..at].windows(2).all(|end| end != b"\n\n"), "{what}");
        return (deployment, false);
    }
    assert_eq!(answer.status.as_u16(), 200, "{what}");
    let text = String::from_utf8(answer.bytes().await.to_vec()).unwrap();
    assert!(text.ends_with("\n\n"), "half an event: {what}: {text:?}");
    let events: Vec<String> = text.trim_end_matches('\n').split("\n\n").map(str::to_owned).collect();
    let said = speech.hear(&events);
    if said.error.is_none() {
        let ended = said.ended || speech == Speech::Openai;
        assert!(ended && said.finish.as_deref() == Some("stop") && said.text == TEXT, "{what}: {text:?}");
        return (deployment, true);
    }
    assert!(TEXT.starts_with(&said.text) && !said.ended, "{what}: {text:?}");
    (deployment, false)
}

async fn at_every_byte(speech: Speech) {
    let bench = Bench::start().await;
    bench.upstream.always_with(torn);
    let mut complete: HashMap<String, bool> = HashMap::new();
    let mut running = JoinSet::new();
    for kind in KINDS {
        for end in [End::Broken, End::Quiet] {
            for at in 0..=frames(kind).len() {
                if running.len() == ABREAST {
                    complete.extend([running.join_next().await.unwrap().unwrap()]);
                }
                running.spawn(ask(speech.client(&bench), speech, kind, end, at));
            }
            complete.extend(std::mem::take(&mut running).join_all().await);
            // Whole and unbroken it is complete, empty it is not; in between both occur.
            let at_end = |at: usize| complete[&format!("{}/{}", kind.account(), model(end, at))];
            assert!(!at_end(0), "{kind:?} {end:?}");
            assert!(end == End::Broken || at_end(frames(kind).len()), "{kind:?} {end:?}");
        }
    }
    check_ledger(&bench, &complete).await;
}

/// One line for each stream, which says what the client was told.
async fn check_ledger(bench: &Bench, complete: &HashMap<String, bool>) {
    let lines = bench.list("ledger", complete.len()).await;
    assert_eq!(lines.len(), complete.len());
    let mut seen = HashMap::new();
    for line in &lines {
        let deployment = line["deployment"].as_str().unwrap();
        let outcome = if complete[deployment] { "answered" } else { "interrupted" };
        assert_eq!(line["outcome"], outcome, "{deployment}");
        let tokens: u64 = line["usage"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert!(tokens > 0 && line["usage_source"] != "none", "{deployment}");
        assert!(seen.insert(deployment, ()).is_none(), "{deployment} stands twice");
    }
}

#[tokio::test]
async fn torn_at_every_byte_openai_clients_are_told_the_truth() {
    at_every_byte(Speech::Openai).await;
}

#[tokio::test]
async fn torn_at_every_byte_anthropic_clients_are_told_the_truth() {
    at_every_byte(Speech::Anthropic).await;
}

#[tokio::test]
async fn a_reset_within_a_stream_is_an_error_to_the_client() {
    let bench = Bench::start().await;
    for kind in KINDS {
        for speech in Speech::ALL {
            let text = frames(kind);
            let gate = testkit::upstream::Gate::new();
            let (first, rest) = text.split_at(text.len() / 2);
            bench.upstream.then(
                Reply::sse([first.to_owned(), rest.to_owned()])
                    .gated(&gate)
                    .broken_at(first.len() + 1, Break::Reset),
            );
            let request = speech.ask(&kind.model(), "Say hello", true);
            gate.release();
            let answer = speech.client(&bench).post(speech.path(), &request).await;
            gate.open();
            let said = speech.hear(&answer.try_events().await.unwrap());
            assert!(said.error.is_some() && TEXT.starts_with(&said.text), "{speech:?} → {kind:?}: {said:?}");
        }
    }
}
