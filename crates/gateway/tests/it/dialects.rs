//! Every client dialect to every kind of provider, whole and streamed: text, tools, pictures, schemas, usage.
//!
//! What passes through untouched is in `dialects/passthrough.rs`; what does not carry over, in `dialects/receipts.rs`.

mod functions;
mod headers;
mod passthrough;
mod receipts;

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::shapes::Tokens;
use testkit::upstream::Reply;

use crate::kinds::{Asked, Kind, Tongue};
use crate::setup::{Bench, KEY, Kept, SECRET, request_id};
use crate::speech::{Call, Figures, Said, Speech};

const TOKENS: Tokens = Tokens { input: 20, cached: 8, output: 9, reasoning: 0 };
const PIECES: [&str; 3] = ["Say", " hel", "lo"];

/// A client dialect, a kind of provider, streamed or not.
type Pair = (Speech, Kind, bool);

fn pairs(kinds: &[Kind]) -> Vec<Pair> {
    let whole_or_not = |speech, kind: Kind| {
        let kind = kind.met_by(speech);
        [(speech, kind, false), (speech, kind, true)]
    };
    Speech::ALL
        .into_iter()
        .flat_map(|speech| kinds.iter().flat_map(move |kind| whole_or_not(speech, *kind)))
        .collect()
}

/// Scripts the next answer; the demo makes its own.
fn script(bench: &Bench, kind: Kind, reply: Reply) {
    if kind != Kind::Demo {
        bench.upstream.then(reply);
    }
}

/// Sends a request, checks what must hold for every answer, and reads it. Gives the id too.
async fn exchange(bench: &Bench, (speech, kind, stream): Pair, request: &Value) -> (Said, String) {
    let answer = speech.client(bench).post(speech.path(), request).await;
    let id = request_id(&answer);
    if answer.status != 200 {
        panic!("{speech:?} → {kind:?}: {}", answer.text().await);
    }
    check_head(&answer, kind, stream);
    let said = if stream {
        let events = answer.try_events().await.expect("a whole stream");
        assert!(!events.concat().contains(SECRET), "a provider's key came back");
        speech.hear(&events)
    } else {
        let body = answer.json().await;
        assert!(!body.to_string().contains(SECRET), "a provider's key came back");
        speech.read(&body)
    };
    assert!(said.ended && said.error.is_none(), "{speech:?} → {kind:?}: {said:?}");
    if kind != Kind::Demo {
        let call = bench.upstream.seen().pop().expect("a call");
        kind.check_call(&call, stream);
        let headers = format!("{:?}", call.headers);
        assert!(!headers.contains(KEY) && !String::from_utf8_lossy(&call.body).contains(KEY));
    }
    (said, id)
}

fn check_head(answer: &Answer, kind: Kind, stream: bool) {
    let mime = if stream { "text/event-stream" } else { "application/json" };
    assert_eq!(answer.header("content-type"), mime);
    assert_eq!(answer.header("x-pathgate-model"), kind.model());
    assert_eq!(answer.header("x-pathgate-attempts"), "1");
    assert_eq!(answer.header("x-pathgate-cache"), "bypass");
    // On a stream the cost is known only at its end.
    assert_eq!(!answer.header("x-pathgate-cost").is_empty(), kind.priced() && !stream, "{kind:?}");
    assert!(!format!("{:?}", answer.headers).contains(SECRET), "a provider's key came back");
    let timing = answer.header("server-timing");
    for stage in ["authenticate", "admit", "attempt"] {
        assert!(timing.contains(&format!("{stage};dur=")), "{timing}");
    }
}

#[tokio::test]
async fn text_goes_from_every_client_to_every_provider_and_back() {
    let bench = Bench::start().await;
    let mut kept = Vec::new();
    for pair in pairs(&Kind::ALL) {
        let (speech, kind, stream) = pair;
        script(&bench, kind, kind.says(stream, &PIECES, TOKENS));
        let (said, id) = exchange(&bench, pair, &speech.ask(&kind.model(), "Say hello", stream)).await;
        assert_eq!((said.text.as_str(), said.finish.as_deref()), ("Say hello", Some("stop")), "{pair:?}");
        let figures = match kind {
            // It counts words.
            Kind::Demo => Figures { input: 4, cached: 0, output: 2 },
            _ => Figures { input: 20, cached: 8, output: 9 },
        };
        // OpenAI's streams tell their usage only when asked.
        let told = (!stream || speech == Speech::Anthropic).then_some(figures);
        assert_eq!(said.usage, told, "{pair:?}");
        if kind != Kind::Demo {
            let asked = kind.asked(&bench.upstream.seen().pop().unwrap().json());
            let expected = Asked { system: "Be brief.".into(), question: "Say hello".into(), most: Some(64) };
            assert_eq!(asked, expected, "{pair:?}");
        }
        kept.push((pair, figures, id));
    }
    for (pair, figures, id) in kept {
        check_kept(pair, figures, &bench.kept_of(&id).await);
    }
}

fn check_kept(pair: Pair, figures: Figures, kept: &Kept) {
    let (speech, kind, stream) = pair;
    let Kept { request, attempts } = kept;
    assert_eq!(request["dialect"], speech.dialect(), "{pair:?}");
    assert_eq!((&request["outcome"], &request["status"]), (&json!("answered"), &json!(200)), "{pair:?}");
    assert_eq!((&request["stream"], &request["key_name"]), (&json!(stream), &json!("tests")), "{pair:?}");
    assert_eq!((&request["model"], &request["deployment"]), (&json!(kind.model()), &json!(kind.model())));
    assert_eq!(request["error"], Value::Null, "{pair:?}");
    assert_eq!(attempts.len(), 1, "{pair:?}");
    let attempt = &attempts[0];
    let usage = &attempt["usage"];
    assert_eq!(usage["input"], figures.input - figures.cached, "{pair:?}");
    assert_eq!((&usage["cached"], &usage["output"]), (&json!(figures.cached), &json!(figures.output)));
    assert_eq!((&attempt["usage_source"], &attempt["status"]), (&json!("reported"), &json!(200)), "{pair:?}");
    assert_eq!(attempt["cost_kind"], if kind.priced() { "exact" } else { "unknown_price" }, "{pair:?}");
    assert_eq!(attempt["cost_nano_usd"].is_null(), !kind.priced(), "{pair:?}");
    assert_eq!(request["cost_nano_usd"], attempt["cost_nano_usd"], "{pair:?}");
    if stream {
        assert!(request["ttft_us"].as_u64() > Some(0), "{pair:?}");
    }
}

#[tokio::test]
async fn usage_is_told_at_the_end_of_a_stream_when_the_client_asks() {
    let bench = Bench::start().await;
    for kind in Kind::ALL {
        script(&bench, kind, kind.says(true, &PIECES, TOKENS));
        let mut request = Speech::Openai.ask(&kind.model(), "Say hello", true);
        request["stream_options"] = json!({ "include_usage": true });
        let (said, _) = exchange(&bench, (Speech::Openai, kind, true), &request).await;
        let expected = match kind {
            Kind::Demo => Figures { input: 4, cached: 0, output: 2 },
            _ => Figures { input: 20, cached: 8, output: 9 },
        };
        assert_eq!(said.usage, Some(expected), "{kind:?}");
    }
}

fn lookup() -> Call {
    Call { id: "call_0123".into(), name: "lookup".into(), arguments: json!({ "city": "Ulm" }) }
}

#[tokio::test]
async fn tools_are_called_by_every_provider_for_every_client() {
    let bench = Bench::start().await;
    for pair in pairs(&Kind::ALL) {
        let (speech, kind, stream) = pair;
        let question = if kind == Kind::Demo { "call lookup" } else { "How warm is it in Ulm?" };
        let mut request = speech.ask(&kind.model(), question, stream);
        speech.offer_tool(&mut request);
        script(&bench, kind, kind.calls(stream, &lookup(), TOKENS));
        let (said, _) = exchange(&bench, pair, &request).await;
        assert_eq!(said.finish.as_deref(), Some("tool_calls"), "{pair:?}");
        let [call] = said.calls.as_slice() else { panic!("{pair:?}: {said:?}") };
        assert_eq!(call.name, "lookup", "{pair:?}");
        assert!(!call.id.is_empty(), "{pair:?}");
        if kind == Kind::Demo {
            assert_eq!(call.arguments, json!({}), "{pair:?}");
            continue;
        }
        assert_eq!(call.arguments, lookup().arguments, "{pair:?}");
        if kind.tongue() != Tongue::Gemini {
            assert_eq!(call.id, "call_0123", "{pair:?}");
        }
        let (name, schema) = kind.offered(&bench.upstream.seen().pop().unwrap().json());
        assert_eq!((name, &schema["required"]), (json!("lookup"), &json!(["city"])), "{pair:?}");
    }
}

#[tokio::test]
async fn results_of_tools_reach_every_provider() {
    let bench = Bench::start().await;
    for pair in pairs(&Kind::ALL) {
        let (speech, kind, stream) = pair;
        let mut request = speech.ask(&kind.model(), "How warm is it in Ulm?", stream);
        speech.offer_tool(&mut request);
        speech.add_result(&mut request, &lookup(), "17 degrees");
        script(&bench, kind, kind.says(stream, &["17 ", "degrees"], TOKENS));
        let (said, _) = exchange(&bench, pair, &request).await;
        assert_eq!(said.text, "17 degrees", "{pair:?}");
        if kind != Kind::Demo {
            let (call, result) = kind.called(&bench.upstream.seen().pop().unwrap().json());
            assert_eq!((call.name, call.arguments), (lookup().name, lookup().arguments), "{pair:?}");
            assert_eq!(result, "17 degrees", "{pair:?}");
            if kind.tongue() != Tongue::Gemini {
                assert_eq!(call.id, "call_0123", "{pair:?}");
            }
        }
    }
}

#[tokio::test]
async fn pictures_reach_every_provider() {
    let bench = Bench::start().await;
    // A PNG of one pixel.
    let data =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    for pair in pairs(&Kind::SCRIPTED) {
        let (speech, kind, stream) = pair;
        let mut request = speech.ask(&kind.model(), "What is it?", stream);
        speech.add_image(&mut request, "image/png", data);
        bench.upstream.then(kind.says(stream, &["A pixel."], TOKENS));
        let (said, _) = exchange(&bench, pair, &request).await;
        assert_eq!(said.text, "A pixel.", "{pair:?}");
        let body = bench.upstream.seen().pop().unwrap().json();
        assert_eq!(kind.pictured(&body), ("image/png".to_owned(), data.to_owned()), "{pair:?}");
        assert_eq!(kind.asked(&body).question, "What is it?", "{pair:?}");
    }
}

#[tokio::test]
async fn schemas_of_answers_reach_every_provider() {
    let bench = Bench::start().await;
    let schema = json!({
        "type": "object",
        "properties": { "warm": { "type": "boolean" } },
        "required": ["warm"],
        "additionalProperties": false
    });
    for pair in pairs(&Kind::SCRIPTED) {
        let (speech, kind, stream) = pair;
        let mut request = speech.ask(&kind.model(), "Is it warm?", stream);
        speech.ask_for(&mut request, &schema);
        bench.upstream.then(kind.says(stream, &["{\"warm\":", "true}"], TOKENS));
        let (said, _) = exchange(&bench, pair, &request).await;
        assert_eq!(said.text, "{\"warm\":true}", "{pair:?}");
        assert_eq!(kind.schema(&bench.upstream.seen().pop().unwrap().json()), schema, "{pair:?}");
    }
}
