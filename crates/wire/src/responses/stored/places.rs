//! Places of a conversation that was written out, as the client knows them: what it sent by its own numbers, what came before
//! by the field that stands for it.

use bytes::Bytes;
use contract::canon::Asked;
use contract::{Code, Fault};
use serde::de::IgnoredAny;

use super::super::read::INPUT;
use super::{PREVIOUS, find, input};

/// What tells the places of a conversation that was written out.
#[derive(Clone, Debug)]
pub struct Places {
    /// What the client sent.
    pub body: Bytes,
    /// The same with the conversation written out.
    pub expanded: Bytes,
    /// The response that it goes on from.
    pub previous: String,
}

/// The numbers of the items.
struct Numbers {
    /// So many came before those of the client.
    earlier: usize,
    /// Is the client's input one text?
    text: bool,
}

impl Numbers {
    fn of(body: &Bytes, expanded: &Bytes) -> Self {
        let count =
            |body| serde_json::from_slice::<Vec<IgnoredAny>>(&input(body)).map_or(0, |items| items.len());
        let text = find(body, INPUT).is_some_and(|(_, value)| value.first() == Some(&b'"'));
        Self { earlier: count(expanded).saturating_sub(count(body)), text }
    }

    /// The client's name of an item; none if it is none of the client's.
    fn own(&self, at: usize) -> Option<String> {
        let at = at.checked_sub(self.earlier)?;
        Some(if self.text { INPUT.to_owned() } else { format!("{INPUT}[{at}]") })
    }
}

/// Names the places of the messages.
pub fn placed(asked: &mut Asked, body: &Bytes, expanded: &Bytes) {
    let Asked::Chat(request) = asked else { return };
    let numbers = Numbers::of(body, expanded);
    if numbers.earlier == 0 {
        return;
    }
    for message in &mut request.messages {
        let at =
            message.at.as_deref().and_then(|at| at.strip_prefix("input[")?.strip_suffix(']')?.parse().ok());
        let Some(at): Option<usize> = at else { continue };
        message.at = Some(numbers.own(at).unwrap_or_else(|| PREVIOUS.to_owned()).into_boxed_str());
    }
}

impl Places {
    /// A fault that names places as the client would, whoever found it.
    #[must_use]
    pub fn fault(&self, fault: Fault) -> Fault {
        let names = |text: &str| text.contains("input[");
        let upstream = fault.upstream();
        let told = upstream.is_some_and(|error| error.body.windows(6).any(|window| window == b"input["));
        if !told && !fault.param().is_some_and(names) && !names(fault.message()) {
            return fault;
        }
        let numbers = Numbers::of(&self.body, &self.expanded);
        let param = fault.param().map(|param| self.words(&numbers, param).0);
        let message = self.sentence(&numbers, fault.message());
        let upstream = fault.upstream().cloned().map(|mut error| {
            error.param = error.param.map(|param| self.words(&numbers, &param).0);
            error.message = self.sentence(&numbers, &error.message);
            if let Ok(body) = std::str::from_utf8(&error.body) {
                error.body = self.words(&numbers, body).0.into();
            }
            error
        });
        let fault = fault.reworded(message);
        let fault = match param {
            Some(param) => fault.at(param),
            None => fault,
        };
        match upstream {
            Some(error) => fault.from_upstream(error),
            None => fault,
        }
    }

    fn sentence(&self, numbers: &Numbers, text: &str) -> String {
        match self.words(numbers, text) {
            (text, true) => format!("{text} This is in the history of '{}'.", self.previous),
            (text, false) => text,
        }
    }

    /// A text with the places named anew, and whether any is in the history.
    fn words(&self, numbers: &Numbers, text: &str) -> (String, bool) {
        let (mut out, mut rest, mut history) = (String::with_capacity(text.len()), text, false);
        while let Some((before, after)) = rest.split_once("input[") {
            out.push_str(before);
            let number = after.split_once(']').and_then(|(at, after)| Some((at.parse().ok()?, after)));
            match number {
                Some((at, after)) => {
                    let own = numbers.own(at);
                    history |= own.is_none();
                    out.push_str(own.as_deref().unwrap_or(PREVIOUS));
                    rest = after;
                }
                None => {
                    out.push_str("input[");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        (out, history)
    }
}

/// What a response that nothing can go on from says of itself, as the fault of a request that would.
#[must_use]
pub fn broken_off(id: &str, ended: &str) -> Fault {
    let message = format!(
        "The response '{id}' {ended} before it was complete, so that nothing can go on from it. Go on from the response \
         before it, and send its input again."
    );
    Fault::saying(Code::InvalidRequest, message).at(PREVIOUS)
}

#[cfg(test)]
mod tests {
    use contract::fault::UpstreamError;
    use http::StatusCode;

    use super::*;
    use crate::stored::DIALECT;

    fn places(own: &'static str) -> Places {
        Places {
            body: Bytes::from_static(own.as_bytes()),
            expanded: Bytes::from_static(br#"{"input":[{},{},{},{}]}"#),
            previous: "resp_1".to_owned(),
        }
    }

    #[test]
    fn the_client_reads_its_own_numbers() {
        let fault = |at: &str| Fault::saying(Code::InvalidRequest, format!("'{at}' must be a list.")).at(at);
        let two = places(r#"{"input":[{},{}]}"#);
        let own = two.fault(fault("input[3].content"));
        assert_eq!(
            (own.param(), own.message()),
            (Some("input[1].content"), "'input[1].content' must be a list.")
        );
        let old = two.fault(fault("input[1].content"));
        assert_eq!(old.param(), Some("previous_response_id.content"));
        assert_eq!(
            old.message(),
            "'previous_response_id.content' must be a list. This is in the history of 'resp_1'."
        );
        let text = places(r#"{"input":"one"}"#).fault(fault("input[3]"));
        assert_eq!(text.param(), Some("input"));
        for other in ["tools[3]", "input", "input[x]"] {
            assert_eq!(two.fault(fault(other)).param(), Some(other));
        }
    }

    #[test]
    fn what_an_upstream_says_is_renumbered_too() {
        let body = r#"{"error":{"message":"Invalid 'input[2].role'.","param":"input[2].role"}}"#;
        let error = UpstreamError {
            dialect: DIALECT,
            status: StatusCode::BAD_REQUEST,
            kind: None,
            code: None,
            param: Some("input[2].role".to_owned()),
            message: "Invalid 'input[2].role'.".to_owned(),
            body: body.into(),
            retry_after: None,
        };
        let fault = Fault::new(Code::UpstreamRejected).from_upstream(error);
        let placed = places(r#"{"input":[{},{}]}"#).fault(fault);
        let error = placed.upstream().unwrap();
        assert_eq!(
            (error.param.as_deref(), &*error.message),
            (Some("input[0].role"), "Invalid 'input[0].role'.")
        );
        assert_eq!(error.body, body.replace("[2]", "[0]"));
    }
}
