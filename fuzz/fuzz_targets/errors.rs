//! Whatever an upstream says when it refuses becomes an error in every client's dialect.

#![no_main]

use bytes::Bytes;
use contract::fault::{Code, Fault};
use contract::ports::FaultRenderer;
use contract::words::{Dialect, Id, IdKind, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((dialect, body)) = pathgate_fuzz::dialect(input) else { return };
    let status = http::StatusCode::BAD_REQUEST;
    let error = wire::read_error(dialect, status, &Bytes::copy_from_slice(body));
    let fault = Fault::saying(Code::UpstreamRejected, error.message.clone()).from_upstream(error);
    for client in Dialect::ALL {
        wire::Renderer.render(*client, &fault, Id::at(IdKind::Request, Timestamp(0)));
    }
});
