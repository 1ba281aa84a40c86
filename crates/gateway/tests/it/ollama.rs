//! Ollama's clients and servers, and legacy completions: translated, passed through, listed.

use serde_json::{Value, json};
use testkit::client::Answer;
use testkit::shapes::{Tokens, anthropic, openai};
use testkit::upstream::Reply;

use crate::kinds::Kind;
use crate::setup::{Bench, SECRET};

const TOKENS: Tokens = Tokens { input: 20, cached: 8, output: 9, reasoning: 0 };
const PIECES: [&str; 3] = ["Say", " hel", "lo"];

fn chat(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Say hello" }], "options": { "num_predict": 64, "temperature": 0.5 } })
}

/// The objects of a stream.
async fn lines(answer: Answer) -> Vec<Value> {
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/x-ndjson"));
    let text = answer.text().await;
    assert!(text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object on each line")).collect()
}

fn said(lines: &[Value], pointer: &str) -> String {
    lines.iter().filter_map(|line| line.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn an_ollama_client_reaches_other_providers() {
    let bench = Bench::start().await;
    for kind in [Kind::Openai, Kind::House, Kind::Claude] {
        for (path, pointer) in [("chat", "/message/content"), ("generate", "/response")] {
            for stream in [false, true] {
                let what = format!("{path} → {kind:?}, {stream}");
                bench.upstream.then(kind.says(stream, &PIECES, TOKENS));
                let mut request = chat(&kind.model());
                if path == "generate" {
                    request.as_object_mut().unwrap().remove("messages");
                    request["system"] = "Be brief.".into();
                    request["prompt"] = "Say hello".into();
                }
                // A stream is what it gets when it does not say.
                if !stream {
                    request["stream"] = false.into();
                }
                let answer = bench.openai().post(&format!("/ollama/api/{path}"), &request).await;
                assert_eq!(answer.header("x-pathgate-dropped"), "", "{what}");
                let id = crate::setup::request_id(&answer);
                let told = if stream { lines(answer).await } else { vec![answer.json().await] };
                assert_eq!(said(&told, pointer), "Say hello", "{what}");
                let last = told.last().unwrap();
                assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("stop")), "{what}");
                assert_eq!(
                    (&last["prompt_eval_count"], &last["eval_count"]),
                    (&json!(20), &json!(9)),
                    "{what}"
                );
                assert!(
                    told.iter().all(|line| line["created_at"].as_str().is_some_and(|at| at.ends_with('Z')))
                );
                let call = bench.upstream.seen().pop().unwrap();
                kind.check_call(&call, stream);
                let asked = kind.asked(&call.json());
                assert_eq!((asked.system.as_str(), asked.most), ("Be brief.", Some(64)), "{what}");
                assert_eq!(asked.question, "Say hello", "{what}");
                let kept = bench.kept_of(&id).await;
                assert_eq!(kept.request["dialect"], format!("ollama.{path}"), "{what}");
                assert_eq!(kept.attempts[0]["usage"]["output"], 9, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn an_ollama_client_calls_tools_of_other_providers() {
    let bench = Bench::start().await;
    let call = crate::speech::Call {
        id: "call_0123".into(),
        name: "lookup".into(),
        arguments: json!({ "city": "Ulm" }),
    };
    for kind in [Kind::Openai, Kind::Claude] {
        for stream in [false, true] {
            bench.upstream.then(kind.calls(stream, &call, TOKENS));
            let mut request = chat(&kind.model());
            request["stream"] = stream.into();
            request["tools"] = json!([{ "type": "function", "function": { "name": "lookup",
                "parameters": { "type": "object", "properties": { "city": { "type": "string" } },
                    "required": ["city"] } } }]);
            // An earlier call and its result, without ids as older clients write them.
            request["messages"].as_array_mut().unwrap().extend([
                json!({ "role": "assistant", "content": "", "tool_calls": [
                    { "function": { "name": "lookup", "arguments": { "city": "Bonn" } } }] }),
                json!({ "role": "tool", "tool_name": "lookup", "content": "17 degrees" }),
            ]);
            let answer = bench.openai().post("/ollama/api/chat", &request).await;
            let told = if stream { lines(answer).await } else { vec![answer.json().await] };
            let calls: Vec<&Value> =
                told.iter().filter_map(|line| line["message"]["tool_calls"].as_array()).flatten().collect();
            let [made] = calls.as_slice() else { panic!("{kind:?}: {told:?}") };
            assert_eq!(made["function"]["name"], "lookup", "{kind:?}");
            assert_eq!(made["function"]["arguments"], json!({ "city": "Ulm" }), "{kind:?}");
            assert_eq!(made["id"], "call_0123", "{kind:?}");
            let (earlier, result) = kind.called(&bench.upstream.seen().pop().unwrap().json());
            assert_eq!((earlier.name.as_str(), result.as_str()), ("lookup", "17 degrees"), "{kind:?}");
            assert_eq!(earlier.arguments, json!({ "city": "Bonn" }), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_model_of_another_provider_is_loaded_and_known_under_the_usual_tag() {
    let bench = Bench::start().await;
    for (path, body, done) in [
        ("generate", json!({}), "load"),
        ("generate", json!({ "prompt": "", "keep_alive": 0 }), "unload"),
        ("chat", json!({ "messages": [] }), "load"),
    ] {
        let mut request = body;
        request["model"] = Kind::Claude.model().into();
        let answer = bench.openai().post(&format!("/ollama/api/{path}"), &request).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-cost")), (200, "0"));
        assert_eq!(answer.json().await["done_reason"], done);
    }
    assert!(bench.upstream.seen().is_empty());
    bench.upstream.then(Kind::Claude.says(false, &PIECES, TOKENS));
    let mut request = chat(&format!("{}:latest", Kind::Claude.model()));
    request["stream"] = false.into();
    let answer = bench.openai().post("/ollama/api/chat", &request).await;
    assert_eq!(answer.json().await["message"]["content"], "Say hello");
    Kind::Claude.check_call(&bench.upstream.seen().pop().unwrap(), false);
}

#[tokio::test]
async fn an_ollama_server_answers_its_own_clients_untouched() {
    let bench = Bench::start().await;
    let stream = "{\"model\":\"llama3.2\", \"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"done\":false}\n\
        {\"model\":\"llama3.2\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":5,\"eval_count\":2}\n";
    let whole = "{\"embeddings\":[[0.50,1]],\"prompt_eval_count\":5}";
    for (path, answered, kind) in [
        ("chat", stream, "application/x-ndjson"),
        ("generate", stream, "application/x-ndjson"),
        ("embed", whole, "application/json"),
        ("embeddings", "{\"embedding\":[0.50]}", "application/json"),
    ] {
        bench.upstream.then(Reply::text(200, kind, answered));
        let answer = bench
            .openai()
            .post(&format!("/ollama/api/{path}"), &json!({ "model": "local/llama3.2", "x": 1 }))
            .await;
        assert_eq!(answer.header("content-type"), kind, "{path}");
        let kept = bench.kept(&answer).await;
        assert_eq!(answer.text().await, answered, "{path}");
        let call = bench.upstream.seen().pop().unwrap();
        assert_eq!(call.path, format!("/local/api/{path}"));
        assert_eq!(call.header("authorization"), format!("Bearer {SECRET}local"));
        assert_eq!(call.json(), json!({ "model": "llama3.2", "x": 1 }), "{path}");
        if path != "embeddings" {
            assert_eq!(kept.attempts[0]["usage"]["input"], 5, "{path}");
        }
    }
}

#[tokio::test]
async fn an_ollama_server_answers_others_in_their_own_dialect() {
    let bench = Bench::start().await;
    let model = Kind::Local.model();
    bench.upstream.then(Reply::json(200, &openai::text("Hi", TOKENS)));
    let answer = bench
        .openai()
        .post("/v1/chat/completions", &crate::speech::Speech::Openai.ask(&model, "a", false))
        .await;
    assert_eq!(answer.json().await["choices"][0]["message"]["content"], "Hi");
    bench.upstream.then(Reply::sse(anthropic::text_stream(&PIECES, TOKENS)));
    let answer = bench
        .anthropic()
        .post("/v1/messages", &crate::speech::Speech::Anthropic.ask(&model, "a", true))
        .await;
    assert!(answer.text().await.contains("message_stop"));
    let paths: Vec<String> = bench.upstream.seen().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/local/v1/chat/completions", "/local/v1/messages"]);
}

#[tokio::test]
async fn vectors_are_made_for_ollama_clients_by_others() {
    let bench = Bench::start().await;
    for (path, request, inputs) in [
        ("embed", json!({ "model": "openai/text-embedding-3-small", "input": ["one", "two"] }), 2),
        ("embeddings", json!({ "model": "openai/text-embedding-3-small", "prompt": "one" }), 1),
    ] {
        bench.upstream.then(Reply::json(200, &openai::embeddings(inputs, 7)));
        let body = bench.openai().post(&format!("/ollama/api/{path}"), &request).await.json().await;
        if path == "embed" {
            assert_eq!(body["embeddings"].as_array().map(Vec::len), Some(2));
            assert_eq!(body["prompt_eval_count"], 7);
        } else {
            assert_eq!(body["embedding"].as_array().map(Vec::len), Some(4));
        }
    }
}

#[tokio::test]
async fn models_are_listed_and_shown() {
    let bench = Bench::start().await;
    let client = bench.openai();
    let tags = client.get("/ollama/api/tags").await.json().await;
    let names: Vec<&str> =
        tags["models"].as_array().unwrap().iter().filter_map(|it| it["model"].as_str()).collect();
    assert!(names.contains(&"demo/echo") && names.contains(&"local/some"), "{names:?}");
    for body in [json!({ "model": "demo/echo" }), json!({ "name": "demo/echo" })] {
        let shown = client.post("/ollama/api/show", &body).await;
        assert_eq!(shown.status, 200);
        let shown = shown.json().await;
        assert!(shown["model_info"].is_object() && shown["details"].is_object(), "{shown}");
        assert_eq!(shown["capabilities"][0], "completion");
    }
    let missing = client.post("/ollama/api/show", &json!({ "model": "nope" })).await;
    assert_eq!(missing.status, 404);
    assert!(missing.json().await["error"].is_string());
    assert_eq!(client.post("/ollama/api/show", &json!({})).await.status, 400);
    assert!(client.get("/ollama/api/version").await.json().await["version"].is_string());
    assert_eq!(client.get("/ollama/api/ps").await.json().await, json!({ "models": [] }));
    let stranger = bench.gateway.client().get("/ollama/api/tags").await;
    assert_eq!(stranger.status, 401);
    assert!(stranger.json().await["error"].is_string());
}

#[tokio::test]
async fn faults_come_in_ollamas_words() {
    let bench = Bench::start().await;
    bench.upstream.then(Kind::Openai.refuses(400, "invalid_request_error", "Wrong"));
    let answer = bench.openai().post("/ollama/api/chat", &chat(&Kind::Openai.model())).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json().await, json!({ "error": "Wrong" }));
    let answer = bench.openai().post("/ollama/api/chat", &json!({ "messages": [] })).await;
    assert!(answer.json().await["error"].as_str().unwrap().contains("model"));
    // A stream that broke off ends with a line that says so.
    let torn = openai::text_stream(&PIECES, None).into_iter().take(2);
    bench.upstream.then(Reply::sse(torn));
    let told = lines(bench.openai().post("/ollama/api/chat", &chat(&Kind::Openai.model())).await).await;
    assert!(told.last().unwrap()["error"].is_string(), "{told:?}");
}

#[tokio::test]
async fn completions_pass_and_are_translated() {
    let bench = Bench::start().await;
    let ask = |model: &str, prompt: Value| json!({ "model": model, "prompt": prompt, "max_tokens": 64 });
    // The same dialect on both sides.
    let answered = "{\"object\":\"text_completion\", \"choices\":[{\"text\":\"x\",\"index\":0}],\
        \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}";
    bench.upstream.then(Reply::text(200, "application/json", answered));
    let answer = bench.openai().post("/v1/completions", &ask("house/qwen3", json!([1, 2]))).await;
    assert_eq!(bench.kept(&answer).await.attempts[0]["usage"]["output"], 4);
    assert_eq!(answer.text().await, answered);
    assert_eq!(bench.upstream.seen().pop().unwrap().path, "/house/v1/completions");
    // What only we asked for is taken out of the stream again.
    let frame = "data: {\"id\":\"c\",\"choices\":[{\"text\":\"x\",\"index\":0,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n";
    let usage =
        "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n";
    bench.upstream.then(Reply::sse([frame, usage, "data: [DONE]\n\n"]));
    let mut request = ask("house/qwen3", json!("a"));
    request["stream"] = true.into();
    let answer = bench.openai().post("/v1/completions", &request).await;
    assert_eq!(bench.kept(&answer).await.attempts[0]["usage"]["output"], 4);
    let expected = format!("{}data: [DONE]\n\n", frame.replace(",\"usage\":null", ""));
    assert_eq!(answer.text().await, expected);
    assert_eq!(
        bench.upstream.seen().pop().unwrap().json()["stream_options"],
        json!({ "include_usage": true })
    );
    // Another dialect behind it.
    bench.upstream.then(Kind::Claude.says(true, &PIECES, TOKENS));
    request["model"] = Kind::Claude.model().into();
    let answer = bench.openai().post("/v1/completions", &request).await;
    let events = answer.try_events().await.expect("a whole stream");
    let datas =
        events.iter().filter_map(|event| serde_json::from_str::<Value>(event.split_once("data: ")?.1).ok());
    let text: String =
        datas.filter_map(|data| data["choices"][0]["text"].as_str().map(str::to_owned)).collect();
    assert_eq!(text, "Say hello");
    // Tokens of somebody's vocabulary mean nothing to others.
    let answer = bench.openai().post("/v1/completions", &ask(&Kind::Claude.model(), json!([1, 2]))).await;
    assert_eq!(answer.status, 400);
    let error = answer.json().await;
    assert_eq!(
        (&error["error"]["code"], &error["error"]["param"]),
        (&json!("unsupported_capability"), &json!("prompt"))
    );
}
