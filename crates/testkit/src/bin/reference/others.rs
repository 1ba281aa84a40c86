//! What requests for vectors, for an order and for pictures can say.

use std::fmt::Debug;

use contract::canon::{
    EmbedInput, EmbedRequest, EmbedTask, ImageRequest, MediaKind, MediaSource, Part, PartKind, Provenance,
    RankedDocument, RerankRequest, VectorFormat,
};
use serde_json::json;

use crate::judge::Case;

const VECTORS: &str = "Vectors";
const ORDER: &str = "Order by relevance";
const PICTURES: &str = "Pictures to be made";

fn text(it: &impl Debug) -> String {
    format!("{it:?}")
}

/// Two texts for vectors.
pub(crate) fn texts(model: &str) -> EmbedRequest {
    EmbedRequest {
        model: model.to_owned(),
        inputs: vec![EmbedInput::Text("a cat".to_owned())],
        ..EmbedRequest::default()
    }
}

pub(crate) fn vectors() -> Vec<Case<EmbedRequest>> {
    type It = Case<EmbedRequest>;
    let inputs = |it: &EmbedRequest| {
        let count = it.inputs.len();
        let texts = it.inputs.iter().map(|input| match input {
            EmbedInput::Text(text) => text.clone(),
            EmbedInput::Tokens(tokens) => text(tokens),
            EmbedInput::Parts(parts) => text(&parts.iter().map(|part| &part.kind).collect::<Vec<_>>()),
        });
        format!("{count}{}", texts.collect::<Vec<_>>().join("\n"))
    };
    let picture = || {
        let source = MediaSource::Base64 { mime: "image/png".to_owned(), data: "aGVsbG8=".to_owned() };
        Part::new(PartKind::Media { kind: MediaKind::Image, source }, Provenance::User)
    };
    let mut cases = vec![
        It::new(VECTORS, "several texts", |it| it.inputs.push(EmbedInput::Text("a dog".to_owned())), inputs),
        It::new(
            VECTORS,
            "tokens instead of texts",
            |it| it.inputs = vec![EmbedInput::Tokens(vec![1, 2])],
            inputs,
        ),
        It::new(VECTORS, "a picture", move |it| it.inputs = vec![EmbedInput::Parts(vec![picture()])], inputs),
        It::new(
            VECTORS,
            "a text and a picture in one vector",
            move |it| {
                it.inputs = vec![EmbedInput::Parts(vec![Part::text("a cat", Provenance::User), picture()])];
            },
            inputs,
        ),
        It::new(VECTORS, "dimensions", |it| it.dimensions = Some(256), |it| text(&it.dimensions)),
        It::new(VECTORS, "cut what is too long", |it| it.truncate = Some(true), |it| text(&it.truncate))
            .harmless(),
        It::new(
            VECTORS,
            "do not cut what is too long",
            |it| it.truncate = Some(false),
            |it| text(&it.truncate),
        )
        .harmless(),
        // The answer is written so whatever the provider sends.
        It::new(VECTORS, "as base64", |it| it.format = VectorFormat::Base64, |it| text(&it.format))
            .harmless(),
        It::new(
            VECTORS,
            "the end user (`user`)",
            |it| it.user = Some("user-1".to_owned()),
            |it| text(&it.user),
        ),
    ];
    for (name, format) in [
        ("as signed bytes", VectorFormat::Int8),
        ("as unsigned bytes", VectorFormat::Uint8),
        ("as bits", VectorFormat::Ubinary),
    ] {
        cases.push(It::new(VECTORS, name, move |it| it.format = format, |it| text(&it.format)));
    }
    for (name, task) in [
        ("for a question", EmbedTask::Query),
        ("for documents to be found", EmbedTask::Document),
        ("for telling texts apart", EmbedTask::Classification),
        ("for grouping texts", EmbedTask::Clustering),
        ("for comparing texts", EmbedTask::Similarity),
    ] {
        cases.push(It::new(VECTORS, name, move |it| it.task = Some(task), |it| text(&it.task)));
    }
    cases
}

/// Two documents to be ordered.
pub(crate) fn documents(model: &str) -> RerankRequest {
    RerankRequest {
        model: model.to_owned(),
        query: "Which has fur?".to_owned(),
        documents: ["a cat", "a fish"].map(|text| RankedDocument::Text(text.to_owned())).to_vec(),
        ..RerankRequest::default()
    }
}

pub(crate) fn order() -> Vec<Case<RerankRequest>> {
    type It = Case<RerankRequest>;
    vec![
        It::new(ORDER, "the most results (`top_n`)", |it| it.top_n = Some(1), |it| text(&it.top_n)),
        It::new(
            ORDER,
            "send the documents back",
            |it| it.return_documents = Some(true),
            |it| text(&it.return_documents),
        ),
        It::new(
            ORDER,
            "documents with fields",
            |it| it.documents.push(RankedDocument::Object(json!({"text": "a dog", "page": 3}))),
            |it| text(&it.documents),
        ),
    ]
}

/// A picture that is wanted.
pub(crate) fn wanted(model: &str) -> ImageRequest {
    ImageRequest { model: model.to_owned(), prompt: "a cat".to_owned(), ..ImageRequest::default() }
}

pub(crate) fn pictures() -> Vec<Case<ImageRequest>> {
    type It = Case<ImageRequest>;
    vec![
        It::new(
            PICTURES,
            "pictures to be changed",
            |it| {
                it.inputs =
                    vec![MediaSource::Base64 { mime: "image/png".to_owned(), data: "aGVsbG8=".to_owned() }];
            },
            |it| text(&it.inputs),
        ),
        It::new(PICTURES, "how many (`n`)", |it| it.n = Some(2), |it| text(&it.n)),
        It::new(PICTURES, "width and height", |it| it.size = Some((1536, 1024)), |it| text(&it.size)),
        It::new(
            PICTURES,
            "the media type",
            |it| it.media_type = Some("image/jpeg".to_owned()),
            |it| text(&it.media_type),
        ),
        It::new(
            PICTURES,
            "addresses instead of pictures",
            |it| it.as_urls = Some(true),
            |it| text(&it.as_urls),
        ),
        It::new(
            PICTURES,
            "the end user (`user`)",
            |it| it.user = Some("user-1".to_owned()),
            |it| text(&it.user),
        ),
    ]
}
