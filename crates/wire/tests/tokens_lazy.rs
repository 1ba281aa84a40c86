//! A process that counts nothing loads no vocabulary: this file is one test, so that it is a process of its own.

use bytes::Bytes;
use contract::canon::Asked;
use contract::ports::{PathFacts, TokenCounter as _};
use contract::words::Dialect;
use wire::Envelope;
use wire::tokens::{Counter, family, input_size, likely, loaded};

#[test]
fn nothing_is_loaded_before_something_is_counted() {
    let body =
        Bytes::from_static(br#"{"model":"gpt-4o","messages":[{"role":"user","content":"hello world"}]}"#);
    let envelope = Envelope::read(Dialect::OpenaiChat, &PathFacts::default(), body.clone()).unwrap();
    let size = input_size(envelope.body(), envelope.file_bytes);
    assert!(Counter.most(&envelope.model, size) > 0 && likely(size) > 0);
    assert_eq!(family(&envelope.model), "openai-o200k");
    let Asked::Chat(request) = wire::read_request(Dialect::OpenaiChat, &body).unwrap() else { panic!() };
    assert!(!loaded());
    assert_eq!(Counter.request(&request).tokens, 9);
    assert!(loaded());
}
