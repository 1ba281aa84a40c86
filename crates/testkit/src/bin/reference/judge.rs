//! What becomes of one thing that is said: it is written in a dialect, read back, and held against the same without it.
//! Nothing here knows a dialect or what is said.

use std::fmt;

use anyhow::Result;
use bytes::Bytes;
use contract::Fault;
use contract::canon::{Asked, EmbedRequest, ImageRequest, Receipt, Reply, Request, RerankRequest};

/// One thing that can be said in a `T`.
pub(crate) struct Case<T> {
    /// The section of the page.
    pub(crate) topic: &'static str,
    /// Its row.
    pub(crate) name: String,
    /// What it needs around it, which is not judged.
    pub(crate) prepare: Box<dyn Fn(&mut T)>,
    /// Says it.
    pub(crate) say: Box<dyn Fn(&mut T)>,
    /// What of a `T` says it: the same text where the same is said.
    pub(crate) seen: Box<dyn Fn(&T) -> String>,
    /// May it be left out without a receipt?
    pub(crate) harmless: bool,
}

impl<T> Case<T> {
    pub(crate) fn new(
        topic: &'static str,
        name: impl Into<String>,
        say: impl Fn(&mut T) + 'static,
        seen: impl Fn(&T) -> String + 'static,
    ) -> Self {
        let (say, seen) = (Box::new(say), Box::new(seen));
        Self { topic, name: name.into(), prepare: Box::new(|_| ()), say, seen, harmless: false }
    }

    /// One that may be left out without a receipt: it is what is done anyway, or nothing without what the receipt names.
    pub(crate) fn harmless(mut self) -> Self {
        self.harmless = true;
        self
    }

    /// With something around it.
    pub(crate) fn within(mut self, prepare: impl Fn(&mut T) + 'static) -> Self {
        self.prepare = Box::new(prepare);
        self
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Said as it was meant.
    Native,
    /// Said with another value.
    Rewritten(Option<String>),
    /// Said by other means.
    Emulated(Option<String>),
    /// Left out; the receipt has the reason.
    Dropped(String),
    /// Left out without a word.
    Omitted,
    /// The request is refused, with this code and for this reason.
    Refused(String, String),
}

impl Verdict {
    /// Is what is found the same, whatever was told of it?
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let left_out = |it: &Self| matches!(it, Self::Dropped(_) | Self::Omitted);
        (left_out(self) && left_out(other)) || std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Why it is not native, where that was told.
    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Native | Self::Omitted => None,
            Self::Rewritten(reason) | Self::Emulated(reason) => reason.as_deref(),
            Self::Dropped(reason) | Self::Refused(_, reason) => Some(reason),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "✓",
            Self::Rewritten(_) => "rewritten",
            Self::Emulated(_) => "emulated",
            Self::Dropped(_) => "dropped",
            Self::Omitted => "–",
            Self::Refused(..) => "refused",
        })
    }
}

/// A way out and back: canon → bytes, and bytes → canon.
pub(crate) trait Way<T> {
    /// Writes it as the target gets it.
    fn write(&self, it: &T) -> Result<(Bytes, Receipt), Fault>;
    /// Reads what was written.
    fn read(&self, bytes: &Bytes) -> Result<T>;
}

/// What can be judged.
pub(crate) trait Said: Clone + PartialEq {
    /// Without the fields that canon has no words for.
    fn bare(self) -> Self;
}

/// What can be asked.
pub(crate) trait Ask: Said {
    /// As one of the things that can be asked.
    fn asked(self) -> Asked;
    /// Back again.
    fn of(asked: Asked) -> Option<Self>;
}

macro_rules! asks {
    ($($request:ty = $variant:ident),*) => {
        $(impl Said for $request {
            fn bare(mut self) -> Self {
                self.extra = Default::default();
                self
            }
        }

        impl Ask for $request {
            fn asked(self) -> Asked {
                Asked::$variant(Box::new(self))
            }

            fn of(asked: Asked) -> Option<Self> {
                if let Asked::$variant(request) = asked { Some(*request) } else { None }
            }
        })*
    };
}

asks!(Request = Chat, EmbedRequest = Embed, RerankRequest = Rerank, ImageRequest = Image);

impl Said for Reply {
    fn bare(mut self) -> Self {
        self.extra = Default::default();
        self.choices.iter_mut().for_each(|choice| choice.extra = Default::default());
        self
    }
}

/// Judges a case. An error is a fault of ours: what is written cannot be read.
pub(crate) fn judge<T: Said>(case: &Case<T>, base: &T, way: &dyn Way<T>) -> Result<Verdict> {
    let mut base = base.clone();
    (case.prepare)(&mut base);
    let mut asked = base.clone();
    (case.say)(&mut asked);
    // What cannot be said around it cannot hold it either.
    let (plain, noted) = match way.write(&base) {
        Ok(written) => written,
        Err(fault) => return Ok(refused(&fault)),
    };
    let (bytes, receipt) = match way.write(&asked) {
        Ok(written) => written,
        Err(fault) => return Ok(refused(&fault)),
    };
    let entries = receipt.entries().iter().filter(|entry| !noted.entries().contains(entry));
    let reason = entries.map(|entry| entry.reason.to_string()).next();
    if bytes.starts_with(b"[") && !plain.starts_with(b"[") {
        return Ok(Verdict::Emulated(Some("in several calls".to_owned())));
    }
    let Ok(before) = way.read(&plain) else {
        // Nobody reads requests of this dialect: what is there counts.
        return Ok(match (bytes != plain, reason) {
            (true, None) => Verdict::Native,
            (true, reason) => Verdict::Rewritten(reason),
            (false, None) => Verdict::Omitted,
            (false, Some(reason)) => Verdict::Dropped(reason),
        });
    };
    let after = way.read(&bytes)?;
    let (meant, found, without) = ((case.seen)(&asked), (case.seen)(&after), (case.seen)(&before));
    Ok(if found == meant {
        match reason {
            None => Verdict::Native,
            reason => Verdict::Rewritten(reason),
        }
    } else if found != without {
        Verdict::Rewritten(reason)
    } else if after.clone().bare() != before.clone().bare() {
        Verdict::Emulated(reason)
    } else if let Some(reason) = reason {
        Verdict::Dropped(reason)
    } else if after != before {
        // Under a name that only the target has.
        Verdict::Native
    } else {
        Verdict::Omitted
    })
}

fn refused(fault: &Fault) -> Verdict {
    Verdict::Refused(fault.code().as_str().to_owned(), fault.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::canon::{Effort, OutputFormat, Reasoning};

    /// A target that can say some things: the seed, and effort as a budget.
    struct Poor;

    impl Way<Request> for Poor {
        fn write(&self, it: &Request) -> Result<(Bytes, Receipt), Fault> {
            let mut receipt = Receipt::default();
            if it.parallel_tools.is_some() {
                return Err(Fault::new(contract::Code::UnsupportedCapability));
            }
            if it.format != OutputFormat::Text {
                receipt.dropped("format", "no shapes here");
            }
            let seed = it.sampling.seed.map(|seed| seed.min(9));
            if seed != it.sampling.seed {
                receipt.dropped("seed", "lowered to 9");
            }
            let budget = it.reasoning.as_ref().map(|_| 100_u64);
            Ok((
                serde_json::json!([seed, budget]).to_string().trim_matches(['[', ']']).to_owned().into(),
                receipt,
            ))
        }

        fn read(&self, bytes: &Bytes) -> Result<Request> {
            let (seed, budget): (Option<i64>, Option<u64>) =
                serde_json::from_str(&format!("[{}]", std::str::from_utf8(bytes)?))?;
            let mut request = Request::default();
            request.sampling.seed = seed;
            request.reasoning =
                budget.map(|budget| Reasoning { budget: Some(budget), ..Reasoning::default() });
            Ok(request)
        }
    }

    fn verdict(say: fn(&mut Request), seen: fn(&Request) -> String) -> Verdict {
        judge(&Case::new("topic", "name", say, seen), &Request::default(), &Poor).unwrap()
    }

    #[test]
    fn what_becomes_of_things() {
        let seed = |it: &Request| format!("{:?}", it.sampling.seed);
        assert_eq!(verdict(|it| it.sampling.seed = Some(7), seed), Verdict::Native);
        let lowered = Verdict::Rewritten(Some("lowered to 9".to_owned()));
        assert_eq!(verdict(|it| it.sampling.seed = Some(70), seed), lowered);
        let effort = |it: &mut Request| {
            it.reasoning = Some(Reasoning { effort: Some(Effort::High), ..Reasoning::default() });
        };
        let seen = |it: &Request| format!("{:?}", it.reasoning.as_ref().and_then(|it| it.effort));
        assert_eq!(verdict(effort, seen), Verdict::Emulated(None));
        let dropped = Verdict::Dropped("no shapes here".to_owned());
        assert_eq!(
            verdict(|it| it.format = OutputFormat::JsonObject, |it| format!("{:?}", it.format)),
            dropped
        );
        assert_eq!(
            verdict(|it| it.user = Some("u".to_owned()), |it| format!("{:?}", it.user)),
            Verdict::Omitted
        );
        let refused = verdict(|it| it.parallel_tools = Some(false), |it| format!("{:?}", it.parallel_tools));
        assert!(matches!(refused, Verdict::Refused(..)), "{refused:?}");
    }
}
