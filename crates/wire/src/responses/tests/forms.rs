//! Forms that clients choose among: each comes back as it was.

use contract::Code;
use contract::canon::{MediaSource, PartKind};
use serde_json::json;

use super::*;

#[test]
fn a_result_in_a_list_stays_in_a_list() {
    for (call, result, field) in [
        ("function_call", "function_call_output", "arguments"),
        ("custom_tool_call", "custom_tool_call_output", "input"),
    ] {
        for output in [json!("r"), json!([{"type": "input_text", "text": "r"}])] {
            let body = json!({"model": "m", "input": [
                {"type": "message", "role": "user", "content": "a"},
                {"type": call, "call_id": "c", "name": "f", field: "{}"},
                {"type": result, "call_id": "c", "output": output}]});
            assert_eq!(write(&read(&body), &Quirks::default()), (body, String::new()));
        }
    }
}

#[test]
fn an_output_without_a_call_stays_as_it_is() {
    let body = json!({"model": "m", "input": [
        {"type": "message", "role": "user", "content": "a"},
        {"type": "function_call_output", "name": "f", "output": "r"}]});
    assert_eq!(write(&read(&body), &Quirks::default()), (body, String::new()));
}

#[test]
fn a_file_in_base64_alone_is_what_its_name_says() {
    for (name, mime) in
        [(Some("a.XLSX"), "spreadsheetml.sheet"), (Some("a.json"), "application/json"), (None, "pdf")]
    {
        let mut file = json!({"type": "input_file", "file_data": "QUJD"});
        if let Some(name) = name {
            file["filename"] = json!(name);
        }
        let body = json!({"model": "m", "input": [{"type": "message", "role": "user", "content": [file]}]});
        let request = read(&body);
        let PartKind::Media { source: MediaSource::Base64 { mime: read, .. }, .. } =
            &request.messages[0].parts[0].kind
        else {
            panic!()
        };
        assert!(read.ends_with(mime), "{read}");
        assert_eq!(write(&request, &Quirks::default()), (body, String::new()));
    }
}

#[test]
fn a_request_without_input_names_it() {
    let fault = Dialog.read_request(br#"{"model":"m","instructions":"Be kind."}"#).unwrap_err();
    assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some("input")));
    assert!(Dialog.read_request(br#"{"model":"m","prompt":{"id":"pmpt_1"}}"#).is_ok());
}
