//! Conversations of which a model would not know all: with servers that keep none, and with turns that are not complete.

use super::*;

const LOCAL: &str = "vllm/qwen3";

fn stateless_server() -> Setup {
    Setup::new().provider("vllm: { kind: vllm, base_url: \"{upstream}/vllm/v1\", models: [qwen3] }")
}

/// A response as a server writes it that says nothing of keeping.
fn silent(id: &str, text: &str) -> Reply {
    let mut response = native(id, "completed", text);
    response.as_object_mut().unwrap().remove("store");
    Reply::json(200, &response)
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_told_all() {
    let bench = stateless_server().start().await;
    let first = turn(&bench, &ask(LOCAL, "one", None, false), silent("resp_1", "ONE")).await;
    turn(&bench, &ask(LOCAL, "two", Some(id(&first)), false), silent("resp_2", "TWO")).await;
    let request = sent(&bench);
    assert_eq!(request["previous_response_id"], Value::Null);
    assert_eq!(texts(&request["input"]), pairs(&[("user", "one"), ("assistant", "ONE"), ("user", "two")]));
}

#[tokio::test]
async fn a_server_that_refuses_the_id_in_any_words_is_told_all() {
    let bench = stateless_server().start().await;
    let refusals = [
        (
            404,
            json!({ "message": "Response with id 'resp_1' not found.", "type": "invalid_request_error",
            "param": "response_id", "code": 404 }),
        ),
        (
            400,
            json!({ "message": "We do not support 'previous_response_id'.", "type": "invalid_request_error", "code": 400 }),
        ),
        (422, json!({ "message": "Extra inputs are not permitted", "param": "previous_response_id" })),
    ];
    for (status, error) in refusals {
        let first = turn(&bench, &ask(LOCAL, "one", None, false), says(GPT, false, "resp_1", "ONE")).await;
        let refusal = json!({ "error": error });
        bench.upstream.then(Reply::json(status, &refusal)).then(silent("resp_2", "TWO"));
        let answer = bench.openai().post(PATH, &ask(LOCAL, "two", Some(id(&first)), false)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "2"), "{status}");
        assert_eq!(
            texts(&sent(&bench)["input"]),
            pairs(&[("user", "one"), ("assistant", "ONE"), ("user", "two")])
        );
        // Once: told all of it, it means what it says.
        bench.upstream.then(Reply::json(status, &refusal)).then(Reply::json(status, &refusal));
        let answer = bench.openai().post(PATH, &ask(LOCAL, "two", Some(id(&first)), false)).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (status, "2"), "{status}");
    }
    // A fault of another field is none of the conversation.
    let first = turn(&bench, &ask(GPT, "one", None, false), says(GPT, false, "resp_9", "ONE")).await;
    let mut body = ask(GPT, "two", Some(id(&first)), false);
    body["temperature"] = 9.into();
    let refusal = json!({ "error": { "message": "Too high.", "type": "invalid_request_error", "param": "temperature", "code": null } });
    bench.upstream.then(Reply::json(400, &refusal));
    let answer = bench.openai().post(PATH, &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (400, "1"));
}

#[tokio::test]
async fn an_answer_that_its_provider_has_not_finished_is_not_left_out() {
    let bench = Bench::start().await;
    let state = Arc::new(std::sync::Mutex::new(native("resp_bg", "queued", "")));
    let now = Arc::clone(&state);
    bench.upstream.always_with(move |asked| match asked.path.starts_with("/claude") {
        true => says(CLAUDE, false, "", "claude"),
        false => Reply::json(200, &now.lock().unwrap()),
    });
    let is = |status: &str, text: &str| {
        let mut response = native("resp_bg", status, text);
        response["background"] = true.into();
        *state.lock().unwrap() = response;
    };
    let refused = async |part: &str| {
        let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some("resp_bg"), false)).await;
        assert_eq!(answer.status, 400, "{part}");
        let error = answer.json().await["error"].take();
        assert_eq!(error["param"], "previous_response_id");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
    };
    is("queued", "");
    let answer = bench.openai().post(PATH, &background(GPT, "work")).await;
    assert_eq!(id(&response(answer, false).await), "resp_bg");
    refused("still being made").await;
    // As soon as it is complete, whether or not whoever follows it has learned of that.
    is("completed", "done");
    let second = bench.openai().post(PATH, &ask(CLAUDE, "more", Some("resp_bg"), false)).await;
    let second = response(second, false).await;
    let asked = bench.upstream.seen().into_iter().rfind(|call| call.path.starts_with("/claude")).unwrap();
    assert_eq!(
        texts(&asked.json()["messages"]),
        pairs(&[("user", "work"), ("assistant", "done"), ("user", "more")])
    );
    assert_eq!(second["previous_response_id"], "resp_bg");
    let list =
        bench.openai().get(&format!("{PATH}/{}/input_items?order=asc", id(&second))).await.json().await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "work"), ("assistant", "done"), ("user", "more")]));

    is("queued", "");
    assert_eq!(bench.openai().post(PATH, &background(GPT, "work")).await.status, 200);
    is("failed", "");
    over(&bench, "resp_bg").await;
    refused("failed before it was complete").await;
    // Any turn of the conversation counts.
    let answer = bench.openai().post(PATH, &ask(CLAUDE, "more", Some(id(&second)), false)).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn tokens_are_not_counted_from_an_unknown_response() {
    let bench = Bench::start().await;
    bench.upstream.always(Reply::json(200, &json!({ "input_tokens": 3 })));
    let path = format!("{PATH}/input_tokens");
    for (model, status) in [(CLAUDE, 400), (HOUSE, 400), (GPT, 200)] {
        let answer = bench.openai().post(&path, &ask(model, "two", Some("resp_nobody"), false)).await;
        assert_eq!(answer.status.as_u16(), status, "{model}");
        if status == 400 {
            assert_eq!(answer.json().await["error"]["code"], "previous_response_not_found");
        }
    }
}

#[tokio::test]
async fn a_long_conversation_is_listed_to_its_beginning() {
    let bench = Bench::start().await;
    let mut last: Option<String> = None;
    for number in 0..520 {
        let answer = says(GPT, false, &format!("resp_{number}"), "yes");
        let made = turn(&bench, &ask(GPT, &format!("m{number}"), last.as_deref(), false), answer).await;
        last = Some(id(&made).to_owned());
    }
    let path = format!("{PATH}/{}/input_items", last.unwrap());
    let list = bench.openai().get(&format!("{path}?order=asc&limit=3")).await.json().await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "m0"), ("assistant", "yes"), ("user", "m1")]));
    let list = bench.openai().get(&format!("{path}?limit=1")).await.json().await;
    assert_eq!(texts(&list["data"]), pairs(&[("user", "m519")]));
}
