//! Rerank ↔ canon: Cohere's `/v2/rerank`, and the accents of those who have it at `/v1/rerank` or `/rerank`.
//!
//! | who | differs in |
//! |---|---|
//! | Jina, vLLM, llama.cpp, OpenRouter, Together | `usage` in place of `meta`, `document` with the results |
//! | Voyage | `top_k`, `data` |
//! | Text Embeddings Inference | `texts`, `return_text`; the answer is a bare list with `score` and `text` |
//!
//! All of these are read. What is written is Cohere's, or Voyage's (docs.voyageai.com/reference/reranker-api) where that is the
//! dialect; a target's names come from its [`Quirks`].

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;
use contract::canon::{Extra, Ranked, RankedDocument, Receipt, RerankReply, RerankRequest};
use contract::words::{Dialect, NanoUsd, Usage};
use contract::{Code, Fault};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::usage;
use crate::fields::{self, Fields, missing, wrong};
use crate::outgoing::{Outgoing, merge};
use crate::usage::Openai;
use crate::{Quirks, WireError};

/// Whose words are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accent {
    Cohere,
    Voyage,
}

impl Accent {
    const fn dialect(self) -> Dialect {
        match self {
            Self::Cohere => Dialect::CohereRerank,
            Self::Voyage => Dialect::VoyageRerank,
        }
    }

    /// The name of the number of results that are wanted.
    const fn top(self) -> &'static str {
        match self {
            Self::Cohere => "top_n",
            Self::Voyage => "top_k",
        }
    }
}

/// Of [`Quirks::refuses`]: documents must be texts.
const OBJECTS: &str = "documents.object";

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: Dialect::CohereRerank, reason: reason.to_string() }
}

/// Reads a request.
pub(super) fn read_rerank(accent: Accent, body: &[u8]) -> Result<RerankRequest, Fault> {
    let mut fields = fields::body(body)?;
    let model = fields.need_text("model")?;
    let query = fields.need_text("query")?;
    let field = if fields.has("documents") { "documents" } else { "texts" };
    let list = fields.list(field)?.ok_or_else(|| missing("documents"))?;
    let mut documents = Vec::with_capacity(list.len());
    for (at, document) in list.into_iter().enumerate() {
        documents.push(match document {
            Value::String(text) => RankedDocument::Text(text),
            object @ Value::Object(_) => RankedDocument::Object(object),
            _ => return Err(wrong(&format!("{field}[{at}]"), "a string or an object")),
        });
    }
    if documents.is_empty() {
        return Err(wrong(field, "a non-empty array"));
    }
    let top_n = fields.count("top_n")?.or(fields.count("top_k")?);
    let return_documents = fields.flag("return_documents")?.or(fields.flag("return_text")?);
    let extra = fields.extra(accent.dialect());
    Ok(RerankRequest { model, query, documents, top_n, return_documents, extra })
}

/// Writes a request.
pub(super) fn write_rerank(
    accent: Accent,
    request: &RerankRequest,
    quirks: &Quirks,
    receipt: &mut Receipt,
) -> Result<Bytes, Fault> {
    let texts_only = quirks.refuses.contains(&OBJECTS);
    let ranked = texts_only.then(|| rank_fields(&request.extra)).flatten();
    let mut documents = Vec::with_capacity(request.documents.len());
    for (at, document) in request.documents.iter().enumerate() {
        documents.push(match document {
            RankedDocument::Text(text) => json!(text),
            RankedDocument::Object(object) if !texts_only => object.clone(),
            RankedDocument::Object(object) => {
                json!(ranked_text(object, ranked.as_deref()).ok_or_else(|| {
                    let message = "The model orders texts, not pictures.";
                    Fault::saying(Code::UnsupportedCapability, message).at(format!("documents[{at}]"))
                })?)
            }
        });
    }
    let (mut extra, truncation) = shared(accent, &request.extra);
    if ranked.is_some() {
        // Done: the texts are made of these fields.
        extra.to_mut().fields.shift_remove(RANK_FIELDS);
    }
    let mut out = Outgoing::new(accent.dialect(), &extra, quirks, receipt);
    out.put("model", &request.model)?;
    out.put("query", &request.query)?;
    out.put("documents", &documents)?;
    out.put_some(accent.top(), request.top_n)?;
    out.put_some("truncation", truncation)?;
    // Not sending them back is the default everywhere; targets that cannot need not hear of it.
    let back = request.return_documents.filter(|back| *back || !quirks.refuses.contains(&"return_documents"));
    out.put_some("return_documents", back)?;
    out.finish()
}

/// The leftovers, and what of another dialect's is Voyage's all the same: its clients may come by Cohere's path.
fn shared(accent: Accent, extra: &Extra) -> (Cow<'_, Extra>, Option<Value>) {
    if accent != Accent::Voyage || extra.owner != Some(Dialect::CohereRerank) {
        return (Cow::Borrowed(extra), None);
    }
    let mut extra = extra.clone();
    let truncation = extra.fields.shift_remove("truncation");
    (Cow::Owned(extra), truncation)
}

/// Which fields of a document are read (Cohere's version 1 and Together; docs: "Rerank v1").
const RANK_FIELDS: &str = "rank_fields";

/// The fields of documents that a client wants to be read.
fn rank_fields(extra: &Extra) -> Option<Vec<String>> {
    let own = extra.fields.get(RANK_FIELDS).filter(|_| extra.owner == Some(Dialect::CohereRerank))?;
    let names = own.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

/// Of an object as text, only what is to be read.
fn ranked_text(object: &Value, fields: Option<&[String]>) -> Option<String> {
    let (Some(names), Some(members)) = (fields, object.as_object()) else { return text_of(object) };
    let kept = names.iter().filter_map(|name| members.get_key_value(name));
    let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    match kept.values().next() {
        Some(Value::String(text)) if kept.len() == 1 => Some(text.clone()),
        // None of them is there: all it says is better than nothing.
        None => text_of(object),
        Some(_) => text_of(&Value::Object(kept)),
    }
}

/// Does a request order objects, or say which of their fields, which an account that refuses this does not?
pub(crate) fn refuses_objects(refuses: &[&str], body: &Bytes) -> bool {
    if !refuses.contains(&OBJECTS) {
        return false;
    }
    let body = VecDeque::from([body.clone()]);
    let listed = || {
        let documents = crate::member(&body, "documents")?;
        let list: Vec<&RawValue> = serde_json::from_slice(&documents).ok()?;
        Some(list.iter().any(|document| document.get().starts_with('{')))
    };
    crate::member(&body, RANK_FIELDS).is_some() || listed() == Some(true)
}

/// An object as text: its `text` if that is all it has, else a line for each field, which is the form Cohere advises
/// (docs: "Rerank best practices", structured data). None: there is no text in it.
fn text_of(object: &Value) -> Option<String> {
    let fields = object.as_object()?;
    if let (Some(text), 1) = (fields.get("text").and_then(Value::as_str), fields.len()) {
        return Some(text.to_owned());
    }
    if fields.keys().any(|name| name == "image" || name == "image_url") {
        return None;
    }
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}: {text}"),
        value => format!("{name}: {value}"),
    };
    Some(fields.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Reads an answer.
pub(super) fn read_rerank_reply(accent: Accent, body: &[u8]) -> Result<RerankReply, WireError> {
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    let mut fields = match value {
        Value::Array(list) => {
            return Ok(RerankReply { results: results(list)?, ..RerankReply::default() });
        }
        value => Fields::of(value, "").map_err(invalid)?,
    };
    let list = ["results", "data"].into_iter().find_map(|name| fields.value(name));
    let Some(Value::Array(list)) = list else { return Err(invalid("no results")) };
    let beside: Vec<Value> = list.iter().map(beside).collect();
    let results = results(list)?;
    if beside.iter().any(|one| *one != json!({})) {
        fields.put_back(RESULTS, Value::Array(beside));
    }
    let (meta, counts) = (fields.value("meta"), fields.value("usage"));
    let usage = meta.as_ref().and_then(usage::read).or_else(|| counts.as_ref().and_then(counted));
    for (name, value) in [("meta", meta), ("usage", counts)] {
        if let Some(value) = value {
            fields.put_back(name, value);
        }
    }
    let text = |fields: &mut Fields, name| fields.text(name).ok().flatten().unwrap_or_default();
    let (id, model) = (text(&mut fields, "id"), text(&mut fields, "model"));
    Ok(RerankReply { id, model, results, usage, extra: fields.extra(accent.dialect()) })
}

/// `usage` as those who follow OpenAI write it, with OpenRouter's `search_units`. A total alone (Jina, Voyage) is input.
fn counted(counts: &Value) -> Option<Usage> {
    let number = |name: &str| counts.get(name).and_then(Value::as_u64);
    let searches = number("search_units").unwrap_or_default();
    let input = number("prompt_tokens").or(number("input_tokens")).or(number("total_tokens"));
    if input.is_none() && searches == 0 {
        return None;
    }
    let whole = serde_json::from_value::<Openai>(counts.clone()).ok().and_then(|counts| counts.reported());
    let usage = match (number("prompt_tokens"), whole) {
        (Some(_), Some(usage)) => usage,
        _ => Usage { input: input.unwrap_or_default(), ..Usage::default() },
    };
    // OpenRouter's, whose only count this is; another's may be of any unit.
    let cost = counts.get("cost").filter(|_| searches > 0).and_then(Value::as_f64);
    Some(Usage {
        searches,
        charged: cost.and_then(NanoUsd::from_usd),
        partial: usage.total() == 0 && searches == 0,
        ..usage
    })
}

/// The leftovers of the results, in their order.
const RESULTS: &str = "(results)";

/// What a result says beyond canon's words.
fn beside(result: &Value) -> Value {
    const KNOWN: [&str; 6] = ["index", "relevance_score", "relevanceScore", "score", "document", "text"];
    let said = result.as_object().into_iter().flatten();
    let left = said.filter(|(name, value)| !KNOWN.contains(&name.as_str()) && !value.is_null());
    Value::Object(left.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Gives the results back what they said beyond canon's words.
fn with_beside(mut results: Vec<Value>, own: Option<&Map<String, Value>>) -> Value {
    let told = own.and_then(|own| own.get(RESULTS)).and_then(Value::as_array).into_iter().flatten();
    for (result, told) in results.iter_mut().zip(told) {
        if let (Value::Object(result), Value::Object(told)) = (result, told) {
            merge(result, told);
        }
    }
    Value::Array(results)
}

fn results(list: Vec<Value>) -> Result<Vec<Ranked>, WireError> {
    list.into_iter().map(result).collect()
}

fn result(value: Value) -> Result<Ranked, WireError> {
    let Value::Object(mut fields) = value else { return Err(invalid("a result that is no object")) };
    let score = ["relevance_score", "score", "relevanceScore"]
        .into_iter()
        .find_map(|name| fields.get(name)?.as_f64());
    let document = fields.shift_remove("document").or_else(|| fields.shift_remove("text"));
    Ok(Ranked {
        index: fields
            .get("index")
            .and_then(Value::as_u64)
            .ok_or_else(|| invalid("a result without an index"))?,
        score: score.ok_or_else(|| invalid("a result without a score"))?,
        document: document.filter(|document| !document.is_null() && *document != json!({})),
    })
}

/// Writes an answer: Cohere's, with `usage` beside `meta` for those who look there.
pub(super) fn write_rerank_reply(accent: Accent, reply: &RerankReply) -> Bytes {
    if accent == Accent::Voyage {
        return write_voyage(reply);
    }
    let mut out = Map::new();
    if !reply.id.is_empty() {
        out.insert("id".to_owned(), json!(reply.id));
    }
    if !reply.model.is_empty() {
        out.insert("model".to_owned(), json!(reply.model));
    }
    let own = match &reply.extra {
        Extra { owner: Some(Dialect::CohereRerank), fields } => Some(fields),
        _ => None,
    };
    out.insert("results".to_owned(), with_beside(reply.results.iter().map(written).collect(), own));
    if let (Some(usage), None) = (&reply.usage, own.and_then(|own| own.get("meta").or(own.get("usage")))) {
        let meta = json!({"api_version": {"version": "2"}, "billed_units": usage::billed(usage)});
        out.insert("meta".to_owned(), meta);
    }
    for (name, value) in own.into_iter().flatten().filter(|(name, _)| *name != RESULTS) {
        out.insert(name.clone(), value.clone());
    }
    Value::Object(out).to_string().into()
}

/// Writes an answer as Voyage does: documents are texts, what was consumed is one number.
fn write_voyage(reply: &RerankReply) -> Bytes {
    let own = (reply.extra.owner == Some(Dialect::VoyageRerank)).then_some(&reply.extra.fields);
    let mut out = Map::new();
    out.insert("object".to_owned(), json!("list"));
    let entry = |ranked: &Ranked| {
        let mut out = Map::new();
        out.insert("relevance_score".to_owned(), json!(ranked.score));
        out.insert("index".to_owned(), json!(ranked.index));
        let text = ranked.document.as_ref().and_then(|document| match document {
            Value::String(text) => Some(text.clone()),
            object => text_of(object),
        });
        out.extend(text.map(|text| ("document".to_owned(), json!(text))));
        Value::Object(out)
    };
    out.insert("data".to_owned(), with_beside(reply.results.iter().map(entry).collect(), own));
    if !reply.model.is_empty() {
        out.insert("model".to_owned(), json!(reply.model));
    }
    if let Some(usage) = &reply.usage {
        out.insert("usage".to_owned(), json!({"total_tokens": usage.input_total() + usage.output}));
    }
    for (name, value) in own.into_iter().flatten().filter(|(name, _)| *name != RESULTS) {
        out.insert(name.clone(), value.clone());
    }
    Value::Object(out).to_string().into()
}

/// A document is an object with its text.
fn written(ranked: &Ranked) -> Value {
    let mut out = Map::new();
    out.insert("index".to_owned(), json!(ranked.index));
    out.insert("relevance_score".to_owned(), json!(ranked.score));
    match &ranked.document {
        Some(Value::String(text)) => drop(out.insert("document".to_owned(), json!({"text": text}))),
        Some(document) => drop(out.insert("document".to_owned(), document.clone())),
        None => {}
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(body: &Value, quirks: &Quirks) -> (Value, String) {
        let request = read_rerank(Accent::Cohere, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let bytes = write_rerank(Accent::Cohere, &request, quirks, &mut receipt).unwrap();
        (serde_json::from_slice(&bytes).unwrap(), receipt.to_string())
    }

    #[test]
    fn requests_come_back_and_accents_are_cohere_s() {
        let body = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b", "n": 1}], "top_n": 2,
            "return_documents": true, "max_tokens_per_doc": 9});
        assert_eq!(round(&body, &Quirks::default()), (body, String::new()));
        for accent in [
            json!({"model": "m", "query": "q", "documents": ["a"], "top_k": 1, "return_documents": false}),
            json!({"model": "m", "query": "q", "texts": ["a"], "top_n": 1, "return_text": false}),
        ] {
            let plain = json!({"model": "m", "query": "q", "documents": ["a"], "top_n": 1, "return_documents": false});
            assert_eq!(round(&accent, &Quirks::default()).0, plain);
        }
    }

    #[test]
    fn a_target_s_names_and_limits_are_kept() {
        let quirks = Quirks {
            renames: &[("top_n", "top_k")],
            refuses: &["return_documents", OBJECTS],
            ..Quirks::default()
        };
        let body = json!({"model": "m", "query": "q", "documents": ["a", {"text": "b"}, {"title": "t", "n": 1}],
            "top_n": 2, "return_documents": true});
        let expected =
            json!({"model": "m", "query": "q", "documents": ["a", "b", "title: t\nn: 1"], "top_k": 2});
        assert_eq!(round(&body, &quirks), (expected, "return_documents".to_owned()));
        let body = json!({"model": "m", "query": "q", "rank_fields": ["title", "text"],
            "documents": [{"text": "a", "n": 1}, {"title": "t", "text": "b"}, {"n": 1}, "c"]});
        let texts = json!(["a", "title: t\ntext: b", "n: 1", "c"]);
        assert_eq!(round(&body, &quirks).0["documents"], texts);
        assert_eq!(round(&body, &quirks).1, "");
        assert!(refuses_objects(&[OBJECTS], &Bytes::from(body.to_string())));
        assert!(!refuses_objects(&[], &Bytes::from(body.to_string())));
        assert!(!refuses_objects(&[OBJECTS], &Bytes::from_static(br#"{"documents":["a","{"]}"#)));
        let picture = json!({"model": "m", "query": "q", "documents": [{"image": "x"}]});
        let request = read_rerank(Accent::Cohere, picture.to_string().as_bytes()).unwrap();
        let fault = write_rerank(Accent::Cohere, &request, &quirks, &mut Receipt::default()).unwrap_err();
        assert_eq!((fault.code(), fault.param()), (Code::UnsupportedCapability, Some("documents[0]")));
    }

    #[test]
    fn requests_that_make_no_sense_name_the_field() {
        for (body, param) in [
            (json!({"query": "q", "documents": ["a"]}), "model"),
            (json!({"model": "m", "documents": ["a"]}), "query"),
            (json!({"model": "m", "query": "q"}), "documents"),
            (json!({"model": "m", "query": "q", "documents": []}), "documents"),
            (json!({"model": "m", "query": "q", "texts": [1]}), "texts[0]"),
        ] {
            assert_eq!(
                read_rerank(Accent::Cohere, body.to_string().as_bytes()).unwrap_err().param(),
                Some(param)
            );
        }
    }

    #[test]
    fn every_accent_is_understood() {
        for (body, input, searches) in [
            (
                json!({"results": [{"index": 1, "relevance_score": 0.5}], "meta": {"billed_units": {"search_units": 2}}}),
                0,
                2,
            ),
            (json!({"data": [{"index": 1, "relevance_score": 0.5}], "usage": {"total_tokens": 7}}), 7, 0),
            (
                json!({"results": [{"index": 1, "relevance_score": 0.5}],
                "usage": {"prompt_tokens": 7, "total_tokens": 7}}),
                7,
                0,
            ),
            (
                json!({"results": [{"index": 1, "relevance_score": 0.5}],
                "usage": {"cost": 0.1, "search_units": 3}}),
                0,
                3,
            ),
            (
                json!({"results": [{"index": 1, "relevance_score": 0.5}], "meta": {"tokens": {"input_tokens": 5}}}),
                5,
                0,
            ),
        ] {
            let reply = read_rerank_reply(Accent::Cohere, body.to_string().as_bytes()).unwrap();
            assert_eq!((reply.results[0].index, reply.results[0].score), (1, 0.5));
            let usage = reply.usage.unwrap();
            assert_eq!((usage.input, usage.output, usage.searches), (input, 0, searches), "{body}");
        }
        let bare = read_rerank_reply(Accent::Cohere, br#"[{"index":0,"score":1,"text":"a"}]"#).unwrap();
        assert_eq!(bare.results[0].document, Some(json!("a")));
        for broken in ["1", "{}", r#"{"results":[{"index":0}]}"#, r#"{"results":[{"score":1}]}"#, r#"[1]"#] {
            assert!(read_rerank_reply(Accent::Cohere, broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn answers_are_cohere_s() {
        let body = json!({"id": "i", "results": [{"index": 1, "relevance_score": 0.5, "document": {"text": "b"}}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}});
        let reply = read_rerank_reply(Accent::Cohere, body.to_string().as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&write_rerank_reply(Accent::Cohere, &reply)).unwrap(),
            body
        );
        let body = json!({"results": [{"index": 0, "relevance_score": 0.5},
            {"index": 1, "relevance_score": 0.25, "relevant_spans": [{"start": 0, "end": 3, "score": 0.5}]}],
            "meta": {"api_version": {"version": "2"}}});
        let reply = read_rerank_reply(Accent::Cohere, body.to_string().as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&write_rerank_reply(Accent::Cohere, &reply)).unwrap(),
            body
        );
        let foreign = RerankReply {
            results: vec![Ranked { index: 0, score: 2.0, document: Some(json!("a")) }],
            usage: Some(Usage { input: 4, ..Usage::default() }),
            ..RerankReply::default()
        };
        let expected = json!({"results": [{"index": 0, "relevance_score": 2.0, "document": {"text": "a"}}],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}}});
        assert_eq!(
            serde_json::from_slice::<Value>(&write_rerank_reply(Accent::Cohere, &foreign)).unwrap(),
            expected
        );
    }

    #[test]
    fn voyage_s_clients_keep_their_words() {
        let body = json!({"model": "m", "query": "q", "documents": ["a"], "top_k": 1, "return_documents": true,
            "truncation": true});
        let request = read_rerank(Accent::Voyage, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let bytes = write_rerank(Accent::Voyage, &request, &Quirks::default(), &mut receipt).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), body);
        let answer = json!({"object": "list", "data": [{"relevance_score": 0.5, "index": 0, "document": "a"}],
            "model": "m", "usage": {"total_tokens": 7}});
        let reply = read_rerank_reply(Accent::Voyage, answer.to_string().as_bytes()).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&write_rerank_reply(Accent::Voyage, &reply)).unwrap(),
            answer
        );
        let theirs: Value = serde_json::from_slice(&write_rerank_reply(Accent::Cohere, &reply)).unwrap();
        let results = json!([{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}}]);
        assert_eq!((&theirs["results"], &theirs["data"]), (&results, &Value::Null));
        let cohere = json!({"results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "a"}}],
            "meta": {"billed_units": {"search_units": 1}}});
        let reply = read_rerank_reply(Accent::Cohere, cohere.to_string().as_bytes()).unwrap();
        let ours: Value = serde_json::from_slice(&write_rerank_reply(Accent::Voyage, &reply)).unwrap();
        assert_eq!(ours["data"], answer["data"]);
    }

    #[test]
    fn voyage_is_written_in_its_own_words() {
        let body = json!({"model": "m", "query": "q", "documents": ["a"], "top_n": 1, "truncation": false,
            "max_tokens_per_doc": 9});
        let request = read_rerank(Accent::Cohere, body.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let bytes = write_rerank(Accent::Voyage, &request, &Quirks::default(), &mut receipt).unwrap();
        let expected =
            json!({"model": "m", "query": "q", "documents": ["a"], "top_k": 1, "truncation": false});
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        assert_eq!(receipt.to_string(), "max_tokens_per_doc");
    }
}
