//! What clients get to read.

use contract::Code;

use super::*;
use contract::words::IdKind;

fn rendered(dialect: Dialect, fault: &Fault) -> (StatusCode, HeaderMap, Bytes) {
    let response = Renderer.render(dialect, fault, Id::from_parts(IdKind::Request, [7; 16]));
    let (parts, body) = response.into_parts();
    let Body::Full(body) = body else { panic!("not one buffer") };
    (parts.status, parts.headers, body)
}

fn json_of(dialect: Dialect, fault: &Fault) -> Value {
    serde_json::from_slice(&rendered(dialect, fault).2).unwrap()
}

fn rejected(dialect: Dialect, body: &'static str) -> Fault {
    Fault::new(Code::UpstreamRejected).from_upstream(UpstreamError {
        dialect,
        status: StatusCode::NOT_FOUND,
        kind: Some("not_found_error".to_owned()),
        code: None,
        param: None,
        message: "no such thing".to_owned(),
        body: Bytes::from_static(body.as_bytes()),
        retry_after: None,
    })
}

const ID: &str = "req_07070707070707070707070707070707";

#[test]
fn each_dialect_has_its_shape() {
    let fault = Fault::saying(Code::InvalidRequest, "bad \"n\"").at("n").because("secret");
    assert_eq!(
        json_of(Dialect::OpenaiEmbeddings, &fault),
        json!({"error": {"message": "bad \"n\"", "type": "invalid_request_error", "param": "n", "code": "invalid_request"}})
    );
    assert_eq!(
        json_of(Dialect::AnthropicMessages, &fault),
        json!({"type": "error", "error": {"type": "invalid_request_error", "message": "bad \"n\""}, "request_id": ID})
    );
    let google = json_of(Dialect::GeminiGenerate, &fault);
    assert_eq!(
        (&google["error"]["code"], &google["error"]["status"]),
        (&json!(400), &json!("INVALID_ARGUMENT"))
    );
}

#[test]
fn aws_reads_the_type_in_a_header() {
    for (fault, kind) in [
        (Fault::new(Code::InvalidRequest), "ValidationException"),
        (Fault::new(Code::RateLimited), "ThrottlingException"),
        (Fault::new(Code::NotFound), "ResourceNotFoundException"),
        (Fault::new(Code::Internal), "InternalServerException"),
        (rejected(Dialect::OpenaiChat, "{}"), "ResourceNotFoundException"),
    ] {
        let (_, headers, body) = rendered(Dialect::BedrockConverse, &fault);
        assert_eq!(headers["x-amzn-errortype"], kind);
        assert_eq!(headers["x-amzn-requestid"], ID);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"message": message(&fault)}));
    }
    let own = r#"{"message":"no such thing","resourceName":"m"}"#;
    let (_, _, body) = rendered(Dialect::BedrockConverse, &rejected(Dialect::BedrockConverse, own));
    assert_eq!(body, own);
}

#[test]
fn headers_name_the_request_the_code_and_the_wait() {
    let fault = Fault::new(Code::RateLimited).retry_after(Duration::from_millis(1500)).limited(LimitState {
        limit: 60,
        remaining: 0,
        reset: Duration::from_secs(360),
    });
    let (status, headers, _) = rendered(Dialect::OpenaiChat, &fault);
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-pathgate-request-id", ID),
        ("x-request-id", ID),
        ("x-pathgate-error", "rate_limited"),
        ("retry-after", "2"),
        ("retry-after-ms", "1500"),
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "6m0s"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let (_, headers, _) =
        rendered(Dialect::AnthropicMessages, &Fault::new(Code::Overloaded).retry_after(Duration::ZERO));
    assert_eq!(
        (&headers["request-id"], &headers["retry-after"]),
        (&ID.parse().unwrap(), &"1".parse().unwrap())
    );
}

#[test]
fn spans_are_written_as_openai_writes_them() {
    for (millis, text) in
        [(0, "0ms"), (12, "12ms"), (1000, "1s"), (1001, "2s"), (360_000, "6m0s"), (3_605_000, "1h0m5s")]
    {
        let mut written = BytesMut::new();
        push_span(&mut written, Duration::from_millis(millis));
        assert_eq!(written, text);
    }
}

#[test]
fn an_upstreams_refusal_is_verbatim_for_its_own_dialect_only() {
    let body = r#" {"error":{"message":"no such thing","odd":1.0}}"#;
    let (status, _, bytes) = rendered(Dialect::OpenaiChat, &rejected(Dialect::OpenaiChat, body));
    assert_eq!((status, &bytes[..]), (StatusCode::NOT_FOUND, body.as_bytes()));
    assert_eq!(
        json_of(Dialect::OpenaiChat, &rejected(Dialect::AnthropicMessages, body))["error"],
        json!({"message": "no such thing", "type": "not_found_error", "param": null, "code": "upstream_rejected"})
    );
    let anthropic = json_of(Dialect::AnthropicMessages, &rejected(Dialect::OpenaiChat, body));
    assert_eq!(anthropic["error"], json!({"type": "not_found_error", "message": "no such thing"}));
    // Where the dialect's clients would find no message, it is written for them.
    for body in ["<html>", r#"{"detail":[{"msg":"no such thing"}]}"#] {
        let written = json_of(Dialect::OpenaiChat, &rejected(Dialect::OpenaiChat, body));
        assert_eq!(written["error"]["message"], json!("no such thing"), "{body}");
    }
}

#[test]
fn what_an_upstream_says_of_our_credentials_stays_here() {
    let fault = Fault::new(Code::UpstreamAuth).from_upstream(UpstreamError {
        dialect: Dialect::OpenaiChat,
        status: StatusCode::UNAUTHORIZED,
        kind: None,
        code: None,
        param: None,
        message: "key sk-123 is wrong".to_owned(),
        body: Bytes::from_static(b"{\"error\":\"key sk-123 is wrong\"}"),
        retry_after: None,
    });
    let (status, _, body) = rendered(Dialect::OpenaiChat, &fault);
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(!String::from_utf8_lossy(&body).contains("sk-123"));
}
