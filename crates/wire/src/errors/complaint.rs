//! What a service says is wrong, wherever it says so: most stand in front of others, whose errors have forms of their own.
//!
//! Seen in the wild: `{"error": {message}}`, `{"error": "text"}`, `{"message"}`, `{"detail": …}` (FastAPI, with a list of what
//! is wrong where; RFC 9457), `{"errors": […]}` (Cloudflare, watsonx), `{"fault": {"faultstring"}}` (Apigee), OAuth's
//! `{"error", "error_description"}`, and each of these within an array (Google's streams).

use http::StatusCode;
use serde_json::Value;

/// The longest text that is told of what has no known form, in bytes.
const MOST: usize = 2048;

/// The message of an error answer; where there is none, the status is told.
pub(crate) fn message(status: StatusCode, body: &Value) -> String {
    find(body).unwrap_or_else(|| format!("The provider answered with status {status}."))
}

/// The message of an error answer or object, if it says any.
pub(crate) fn find(body: &Value) -> Option<String> {
    let outer = body.get(0).unwrap_or(body);
    let text = ["/error/message", "/message", "/Message", "/error_description", "/error", "/detail"]
        .into_iter()
        .chain(["/error_message", "/error_msg", "/msg", "/fault/faultstring", "/error/detail"])
        .find_map(|place| outer.pointer(place)?.as_str().filter(|text| !text.is_empty()));
    if let Some(text) = text {
        return Some(text.to_owned());
    }
    ["/detail", "/message", "/error/message", "/errors", "/error", "/message/detail", "/error/errors"]
        .into_iter()
        .find_map(|place| outer.pointer(place)?.as_array().and_then(|list| listed(list)))
        .or_else(|| {
            ["/message", "/error", "/detail"].into_iter().find_map(|place| whole(outer.pointer(place)?))
        })
        .or_else(|| outer.get("title")?.as_str().map(str::to_owned))
}

/// Several complaints as one text.
fn listed(list: &[Value]) -> Option<String> {
    let one = |item: &Value| match item {
        Value::String(text) => Some(text.clone()),
        item => {
            let text = item.get("msg").or_else(|| item.get("message"))?.as_str()?;
            Some(place(item).map_or_else(|| text.to_owned(), |place| format!("{place}: {text}")))
        }
    };
    let texts: Vec<String> = list.iter().filter_map(one).collect();
    (!texts.is_empty()).then(|| cut(texts.join("; ")))
}

/// Where FastAPI finds it: `["body", "messages", 0]`.
fn place(item: &Value) -> Option<String> {
    let steps = item.get("loc")?.as_array()?;
    let step = |step: &Value| step.as_str().map_or_else(|| step.to_string(), str::to_owned);
    Some(steps.iter().map(step).collect::<Vec<_>>().join("."))
}

/// An object of no known form, as it stands.
fn whole(value: &Value) -> Option<String> {
    let says = value.as_object().is_some_and(|map| !map.is_empty());
    says.then(|| find(value).unwrap_or_else(|| cut(value.to_string())))
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MOST));
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_message_is_found_wherever_it_stands() {
        for (body, expected) in [
            (json!({"error": {"message": "m", "detail": "d"}}), "m"),
            (json!([{"error": {"message": "m"}}]), "m"),
            (json!({"error": "m"}), "m"),
            (json!({"error": "invalid_grant", "error_description": "m"}), "m"),
            (json!({"message": "m", "request_id": "r"}), "m"),
            (json!({"Message": "m"}), "m"),
            (json!({"detail": "m", "title": "t"}), "m"),
            (json!({"title": "m", "status": 402}), "m"),
            (
                json!({"detail": [{"loc": ["body", "messages", 0], "msg": "is missing"}]}),
                "body.messages.0: is missing",
            ),
            (json!({"message": {"detail": [{"msg": "a"}, {"msg": "b"}]}}), "a; b"),
            (json!({"error": ["a", "b"]}), "a; b"),
            (json!({"errors": [{"code": 5, "message": "m"}], "success": false}), "m"),
            (json!({"error": {"errors": [{"message": "m"}]}}), "m"),
            (json!({"error": {"x": 1}}), "{\"x\":1}"),
            (json!({"fault": {"faultstring": "m"}}), "m"),
        ] {
            assert_eq!(find(&body).as_deref(), Some(expected), "{body}");
        }
    }

    #[test]
    fn where_nothing_is_said_the_status_is() {
        for body in [
            json!(null),
            json!({}),
            json!([]),
            json!({"error": {}}),
            json!({"error": null}),
            json!({"detail": []}),
        ] {
            let expected = "The provider answered with status 502 Bad Gateway.";
            assert_eq!(message(StatusCode::BAD_GATEWAY, &body), expected, "{body}");
        }
    }

    #[test]
    fn what_is_told_has_bounds() {
        let body = json!({"error": {"x": "é".repeat(MOST)}});
        assert!(find(&body).is_some_and(|text| text.len() <= MOST));
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!({"error": deep});
        }
        assert!(find(&deep).is_some());
    }
}
