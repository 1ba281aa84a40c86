//! Pictures of Google's models: Gemini's draw in `generateContent` (ai.google.dev/gemini-api/docs/image-generation), Imagen
//! in `predict` (ai.google.dev/gemini-api/docs/imagen). The model's name tells which.

use bytes::Bytes;
use contract::canon::{Finish, ImageReply, ImageRequest, MediaSource, Picture, Receipt};
use contract::words::{Dialect, Usage};
use contract::{Code, Fault};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::finish;
use crate::hub::Draw;
use crate::outgoing::Outgoing;
use crate::usage::Gemini;
use crate::{EncodeOptions, Quirks, WireError};

const DIALECT: Dialect = Dialect::GeminiImages;

// tidy: table
/// The ratios Gemini draws in; Imagen those that are marked.
const RATIOS: &[(u64, u64, bool)] = &[
    (1, 1, true),
    (2, 3, false),
    (3, 2, false),
    (3, 4, true),
    (4, 3, true),
    (4, 5, false),
    (5, 4, false),
    (9, 16, true),
    (16, 9, true),
    (21, 9, false),
];

/// Most pictures of Imagen in one answer.
const MOST: u64 = 4;

/// The dialect, for the hub: as an upstream's only.
pub(crate) struct Pictures;

impl Draw for Pictures {
    fn read_request(&self, _: &[u8]) -> Result<ImageRequest, Fault> {
        Err(crate::hub::no_way(DIALECT, DIALECT))
    }

    fn write_request(
        &self,
        request: &ImageRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        write_request(request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<ImageReply, WireError> {
        read_reply(body)
    }

    /// No client speaks it.
    fn write_reply(&self, _: &ImageReply, _: &EncodeOptions, _: &mut Receipt) -> Bytes {
        Bytes::new()
    }
}

/// Is the model asked by `predict`?
#[must_use]
pub fn is_predicted(model: &str) -> bool {
    model.rsplit('/').next().unwrap_or_default().starts_with("imagen")
}

/// Writes a request.
///
/// # Errors
/// `unsupported_capability`: pictures that cannot be sent, or that Imagen is to change.
fn write_request(request: &ImageRequest, quirks: &Quirks, receipt: &mut Receipt) -> Result<Bytes, Fault> {
    let predicted = is_predicted(&request.model);
    let ratio = request.size.and_then(|size| ratio(size, predicted, receipt));
    if request.as_urls == Some(true) {
        receipt.dropped("response_format", "the pictures themselves are in the answer");
    }
    if request.user.is_some() {
        receipt.dropped("user", "Gemini has no such parameter");
    }
    if predicted {
        write_predict(request, ratio, quirks, receipt)
    } else {
        write_draw(request, ratio, quirks, receipt)
    }
}

/// The ratio of this size; the nearest one, with a receipt, where there is none.
fn ratio((width, height): (u64, u64), predicted: bool, receipt: &mut Receipt) -> Option<String> {
    let mut known = RATIOS.iter().filter(|ratio| ratio.2 || !predicted);
    let exact = known.clone().find(|ratio| width * ratio.1 == height * ratio.0);
    // Widths and heights are below 2^32, so that the products of all three fit.
    let off = |ratio: &&(u64, u64, bool)| {
        let (left, right) = (u128::from(width * ratio.1), u128::from(height * ratio.0));
        let (most, least) = (left.max(right), left.min(right));
        most.saturating_mul(1_000_000).checked_div(least).unwrap_or(u128::MAX)
    };
    if exact.is_none() {
        receipt.dropped("size", "the nearest ratio the model draws in is taken");
    }
    let ratio = exact.or_else(|| known.by_ref().min_by_key(off))?;
    Some(format!("{}:{}", ratio.0, ratio.1))
}

fn write_draw(
    request: &ImageRequest,
    ratio: Option<String>,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let mut parts = vec![json!({ "text": request.prompt })];
    for (at, input) in request.inputs.iter().enumerate() {
        parts.push(match input {
            MediaSource::Base64 { mime, data } => json!({ "inlineData": { "mimeType": mime, "data": data } }),
            MediaSource::Url(url) => json!({ "fileData": { "fileUri": url } }),
            MediaSource::File(_) => {
                let message = "Files of another provider cannot be read here.";
                return Err(Fault::saying(Code::UnsupportedCapability, message).at(format!("images[{at}]")));
            }
        });
    }
    if request.n.is_some_and(|n| n > 1) {
        receipt.dropped("n", "the model draws one picture at a time");
    }
    if request.media_type.as_deref().is_some_and(|kind| kind != "image/png") {
        receipt.dropped("output_format", "the model chooses the format");
    }
    let mut config = Map::new();
    config.insert("responseModalities".to_owned(), json!(["IMAGE"]));
    config.extend(ratio.map(|ratio| ("imageConfig".to_owned(), json!({ "aspectRatio": ratio }))));
    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    body.put("contents", &json!([{ "role": "user", "parts": parts }]))?;
    body.put_object("generationConfig", config)?;
    body.finish()
}

fn write_predict(
    request: &ImageRequest,
    ratio: Option<String>,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    if !request.inputs.is_empty() {
        let message = "Imagen makes new pictures only.";
        return Err(Fault::saying(Code::UnsupportedCapability, message).at("image"));
    }
    let wanted = request.n.unwrap_or(1);
    if wanted > MOST {
        receipt.dropped("n", "the model draws four pictures at most");
    }
    let mut parameters = Map::new();
    parameters.insert("sampleCount".to_owned(), wanted.clamp(1, MOST).into());
    parameters.extend(ratio.map(|ratio| ("aspectRatio".to_owned(), ratio.into())));
    let kind = request.media_type.as_ref();
    parameters.extend(kind.map(|kind| ("outputOptions".to_owned(), json!({ "mimeType": kind }))));
    let mut body = Outgoing::new(DIALECT, &request.extra, quirks, receipt);
    body.put("instances", &json!([{ "prompt": request.prompt }]))?;
    body.put_object("parameters", parameters)?;
    body.finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    candidates: Vec<Candidate>,
    #[serde(default)]
    predictions: Vec<Prediction>,
    #[serde(default)]
    model_version: String,
    usage_metadata: Option<Gemini>,
    prompt_feedback: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Content,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Piece>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Piece {
    inline_data: Option<Blob>,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    mime_type: String,
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction {
    bytes_base64_encoded: Option<String>,
    mime_type: Option<String>,
    prompt: Option<String>,
    rai_filtered_reason: Option<String>,
}

/// Why an answer that was held back for its content holds no picture, and what it consumed all the same. None: it was not held
/// back.
pub(crate) fn held_back(body: &[u8]) -> Option<(String, Option<Usage>)> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let filtered = |one: &&Candidate| {
        let reason = one.finish_reason.as_deref().unwrap_or_default();
        finish::read(reason, false) == Finish::ContentFilter
    };
    let candidate = || {
        let one = answer.candidates.iter().find(filtered)?;
        one.finish_message.as_deref().or(one.finish_reason.as_deref())
    };
    // Imagen, where it tells.
    let predicted = || answer.predictions.iter().find_map(|one| one.rai_filtered_reason.as_deref());
    let asked = || answer.prompt_feedback.as_ref()?.get("blockReason")?.as_str();
    let reason = candidate().or_else(predicted).or_else(asked)?.to_owned();
    Some((reason, answer.usage_metadata.and_then(|counts| counts.reported())))
}

/// Reads an answer. One without a picture is not what was asked for, and says why if it knows.
///
/// # Errors
/// It is not valid in its dialect.
fn read_reply(body: &[u8]) -> Result<ImageReply, WireError> {
    let invalid = |reason: String| WireError { dialect: DIALECT, reason };
    let answer: Answer = serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let drawn = answer.candidates.iter().flat_map(|candidate| &candidate.content.parts);
    // Sketches made while thinking are not the picture.
    let drawn = drawn.filter(|piece| !piece.thought).filter_map(|piece| piece.inline_data.as_ref());
    let picture = |mime: &str, data: &str, revised_prompt: Option<String>| Picture {
        source: MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
        revised_prompt,
        extra: contract::canon::Extra::default(),
    };
    let mut images: Vec<Picture> = drawn.map(|blob| picture(&blob.mime_type, &blob.data, None)).collect();
    images.extend(answer.predictions.iter().filter_map(|one| {
        let mime = one.mime_type.as_deref().unwrap_or("image/png");
        Some(picture(mime, one.bytes_base64_encoded.as_deref()?, one.prompt.clone()))
    }));
    if images.is_empty() {
        let said = answer.candidates.first();
        let reason = said.and_then(|one| one.finish_message.as_deref().or(one.finish_reason.as_deref()));
        let blocked =
            answer.prompt_feedback.as_ref().and_then(|feedback| feedback.get("blockReason")?.as_str());
        return Err(invalid(format!("no picture: {}", reason.or(blocked).unwrap_or("no reason given"))));
    }
    let mut usage = answer.usage_metadata.and_then(|counts| counts.reported());
    // Without details what came out is pictures, which cost more than text.
    if let Some(usage) = usage.as_mut().filter(|usage| usage.image_output == 0) {
        usage.image_output = usage.output.saturating_sub(usage.reasoning);
        usage.output -= usage.image_output;
    }
    Ok(ImageReply { model: answer.model_version, images, usage, ..ImageReply::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client of OpenAI's asks for, written for Google.
    fn asked(dialect: Dialect, model: &str, fields: &Value) -> Result<(Value, String), Fault> {
        let mut body = json!({ "model": "m", "prompt": "a cat" });
        for (key, value) in fields.as_object().unwrap() {
            body[key] = value.clone();
        }
        let mut asked = crate::read_request(dialect, body.to_string().as_bytes())?;
        model.clone_into(asked.model_mut());
        let mut receipt = Receipt::default();
        let bytes = crate::write_request(DIALECT, &asked, &Quirks::default(), &mut receipt)?;
        Ok((serde_json::from_slice(&bytes).unwrap(), receipt.to_string()))
    }

    const FLASH: &str = "gemini-2.5-flash-image";

    #[test]
    fn gemini_draws_in_a_conversation() {
        let fields = json!({ "size": "1792x1008", "n": 2, "quality": "auto", "background": "transparent",
            "output_format": "webp", "response_format": "url", "user": "u" });
        let (body, lost) = asked(Dialect::OpenaiImages, FLASH, &fields).unwrap();
        let config = json!({ "responseModalities": ["IMAGE"], "imageConfig": { "aspectRatio": "16:9" } });
        let expected = json!({ "contents": [{ "role": "user", "parts": [{ "text": "a cat" }] }], "generationConfig": config });
        assert_eq!(body, expected);
        assert_eq!(lost, "response_format, user, n, output_format, background");
    }

    #[test]
    fn sizes_become_the_nearest_ratio() {
        for (size, predicted, ratio, lost) in [
            ("1024x1024", false, "1:1", ""),
            ("1536x1024", false, "3:2", ""),
            ("1536x1024", true, "4:3", "size"),
            ("1792x1024", false, "16:9", "size"),
            ("4294967295x1", false, "21:9", "size"),
        ] {
            let model = if predicted { "imagen-4" } else { FLASH };
            let (body, receipt) = asked(Dialect::OpenaiImages, model, &json!({ "size": size })).unwrap();
            let found = if predicted {
                &body["parameters"]["aspectRatio"]
            } else {
                &body["generationConfig"]["imageConfig"]["aspectRatio"]
            };
            assert_eq!((found, receipt.as_str()), (&json!(ratio), lost), "{size}");
        }
        let (body, _) = asked(Dialect::OpenaiImages, FLASH, &json!({ "size": "auto" })).unwrap();
        assert_eq!(body["generationConfig"], json!({ "responseModalities": ["IMAGE"] }));
    }

    #[test]
    fn pictures_to_be_changed_go_along() {
        let images = json!({ "images": [{ "image_url": "data:image/png;base64,AAAA" }, { "image_url": "https://a.test/b.png" }] });
        let (body, _) = asked(Dialect::OpenaiImageEdits, FLASH, &images).unwrap();
        let parts = &body["contents"][0]["parts"];
        assert_eq!(parts[1], json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } }));
        assert_eq!(parts[2], json!({ "fileData": { "fileUri": "https://a.test/b.png" } }));
        for (dialect, model, fields, param) in [
            (Dialect::OpenaiImageEdits, FLASH, json!({}), "image"),
            (Dialect::OpenaiImageEdits, FLASH, json!({ "images": [{ "file_id": "f" }] }), "images[0]"),
            (Dialect::OpenaiImageEdits, FLASH, json!({ "image": 3 }), "image[0]"),
            (
                Dialect::OpenaiImageEdits,
                "imagen-4",
                json!({ "image": "data:image/png;base64,AAAA" }),
                "image",
            ),
            (Dialect::OpenaiImages, FLASH, json!({ "stream": true }), "stream"),
            (Dialect::OpenaiImages, FLASH, json!({ "size": "0x7" }), "size"),
            (Dialect::OpenaiImages, FLASH, json!({ "n": "x" }), "n"),
        ] {
            let fault = asked(dialect, model, &fields).unwrap_err();
            assert_eq!(fault.param(), Some(param));
        }
    }

    #[test]
    fn imagen_predicts() {
        let (body, lost) =
            asked(Dialect::OpenaiImages, "models/imagen-4", &json!({ "n": 9, "output_format": "jpeg" }))
                .unwrap();
        let parameters = json!({ "sampleCount": 4, "outputOptions": { "mimeType": "image/jpeg" } });
        assert_eq!(
            (body, lost.as_str()),
            (json!({ "instances": [{ "prompt": "a cat" }], "parameters": parameters }), "n")
        );
    }

    #[test]
    fn answers_become_those_of_the_client() {
        let options = EncodeOptions { created: 7, ..EncodeOptions::default() };
        let read = |body: Value| {
            let (mut receipt, body) = (Receipt::default(), body.to_string());
            let answered = crate::read_reply(DIALECT, body.as_bytes())?;
            let bytes = crate::write_reply(Dialect::OpenaiImages, &answered, &options, &mut receipt).unwrap();
            Ok::<Value, WireError>(serde_json::from_slice(&bytes).unwrap())
        };
        let sketch = json!({ "thought": true, "inlineData": { "mimeType": "image/png", "data": "ZZZZ" } });
        let picture = json!({ "inlineData": { "mimeType": "image/png", "data": "AAAA" } });
        let parts = json!([{ "text": "Here:" }, sketch, picture]);
        let counts = json!({ "promptTokenCount": 5, "candidatesTokenCount": 1290, "totalTokenCount": 1295 });
        let body = json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": "STOP" }], "usageMetadata": counts });
        let reply = read(body.clone()).unwrap();
        assert_eq!((&reply["created"], &reply["data"]), (&json!(7), &json!([{ "b64_json": "AAAA" }])));
        assert_eq!(
            (&reply["usage"]["input_tokens"], &reply["usage"]["output_tokens"]),
            (&json!(5), &json!(1290))
        );
        let facts = crate::reply_facts(DIALECT, body.to_string().as_bytes()).unwrap();
        assert_eq!(facts.usage.map(|usage| usage.image_output), Some(1290));

        let predicted = json!({ "predictions": [{ "mimeType": "image/jpeg", "bytesBase64Encoded": "AAAA", "prompt": "a fine cat" }] });
        let reply = read(predicted).unwrap();
        assert_eq!(reply["data"], json!([{ "b64_json": "AAAA", "revised_prompt": "a fine cat" }]));
        assert_eq!((&reply["output_format"], &reply["usage"]), (&json!("jpeg"), &Value::Null));

        for (body, reason) in [
            (json!({ "candidates": [{ "finishReason": "IMAGE_SAFETY" }] }), "IMAGE_SAFETY"),
            (json!({ "promptFeedback": { "blockReason": "SAFETY" } }), "SAFETY"),
            (json!({}), "no reason"),
            (json!([]), "invalid length"),
        ] {
            let error = read(body).unwrap_err();
            assert!(error.reason.contains(reason), "{error}");
        }
    }

    #[test]
    fn what_was_held_back_is_told_from_what_is_broken() {
        let counts = json!({ "promptTokenCount": 5, "totalTokenCount": 5 });
        for (body, reason, input) in [
            (json!({ "candidates": [{ "finishReason": "IMAGE_SAFETY" }] }), Some("IMAGE_SAFETY"), None),
            (
                json!({ "candidates": [{ "finishReason": "SAFETY", "finishMessage": "No." }], "usageMetadata": counts }),
                Some("No."),
                Some(5),
            ),
            (
                json!({ "promptFeedback": { "blockReason": "OTHER" }, "usageMetadata": counts }),
                Some("OTHER"),
                Some(5),
            ),
            (json!({ "predictions": [{ "raiFilteredReason": "Filtered." }] }), Some("Filtered."), None),
            (json!({ "candidates": [{ "finishReason": "STOP" }] }), None, None),
            (json!({}), None, None),
            (json!([]), None, None),
        ] {
            let found = crate::held_back(DIALECT, body.to_string().as_bytes());
            assert_eq!(found.as_ref().map(|(reason, _)| reason.as_str()), reason, "{body}");
            assert_eq!(found.and_then(|(_, usage)| usage).map(|usage| usage.input), input);
        }
        assert!(
            crate::held_back(Dialect::GeminiGenerate, br#"{"promptFeedback":{"blockReason":"X"}}"#).is_none()
        );
    }
}
