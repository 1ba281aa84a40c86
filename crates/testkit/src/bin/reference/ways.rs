//! The ways that are judged: a dialect as its inventor speaks it, an account's own, and answers whole and streamed.

use anyhow::{Context, Result, anyhow, bail};
use bytes::{Bytes, BytesMut};
use contract::canon::{Answered, Asked, Receipt, Reply};
use contract::ports::SharedProvider;
use contract::words::{Dialect, Operation};
use contract::{Code, Fault};
use wire::{EncodeOptions, Quirks};

use crate::judge::{Ask, Way};
use crate::replies;

/// Requests in a dialect as its inventor speaks it.
pub(crate) struct Plain(pub(crate) Dialect);

impl<T: Ask> Way<T> for Plain {
    fn write(&self, it: &T) -> Result<(Bytes, Receipt), Fault> {
        let mut receipt = Receipt::default();
        Ok((wire::write_request(self.0, &asked(self.0, it), &Quirks::NONE, &mut receipt)?, receipt))
    }

    fn read(&self, bytes: &Bytes) -> Result<T> {
        read(self.0, bytes)
    }
}

/// Requests as an account gets them.
pub(crate) struct At<'a> {
    pub(crate) provider: &'a SharedProvider,
    pub(crate) dialect: Dialect,
}

impl<T: Ask> Way<T> for At<'_> {
    fn write(&self, it: &T) -> Result<(Bytes, Receipt), Fault> {
        self.provider.translate(&asked(self.dialect, it), self.dialect)
    }

    fn read(&self, bytes: &Bytes) -> Result<T> {
        read(self.dialect, bytes)
    }
}

/// What is asked in a dialect: a conversation's tokens are counted where that is what it is for.
fn asked<T: Ask>(dialect: Dialect, it: &T) -> Asked {
    match it.clone().asked() {
        Asked::Chat(request) if dialect.operation() == Operation::CountTokens => Asked::Count(request),
        asked => asked,
    }
}

fn read<T: Ask>(dialect: Dialect, bytes: &Bytes) -> Result<T> {
    let asked = wire::read_request(dialect, bytes);
    let asked = asked.map_err(|fault| anyhow!("{fault:?} in {}", String::from_utf8_lossy(bytes)))?;
    let asked = match asked {
        Asked::Count(request) => Asked::Chat(request),
        asked => asked,
    };
    T::of(asked).with_context(|| format!("{dialect} asks for something else"))
}

/// A dialect's whole answers, or its streams.
pub(crate) struct Told {
    pub(crate) dialect: Dialect,
    pub(crate) streamed: bool,
}

impl Way<Reply> for Told {
    fn write(&self, it: &Reply) -> Result<(Bytes, Receipt), Fault> {
        let mut receipt = Receipt::default();
        let options = EncodeOptions { usage: true, ..EncodeOptions::default() };
        let none = || Fault::new(Code::Internal);
        if !self.streamed {
            let answered = Answered::Chat(Box::new(it.clone()));
            let bytes =
                wire::write_reply(self.dialect, &answered, &options, &mut receipt).ok_or_else(none)?;
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
