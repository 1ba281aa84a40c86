//! Responses that are kept: asked for again, gone on from with any model, made in the background.

mod instances;
mod jobs;
mod references;
mod untold;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Answer, Client};
use testkit::shapes::{Tokens, anthropic, openai};
use testkit::upstream::{Gate, Reply};

use crate::setup::{Bench, Setup, until};

const CLAUDE: &str = "claude/claude-haiku-4-5";
const GPT: &str = "openai/gpt-4.1-mini";
const HOUSE: &str = "house/qwen3";
const OTHER: &str = "another-key-of-the-tests";
const TOKENS: Tokens = Tokens { input: 9, cached: 0, output: 5, reasoning: 0 };
const PATH: &str = "/v1/responses";

/// A response as OpenAI writes it.
fn native(id: &str, status: &str, text: &str) -> Value {
    let content = json!([{ "type": "output_text", "text": text, "annotations": [] }]);
    let said = json!({ "type": "message", "id": format!("msg_{id}"), "role": "assistant", "status": "completed", "content": content });
    let output = if text.is_empty() { json!([]) } else { json!([said]) };
    json!({ "id": id, "object": "response", "created_at": 1, "model": "gpt-4.1-mini", "status": status, "output": output,
        "background": false, "store": true, "previous_response_id": null,
        "usage": { "input_tokens": 9, "output_tokens": 5, "total_tokens": 14 } })
}

/// The same as a stream.
fn streamed(id: &str, text: &str) -> Reply {
    let frame = |kind: &str, mut fields: Value| {
        fields["type"] = kind.into();
        format!("event: {kind}\ndata: {fields}\n\n")
    };
    let whole = native(id, "completed", text);
    let item = &whole["output"][0];
    Reply::sse([
        frame("response.created", json!({ "response": native(id, "in_progress", "") })),
        frame("response.output_item.added", json!({ "output_index": 0, "item": item })),
        frame(
            "response.output_text.delta",
            json!({ "output_index": 0, "content_index": 0, "item_id": item["id"], "delta": text }),
        ),
        frame("response.output_item.done", json!({ "output_index": 0, "item": item })),
        frame("response.completed", json!({ "response": whole })),
    ])
}

fn says(model: &str, stream: bool, id: &str, text: &str) -> Reply {
    match (model, stream) {
        (CLAUDE, false) => Reply::json(200, &anthropic::text(text, TOKENS)),
        (CLAUDE, true) => Reply::sse(anthropic::text_stream(&[text], TOKENS)),
        (_, false) => Reply::json(200, &native(id, "completed", text)),
        (_, true) => streamed(id, text),
    }
}

fn ask(model: &str, input: &str, previous: Option<&str>, stream: bool) -> Value {
    json!({ "model": model, "input": input, "previous_response_id": previous, "stream": stream,
        "instructions": format!("about {input}") })
}

/// The response of an answer, streamed or not.
async fn response(answer: Answer, stream: bool) -> Value {
    assert_eq!(answer.status, 200);
    if !stream {
        return answer.json().await;
    }
    let events = answer.try_events().await.unwrap();
    let last = events.iter().rfind(|event| event.contains("event: response.completed")).unwrap();
    let data: Value = serde_json::from_str(last.split_once("data: ").unwrap().1).unwrap();
    data["response"].clone()
}

async fn turn(bench: &Bench, body: &Value, reply: Reply) -> Value {
    bench.upstream.then(reply);
    let answer = bench.openai().post(PATH, body).await;
    response(answer, body["stream"] == true).await
}

fn sent(bench: &Bench) -> Value {
    bench.upstream.seen().pop().unwrap().json()
}

fn id(response: &Value) -> &str {
    response["id"].as_str().unwrap()
}

async fn get(client: &Client, id: &str) -> Answer {
    client.get(&format!("{PATH}/{id}")).await
}

async fn code(answer: Answer) -> (u16, String) {
    let status = answer.status.as_u16();
    (status, answer.json().await["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn texts(messages: &Value) -> Vec<(String, String)> {
    let text = |content: &Value| match content {
        Value::String(text) => text.clone(),
        parts => parts.as_array().unwrap().iter().filter_map(|part| part["text"].as_str()).collect(),
    };
    let of = |message: &Value| {
        (message["role"].as_str().unwrap_or_default().to_owned(), text(&message["content"]))
    };
    messages.as_array().unwrap().iter().map(of).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(role, text)| ((*role).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn a_conversation_goes_on_with_the_same_model_and_with_another() {
    let bench = Bench::start().await;
    for stream in [false, true] {
        // Begun with one model, gone on with it, then with the other and back.
        let first = turn(&bench, &ask(CLAUDE, "one", None, stream), says(CLAUDE, stream, "", "ONE")).await;
        assert!(id(&first).starts_with("resp_") && id(&first).len() == 37, "{first}");
        let body = ask(CLAUDE, "two", Some(id(&first)), stream);
        let second = turn(&bench, &body, says(CLAUDE, stream, "", "TWO")).await;
        assert_eq!(second["previous_response_id"], first["id"]);
        let request = sent(&bench);
        let so_far = [("user", "one"), ("assistant", "ONE"), ("user", "two")];
        assert_eq!(texts(&request["messages"]), pairs(&so_far));
        assert!(
            request["system"].to_string().contains("about two") && !request.to_string().contains("about one")
        );

        let given = if stream { "resp_native_s" } else { "resp_native" };
        let third =
            turn(&bench, &ask(GPT, "three", Some(id(&second)), stream), says(GPT, stream, given, "THREE"))
                .await;
        let request = sent(&bench);
        assert_eq!((id(&third), &request["previous_response_id"]), (given, &Value::Null));
        let so_far = [so_far.as_slice(), &[("assistant", "TWO"), ("user", "three")]].concat();
        assert_eq!(texts(&request["input"]), pairs(&so_far));
        assert!(request["input"][1].get("id").is_none(), "ids that only we know stay here");

        // Whoever keeps the conversation is told the id alone.
        let body = ask(GPT, "four", Some(given), stream);
        let fourth = turn(&bench, &body, says(GPT, stream, &format!("{given}_4"), "FOUR")).await;
        assert_eq!(sent(&bench)["previous_response_id"], given);
        assert_eq!(sent(&bench)["input"], "four");

        let body = ask(CLAUDE, "five", Some(id(&fourth)), stream);
        let fifth = turn(&bench, &body, says(CLAUDE, stream, "", "FIVE")).await;
        let all = [("assistant", "THREE"), ("user", "four"), ("assistant", "FOUR"), ("user", "five")];
        assert_eq!(texts(&sent(&bench)["messages"]), pairs(&[so_far.as_slice(), &all].concat()));
        for made in [first, second, third, fourth, fifth] {
            assert_eq!(get(&bench.openai(), id(&made)).await.json().await, made);
        }
    }
}

#[tokio::test]
async fn an_account_that_forgot_a_conversation_is_told_all_of_it() {
    let bench = Bench::start().await;
    let first = turn(&bench, &ask(GPT, "one", None, false), says(GPT, false, "resp_1", "ONE")).await;
    let message = "Previous response with id 'resp_1' not found.";
    let forgot = json!({ "error": { "message": message, "type": "invalid_request_error",
        "param": "previous_response_id", "code": "previous_response_not_found" } });
    for stream in [false, true] {
        bench.upstream.then(Reply::json(400, &forgot));
        let body = ask(GPT, "two", Some(id(&first)), stream);
        let given = if stream { "resp_2s" } else { "resp_2" };
        bench.upstream.then(says(GPT, stream, given, "TWO"));
        let answer = bench.openai().post(PATH, &body).await;
        assert_eq!(answer.header("x-pathgate-attempts"), "2");
        assert_eq!(id(&response(answer, stream).await), given);
        let request = sent(&bench);
        assert_eq!(request["previous_response_id"], Value::Null);
        let all = [("user", "one"), ("assistant", "ONE"), ("user", "two")];
        assert_eq!(texts(&request["input"]), pairs(&all));
    }
    // Told all of it, it has nothing to forget: a second refusal is the answer.
    bench.upstream.then(Reply::json(400, &forgot)).then(Reply::json(400, &forgot));
    let answer = bench.openai().post(PATH, &ask(GPT, "two", Some(id(&first)), false)).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn nothing_is_reported_lost_that_the_gateway_sees_to() {
    let bench = Bench::start().await;
    bench.upstream.always(says(CLAUDE, false, "", "yes"));
    let strict = bench.openai().with("x-pathgate-strict", "true");
    let body = json!({ "model": CLAUDE, "input": "one", "store": true, "previous_response_id": null });
    let answer = strict.post(PATH, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
    let first = answer.json().await;
    let body =
        json!({ "model": CLAUDE, "input": "two", "store": false, "previous_response_id": first["id"] });
    let answer = strict.post(PATH, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-dropped")), (200, ""));
}

#[tokio::test]
async fn what_is_kept_is_shown_listed_and_forgotten_for_its_tenant_alone() {
    let bench = Setup::new().key(&format!("{{ name: other, key: {OTHER} }}")).start().await;
    let other = bench.gateway.client().bearer(OTHER);
    let first = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    let second =
        turn(&bench, &ask(CLAUDE, "two", Some(id(&first)), false), says(CLAUDE, false, "", "TWO")).await;
    let third = turn(&bench, &ask(GPT, "three", None, false), says(GPT, false, "resp_n", "THREE")).await;

    let list = bench
        .openai()
        .get(&format!("{PATH}/{}/input_items?order=asc&limit=2", id(&second)))
        .await
        .json()
        .await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "one"), ("assistant", "ONE")]));
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(true)));
    let after = list["last_id"].as_str().unwrap();
    let path = format!("{PATH}/{}/input_items?order=asc&after={after}", id(&second));
    let list = bench.openai().get(&path).await.json().await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "two")]));
    let streamed = bench.openai().get(&format!("{PATH}/{}?stream=true", id(&first))).await;
    assert_eq!(code(streamed).await, (400, "invalid_request".to_owned()));

    // To another tenant all of it is unknown, at our providers as well.
    let unknown = (404, "response_not_found".to_owned());
    let calls = bench.upstream.seen().len();
    for kept in [id(&first), id(&third), "resp_nobody"] {
        let path = format!("{PATH}/{kept}");
        assert_eq!(code(get(&other, kept).await).await, unknown);
        assert_eq!(code(other.send(Method::DELETE, &path, "".into()).await).await, unknown);
        assert_eq!(code(other.post(&format!("{path}/cancel"), &json!({})).await).await, unknown);
        assert_eq!(code(other.get(&format!("{path}/input_items")).await).await, unknown);
    }
    for (model, kept) in [(CLAUDE, id(&first)), (GPT, id(&first)), (GPT, id(&third)), (CLAUDE, "resp_nobody")]
    {
        let answer = other.post(PATH, &ask(model, "more", Some(kept), false)).await;
        let error = answer.json().await["error"].take();
        assert_eq!(error["code"], "previous_response_not_found");
        assert_eq!(error["param"], "previous_response_id");
    }
    assert_eq!(bench.upstream.seen().len(), calls);
    // One that nobody here knows may be the provider's.
    bench.upstream.then(says(GPT, false, "resp_m", "yes"));
    assert_eq!(other.post(PATH, &ask(GPT, "more", Some("resp_nobody"), false)).await.status, 200);
    assert_eq!(sent(&bench)["previous_response_id"], "resp_nobody");

    bench.upstream.then(Reply::json(200, &json!({ "id": "resp_n", "object": "response", "deleted": true })));
    for kept in [id(&first), id(&third)] {
        let path = format!("{PATH}/{kept}");
        let answer = bench.openai().send(Method::DELETE, &path, "".into()).await;
        assert_eq!(answer.json().await, json!({ "id": kept, "object": "response", "deleted": true }));
        assert_eq!(code(get(&bench.openai(), kept).await).await, unknown);
    }
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!((call.method.as_str(), call.path.as_str()), ("DELETE", "/openai/v1/responses/resp_n"));
    // A conversation of which a turn is missing is not continued as if it were whole.
    let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some(id(&second)), false)).await;
    assert_eq!(code(answer).await, (400, "previous_response_not_found".to_owned()));
}

#[tokio::test]
async fn what_its_provider_has_no_way_to_forget_is_forgotten_here() {
    let bench = Bench::start().await;
    for status in [405, 501] {
        let made = turn(&bench, &ask(GPT, "one", None, false), says(GPT, false, "resp_1", "ONE")).await;
        bench.upstream.then(Reply::json(status, &json!({ "detail": "Method Not Allowed" })));
        let path = format!("{PATH}/{}", id(&made));
        let answer = bench.openai().send(Method::DELETE, &path, "".into()).await;
        assert_eq!(answer.json().await["deleted"], true, "{status}");
        assert_eq!(get(&bench.openai(), id(&made)).await.status, 404);
    }
}

#[tokio::test]
async fn faults_name_the_items_as_the_client_numbers_them() {
    let bench = Bench::start().await;
    let first = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    let good = json!({ "role": "user", "content": "two" });
    let body = |model: &str| {
        json!({ "model": model, "previous_response_id": first["id"],
            "input": [good, { "role": "user", "content": 7 }] })
    };
    let error = bench.openai().post(PATH, &body(CLAUDE)).await.json().await["error"].take();
    assert_eq!(error["param"], "input[1].content", "{error}");
    assert!(error["message"].as_str().unwrap().contains("'input[1].content'"), "{error}");
    // A provider is told the whole conversation, and numbers that.
    let message = "Invalid type for 'input[3].content': expected a string.";
    let refusal = json!({ "error": { "message": message, "type": "invalid_request_error",
        "param": "input[3].content", "code": "invalid_type" } });
    bench.upstream.then(Reply::json(400, &refusal));
    let error = bench.openai().post(PATH, &body(GPT)).await.json().await["error"].take();
    assert_eq!(sent(&bench)["input"].as_array().unwrap().len(), 4);
    assert_eq!((&error["param"], &error["code"]), (&json!("input[1].content"), &json!("invalid_type")));
    assert!(error["message"].as_str().unwrap().contains("'input[1].content'"), "{error}");
}

#[tokio::test]
async fn input_items_are_listed_as_asked() {
    let bench = Bench::start().await;
    let first = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    let path = format!("{PATH}/{}/input_items", id(&first));
    for (query, param) in
        [("limit=0", "limit"), ("order=up", "order"), ("after=nobody", "after"), ("include[]=all", "include")]
    {
        let answer = bench.openai().get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json().await["error"]["param"], param, "{query}");
    }
    let list = bench.openai().get(&format!("{path}?include=reasoning.encrypted_content")).await.json().await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "one")]));
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let bench = Bench::start().await;
    for (model, stream) in [(CLAUDE, false), (CLAUDE, true), (GPT, false), (GPT, true)] {
        let mut body = ask(model, "one", None, stream);
        body["store"] = false.into();
        let made = turn(&bench, &body, says(model, stream, "resp_x", "ONE")).await;
        assert_eq!(code(get(&bench.openai(), id(&made)).await).await, (404, "response_not_found".to_owned()));
    }
    let body = json!({ "model": CLAUDE, "input": "x", "store": false, "background": true });
    assert_eq!(code(bench.openai().post(PATH, &body).await).await, (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn it_outlives_the_process_and_comes_to_its_end() {
    let mut bench = Bench::start().await;
    let first = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    bench.gateway.terminate();
    bench.gateway.exited().await;
    let Bench { gateway, upstream } = bench;
    let bench = Bench { gateway: gateway.restart().await, upstream };
    assert_eq!(get(&bench.openai(), id(&first)).await.json().await, first);
    turn(&bench, &ask(CLAUDE, "two", Some(id(&first)), false), says(CLAUDE, false, "", "TWO")).await;
    assert_eq!(
        texts(&sent(&bench)["messages"]),
        pairs(&[("user", "one"), ("assistant", "ONE"), ("user", "two")])
    );

    let upstream = testkit::upstream::Upstream::start().await;
    let yaml = Setup::new().yaml(&upstream.url());
    let yaml = yaml.replace("/pathgate.db\" }", "/pathgate.db\", response_retention: 300ms }");
    let launch = testkit::gateway::Launch::new(env!("CARGO_BIN_EXE_pathgate")).config(&yaml);
    let bench = Bench { gateway: launch.start().await, upstream };
    let made = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    let gone = until("its end", async || {
        let answer = get(&bench.openai(), id(&made)).await;
        (answer.status == 404).then_some(())
    });
    gone.await;
}

fn background(model: &str, input: &str) -> Value {
    json!({ "model": model, "input": input, "background": true, "metadata": { "a": "b" } })
}

async fn over(bench: &Bench, id: &str) -> Value {
    until("the end of a response", async || {
        let made = get(&bench.openai(), id).await.json().await;
        let status = made["status"].as_str().unwrap();
        (!["queued", "in_progress"].contains(&status)).then_some(made)
    })
    .await
}

#[tokio::test]
async fn a_response_is_made_while_its_client_does_not_wait() {
    let bench = Bench::start().await;
    let gate = Gate::new();
    bench.upstream.then(Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate));
    let answer = bench.openai().post(PATH, &background(HOUSE, "work")).await;
    let request = crate::setup::request_id(&answer);
    let waiting = response(answer, false).await;
    assert_eq!((&waiting["status"], &waiting["background"]), (&json!("queued"), &json!(true)));
    bench.upstream.request(0).await;
    assert_eq!(get(&bench.openai(), id(&waiting)).await.json().await["status"], "in_progress");
    // Nothing can be built on what is not there yet.
    let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some(id(&waiting)), false)).await;
    assert_eq!(code(answer).await, (400, "invalid_request".to_owned()));
    gate.open();
    let made = over(&bench, id(&waiting)).await;
    assert_eq!(
        (&made["status"], &made["id"], &made["background"]),
        (&json!("completed"), &waiting["id"], &json!(true))
    );
    assert_eq!(
        (&made["output"][0]["content"][0]["text"], &made["metadata"]["a"]),
        (&json!("done"), &json!("b"))
    );
    assert!(sent(&bench).get("background").is_none() && sent(&bench).get("store").is_none());
    let kept = bench.kept_of(&request).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("answered"), 1));
    assert_eq!(kept.attempts[0]["usage"]["input"], 9, "{:?}", kept.attempts);

    bench.upstream.then(openai::error(400, "invalid_request_error", None, "No such thing."));
    let answer = bench.openai().post(PATH, &background(HOUSE, "work")).await;
    let request = crate::setup::request_id(&answer);
    let made = over(&bench, id(&response(answer, false).await)).await;
    assert_eq!((&made["status"], &made["error"]["message"]), (&json!("failed"), &json!("No such thing.")));
    assert_eq!(bench.kept_of(&request).await.request["outcome"], "failed");
}

#[tokio::test]
async fn what_a_conversation_costs_is_estimated_with_all_its_turns() {
    let bench = Bench::start().await;
    let long = "x".repeat(4_000);
    let first = turn(&bench, &ask(CLAUDE, &long, None, false), says(CLAUDE, false, "", "ONE")).await;
    let mut silent = openai::text("TWO", TOKENS);
    silent.as_object_mut().unwrap().remove("usage");
    bench.upstream.then(Reply::json(200, &silent));
    let answer = bench.openai().post(PATH, &ask(HOUSE, "two", Some(id(&first)), false)).await;
    let kept = bench.kept(&answer).await;
    assert_eq!(kept.attempts[0]["usage_source"], "estimated");
    assert!(kept.attempts[0]["usage"]["input"].as_u64().unwrap() > 1_000, "{:?}", kept.attempts);
}

#[tokio::test]
async fn a_response_in_the_making_can_be_cancelled() {
    let bench = Bench::start().await;
    let gate = Gate::new();
    bench.upstream.then(Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate));
    let answer = bench.openai().post(PATH, &background(HOUSE, "work")).await;
    let request = crate::setup::request_id(&answer);
    let waiting = response(answer, false).await;
    let call = bench.upstream.request(0).await;
    let path = format!("{PATH}/{}/cancel", id(&waiting));
    for _ in 0..2 {
        let cancelled = bench.openai().post(&path, &json!({})).await.json().await;
        assert_eq!((&cancelled["status"], &cancelled["id"]), (&json!("cancelled"), &waiting["id"]));
    }
    call.gone().await;
    let kept = bench.kept_of(&request).await;
    assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("cancelled"), 1));
    assert_eq!((&kept.request["status"], &kept.request["error"]), (&json!(200), &Value::Null));
    assert_eq!(kept.attempts[0]["outcome"], "cancelled");
    assert_eq!(bench.list("requests?outcome=cancelled", 1).await.len(), 1);
    let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some(id(&waiting)), false)).await;
    let error = answer.json().await["error"].take();
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("invalid_request"), &json!("previous_response_id"))
    );
    assert!(error["message"].as_str().unwrap().contains("was cancelled"), "{error}");
    assert_eq!(get(&bench.openai(), id(&waiting)).await.json().await["status"], "cancelled");

    let made = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
    let answer = bench.openai().post(&format!("{PATH}/{}/cancel", id(&made)), &json!({})).await;
    assert_eq!(code(answer).await, (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn what_a_stop_cut_off_has_failed() {
    for kill in [false, true] {
        let mut bench = Bench::start().await;
        let gate = Gate::new();
        bench.upstream.then(Reply::json(200, &openai::text("done", TOKENS)).head_gated(&gate));
        let answer = bench.openai().post(PATH, &background(HOUSE, "work")).await;
        let request = crate::setup::request_id(&answer);
        let waiting = response(answer, false).await;
        bench.upstream.request(0).await;
        if kill {
            // A removal is answered once it is durable, and with it all that was kept before.
            let made = turn(&bench, &ask(CLAUDE, "one", None, false), says(CLAUDE, false, "", "ONE")).await;
            bench.openai().send(Method::DELETE, &format!("{PATH}/{}", id(&made)), "".into()).await;
            bench.gateway.kill().await;
        } else {
            bench.gateway.terminate();
            bench.gateway.exited().await;
        }
        let Bench { gateway, upstream } = bench;
        let bench = Bench { gateway: gateway.restart().await, upstream };
        let made = get(&bench.openai(), id(&waiting)).await.json().await;
        assert_eq!(
            (&made["status"], &made["error"]["code"]),
            (&json!("failed"), &json!("server_error")),
            "{kill}"
        );
        let kept = bench.kept_of(&request).await;
        assert_eq!((&kept.request["outcome"], kept.attempts.len()), (&json!("interrupted"), 1), "{kill}");
        let [attempt] = &kept.attempts[..] else { panic!("{:?}", kept.attempts) };
        assert_eq!(
            (&attempt["outcome"], &attempt["usage_source"]),
            (&json!("interrupted"), &json!("estimated")),
            "{attempt}"
        );
        // Nothing goes on from it, and its client is told why.
        let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some(id(&waiting)), false)).await;
        let message = answer.json().await["error"]["message"].take();
        assert!(message.as_str().unwrap().contains("failed before it was complete"), "{message}");
    }
}

#[tokio::test]
async fn a_provider_that_works_in_the_background_is_followed() {
    let bench = Bench::start().await;
    let mut queued = native("resp_bg", "queued", "");
    queued["background"] = true.into();
    queued["usage"] = Value::Null;
    let mut done = native("resp_bg", "completed", "done");
    done["background"] = true.into();
    let working = queued.clone();
    bench.upstream.then(Reply::json(200, &queued));
    let finished = done.clone();
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    bench.upstream.always_with(move |_| {
        Reply::json(200, if is_open.load(Ordering::Relaxed) { &finished } else { &working })
    });
    let answer = bench.openai().post(PATH, &background(GPT, "work")).await;
    let request = crate::setup::request_id(&answer);
    let waiting = response(answer, false).await;
    assert_eq!((id(&waiting), &waiting["status"]), ("resp_bg", &json!("queued")));
    assert_eq!(bench.upstream.seen()[0].json()["background"], true);
    open.store(true, Ordering::Relaxed);
    assert_eq!(over(&bench, "resp_bg").await, done);
    let kept = bench.kept_of(&request).await;
    assert_eq!(
        (&kept.request["outcome"], &kept.attempts[0]["usage_source"]),
        (&json!("answered"), &json!("reported"))
    );
    let call = bench.upstream.seen().pop().unwrap();
    assert_eq!((call.method.as_str(), call.path.as_str()), ("GET", "/openai/v1/responses/resp_bg"));
}

#[tokio::test]
async fn azure_works_in_the_background_and_is_followed() {
    let azure = |more: &str| {
        format!(
            "azure: {{ kind: azure, base_url: \"{{upstream}}/azure\", api_key: k, models: [some]{more} }}"
        )
    };
    for (more, place) in
        [("", "/azure/openai/v1/responses"), (", api_version: 2025-04-01-preview", "/azure/openai/responses")]
    {
        let bench = Setup::new().provider(&azure(more)).start().await;
        let mut queued = native("resp_az", "queued", "");
        (queued["background"], queued["usage"]) = (true.into(), Value::Null);
        bench.upstream.then(Reply::json(200, &queued));
        bench.upstream.always(Reply::json(200, &native("resp_az", "completed", "done")));
        let answer = bench.openai().post(PATH, &background("azure/gpt-4.1-mini", "work")).await;
        let request = crate::setup::request_id(&answer);
        assert_eq!(response(answer, false).await["status"], "queued");
        assert_eq!(over(&bench, "resp_az").await["output"][0]["content"][0]["text"], "done");
        assert_eq!(bench.kept_of(&request).await.attempts[0]["usage_source"], "reported");
        let answer = bench.openai().send(Method::DELETE, &format!("{PATH}/resp_az"), "".into()).await;
        assert_eq!(answer.json().await["deleted"], true);
        let call = bench.upstream.seen().pop().unwrap();
        assert!(call.path.starts_with(&format!("{place}/resp_az")), "{}", call.path);
        assert_eq!((call.method.as_str(), call.path.contains("api-version")), ("DELETE", !more.is_empty()));
    }
}

#[tokio::test]
async fn who_cannot_be_asked_again_does_not_work_in_the_background() {
    let bench = Bench::start().await;
    let gate = Gate::new();
    bench.upstream.then(Reply::json(200, &native("resp_l", "completed", "done")).head_gated(&gate));
    // It has this dialect, but no way to ask for a response.
    let waiting = response(bench.openai().post(PATH, &background("local/some", "work")).await, false).await;
    assert_eq!(waiting["status"], "queued");
    let call = bench.upstream.request(0).await;
    assert!(call.path.ends_with("/v1/responses"));
    gate.open();
    let made = over(&bench, id(&waiting)).await;
    assert_eq!((&made["status"], &made["id"]), (&json!("completed"), &waiting["id"]));
    assert_eq!(bench.upstream.seen()[0].json()["background"], Value::Null);
    // What it answers at once is not its own to go on from.
    turn(&bench, &ask("local/some", "one", None, false), says(GPT, false, "resp_2", "ONE")).await;
    turn(&bench, &ask("local/some", "two", Some("resp_2"), false), says(GPT, false, "resp_3", "TWO")).await;
    assert_eq!(sent(&bench)["previous_response_id"], Value::Null);
    assert_eq!(
        texts(&sent(&bench)["input"]),
        pairs(&[("user", "one"), ("assistant", "ONE"), ("user", "two")])
    );
}

#[tokio::test]
async fn who_refuses_the_background_has_its_answer_made_here() {
    let bench = Bench::start().await;
    let refusal = || {
        let message = "This engine does not keep responses and therefore has no background mode.";
        openai::error(400, "invalid_request_error", None, message)
    };
    bench.upstream.then(refusal()).then(Reply::json(200, &native("resp_v", "completed", "done")));
    let answer = bench.openai().post(PATH, &background(GPT, "work")).await;
    let request = crate::setup::request_id(&answer);
    let waiting = response(answer, false).await;
    assert_eq!(waiting["status"], "queued");
    let made = over(&bench, id(&waiting)).await;
    assert_eq!((&made["status"], &made["id"]), (&json!("completed"), &waiting["id"]));
    let asked: Vec<_> = bench.upstream.seen().iter().map(|call| call.json()["background"].clone()).collect();
    assert_eq!(asked, [json!(true), Value::Null]);
    let kept = bench.kept_of(&request).await;
    let outcomes: Vec<_> = kept.attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(outcomes, ["failed", "answered"]);

    bench.upstream.then(refusal()).then(streamed("resp_s", "done"));
    let mut body = background(GPT, "work");
    body["stream"] = true.into();
    let made = response(bench.openai().post(PATH, &body).await, true).await;
    assert_eq!((id(&made), &sent(&bench)["background"]), ("resp_s", &Value::Null));
}
