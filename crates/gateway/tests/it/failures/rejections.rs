//! Refusals of the provider: those of the client's request come back in its own words, those of our credentials do not.

use serde_json::{Value, json};

use super::{ask, called, start};
use crate::kinds::{Kind, Tongue};
use crate::setup::{Bench, SECRET};
use crate::speech::Speech;

/// Is the kind's dialect the client's own?
fn same(speech: Speech, kind: Kind) -> bool {
    match speech {
        Speech::Openai => kind.tongue() == Tongue::Openai,
        Speech::Anthropic => kind.tongue() == Tongue::Anthropic,
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_in_the_providers_words() {
    let bench = Bench::start().await;
    for kind in Kind::SCRIPTED {
        for speech in Speech::ALL {
            let kind = kind.met_by(speech);
            for (status, word) in
                [(400, "invalid_request_error"), (413, "request_too_large"), (422, "x_error")]
            {
                let what = format!("{speech:?} → {kind:?}, {status}");
                let word = if kind == Kind::Google { "INVALID_ARGUMENT" } else { word };
                bench.upstream.then(kind.refuses(status, word, "max_tokens is too large: 99"));
                let calls = bench.upstream.seen().len();
                let answer = ask(&bench, speech, &kind.model()).await;
                assert_eq!(answer.status, status, "{what}");
                assert_eq!(answer.header("x-pathgate-error"), "upstream_rejected", "{what}");
                assert_eq!(answer.header("content-type"), "application/json", "{what}");
                let body = answer.json().await;
                let error = &body["error"];
                assert_eq!(error["message"], "max_tokens is too large: 99", "{what}");
                assert!(error["type"].is_string(), "{what}: {body}");
                if same(speech, kind) {
                    assert_eq!(error["type"], word, "{what}");
                    // The provider's body, to the byte: its own fields are all there.
                    match speech {
                        Speech::Openai => assert_eq!(error["code"], "some_code", "{what}"),
                        Speech::Anthropic => assert_eq!(body["request_id"], "req_scripted", "{what}"),
                    }
                }
                if status == 400 {
                    assert_eq!(error["type"], "invalid_request_error", "{what}");
                }
                assert_eq!(bench.upstream.seen().len() - calls, 1, "{what}: it would be refused again");
            }
        }
    }
    for line in bench.list("requests?outcome=failed", 30).await {
        assert_eq!((&line["error"], &line["attempts"]), (&json!("upstream_rejected"), &json!(1)));
        assert_eq!(line["cost_nano_usd"], 0, "a refusal costs nothing");
    }
}

#[tokio::test]
async fn a_refused_request_goes_to_no_other_deployment_but_a_missing_model_does() {
    let bench = start().await;
    bench.upstream.then(Kind::Openai.refuses(400, "invalid_request_error", "Wrong"));
    assert_eq!(ask(&bench, Speech::Openai, "chain").await.status, 400);
    assert_eq!(called(&bench), ["openai"]);
    bench.upstream.then(Kind::Openai.refuses(404, "invalid_request_error", "No such model"));
    bench.upstream.then(Kind::Claude.says(false, &["Hello"], super::TOKENS));
    assert_eq!(ask(&bench, Speech::Openai, "chain").await.status, 200);
    assert_eq!(called(&bench), ["openai", "openai", "claude"]);

    bench.upstream.then(Kind::Openai.refuses(404, "invalid_request_error", "No such model"));
    let answer = ask(&bench, Speech::Anthropic, "one").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json().await["error"]["message"], "No such model");
}

#[tokio::test]
async fn our_own_credentials_are_nobodys_business() {
    let bench = Bench::start().await;
    let mut told = Vec::new();
    for kind in Kind::SCRIPTED {
        for speech in Speech::ALL {
            let kind = kind.met_by(speech);
            for status in [401, 403] {
                let what = format!("{speech:?} → {kind:?}, {status}");
                let leak = format!("Incorrect API key provided: {SECRET}{}", kind.account());
                let word = if kind == Kind::Google { "PERMISSION_DENIED" } else { "authentication_error" };
                bench.upstream.then(kind.refuses(status, word, &leak));
                let answer = ask(&bench, speech, &kind.model()).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("x-pathgate-error")),
                    (502, "upstream_auth"),
                    "{what}"
                );
                assert!(!format!("{:?}", answer.headers).contains(SECRET), "{what}");
                told.push((crate::setup::request_id(&answer), what.clone()));
                let body = answer.json().await;
                assert!(!body.to_string().contains(SECRET), "{what}: {body}");
                let kind = if speech == Speech::Openai { "server_error" } else { "api_error" };
                assert_eq!(body["error"]["type"], kind, "{what}");
            }
        }
    }
    for (id, what) in told {
        let kept = bench.kept_of(&id).await;
        assert_eq!(kept.attempts.len(), 1, "{what}: it is not tried again");
        assert_eq!(kept.attempts[0]["error"], "upstream_auth", "{what}");
    }
}

#[tokio::test]
async fn a_deployment_without_valid_credentials_is_passed_over() {
    let bench = start().await;
    bench.upstream.then(Kind::Openai.refuses(401, "invalid_request_error", "Bad key"));
    bench.upstream.then(Kind::Claude.refuses(403, "permission_error", "Not yours"));
    bench.upstream.then(Kind::Google.says(false, &["Hello"], super::TOKENS));
    let answer = ask(&bench, Speech::Anthropic, "chain").await;
    assert_eq!((answer.status.as_u16(), answer.header("x-pathgate-attempts")), (200, "3"));
    let said: Value = answer.json().await;
    assert_eq!(Speech::Anthropic.read(&said).text, "Hello");
}

#[tokio::test]
async fn a_403_that_is_not_of_our_credentials_is_told() {
    let bench = Bench::start().await;
    for speech in Speech::ALL {
        for kind in Kind::SCRIPTED {
            let kind = kind.met_by(speech);
            let what = format!("{speech:?} → {kind:?}");
            let word = if kind == Kind::Google { "FAILED_PRECONDITION" } else { "invalid_request_error" };
            bench.upstream.then(kind.refuses(403, word, "Your input was flagged"));
            let answer = ask(&bench, speech, &kind.model()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("x-pathgate-error")),
                (403, "upstream_rejected"),
                "{what}"
            );
            let body = answer.json().await;
            assert_eq!(body["error"]["message"], "Your input was flagged", "{what}");
        }
    }
}
