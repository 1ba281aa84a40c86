//! Bedrock's `Rerank` (docs: "Agents for Amazon Bedrock Runtime", `Rerank`) ↔ canon.
//!
//! The model stands deep in the body, as an ARN: canon has its name alone, and the provider, who knows the region, makes it
//! an ARN again ([`rerank_body`]). What a model takes beyond that (docs: "Use a reranker model") are Cohere's own fields.

use std::collections::VecDeque;

use bytes::Bytes;
use contract::Fault;
use contract::canon::{Extra, Ranked, RankedDocument, Receipt, RerankReply, RerankRequest};
use contract::words::Dialect;
use serde_json::{Map, Value, json};

use super::single;
use crate::fields::{self, Fields, missing, wrong};
use crate::hub::Rerank;
use crate::outgoing::Outgoing;
use crate::{Quirks, WireError};

const DIALECT: Dialect = Dialect::BedrockRerank;

const CONFIG: &str = "rerankingConfiguration";
const MODEL_CONFIG: &str = "bedrockRerankingConfiguration";
const MODEL: &str = "modelConfiguration";
const OWN: &str = "additionalModelRequestFields";

/// Where the model's ARN stands, from the outside in.
pub(crate) const MODEL_AT: [&str; 4] = [CONFIG, MODEL_CONFIG, MODEL, "modelArn"];

/// The dialect, for the hub.
pub(crate) struct Ranking;

/// The name of a model in its ARN (`arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0`), or the name itself.
pub(crate) fn model_of(arn: &str) -> &str {
    arn.rsplit_once(":foundation-model/").map_or(arn, |(_, name)| name)
}

/// A request with its model's ARN, which is what AWS takes. One that has no place for it stays as it is: AWS will complain.
#[must_use]
pub fn rerank_body(body: &VecDeque<Bytes>, arn: &str) -> Bytes {
    let whole: Vec<u8> = body.iter().flatten().copied().collect();
    let Ok(mut value) = serde_json::from_slice::<Value>(&whole) else { return whole.into() };
    let place = MODEL_AT.iter().try_fold(&mut value, |outer, name| outer.get_mut(*name));
    let Some(place) = place else { return whole.into() };
    *place = arn.into();
    value.to_string().into()
}

impl Rerank for Ranking {
    fn read_request(&self, body: &[u8]) -> Result<RerankRequest, Fault> {
        let mut fields = fields::body(body)?;
        let query = query(fields.list("queries")?.ok_or_else(|| missing("queries"))?)?;
        let sources = fields.list("sources")?.ok_or_else(|| missing("sources"))?;
        let documents = sources.into_iter().enumerate().map(|(at, source)| document(at, source));
        let documents: Vec<_> = documents.collect::<Result<_, _>>()?;
        if documents.is_empty() {
            return Err(wrong("sources", "a non-empty array"));
        }
        let mut config = fields.need_object(CONFIG)?;
        config.value("type");
        let mut inner = config.need_object(MODEL_CONFIG)?;
        let top_n = inner.count("numberOfResults")?;
        let mut model = inner.need_object(MODEL)?;
        let name = model_of(&model.need_text("modelArn")?).to_owned();
        put_back(&mut inner, MODEL, model.left());
        put_back(&mut config, MODEL_CONFIG, inner.left());
        put_back(&mut fields, CONFIG, config.left());
        let extra = fields.extra(DIALECT);
        Ok(RerankRequest { model: name, query, documents, top_n, return_documents: None, extra })
    }

    fn write_request(
        &self,
        request: &RerankRequest,
        quirks: &Quirks,
        receipt: &mut Receipt,
    ) -> Result<Bytes, Fault> {
        if request.return_documents == Some(true) {
            receipt.dropped("return_documents", "Bedrock cannot be told to");
        }
        let mut model = single("modelArn", request.model.as_str());
        // The fields of Cohere's models are those of Cohere's dialect.
        let cohere = request.model.contains("cohere.") && request.extra.owner == Some(Dialect::CohereRerank);
        let none = Extra::default();
        let mut extra = &request.extra;
        if cohere {
            model.insert(OWN.to_owned(), Value::Object(extra.fields.clone()));
            extra = &none;
        }
        let mut inner = single(MODEL, model);
        inner.extend(request.top_n.map(|count| ("numberOfResults".to_owned(), count.into())));
        let mut config = single("type", "BEDROCK_RERANKING_MODEL");
        config.insert(MODEL_CONFIG.to_owned(), Value::Object(inner));
        let sources: Vec<Value> = request.documents.iter().map(source).collect();
        let mut out = Outgoing::new(DIALECT, extra, quirks, receipt);
        out.put("queries", &json!([{"type": "TEXT", "textQuery": {"text": request.query}}]))?;
        out.put("sources", &sources)?;
        out.put_object(CONFIG, config)?;
        out.finish()
    }

    fn read_reply(&self, body: &[u8]) -> Result<RerankReply, WireError> {
        let value: Value = serde_json::from_slice(body).map_err(invalid)?;
        let mut fields = Fields::of(value, "").map_err(invalid)?;
        let Some(Value::Array(list)) = fields.value("results") else { return Err(invalid("no results")) };
        let results = list.iter().map(result).collect::<Result<_, _>>()?;
        Ok(RerankReply { results, extra: fields.extra(DIALECT), ..RerankReply::default() })
    }

    fn write_reply(&self, reply: &RerankReply) -> Bytes {
        let mut out = single("results", reply.results.iter().map(written).collect::<Vec<_>>());
        if reply.extra.owner == Some(DIALECT) {
            out.extend(reply.extra.fields.clone());
        }
        Value::Object(out).to_string().into()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form map_err calls")]
fn invalid(reason: impl ToString) -> WireError {
    WireError { dialect: DIALECT, reason: reason.to_string() }
}

fn put_back(outer: &mut Fields, name: &str, left: Map<String, Value>) {
    if !left.is_empty() {
        outer.put_back(name, Value::Object(left));
    }
}

/// The one query that there may be.
fn query(queries: Vec<Value>) -> Result<String, Fault> {
    let [query] = <[Value; 1]>::try_from(queries).map_err(|_| wrong("queries", "a list of one query"))?;
    Fields::of(query, "queries[0]")?.need_object("textQuery")?.need_text("text")
}

fn document(at: usize, source: Value) -> Result<RankedDocument, Fault> {
    let mut source = Fields::of(source, format!("sources[{at}]"))?.need_object("inlineDocumentSource")?;
    match source.value("jsonDocument") {
        Some(object @ Value::Object(_)) => Ok(RankedDocument::Object(object)),
        Some(_) => Err(wrong(&source.path("jsonDocument"), "a JSON object")),
        None => source.need_object("textDocument")?.need_text("text").map(RankedDocument::Text),
    }
}

fn source(document: &RankedDocument) -> Value {
    let inline = match document {
        RankedDocument::Text(text) => text_document(text),
        RankedDocument::Object(object) => json_document(object),
    };
    json!({"type": "INLINE", "inlineDocumentSource": inline})
}

fn text_document(text: &str) -> Value {
    json!({"type": "TEXT", "textDocument": {"text": text}})
}

fn json_document(value: &Value) -> Value {
    json!({"type": "JSON", "jsonDocument": value})
}

fn result(value: &Value) -> Result<Ranked, WireError> {
    let index = value.get("index").and_then(Value::as_u64);
    let score = value.get("relevanceScore").and_then(Value::as_f64);
    let document = value.get("document").and_then(|document| {
        document.get("jsonDocument").or_else(|| document.get("textDocument")?.get("text"))
    });
    Ok(Ranked {
        index: index.ok_or_else(|| invalid("a result without an index"))?,
        score: score.ok_or_else(|| invalid("a result without a score"))?,
        document: document.filter(|document| !document.is_null()).cloned(),
    })
}

fn written(ranked: &Ranked) -> Value {
    let mut out = json!({"index": ranked.index, "relevanceScore": ranked.score});
    if let (Some(out), Some(document)) = (out.as_object_mut(), &ranked.document) {
        // Others send texts back in an object of their own.
        let bare =
            document.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("text"));
        let text = document.as_str().or(bare.and_then(Value::as_str));
        let document = text.map_or_else(|| json_document(document), text_document);
        out.insert("document".to_owned(), document);
    }
    out
}

#[cfg(test)]
mod tests {
    use contract::Code;
    use contract::canon::Asked;

    use super::*;

    fn body() -> Value {
        json!({
            "queries": [{"type": "TEXT", "textQuery": {"text": "q"}}],
            "sources": [
                {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}},
                {"type": "INLINE", "inlineDocumentSource": {"type": "JSON", "jsonDocument": {"title": "t"}}},
            ],
            "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
                "modelConfiguration": {"modelArn": "amazon.rerank-v1:0",
                    "additionalModelRequestFields": {"max_tokens_per_doc": 9}},
                "numberOfResults": 2}},
            "nextToken": "n",
        })
    }

    #[test]
    fn requests_come_back() {
        let request = Ranking.read_request(body().to_string().as_bytes()).unwrap();
        assert_eq!((request.model.as_str(), request.top_n), ("amazon.rerank-v1:0", Some(2)));
        let mut receipt = Receipt::default();
        let written = Ranking.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body());
        assert!(receipt.is_empty(), "{receipt}");
    }

    #[test]
    fn cohere_s_clients_are_understood() {
        let theirs = json!({"model": "cohere.rerank-v3-5:0", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1,
            "return_documents": true, "max_tokens_per_doc": 9});
        let asked = crate::read_request(Dialect::CohereRerank, theirs.to_string().as_bytes()).unwrap();
        let mut receipt = Receipt::default();
        let written = crate::write_request(DIALECT, &asked, &Quirks::default(), &mut receipt).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(written["sources"][1]["inlineDocumentSource"]["jsonDocument"], json!({"text": "b"}));
        let config = &written[CONFIG][MODEL_CONFIG];
        assert_eq!(config["numberOfResults"], 1);
        assert_eq!(
            config[MODEL],
            json!({"modelArn": "cohere.rerank-v3-5:0",
            "additionalModelRequestFields": {"max_tokens_per_doc": 9}})
        );
        assert_eq!(receipt.to_string(), "return_documents");
        let Asked::Rerank(mut request) = asked else { panic!() };
        "amazon.rerank-v1:0".clone_into(&mut request.model);
        let mut receipt = Receipt::default();
        Ranking.write_request(&request, &Quirks::default(), &mut receipt).unwrap();
        assert_eq!(receipt.to_string(), "return_documents, max_tokens_per_doc");
    }

    #[test]
    fn answers_come_back() {
        let body = json!({"results": [{"index": 1, "relevanceScore": 0.5},
            {"index": 0, "relevanceScore": 0.25, "document": {"type": "TEXT", "textDocument": {"text": "a"}}},
            {"index": 2, "relevanceScore": 0.0, "document": {"type": "JSON", "jsonDocument": {"n": 1}}}],
            "nextToken": "n"});
        let reply = Ranking.read_reply(body.to_string().as_bytes()).unwrap();
        assert_eq!(reply.results[1].document, Some(json!("a")));
        assert_eq!(serde_json::from_slice::<Value>(&Ranking.write_reply(&reply)).unwrap(), body);
        for broken in ["{}", "[]", r#"{"results":[{"index":0}]}"#, r#"{"results":[{"relevanceScore":1}]}"#] {
            assert!(Ranking.read_reply(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn the_model_is_an_arn_for_aws_alone() {
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0";
        assert_eq!(model_of(arn), "amazon.rerank-v1:0");
        let sent = rerank_body(&[Bytes::from(body().to_string())].into(), arn);
        let sent: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(sent[CONFIG][MODEL_CONFIG][MODEL]["modelArn"], arn);
        assert_eq!(Ranking.read_request(sent.to_string().as_bytes()).unwrap().model, "amazon.rerank-v1:0");
        for odd in ["{}", "[", "1"] {
            assert_eq!(rerank_body(&[Bytes::from(odd)].into(), arn), odd);
        }
    }

    #[test]
    fn texts_of_others_are_texts() {
        for document in [json!("a"), json!({"text": "a"})] {
            let results = vec![Ranked { index: 0, score: 1.0, document: Some(document) }];
            let answer = Ranking.write_reply(&RerankReply { results, ..RerankReply::default() });
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(
                answer["results"][0]["document"],
                json!({"type": "TEXT", "textDocument": {"text": "a"}})
            );
        }
    }

    #[test]
    fn requests_that_make_no_sense_name_the_field() {
        for (path, value, param) in [
            ("queries", json!([]), "queries"),
            ("queries", json!([{"type": "TEXT"}]), "queries[0].textQuery"),
            ("sources", json!([]), "sources"),
            ("sources", json!([{}]), "sources[0].inlineDocumentSource"),
            (
                "sources",
                json!([{"inlineDocumentSource": {"jsonDocument": 1}}]),
                "sources[0].inlineDocumentSource.jsonDocument",
            ),
            (CONFIG, json!({}), "rerankingConfiguration.bedrockRerankingConfiguration"),
        ] {
            let mut body = body();
            body[path] = value;
            let fault = Ranking.read_request(body.to_string().as_bytes()).unwrap_err();
            assert_eq!((fault.code(), fault.param()), (Code::InvalidRequest, Some(param)));
        }
    }
}
