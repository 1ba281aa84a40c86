//! Any model behind HTTP and JSON: what it is sent is a template of the configuration, what it answers is read by JSON
//! pointers.
//!
//! To the engine it speaks OpenAI's dialects and `pathgate.predict`; in truth it speaks none, so no client's bytes pass:
//! every request is written here (`ask.rs`), and every answer is put in the dialect's words (`answer.rs`) before the engine
//! sees it. Settings: `config.rs`; placeholders: `template.rs`.

mod answer;
mod ask;
mod config;
mod quirks;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use contract::canon::{Asked, Receipt};
use contract::ports::{
    BoxFuture, Call, ModelCard, Provider, ProviderReply, SharedProvider, Upstream, UpstreamFailure,
};
use contract::settings::Faults;
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{Method, Uri};

use crate::listing::{card, collect_within};
use crate::request::{Endpoint, check_url, segment};

use answer::{Answer, Counts, Places};
use config::UsageConfig;
use template::{Name, Template, check_pointer};

pub use config::Config;

pub(crate) const KIND: &str = quirks::FACTS.kind;

/// The longest answer that is read.
const LONGEST: usize = 64 << 20;

/// What stands for a model's name in a URL.
const MODEL: &str = "{model}";

struct Templated {
    endpoint: Endpoint,
    /// Path and query, with [`MODEL`] in either.
    place: String,
    method: Method,
    surfaces: Vec<Surface>,
    error: Option<String>,
}

/// Something the model does.
struct Surface {
    /// The dialect the engine takes it for.
    dialect: Dialect,
    template: Template,
    places: Places,
    counts: Counts,
}

pub(crate) fn build(name: &str, config: &Config, faults: &mut Faults) -> Option<SharedProvider> {
    let mut checked = Faults::default();
    let path = format!("providers.{name}");
    let surfaces = surfaces(&path, config, &mut checked);
    if let Some(error) = &config.error {
        check(format!("{path}.error"), error, &mut checked);
    }
    let (origin, place) = match split(&config.url) {
        Ok(parts) => parts,
        Err(reason) => {
            checked.add(format!("{path}.url"), reason);
            ("http://unknown", "/")
        }
    };
    let account = crate::account::Account { base_url: Some(origin), ..config.account() };
    let endpoint = Endpoint::new(name, account, &quirks::FACTS, &mut checked);
    for problem in checked.problems() {
        faults.add(problem.path.clone(), problem.message.clone());
    }
    let (endpoint, place, error) = (endpoint?, place.to_owned(), config.error.clone());
    let provider = Templated { endpoint, place, method: config.method.into(), surfaces, error };
    checked.is_empty().then(|| Arc::new(provider) as SharedProvider)
}

/// Everything that is configured, checked.
fn surfaces(path: &str, config: &Config, faults: &mut Faults) -> Vec<Surface> {
    const CHAT: &[Name] = &[
        Name::Model,
        Name::Prompt,
        Name::System,
        Name::Messages,
        Name::Temperature,
        Name::MaxTokens,
        Name::Body,
    ];
    let mut surfaces = Vec::new();
    let mut add =
        |dialect, (what, names): (&str, &[Name]), request, (places, usage): (Places, &UsageConfig)| {
            let path = format!("{path}.{what}");
            let template = Template::new(request, names, &format!("{path}.request"), faults);
            for (field, pointer) in pointers(&places, usage) {
                check(format!("{path}.{field}"), pointer, faults);
            }
            let counts = Counts { input: usage.input.clone(), output: usage.output.clone() };
            surfaces.push(Surface { dialect, template, places, counts });
        };
    if let Some(chat) = &config.chat {
        let places = Places::Chat { text: chat.text.clone() };
        add(Dialect::OpenaiChat, ("chat", CHAT), &chat.request, (places, &chat.usage));
    }
    if let Some(vectors) = &config.embeddings {
        let places = Places::Vectors { list: vectors.vectors.clone(), each: vectors.vector.clone() };
        let names = &[Name::Model, Name::Inputs, Name::Input, Name::Body];
        add(Dialect::OpenaiEmbeddings, ("embeddings", names), &vectors.request, (places, &vectors.usage));
    }
    if let Some(predict) = &config.predict {
        let places = Places::Result { at: predict.result.clone() };
        let names = &[Name::Model, Name::Body];
        add(Dialect::PathgatePredict, ("predict", names), &predict.request, (places, &predict.usage));
    }
    if surfaces.is_empty() {
        faults.add(path, "does nothing: configure chat, embeddings or predict");
    }
    surfaces
}

/// All pointers of an operation with the settings they stand in.
fn pointers<'a>(places: &'a Places, usage: &'a UsageConfig) -> Vec<(&'static str, &'a str)> {
    let mut pointers = match places {
        Places::Chat { text } => vec![("text", text.as_str())],
        Places::Vectors { list, each } => {
            let each = each.iter().map(|each| ("vector", each.as_str()));
            std::iter::once(("vectors", list.as_str())).chain(each).collect()
        }
        Places::Result { at } => vec![("result", at.as_str())],
    };
    pointers.extend(usage.input.iter().map(|pointer| ("usage.input", pointer.as_str())));
    pointers.extend(usage.output.iter().map(|pointer| ("usage.output", pointer.as_str())));
    pointers
}

fn check(path: String, pointer: &str, faults: &mut Faults) {
    if let Err(reason) = check_pointer(pointer) {
        faults.add(path, reason);
    }
}

/// A URL's scheme and host, and the rest, in which alone a model's name may stand.
fn split(url: &str) -> Result<(&str, &str), String> {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    let (origin, place) = url.split_at(end);
    let filled = place.replace(MODEL, "m");
    if origin.contains(['{', '}']) || filled.contains(['{', '}']) {
        return Err(format!("only {MODEL} can stand in a URL, behind the host"));
    }
    check_url(&format!("{origin}{filled}"))?;
    Ok((origin, place))
}

impl Templated {
    fn surface(&self, dialect: Dialect) -> Option<&Surface> {
        self.surfaces.iter().find(|surface| surface.dialect == dialect)
    }

    fn url(&self, model: &str) -> Option<Uri> {
        if !self.place.contains(MODEL) {
            return self.endpoint.url(&self.place, None);
        }
        self.endpoint.url(&self.place.replace(MODEL, &segment(model)?), None)
    }
}

impl Provider for Templated {
    fn name(&self) -> &str {
        &self.endpoint.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn dialect(&self, client: Dialect, _model: &str) -> Option<Dialect> {
        let target = match client.operation() {
            Operation::Chat => Dialect::OpenaiChat,
            Operation::Embeddings => Dialect::OpenaiEmbeddings,
            // Tensors have no place in a template.
            _ => client,
        };
        self.surface(target).map(|surface| surface.dialect)
    }

    fn verbatim(&self, _dialect: Dialect) -> bool {
        false
    }

    fn translate(&self, request: &Asked, target: Dialect) -> Result<(Bytes, Receipt), Fault> {
        let template = self.surface(target).map(|surface| &surface.template);
        match (request, template) {
            (Asked::Chat(chat), Some(template)) => ask::chat(template, request, chat),
            (Asked::Embed(embed), Some(template)) => ask::embeddings(template, request, embed),
            (Asked::Predict(predict), Some(template)) => ask::predict(template, predict),
            _ => Err(Code::UnsupportedCapability.into()),
        }
    }

    fn call<'a>(
        &'a self,
        call: Call<'a>,
        upstream: &'a dyn Upstream,
    ) -> BoxFuture<'a, Result<ProviderReply, UpstreamFailure>> {
        Box::pin(async move {
            let url = self.url(call.model).ok_or("the model's name cannot stand in a URL");
            let surface = self.surface(call.dialect).ok_or("this account does not do it");
            let (Ok(url), Ok(surface)) = (&url, &surface) else {
                let reason = url.err().or(surface.err()).unwrap_or_default();
                return Err(UpstreamFailure::Build(reason.to_owned()));
            };
            let (stream, model) = (call.stream, call.model);
            let mut outbound = self.endpoint.post(url.clone(), Call { stream: false, ..call });
            outbound.method = self.method.clone();
            let ProviderReply { status, mut headers, body } = upstream.send(outbound).await?;
            let bytes = Bytes::from(collect_within(body, LONGEST).await?);
            headers.remove(CONTENT_LENGTH);
            let kind = if stream && status.is_success() { "text/event-stream" } else { "application/json" };
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            let body = if status.is_success() {
                let answer = Answer { body: &bytes, model, stream };
                answer.adapted(&surface.places, &surface.counts).map_err(UpstreamFailure::Unreadable)?
            } else {
                answer::refused(status, &bytes, self.error.as_deref())
            };
            Ok(ProviderReply { status, headers, body: body.into() })
        })
    }

    fn discover<'a>(&'a self, _: &'a dyn Upstream) -> BoxFuture<'a, Result<Vec<ModelCard>, UpstreamFailure>> {
        let operations: Vec<Operation> =
            self.surfaces.iter().map(|surface| surface.dialect.operation()).collect();
        let cards = self.endpoint.models.iter().map(|name| ModelCard {
            operations: operations.clone(),
            ..card(name.as_str(), Operation::Predict)
        });
        Box::pin(std::future::ready(Ok(cards.collect())))
    }
}
