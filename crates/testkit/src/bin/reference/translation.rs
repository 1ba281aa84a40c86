//! `docs/reference/translation.md`: what becomes of each word of canon in each dialect, and at each kind of provider.

use anyhow::{Context, Result, anyhow, bail};
use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Asked, Receipt, Reply, Request};
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use wire::{EncodeOptions, Quirks};

use crate::judge::{Case, Verdict, Way, judge};
use crate::page::Matrix;
use crate::{replies, requests};

/// The model that stands for a dialect's: some dialects can say more to newer ones.
const fn model(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::AnthropicMessages => "claude-sonnet-4-6",
        Dialect::GeminiGenerate => "gemini-2.5-pro",
        Dialect::BedrockConverse => "anthropic.claude-sonnet-4-6-v1:0",
        _ => "model",
    }
}

/// The dialects of an operation that canon has words for.
pub(crate) fn dialects(operation: Operation) -> impl Iterator<Item = Dialect> {
    Dialect::ALL.iter().copied().filter(move |it| it.operation() == operation && wire::has_canon(*it))
}

/// A dialect as its inventor speaks it.
pub(crate) struct Plain(pub(crate) Dialect);

impl Way<Request> for Plain {
    fn write(&self, it: &Request) -> Result<(Bytes, Receipt), Fault> {
        let mut receipt = Receipt::default();
        let asked = Asked::Chat(Box::new(it.clone()));
        Ok((wire::write_request(self.0, &asked, &Quirks::NONE, &mut receipt)?, receipt))
    }

    fn read(&self, bytes: &Bytes) -> Result<Request> {
        read_chat(self.0, bytes)
    }
}

fn read_chat(dialect: Dialect, bytes: &Bytes) -> Result<Request> {
    match wire::read_request(dialect, bytes) {
        Ok(Asked::Chat(request)) => Ok(*request),
        Ok(_) => bail!("{dialect} is no dialect of conversations"),
        Err(fault) => Err(anyhow!("{fault:?} in {}", String::from_utf8_lossy(bytes))),
    }
}

/// A dialect's whole answers, or its streams.
struct Told {
    dialect: Dialect,
    streamed: bool,
}

impl Way<Reply> for Told {
    fn write(&self, it: &Reply) -> Result<(Bytes, Receipt), Fault> {
        let mut receipt = Receipt::default();
        let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
        let none = || Fault::new(Code::Internal);
        if !self.streamed {
            let answered = Answered::Chat(Box::new(it.clone()));
            let bytes = wire::write_reply(self.dialect, &answered, &options, &mut receipt).ok_or_else(none)?;
            return Ok((bytes, receipt));
        }
        let mut encoder = wire::encoder(self.dialect, options).ok_or_else(none)?;
        let mut out = BytesMut::new();
        for event in replies::events(it) {
            encoder.write(&event, &mut out);
        }
        Ok((out.freeze(), receipt))
    }

    fn read(&self, bytes: &Bytes) -> Result<Reply> {
        if !self.streamed {
            return match wire::read_reply(self.dialect, bytes)? {
                Answered::Chat(reply) => Ok(*reply),
                _ => bail!("{} is no dialect of conversations", self.dialect),
            };
        }
        let mut decoder = wire::decoder(self.dialect).context("no streams")?;
        let mut events = Vec::new();
        decoder.push(bytes, &mut events)?;
        decoder.finish(&mut events)?;
        let mut gather = wire::Gather::default();
        events.into_iter().for_each(|event| gather.push(event));
        Ok(gather.finish())
    }
}

pub(crate) fn page() -> Result<String> {
    let mut out = String::new();
    let cases = requests::cases()?;
    chat(&cases)?.write("###", &mut out);
    answers()?.write("###", &mut out);
    Ok(out)
}

fn chat(cases: &[Case<Request>]) -> Result<Matrix> {
    let dialects: Vec<_> = dialects(Operation::Chat).collect();
    let mut rows = Vec::new();
    for case in cases {
        let verdicts: Result<Vec<Verdict>> = dialects
            .iter()
            .map(|it| judge(case, &requests::base(model(*it)), &Plain(*it)).with_context(|| format!("{} in {it}", case.name)))
            .collect();
        rows.push((case.topic, case.name.clone(), verdicts?));
    }
    Ok(Matrix { columns: dialects.iter().map(ToString::to_string).collect(), rows })
}

fn answers() -> Result<Matrix> {
    // What nobody speaks as a client is told to nobody.
    let dialects: Vec<_> = dialects(Operation::Chat).filter(|it| *it != Dialect::ReplicatePredictions).collect();
    let mut rows = Vec::new();
    for case in replies::cases() {
        let mut verdicts = Vec::new();
        for dialect in &dialects {
            let told = |streamed| {
                judge(&case, &replies::base(), &Told { dialect: *dialect, streamed })
                    .with_context(|| format!("{} in {dialect}, streamed: {streamed}", case.name))
            };
            let (whole, streamed) = (told(false)?, told(true)?);
            if !whole.is_like(&streamed) {
                eprintln!("DIFF {} {dialect}: {whole:?} {streamed:?}", case.name);
            }
            verdicts.push(whole);
        }
        rows.push((case.topic, case.name.clone(), verdicts));
    }
    Ok(Matrix { columns: dialects.iter().map(ToString::to_string).collect(), rows })
}
