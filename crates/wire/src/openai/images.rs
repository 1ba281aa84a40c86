//! `POST /v1/images/generations` and `/v1/images/edits` ↔ canon (platform.openai.com/docs/api-reference/images).
//!
//! A form comes as the object it would be in JSON: texts as they stand, files as data URLs.

use bytes::Bytes;
use contract::canon::{Extra, ImageReply, ImageRequest, MediaSource, Picture, Receipt};
use contract::fault::Need;
use contract::words::Dialect;
use contract::{Code, Fault};
use serde_json::{Map, Value, json};

use crate::fields::{self, Fields, missing, wrong};
use crate::hub::Draw;
use crate::outgoing::{Outgoing, own_fields};
use crate::{EncodeOptions, Quirks, WireError};

/// The two dialects, for the hub.
pub(crate) struct Pictures(Dialect);

impl Pictures {
    /// New ones.
    pub(crate) const NEW: Self = Self(Dialect::OpenaiImages);
    /// Changed ones.
    pub(crate) const CHANGED: Self = Self(Dialect::OpenaiImageEdits);
}

impl Draw for Pictures {
    fn read_request(&self, body: &[u8]) -> Result<ImageRequest, Fault> {
        read_request(self.0, fields::body(body)?)
    }

    fn write_request(
        &self,
        request: &ImageRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        write_request(self.0, request, quirks, receipt)
    }

    fn read_reply(&self, body: &[u8]) -> Result<ImageReply, WireError> {
        read_reply(self.0, body)
    }

    fn write_reply(&self, reply: &ImageReply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
        write_reply(reply, options, receipt)
    }
}

/// Reads a request for new pictures or changed ones.
///
/// # Errors
/// `invalid_request` with the field; `unsupported_capability` for streams, which only the dialect itself has.
fn read_request(dialect: Dialect, mut fields: Fields) -> Result<ImageRequest, Fault> {
    // Where none is named it is the usual one, which the target's name replaces.
    let model = fields.text("model")?.unwrap_or_default();
    let prompt = fields.need_text("prompt")?;
    if fields.value("stream").is_some_and(|value| value == true || value == "true") {
        let message = "This model's pictures do not arrive in parts: leave out 'stream'.";
        return Err(Fault::saying(Code::UnsupportedCapability, message).needing(Need::Verbatim).at("stream"));
    }
    fields.value("partial_images");
    let n = match fields.value("n") {
        None => None,
        Some(value) => Some(count(&value).ok_or_else(|| wrong("n", "a whole number"))?),
    };
    let size = match fields.text("size")?.as_deref() {
        None | Some("auto") => None,
        Some(text) => Some(size(text).ok_or_else(|| wrong("size", "auto or a size such as 1024x1024"))?),
    };
    let media_type = fields.text("output_format")?.map(|format| format!("image/{format}"));
    let as_urls = match fields.text("response_format")?.as_deref() {
        None => None,
        Some("url") => Some(true),
        Some("b64_json") => Some(false),
        Some(_) => return Err(wrong("response_format", "url or b64_json")),
    };
    let user = fields.text("user")?;
    let inputs = inputs(&mut fields)?;
    if dialect == Dialect::OpenaiImageEdits && inputs.is_empty() {
        return Err(missing("image"));
    }
    for (name, usual) in [("quality", "auto"), ("background", "auto"), ("moderation", "auto")] {
        // What is chosen for the client anyway is no loss.
        if fields.peek(name) == Some(usual) {
            fields.value(name);
        }
    }
    let extra = fields.extra(dialect);
    Ok(ImageRequest { model, prompt, inputs, n, size, media_type, as_urls, user, extra })
}

fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn size(text: &str) -> Option<(u64, u64)> {
    let (width, height) = text.split_once('x')?;
    let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
    (width > 0 && height > 0).then_some((width.into(), height.into()))
}

/// Forms have `image` once or `image[]` often; JSON has `images`, a list of addresses and ids of files.
fn inputs(fields: &mut Fields) -> Result<Vec<MediaSource>, Fault> {
    let mut found = Vec::new();
    for name in ["image", "image[]", "images"] {
        let list = match fields.value(name) {
            None => continue,
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
        };
        for (at, item) in list.into_iter().enumerate() {
            let path = || format!("{name}[{at}]");
            let text = |name: &str| item.get(name).and_then(Value::as_str);
            // xAI's: `{"url": …, "type": "image_url"}` (docs.x.ai, "Image Generations", edits).
            let url = item.as_str().or_else(|| text("image_url")).or_else(|| text("url"));
            found.push(match (url, text("file_id")) {
                (Some(url), _) => source(url),
                (None, Some(file)) => MediaSource::File(file.to_owned()),
                (None, None) => return Err(wrong(&path(), "a file, an address or the id of a file")),
            });
        }
    }
    Ok(found)
}

/// An address; what a data URL holds.
fn source(url: &str) -> MediaSource {
    let data = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match data {
        Some((mime, data)) => MediaSource::Base64 { mime: mime.to_owned(), data: data.to_owned() },
        None => MediaSource::Url(url.to_owned()),
    }
}

/// Writes a request for new pictures, or for changed ones where the target takes them as objects in JSON.
///
/// # Errors
/// `unsupported_capability`: pictures are to be changed, and the target asks for a form, or for no file it does not keep.
fn write_request(
    dialect: Dialect,
    request: &ImageRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let unable = |message: &'static str| Fault::saying(Code::UnsupportedCapability, message).at("image");
    let takes = dialect == Dialect::OpenaiImageEdits && takes_objects(quirks);
    if !takes && !request.inputs.is_empty() {
        return Err(unable("This provider changes no pictures that are sent to it."));
    }
    let objects: Option<Vec<Value>> = request.inputs.iter().map(picture_object).collect();
    let objects = objects
        .ok_or_else(|| unable("The file was uploaded to another provider; send its bytes instead."))?;
    let changes = !objects.is_empty();
    let mut out = Outgoing::new(dialect, &request.extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("prompt", &request.prompt)?;
    match objects.as_slice() {
        [] => {}
        [one] => out.put("image", one)?,
        many => out.put("images", many)?,
    }
    out.put_some("n", request.n)?;
    match request.size {
        Some(size) if changes => match ratio(size) {
            Some(ratio) => out.put("aspect_ratio", ratio)?,
            None => out.dropped("size", "the provider has no pictures of this shape"),
        },
        size => out.put_some("size", size.map(|(width, height)| format!("{width}x{height}")))?,
    }
    let format = request.media_type.as_deref().and_then(|kind| kind.strip_prefix("image/"));
    match format.filter(|_| changes) {
        Some(_) => out.dropped("output_format", "the provider chooses the type"),
        None => out.put_some("output_format", format)?,
    }
    out.put_some("response_format", request.as_urls.map(|urls| if urls { "url" } else { "b64_json" }))?;
    out.put_some("user", request.user.as_ref())?;
    let mask = request.extra.fields.get("mask").and_then(Value::as_str).filter(|_| changes);
    out.put_some("mask", mask.map(|mask| json!({"url": mask, "type": "image_url"})))?;
    out.finish()
}

/// Are pictures that are to be changed sent as objects, in JSON (docs.x.ai, "Image Generations", edits)?
fn takes_objects(quirks: &Quirks) -> bool {
    quirks.accepts.contains(&"image.object")
}

/// `{"url": …, "type": "image_url"}`; none for a file that is kept elsewhere.
fn picture_object(source: &MediaSource) -> Option<Value> {
    Some(json!({"url": super::content::url(source)?, "type": "image_url"}))
}

/// The shape of a picture among those that xAI has (docs.x.ai, `aspect_ratio`).
fn ratio((width, height): (u64, u64)) -> Option<&'static str> {
    const SHAPES: [(u64, u64, &str); 9] = [
        (1, 1, "1:1"),
        (3, 4, "3:4"),
        (4, 3, "4:3"),
        (9, 16, "9:16"),
        (16, 9, "16:9"),
        (2, 3, "2:3"),
        (3, 2, "3:2"),
        (1, 2, "1:2"),
        (2, 1, "2:1"),
    ];
    let same = |across: u64, up: u64| {
        width.checked_mul(up).is_some_and(|one| height.checked_mul(across) == Some(one))
    };
    SHAPES.iter().find(|(across, up, _)| same(*across, *up)).map(|(.., name)| *name)
}

/// Reads an answer.
///
/// # Errors
/// It is not valid in its dialect.
fn read_reply(dialect: Dialect, body: &[u8]) -> Result<ImageReply, WireError> {
    let invalid = |reason: String| WireError { dialect, reason };
    let mut map: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    let Some(Value::Array(data)) = map.shift_remove("data") else {
        return Err(invalid("no data".to_owned()));
    };
    let kind = map.get("output_format").and_then(Value::as_str);
    let mime = kind.map(|kind| format!("image/{kind}")).unwrap_or_default();
    let images = data.into_iter().map(|item| picture(item, &mime));
    let images = images.collect::<Option<_>>().ok_or_else(|| invalid("a picture that is none".to_owned()))?;
    let usage = crate::reply_facts(dialect, body)?.usage;
    map.shift_remove("usage");
    let created = map.shift_remove("created").and_then(|value| value.as_i64());
    let model = match map.shift_remove("model") {
        Some(Value::String(model)) => model,
        _ => String::new(),
    };
    Ok(ImageReply { model, created, images, usage, extra: extra(map) })
}

/// `mime` is empty where the upstream does not tell.
fn picture(item: Value, mime: &str) -> Option<Picture> {
    let Value::Object(mut item) = item else { return None };
    let mut text = |name: &str| match item.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (data, url, revised_prompt) = (text("b64_json"), text("url"), text("revised_prompt"));
    let source = match (data, url) {
        (Some(data), _) => MediaSource::Base64 { mime: mime.to_owned(), data },
        (None, Some(url)) => MediaSource::Url(url),
        (None, None) => return None,
    };
    Some(Picture { source, revised_prompt, extra: extra(item) })
}

/// Answers of both dialects have the same fields.
fn extra(mut fields: Map<String, Value>) -> Extra {
    fields.retain(|_, value| !value.is_null());
    Extra { owner: (!fields.is_empty()).then_some(Dialect::OpenaiImages), fields }
}

/// Writes an answer.
fn write_reply(reply: &ImageReply, options: &EncodeOptions, receipt: &mut Receipt) -> Bytes {
    let mut out = Map::new();
    // Some servers do not tell when; clients rely on it.
    let created = reply.created.or((options.created != 0).then_some(options.created));
    out.extend(created.map(|created| ("created".to_owned(), created.into())));
    let data = reply.images.iter().map(|picture| {
        let mut item = Map::new();
        match &picture.source {
            MediaSource::Base64 { data, .. } => item.insert("b64_json".to_owned(), data.as_str().into()),
            MediaSource::Url(url) | MediaSource::File(url) => {
                item.insert("url".to_owned(), url.as_str().into())
            }
        };
        item.extend(picture.revised_prompt.as_deref().map(|text| ("revised_prompt".to_owned(), text.into())));
        item.extend(
            own_fields(Dialect::OpenaiImages, &picture.extra, "data.", receipt)
                .into_iter()
                .flatten()
                .map(clone),
        );
        Value::Object(item)
    });
    let data: Vec<Value> = data.collect();
    out.insert("data".to_owned(), data.into());
    let first = reply.images.first().map(|picture| &picture.source);
    if let Some(MediaSource::Base64 { mime, .. }) = first
        && let Some(kind @ ("png" | "jpeg" | "webp")) = mime.strip_prefix("image/")
    {
        out.insert("output_format".to_owned(), kind.into());
    }
    if let Some(usage) = reply.usage.as_ref().filter(|usage| usage.total() > 0) {
        let (input, output) = (usage.input_total(), usage.output_total());
        let parts = |all: u64, pictures: u64| json!({ "text_tokens": all.saturating_sub(pictures), "image_tokens": pictures });
        let mut counts = json!({ "input_tokens": input, "output_tokens": output, "total_tokens": usage.total(),
            "input_tokens_details": parts(input, usage.image_input) });
        // Models that draw only do not tell the parts of what they put out.
        if output > usage.image_output {
            counts["output_tokens_details"] = parts(output, usage.image_output);
        }
        out.insert("usage".to_owned(), counts);
    }
    for (key, value) in own_fields(Dialect::OpenaiImages, &reply.extra, "", receipt).into_iter().flatten() {
        out.insert(key.clone(), value.clone());
    }
    Value::Object(out).to_string().into()
}

fn clone((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_comes_back_as_it_was() {
        let body = json!({ "model": "m", "prompt": "a cat", "n": 2, "size": "1024x1536", "output_format": "webp",
            "user": "u", "response_format": "b64_json", "quality": "low", "moderation": "low" });
        let asked = crate::read_request(Dialect::OpenaiImages, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let bytes =
            crate::write_request(Dialect::OpenaiImages, &asked, &Quirks::default(), &mut receipt).unwrap();
        assert_eq!((serde_json::from_slice::<Value>(&bytes).unwrap(), receipt.is_empty()), (body, true));
    }

    #[test]
    fn an_answer_comes_back_as_it_was() {
        let body = json!({ "created": 3, "data": [{ "b64_json": "AAAA", "revised_prompt": "x" }, { "url": "https://a.test/b" }],
            "output_format": "jpeg", "quality": "low", "usage": { "input_tokens": 4, "output_tokens": 5, "total_tokens": 9,
            "input_tokens_details": { "text_tokens": 4, "image_tokens": 0 } } });
        let reply = read_reply(Dialect::OpenaiImages, body.to_string().as_bytes()).unwrap();
        let bytes = write_reply(&reply, &EncodeOptions::default(), &mut Receipt::default());
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), body);
        for broken in ["{}", "[]", "{\"data\":[3]}", "{\"data\":[{}]}"] {
            assert!(read_reply(Dialect::OpenaiImages, broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn pictures_to_be_changed_may_be_objects_with_an_address() {
        for image in [
            json!({"url": "https://a.test/b.png", "type": "image_url"}),
            json!({"image_url": "https://a.test/b.png"}),
        ] {
            let body = json!({ "model": "m", "prompt": "a hat", "image": image }).to_string();
            let asked =
                read_request(Dialect::OpenaiImageEdits, fields::body(body.as_bytes()).unwrap()).unwrap();
            assert_eq!(asked.inputs, [MediaSource::Url("https://a.test/b.png".to_owned())]);
        }
    }

    #[test]
    fn a_form_of_strings_is_read_too() {
        let body = json!({ "model": "m", "prompt": "a hat", "n": "2", "stream": "false",
            "image[]": ["data:image/png;base64,AAAA", "data:image/jpeg;base64,AAAB"] });
        let asked =
            read_request(Dialect::OpenaiImageEdits, fields::body(body.to_string().as_bytes()).unwrap())
                .unwrap();
        assert_eq!((asked.n, asked.inputs.len()), (Some(2), 2));
        let none = Quirks::default();
        let refused =
            write_request(Dialect::OpenaiImageEdits, &asked, &none, &mut Receipt::default()).unwrap_err();
        assert_eq!(refused.code(), Code::UnsupportedCapability);
    }

    #[test]
    fn pictures_are_changed_in_json_where_the_target_takes_objects() {
        let quirks = Quirks { accepts: &["image.object"], ..Quirks::default() };
        let written = |body: Value| {
            let asked = crate::read_request(Dialect::OpenaiImageEdits, body.to_string().as_bytes()).unwrap();
            let mut receipt = Receipt::default();
            let bytes = crate::write_request(Dialect::OpenaiImageEdits, &asked, &quirks, &mut receipt)?;
            Ok::<_, Fault>((serde_json::from_slice::<Value>(&bytes).unwrap(), receipt.to_string()))
        };
        let data = "data:image/png;base64,AAAA";
        let form = json!({ "model": "m", "prompt": "a hat", "image": data, "n": "2", "size": "1536x1024",
            "mask": data, "output_format": "png" });
        let object = json!({"url": data, "type": "image_url"});
        let (body, lost) = written(form).unwrap();
        assert_eq!(
            (body, lost.as_str()),
            (
                json!({ "model": "m", "prompt": "a hat", "image": object, "n": 2, "aspect_ratio": "3:2", "mask": object }),
                "output_format"
            )
        );
        let (body, lost) = written(
            json!({ "prompt": "p", "image[]": [data, data], "size": "1000x1001", "aspect_ratio": "1:1" }),
        )
        .unwrap();
        assert_eq!((&body["images"], &body["aspect_ratio"]), (&json!([object, object]), &json!("1:1")));
        assert_eq!(lost, "size");
        let kept = json!({ "prompt": "p", "image": { "file_id": "f" } });
        assert_eq!(written(kept).unwrap_err().param(), Some("image"));
    }
}
