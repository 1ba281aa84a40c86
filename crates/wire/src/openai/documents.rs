//! Documents that OpenAI's chat does not take as others do: at an address, where it reads files by id and in the request alone
//! (platform.openai.com/docs/guides/pdf-files), and Mistral's blocks for them (docs.mistral.ai, "Document QnA", `FileChunk`).

use contract::canon::{MediaKind, MediaSource, Message, Part, PartKind};
use contract::{Code, Fault};
use serde_json::{Value, json};

use super::DIALECT;
use crate::Quirks;

/// What a target accepts that takes documents at an address where OpenAI takes them in base64.
const ADDRESSES: &str = "file.url";
/// What a target accepts that has a block of its own for documents.
const BLOCKS: &str = "document_url";

/// Refuses a document that is at an address, for a target that would refuse it. What came in this dialect goes on as it came.
pub(super) fn refuse_addresses(messages: &[Message], quirks: &Quirks) -> Result<(), Fault> {
    if [ADDRESSES, BLOCKS].iter().any(|name| quirks.accepts.contains(name)) {
        return Ok(());
    }
    for (at, message) in messages.iter().enumerate() {
        let found = message.parts.iter().position(|part| match &part.kind {
            PartKind::ToolResult(result) => result.parts.iter().any(is_at_address),
            _ => is_at_address(part),
        });
        if let Some(part) = found {
            let message = "The model takes a document in the request or by its id, not at an address.";
            let fault = Fault::saying(Code::UnsupportedCapability, message);
            return Err(fault.at(format!("messages[{at}].content[{part}]")));
        }
    }
    Ok(())
}

fn is_at_address(part: &Part) -> bool {
    let PartKind::Media { kind: MediaKind::Document, source: MediaSource::Url(_) } = &part.kind else {
        return false;
    };
    part.native_for(DIALECT).is_none()
}

/// Writes the documents of messages as a target with blocks of its own takes them.
pub(super) fn put_in_blocks(messages: &mut [Value], quirks: &Quirks) {
    if !quirks.accepts.contains(&BLOCKS) {
        return;
    }
    let contents = messages.iter_mut().filter_map(|message| message.get_mut("content")?.as_array_mut());
    for block in contents.flatten().filter(|block| block["type"] == "file") {
        let Some(file) = block.get("file") else { continue };
        let mut anew = match (file.get("file_data"), file.get("file_id")) {
            (Some(data), _) => json!({"type": BLOCKS, BLOCKS: data}),
            (None, Some(id)) => json!({"type": "file", "file_id": id}),
            (None, None) => continue,
        };
        if let (Some(name), BLOCKS) = (file.get("filename"), anew["type"].as_str().unwrap_or_default()) {
            anew["document_name"] = name.clone();
        }
        *block = anew;
    }
}

#[cfg(test)]
mod tests {
    use contract::canon::{Asked, Receipt};
    use contract::words::Dialect;

    use super::*;

    fn written(client: Dialect, body: &Value, quirks: &Quirks) -> Result<Value, Fault> {
        let asked = crate::read_request(client, body.to_string().as_bytes()).unwrap();
        let bytes = crate::write_request(DIALECT, &asked, quirks, &mut Receipt::default());
        let bytes = bytes.map_err(|fault| crate::place_fault(client, &asked, fault))?;
        let Asked::Chat(_) = asked else { panic!() };
        Ok(serde_json::from_slice::<Value>(&bytes).unwrap()["messages"][0]["content"][0].clone())
    }

    fn of_claude(source: &Value) -> Value {
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [
            {"type": "document", "source": source, "title": "A"}, {"type": "text", "text": "q"}]}]})
    }

    #[test]
    fn a_document_at_an_address_is_for_who_takes_it() {
        let body = of_claude(&json!({"type": "url", "url": "https://e.test/a.pdf"}));
        let fault = written(Dialect::AnthropicMessages, &body, &Quirks::NONE).unwrap_err();
        assert_eq!(
            (fault.code(), fault.param()),
            (Code::UnsupportedCapability, Some("messages[0].content[0]"))
        );
        let router = Quirks { accepts: &[ADDRESSES], ..Quirks::NONE };
        let block = written(Dialect::AnthropicMessages, &body, &router).unwrap();
        assert_eq!(block["file"]["file_data"], "https://e.test/a.pdf");
        let mistral = Quirks { accepts: &[BLOCKS], ..Quirks::NONE };
        let block = written(Dialect::AnthropicMessages, &body, &mistral).unwrap();
        assert_eq!((&block["type"], &block[BLOCKS]), (&json!(BLOCKS), &json!("https://e.test/a.pdf")));
        // What a client of the dialect says is its own matter.
        for file in [json!({"file_data": "https://e.test/a.pdf"}), json!({"file_id": "file-1"})] {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": [
                {"type": "file", "file": file}, {"type": "text", "text": "q"}]}]});
            assert_eq!(written(DIALECT, &body, &Quirks::NONE).unwrap()["file"], file);
        }
    }

    #[test]
    fn a_document_in_the_request_has_a_block_of_its_own() {
        let mistral = Quirks { accepts: &[BLOCKS], ..Quirks::NONE };
        let body = of_claude(&json!({"type": "base64", "media_type": "application/pdf", "data": "QUJD"}));
        let block = written(Dialect::AnthropicMessages, &body, &mistral).unwrap();
        assert_eq!(block[BLOCKS], "data:application/pdf;base64,QUJD");
        assert!(block["document_name"].is_string(), "{block}");
        let body = json!({"model": "m", "input": [{"role": "user", "content": [
            {"type": "input_file", "file_id": "f-1"}, {"type": "input_text", "text": "q"}]}]});
        let block = written(Dialect::OpenaiResponses, &body, &mistral).unwrap();
        assert_eq!(block, json!({"type": "file", "file_id": "f-1"}));
    }

    #[test]
    fn files_of_anthropic_are_kept_elsewhere() {
        let body = of_claude(&json!({"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"}));
        let fault = written(Dialect::AnthropicMessages, &body, &Quirks::NONE).unwrap_err();
        assert_eq!(fault.code(), Code::UnsupportedCapability);
        let asked = crate::read_request(Dialect::AnthropicMessages, body.to_string().as_bytes()).unwrap();
        let target = Dialect::OpenaiResponses;
        let written = crate::write_request(target, &asked, &Quirks::NONE, &mut Receipt::default());
        assert_eq!(written.unwrap_err().code(), Code::UnsupportedCapability);
    }
}
