//! The dialect with small made-up values. Recorded traffic is in `tests/corpus_responses.rs`.

mod forms;
mod groups;
mod replies;
mod requests;
mod streams;

use contract::canon::{Asked, Receipt, Request};
use contract::words::Dialect;
use serde_json::Value;

use super::*;

fn read(value: &Value) -> Request {
    Dialog.read_request(value.to_string().as_bytes()).unwrap()
}

/// A request of another dialect.
fn read_as(dialect: Dialect, value: &Value) -> Request {
    match crate::read_request(dialect, value.to_string().as_bytes()).unwrap() {
        Asked::Chat(request) => *request,
        other => panic!("{other:?}"),
    }
}

fn write(request: &Request, quirks: &Quirks) -> (Value, String) {
    let mut receipt = Receipt::default();
    let bytes = Dialog.write_request(request, quirks, &mut receipt).unwrap();
    (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
}
