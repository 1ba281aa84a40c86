//! Facts about the Open Inference Protocol. Sources: github.com/kserve/open-inference-protocol; Triton's
//! `docs/protocol/extension_binary_data.md` for the headers.

use crate::request::{Auth, Facts};

pub(super) const FACTS: Facts = Facts {
    kind: "kserve",
    base_url: None,
    version: Some("v2"),
    auth: Auth::Bearer,
    keyless: true,
    headers: &[],
    // A body may be JSON with binary tensors behind it: these two say so.
    forwards: &["content-type", wire::kserve::HEADER_LENGTH],
};
