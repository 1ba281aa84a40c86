//! Lists that are asked for in several calls, and what becomes of them when one fails.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use contract::ports::{
    BoxFuture, Call, Outbound, PoolState, Provider, ProviderReply, Timeouts, Upstream, UpstreamFailure,
};
use contract::words::Dialect;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{COUNTED, LONGEST, most};
use crate::conformance::{body_of, built, now};
use crate::listing::collect_within;

/// An upstream that answers each call by its inputs, and refuses one that has `refused` among them.
struct Counting {
    calls: Mutex<Vec<usize>>,
    answer: fn(usize) -> Value,
    refused: &'static str,
}

impl Counting {
    fn with(answer: fn(usize) -> Value) -> Self {
        Self { calls: Mutex::default(), answer, refused: "" }
    }
}

impl Upstream for Counting {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        let text = body_of(request);
        let body: Value = serde_json::from_str(&text).unwrap();
        let lists = ["input", "texts", "images", "inputs", "requests", "instances"];
        let inputs = lists.iter().find_map(|name| body[name].as_array()).unwrap().len();
        self.calls.lock().unwrap().push(inputs);
        let status = if !self.refused.is_empty() && text.contains(self.refused) {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        let mut headers = HeaderMap::new();
        if self.refused.is_empty() {
            headers.insert(COUNTED, HeaderValue::from(7));
        }
        let body = (self.answer)(inputs).to_string().into();
        Box::pin(std::future::ready(Ok(ProviderReply { status, headers, body })))
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

fn asked(
    provider: &dyn Provider,
    upstream: &Counting,
    (dialect, model): (Dialect, &str),
    body: &Value,
) -> (StatusCode, HeaderMap, Result<Value, UpstreamFailure>) {
    let (headers, timeouts) = (HeaderMap::new(), Timeouts::default());
    let body = VecDeque::from([Bytes::from(body.to_string())]);
    let call = Call { dialect, model, stream: false, body, headers: &headers, traceparent: None, timeouts };
    match now(provider.call(call, upstream)) {
        Ok(reply) => {
            let bytes = now(collect_within(reply.body, LONGEST)).unwrap();
            (reply.status, reply.headers, Ok(serde_json::from_slice(&bytes).unwrap()))
        }
        Err(failure) => (StatusCode::BAD_GATEWAY, HeaderMap::new(), Err(failure)),
    }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("t{at}")).collect()
}

fn openai(count: usize) -> Value {
    let entry = |at| json!({"object": "embedding", "index": at, "embedding": [0.25]});
    json!({"object": "list", "model": "m", "data": (0..count).map(entry).collect::<Vec<_>>(),
        "usage": {"prompt_tokens": count, "total_tokens": count}})
}

#[test]
fn a_list_longer_than_a_service_takes_is_several_calls_and_one_answer() {
    let provider = built(json!({"kind": "dashscope", "api_key": "k"}));
    let upstream = Counting::with(openai);
    let (dialect, body) = (Dialect::OpenaiEmbeddings, json!({"model": "m", "input": texts(23)}));
    let (status, _, answer) = asked(&*provider, &upstream, (dialect, "m"), &body);
    let answer = answer.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(*upstream.calls.lock().unwrap(), [10, 10, 3]);
    let numbers: Vec<u64> =
        answer["data"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..23).collect::<Vec<u64>>());
    assert_eq!(answer["usage"], json!({"prompt_tokens": 23, "total_tokens": 23}));
    assert_eq!((&answer["model"], &answer["object"]), (&json!("m"), &json!("list")));
    // One that fits, and one text in tokens, go as they are.
    for input in [json!(texts(10)), json!((1..40).collect::<Vec<u32>>())] {
        upstream.calls.lock().unwrap().clear();
        asked(&*provider, &upstream, (dialect, "m"), &json!({"model": "m", "input": input})).2.unwrap();
        assert_eq!(upstream.calls.lock().unwrap().len(), 1);
    }
}

#[test]
fn each_dialect_is_cut_and_joined_in_its_own_form() {
    let vertex = json!({"kind": "vertex", "project": "p", "access_token": "t"});
    let bedrock = json!({"kind": "bedrock", "region": "eu-west-1", "api_key": "k"});
    let cohere: fn(usize) -> Value = |count| {
        json!({"id": "x", "embeddings": {"float": vec![[0.5]; count], "int8": vec![[1]; count]},
            "texts": texts(count), "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": count}}})
    };
    let old: fn(usize) -> Value =
        |count| json!({"embeddings": vec![[0.5]; count], "response_type": "embeddings_floats"});
    let gemini: fn(usize) -> Value = |count| json!({"embeddings": vec![json!({"values": [0.5]}); count]});
    let predict: fn(usize) -> Value = |count| json!({"predictions": vec![json!({"embeddings": {"values": [0.5]}}); count], "metadata": {"billableCharacterCount": 2}});
    let many = vec![json!({"content": "a"}); 3];
    for (config, (dialect, model), body, answer, calls) in [
        (
            json!({"kind": "cohere", "api_key": "k"}),
            (Dialect::CohereEmbed, "m"),
            json!({"texts": texts(97)}),
            cohere,
            vec![96, 1],
        ),
        (
            json!({"kind": "cohere", "api_key": "k"}),
            (Dialect::CohereEmbed, "m"),
            json!({"images": texts(2)}),
            cohere,
            vec![1, 1],
        ),
        (bedrock, (Dialect::CohereEmbed, "cohere.embed-v4:0"), json!({"texts": texts(97)}), old, vec![96, 1]),
        (
            json!({"kind": "gemini", "api_key": "k"}),
            (Dialect::GeminiEmbed, "m"),
            json!({"requests": texts(120)}),
            gemini,
            vec![100, 20],
        ),
        (
            vertex.clone(),
            (Dialect::VertexPredict, "gemini-embedding-001"),
            json!({"instances": many, "parameters": {"x": 1}}),
            predict,
            vec![1, 1, 1],
        ),
        (
            vertex,
            (Dialect::VertexPredict, "text-embedding-005"),
            json!({"instances": many}),
            predict,
            vec![3],
        ),
    ] {
        let (provider, upstream) = (built(config), Counting::with(answer));
        let (_, headers, joined) = asked(&*provider, &upstream, (dialect, model), &body);
        let joined = joined.unwrap();
        let total = calls.iter().sum::<usize>();
        assert_eq!(*upstream.calls.lock().unwrap(), calls);
        assert_eq!(headers[COUNTED], (7 * calls.len()).to_string().as_str());
        let expected = answer(total);
        for list in ["/embeddings", "/embeddings/float", "/embeddings/int8", "/predictions"] {
            let length = |of: &Value| of.pointer(list).and_then(Value::as_array).map(Vec::len);
            assert_eq!(length(&joined), length(&expected), "{list}");
        }
        if answer as usize == cohere as usize {
            assert_eq!((&joined["meta"], &joined["id"]), (&expected["meta"], &json!("x")));
        }
        if answer as usize == predict as usize {
            assert_eq!(joined["metadata"]["billableCharacterCount"], 2 * calls.len());
        }
    }
}

#[test]
fn a_refused_piece_is_the_answer_and_a_wrong_number_of_vectors_is_none() {
    let provider = built(json!({"kind": "dashscope", "api_key": "k"}));
    let upstream = Counting { refused: "t15", ..Counting::with(openai) };
    let body = json!({"model": "m", "input": texts(20)});
    let (status, headers, _) = asked(&*provider, &upstream, (Dialect::OpenaiEmbeddings, "m"), &body);
    assert_eq!(
        (status, headers[COUNTED].to_str().unwrap()),
        (StatusCode::BAD_REQUEST, "10"),
        "the other ten are billed"
    );
    let short = Counting::with(|count| openai(count - 1));
    let (status, headers, failure) = asked(&*provider, &short, (Dialect::OpenaiEmbeddings, "m"), &body);
    assert_eq!((status, headers[COUNTED].to_str().unwrap()), (StatusCode::BAD_GATEWAY, "14"));
    assert!(failure.unwrap()["message"].as_str().unwrap().contains("9 vectors for 10 inputs"));
}

#[test]
fn limits_are_those_of_the_documents() {
    for (kind, dialect, model, expected) in [
        ("openai", Dialect::OpenaiEmbeddings, "text-embedding-3-small", Some(2048)),
        ("vllm", Dialect::OpenaiEmbeddings, "m", None),
        ("vertex", Dialect::VertexPredict, "gemini-embedding-001", Some(1)),
        ("vertex", Dialect::VertexPredict, "text-multilingual-embedding-002", Some(250)),
    ] {
        assert_eq!(most(kind, dialect, model), expected, "{kind} {model}");
    }
}
