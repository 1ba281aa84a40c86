//! What an attempt cost: by what the provider says, else by the price of what was consumed. Prices are `metering`'s, counts
//! `wire`'s.

use std::sync::Arc;

use contract::ports::{CostKind, Price};
use contract::words::{NanoUsd, Usage, UsageSource};

/// In place of a price's version, where the cost is the provider's own figure.
const REPORTED: &str = "reported";

/// A cost, how sure it is, and by which prices.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) cost: Option<NanoUsd>,
    pub(crate) kind: CostKind,
    pub(crate) version: Option<Arc<str>>,
}

/// The bill of this usage, which something is known of.
pub(crate) fn bill(
    price: Option<&Price>,
    (usage, source): (&Usage, UsageSource),
    tier: Option<&str>,
) -> Bill {
    let own = price.is_some_and(|price| price.own);
    if let Some(cost) = usage.charged.filter(|_| !own) {
        return Bill { cost: Some(cost), kind: CostKind::Exact, version: Some(REPORTED.into()) };
    }
    let version = price.map(|price| Arc::clone(&price.version));
    // A part of the cost would look like the whole.
    let Some(price) = price.filter(|price| price.covers(usage, tier)) else {
        return Bill { cost: None, kind: CostKind::UnknownPrice, version };
    };
    let kind = if source == UsageSource::Reported { CostKind::Exact } else { CostKind::Estimated };
    Bill { cost: Some(price.cost(usage, tier)), kind, version }
}

#[cfg(test)]
mod tests {
    use contract::ports::{PriceTier, Searches};
    use contract::words::PicoUsd;

    use super::*;

    fn price(search: Option<i64>) -> Price {
        let base = PriceTier {
            input: PicoUsd(1_000_000),
            output: PicoUsd(2_000_000),
            search: search.map(PicoUsd),
            ..PriceTier::default()
        };
        Price { version: "book".into(), base, ..Price::default() }
    }

    fn of(price: Option<&Price>, usage: Usage) -> (Option<i64>, CostKind) {
        let bill = bill(price, (&usage, UsageSource::Reported), None);
        (bill.cost.map(|cost| cost.0), bill.kind)
    }

    const COUNTED: Usage = Usage {
        input: 10,
        output: 5,
        searches: 3,
        cached: 0,
        cache_write: 0,
        cache_write_long: 0,
        audio_input: 0,
        image_input: 0,
        reasoning: 0,
        audio_output: 0,
        image_output: 0,
        tools: 0,
        charged: None,
        cached_audio: 0,
        partial: false,
    };

    #[test]
    fn searches_are_billed_by_the_piece() {
        let each = price(Some(10_000_000_000));
        assert_eq!(of(Some(&each), COUNTED), (Some(20_000 + 30_000_000), CostKind::Exact));
        let once = Price { searches: Searches::Once, ..each.clone() };
        assert_eq!(of(Some(&once), COUNTED), (Some(20_000 + 10_000_000), CostKind::Exact));
        assert_eq!(of(Some(&once), Usage { searches: 0, ..COUNTED }), (Some(20_000), CostKind::Exact));
        let always = Price { searches: Searches::Always, ..each };
        assert_eq!(of(Some(&always), Usage { searches: 0, ..COUNTED }), (Some(10_020_000), CostKind::Exact));
    }

    #[test]
    fn what_has_no_price_makes_the_cost_unknown() {
        let (without, with) = (price(None), price(Some(1)));
        assert_eq!(of(Some(&without), COUNTED), (None, CostKind::UnknownPrice));
        assert_eq!(of(Some(&with), Usage { tools: 1, ..COUNTED }), (None, CostKind::UnknownPrice));
        let always = Price { searches: Searches::Always, ..without.clone() };
        assert_eq!(of(Some(&always), Usage { searches: 0, ..COUNTED }), (None, CostKind::UnknownPrice));
        assert_eq!(of(None, COUNTED), (None, CostKind::UnknownPrice));
        // A rerank that counts tokens is billed by them.
        let ranked = Usage { output: 0, ..COUNTED };
        assert_eq!(of(Some(&without), ranked), (Some(10_000), CostKind::Exact));
    }

    #[test]
    fn what_the_provider_says_goes_before_the_book_and_not_before_the_operator() {
        let told = Usage { charged: Some(NanoUsd(77)), tools: 2, ..COUNTED };
        let book = price(None);
        for price in [None, Some(&book)] {
            let bill = bill(price, (&told, UsageSource::Reported), None);
            let version = Some(REPORTED.into());
            assert_eq!(bill, Bill { cost: Some(NanoUsd(77)), kind: CostKind::Exact, version });
        }
        let own = Price { own: true, ..price(Some(0)) };
        assert_eq!(of(Some(&own), Usage { tools: 0, ..told }), (Some(20_000), CostKind::Exact));
    }

    #[test]
    fn cached_audio_is_as_much_cheaper_as_cached_text() {
        let cost = |audio, cached| {
            let base = PriceTier { audio_input: audio, cached, ..price(None).base };
            let usage = Usage { cached: 1_000, cached_audio: 400, ..Usage::default() };
            of(Some(&Price { base, ..price(None) }), usage).0
        };
        let (audio, cached) = (Some(PicoUsd(10_000_000)), Some(PicoUsd(100_000)));
        assert_eq!(cost(audio, cached), Some(60_000 + 400_000));
        assert_eq!(cost(None, cached), Some(100_000));
        assert_eq!(cost(audio, None), Some(600_000 + 4_000_000));
    }
}
