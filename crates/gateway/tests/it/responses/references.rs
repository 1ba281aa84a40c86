//! Items that a request names by their ids, as the Vercel AI SDK does unless it is told not to store.

use super::*;

fn user(text: &str) -> Value {
    json!({ "role": "user", "content": [{ "type": "input_text", "text": text }] })
}

fn named(item: &Value) -> Value {
    json!({ "type": "item_reference", "id": item["id"] })
}

fn asked(model: &str, input: &[Value], stream: bool) -> Value {
    json!({ "model": model, "input": input, "stream": stream })
}

#[tokio::test]
async fn what_a_model_said_is_told_to_another() {
    let bench = Bench::start().await;
    for (begins, goes_on, stream) in
        [(CLAUDE, CLAUDE, true), (CLAUDE, HOUSE, false), (GPT, CLAUDE, false), (CLAUDE, GPT, false)]
    {
        let first =
            turn(&bench, &asked(begins, &[user("one")], stream), says(begins, stream, "resp_n", "ONE")).await;
        let input = [user("one"), named(&first["output"][0]), user("two")];
        let reply = match goes_on {
            HOUSE => Reply::json(200, &openai::text("TWO", TOKENS)),
            _ => says(goes_on, stream, "resp_m", "TWO"),
        };
        bench.upstream.then(reply);
        let answer = bench
            .openai()
            .with("x-pathgate-strict", "true")
            .post(PATH, &asked(goes_on, &input, stream))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-pathgate-dropped")),
            (200, ""),
            "{begins} {goes_on}"
        );
        let request = sent(&bench);
        let messages = if goes_on == GPT { &request["input"] } else { &request["messages"] };
        let all = [("user", "one"), ("assistant", "ONE"), ("user", "two")];
        assert_eq!(texts(messages), pairs(&all), "{begins} {goes_on}");
        if goes_on == GPT {
            assert_eq!(request["input"][1].get("id"), None, "an id that it would look up");
        }
        // It stays in the conversation, though its own response is gone.
        let second = response(answer, stream).await;
        bench.upstream.always(Reply::json(200, &json!({ "deleted": true })));
        bench.openai().send(Method::DELETE, &format!("{PATH}/{}", id(&first)), "".into()).await;
        turn(&bench, &ask(CLAUDE, "three", Some(id(&second)), false), says(CLAUDE, false, "", "THREE")).await;
        let all = [all.as_slice(), &[("assistant", "TWO"), ("user", "three")]].concat();
        assert_eq!(texts(&sent(&bench)["messages"]), pairs(&all), "{begins} {goes_on}");
    }
}

#[tokio::test]
async fn a_call_that_is_named_is_the_one_that_was_answered() {
    let bench = Bench::start().await;
    let tools = json!([{ "type": "function", "name": "weather", "parameters": { "type": "object" } }]);
    let mut called = anthropic::text("", TOKENS);
    called["content"] =
        json!([{ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "at": "sea" } }]);
    called["stop_reason"] = "tool_use".into();
    let mut body = asked(CLAUDE, &[user("one")], false);
    body["tools"] = tools.clone();
    let first = turn(&bench, &body, Reply::json(200, &called)).await;
    let result = json!({ "type": "function_call_output", "call_id": first["output"][0]["call_id"], "output": "sunny" });
    body["input"] = json!([user("one"), named(&first["output"][0]), result]);
    turn(&bench, &body, says(CLAUDE, false, "", "sunny")).await;
    let messages = sent(&bench)["messages"].take();
    assert_eq!(messages[1]["content"][0]["name"], "weather");
    assert_eq!(messages[1]["content"][0]["input"], json!({ "at": "sea" }));
    assert_eq!(messages[1]["content"][0]["id"], messages[2]["content"][0]["tool_use_id"]);
}

#[tokio::test]
async fn an_account_is_told_the_name_of_what_it_keeps() {
    let second =
        "second: { kind: openai, base_url: \"{upstream}/second/v1\", api_key: sk-x, models: [gpt-4.1-mini] }";
    let bench = Setup::new().provider(second).start().await;
    let first = turn(&bench, &asked(GPT, &[user("one")], false), says(GPT, false, "resp_1", "ONE")).await;
    let input = [user("one"), named(&first["output"][0]), user("two")];
    turn(&bench, &asked(GPT, &input, false), says(GPT, false, "resp_2", "TWO")).await;
    assert_eq!(sent(&bench)["input"], json!(input));
    // Another account of the same API is told the item.
    let other = asked("second/gpt-4.1-mini", &input, false);
    turn(&bench, &other, says(GPT, false, "resp_3", "TWO")).await;
    assert_eq!(
        texts(&sent(&bench)["input"]),
        pairs(&[("user", "one"), ("assistant", "ONE"), ("user", "two")])
    );
    // So is one that has forgotten it.
    let message = "Item with id 'msg_resp_1' not found.";
    let forgot = json!({ "error": { "message": message, "type": "invalid_request_error", "param": "input", "code": null } });
    bench.upstream.then(Reply::json(404, &forgot));
    turn(&bench, &asked(GPT, &input, false), says(GPT, false, "resp_4", "TWO")).await;
    assert_eq!(texts(&sent(&bench)["input"])[1].1, "ONE");
}

#[tokio::test]
async fn an_item_that_nobody_has_is_no_silent_loss() {
    let bench = Setup::new().key(&format!("{{ name: other, key: {OTHER} }}")).start().await;
    let other = bench.gateway.client().bearer(OTHER);
    let mut kept = Vec::new();
    for model in [CLAUDE, GPT] {
        let first =
            turn(&bench, &asked(model, &[user("one")], false), says(model, false, "resp_1", "ONE")).await;
        kept.push(named(&first["output"][0]));
    }
    let calls = bench.upstream.seen().len();
    let nobodys = json!({ "type": "item_reference", "id": "msg_nobody" });
    for model in [CLAUDE, HOUSE] {
        let answer = bench.openai().post(PATH, &asked(model, &[user("one"), nobodys.clone()], false)).await;
        assert_eq!(answer.status, 404);
        let error = answer.json().await["error"].take();
        assert_eq!((&error["code"], &error["param"]), (&json!("item_not_found"), &json!("input[1]")));
        let count = json!({ "model": model, "input": [nobodys] });
        assert_eq!(bench.openai().post(&format!("{PATH}/input_tokens"), &count).await.status, 404);
    }
    // Of another tenant's it is not said that it is there, and no provider is asked for it.
    for model in [CLAUDE, GPT] {
        for item in &kept {
            let answer = other.post(PATH, &asked(model, std::slice::from_ref(item), false)).await;
            assert_eq!(code(answer).await, (404, "item_not_found".to_owned()));
        }
    }
    assert_eq!(bench.upstream.seen().len(), calls);
    // What nobody here knows may be the provider's.
    turn(&bench, &asked(GPT, std::slice::from_ref(&nobodys), false), says(GPT, false, "resp_2", "TWO")).await;
    assert_eq!(sent(&bench)["input"][0], nobodys);
    // Of that turn no other model can be told.
    let answer = bench.openai().post(PATH, &ask(CLAUDE, "two", Some("resp_2"), false)).await;
    let error = answer.json().await["error"].take();
    assert_eq!((&error["code"], &error["param"]), (&json!("item_not_found"), &json!("previous_response_id")));
}
