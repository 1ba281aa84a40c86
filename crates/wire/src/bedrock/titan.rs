//! Amazon Titan's embeddings ↔ canon (docs: "Amazon Titan Embeddings Text", "Amazon Titan Multimodal Embeddings").
//!
//! A request is for one text (or one text and picture). Several are written as a list of requests, which the provider
//! sends one by one, and their answers are read from a list.

use bytes::Bytes;
use contract::canon::{
    EmbedInput, EmbedReply, EmbedRequest, Extra, MediaKind, MediaSource, Part, PartKind, Provenance, Receipt,
    Vector, VectorFormat,
};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::single;
use crate::fields::{self, Fields, missing};
use crate::hub::Embed;
use crate::outgoing::{merge, own_fields};
use crate::usage::Count;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::BedrockTitanEmbed;

/// The dialect, for the hub.
pub(crate) struct Vectors;

impl Embed for Vectors {
    fn read_request(&self, body: &[u8]) -> Result<EmbedRequest, Fault> {
        read_embed(body)
    }

    fn write_request(
        &self,
        request: &EmbedRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        write_embed(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<EmbedReply, WireError> {
        read_embed_reply(body)
    }

    fn write_reply(&self, reply: &EmbedReply, _: VectorFormat) -> Bytes {
        write_embed_reply(reply)
    }
}

fn read_embed(body: &[u8]) -> Result<EmbedRequest, Fault> {
    let mut fields = fields::body(body)?;
    let text = fields.text("inputText")?;
    let input = match (fields.text("inputImage")?, text) {
        (None, Some(text)) => EmbedInput::Text(text),
        (None, None) => return Err(missing("inputText")),
        (Some(data), text) => {
            // Only these two are taken; the first bytes tell them apart.
            let mime = if data.starts_with("/9j/") { "image/jpeg" } else { "image/png" };
            let source = MediaSource::Base64 { mime: mime.to_owned(), data };
            let picture = Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User);
            let text = text.map(|text| Part::text(text, Provenance::User));
            EmbedInput::Parts(text.into_iter().chain([picture]).collect())
        }
    };
    let mut dimensions = fields.count("dimensions")?;
    if let Some(mut config) = fields.object("embeddingConfig")? {
        dimensions = config.count("outputEmbeddingLength")?.or(dimensions);
        put_back(&mut fields, config.left());
    }
    let inputs = vec![input];
    Ok(EmbedRequest { inputs, dimensions, extra: fields.extra(DIALECT), ..EmbedRequest::default() })
}

fn put_back(fields: &mut Fields, left: Map<String, Value>) {
    if !left.is_empty() {
        fields.put_back("embeddingConfig", Value::Object(left));
    }
}

fn write_embed(request: &EmbedRequest, _: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let asked = [
        ("user", request.user.is_some()),
        ("task", request.task.is_some()),
        ("truncate", request.truncate == Some(true)),
        ("encoding_format", !matches!(request.format, VectorFormat::Float | VectorFormat::Base64)),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        receipt.dropped(field, "Titan has no such parameter");
    }
    let pictures = request.model.contains("titan-embed-image");
    let mut base = Map::new();
    match request.dimensions {
        Some(_) if request.model.contains("titan-embed-text-v1") => {
            receipt.dropped("dimensions", "the model makes vectors of one length");
        }
        Some(length) if pictures => {
            base.insert("embeddingConfig".to_owned(), json!({"outputEmbeddingLength": length}));
        }
        Some(length) => drop(base.insert("dimensions".to_owned(), length.into())),
        None => {}
    }
    if let Some(left) = own_fields(DIALECT, &request.extra, "", receipt) {
        merge(&mut base, left);
    }
    let mut items = Vec::with_capacity(request.inputs.len());
    for (at, input) in request.inputs.iter().enumerate() {
        let mut item = write_input(input, pictures).map_err(|message| {
            Fault::saying(Code::UnsupportedCapability, message).at(format!("input[{at}]"))
        })?;
        item.extend(base.clone());
        items.push(Value::Object(item));
    }
    let body = match (items.pop(), items.is_empty()) {
        (None, _) => return Err(missing("input")),
        (Some(one), true) => one,
        (Some(last), false) => {
            items.push(last);
            Value::Array(items)
        }
    };
    Ok(body.to_string().into())
}

fn write_input(input: &EmbedInput, pictures: bool) -> Result<Map<String, Value>, &'static str> {
    const TEXTS: &str = "The model takes texts, not tokens of another model's vocabulary.";
    const PICTURES: &str = "The model takes a text and a picture in base64, or one of them.";
    let parts = match input {
        EmbedInput::Text(text) => return Ok(single("inputText", text.as_str())),
        EmbedInput::Tokens(_) => return Err(TEXTS),
        EmbedInput::Parts(parts) => parts,
    };
    let mut item = Map::new();
    for part in parts {
        let (name, value) = match &part.kind {
            PartKind::Text(text) => ("inputText", text),
            PartKind::Media { kind: MediaKind::Image, source: MediaSource::Base64 { data, .. } }
                if pictures =>
            {
                ("inputImage", data)
            }
            _ => return Err(PICTURES),
        };
        if item.insert(name.to_owned(), value.as_str().into()).is_some() {
            return Err(PICTURES);
        }
    }
    if item.is_empty() { Err(PICTURES) } else { Ok(item) }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answers {
    One(Answer),
    Many(Vec<Answer>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    embedding: Option<Vector>,
    #[serde(default)]
    embeddings_by_type: ByType,
    #[serde(default)]
    input_text_token_count: Count,
}

#[derive(Default, Deserialize)]
struct ByType {
    float: Option<Vector>,
    binary: Option<Vector>,
}

fn read_embed_reply(body: &[u8]) -> Result<EmbedReply, WireError> {
    let invalid = |reason: String| WireError { dialect: DIALECT, reason };
    let answers: Answers = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let answers = match answers {
        Answers::One(answer) => vec![answer],
        Answers::Many(answers) => answers,
    };
    let mut reply = EmbedReply::default();
    let mut usage = Usage::default();
    for answer in answers {
        let ByType { float, binary } = answer.embeddings_by_type;
        let vector = match (answer.embedding.or(float), binary) {
            (Some(vector), _) => vector,
            (None, Some(bits)) => {
                reply.format = VectorFormat::Binary;
                bits
            }
            (None, None) => return Err(invalid("no embedding".to_owned())),
        };
        reply.vectors.push(vector);
        usage.input = usage.input.saturating_add(answer.input_text_token_count.get());
    }
    usage.partial = usage.input == 0;
    reply.usage = Some(usage);
    if let Ok(Value::Object(whole)) = serde_json::from_slice(body) {
        reply.extra = beyond(whole);
    }
    Ok(reply)
}

/// The fields in which a vector stands.
const PLACES: [&str; 2] = ["embedding", "embeddingsByType"];

/// What the answer to one text says beyond canon's words; a place where its vector does not stand is null.
fn beyond(mut whole: Map<String, Value>) -> Extra {
    whole.retain(|name, value| name != "inputTextTokenCount" && !value.is_null());
    let _in_canon = whole.shift_remove(PLACES[0]).unwrap_or_else(|| {
        whole.insert(PLACES[0].to_owned(), Value::Null);
        Value::Null
    });
    whole.entry(PLACES[1]).or_insert(Value::Null);
    Extra { owner: Some(DIALECT), fields: whole }
}

fn write_embed_reply(reply: &EmbedReply) -> Bytes {
    let tokens = reply.usage.unwrap_or_default().input_total();
    let kind = if reply.format == VectorFormat::Binary { "binary" } else { "float" };
    let one = |(at, vector): (usize, &Vector)| {
        // The counts are of all of them together.
        let tokens = if at == 0 { tokens } else { 0 };
        json!({"embedding": vector, "embeddingsByType": {kind: vector}, "inputTextTokenCount": tokens})
    };
    let mut answers: Vec<Value> = reply.vectors.iter().enumerate().map(one).collect();
    match (answers.len(), answers.pop()) {
        (1, Some(Value::Object(mut answer))) => {
            for (name, value) in reply.extra.fields.iter().filter(|_| reply.extra.owner == Some(DIALECT)) {
                answer.insert(name.clone(), value.clone());
            }
            answer.retain(|_, value| !value.is_null());
            Value::Object(answer).to_string().into()
        }
        (_, last) => {
            answers.extend(last);
            Value::Array(answers).to_string().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(inputs: Vec<EmbedInput>, model: &str) -> EmbedRequest {
        EmbedRequest { inputs, model: model.to_owned(), dimensions: Some(256), ..EmbedRequest::default() }
    }

    fn written(request: &EmbedRequest) -> (Value, String) {
        let mut receipt = Receipt::default();
        let bytes = write_embed(request, &Quirks::default(), &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    #[test]
    fn one_text_is_an_object_and_several_are_a_list() {
        let text = |text: &str| EmbedInput::Text(text.to_owned());
        let one = request(vec![text("a")], "amazon.titan-embed-text-v2:0");
        assert_eq!(written(&one).0, json!({"inputText": "a", "dimensions": 256}));
        let mut two = request(vec![text("a"), text("b")], "amazon.titan-embed-text-v1");
        two.user = Some("u".to_owned());
        assert_eq!(
            written(&two),
            (json!([{"inputText": "a"}, {"inputText": "b"}]), "user, dimensions".to_owned())
        );
        let tokens = request(vec![EmbedInput::Tokens(vec![1])], "amazon.titan-embed-text-v2:0");
        let fault = write_embed(&tokens, &Quirks::default(), &mut Receipt::default()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("input[0]")));
    }

    #[test]
    fn requests_come_back() {
        for (model, body) in [
            (
                "amazon.titan-embed-text-v2:0",
                json!({"inputText": "a", "dimensions": 512, "normalize": true, "embeddingTypes": ["binary"]}),
            ),
            (
                "amazon.titan-embed-image-v1",
                json!({"inputText": "a", "inputImage": "/9j/AA==", "embeddingConfig": {"outputEmbeddingLength": 384}}),
            ),
        ] {
            let mut canon = read_embed(body.to_string().as_bytes()).unwrap();
            canon.model = model.to_owned();
            assert_eq!(written(&canon), (body, String::new()));
        }
    }

    #[test]
    fn answers_come_back_and_their_counts_are_added() {
        let one = json!({"embedding": [0.5, -1.0], "embeddingsByType": {"float": [0.5, -1.0]}, "inputTextTokenCount": 3});
        let reply = read_embed_reply(one.to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&write_embed_reply(&reply)).unwrap(), one);
        for one in [
            json!({"embedding": [0.5], "inputTextTokenCount": 0, "message": "m"}),
            json!({"embeddingsByType": {"binary": [1.0, 0.0]}, "inputTextTokenCount": 3}),
            json!({"embedding": [0.5], "embeddingsByType": {"float": [0.5], "binary": [1]}, "inputTextTokenCount": 3}),
        ] {
            let reply = read_embed_reply(one.to_string().as_bytes()).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&write_embed_reply(&reply)).unwrap(), one);
        }
        let two = json!([{"embedding": [1], "inputTextTokenCount": 3}, {"embedding": [2], "inputTextTokenCount": 4}]);
        let reply = read_embed_reply(two.to_string().as_bytes()).unwrap();
        assert_eq!((reply.vectors, reply.usage.unwrap().input), (vec![vec![1.0], vec![2.0]], 7));
        let bits = read_embed_reply(br#"{"embeddingsByType":{"binary":[0,1]}}"#).unwrap();
        assert_eq!(bits.format, VectorFormat::Binary);
        assert!(read_embed_reply(b"{}").is_err());
    }
}
