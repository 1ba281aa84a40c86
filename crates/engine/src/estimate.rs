//! What an attempt consumed where its provider did not say, or said a part of it: by the size of what went in and came out.
//! What it costs is told by [`crate::bill`]. The rules are in `docs/money.md`.

use contract::ports::{InputSize, Price};
use contract::words::{Operation, Usage, UsageSource};
use wire::tokens::likely;

/// Documents that are ordered for the price of one search (Bedrock's and Cohere's prices: "a query with up to 100 documents").
const DOCUMENTS_A_SEARCH: u64 = 100;

/// What is known of an attempt without asking its provider.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    /// All that was sent.
    pub(crate) input: InputSize,
    /// What was seen of the answer.
    pub(crate) output: InputSize,
    /// Documents that were to be ordered.
    pub(crate) documents: u64,
}

impl Sizes {
    /// The usage of which nothing was reported.
    pub(crate) fn usage(&self) -> Usage {
        Usage { input: likely(self.input), output: likely(self.output), ..Usage::default() }
    }

    /// A usage that was reported in part, with the rest. `underreported`: more came out after it was.
    pub(crate) fn filled(
        &self,
        usage: Usage,
        operation: Operation,
        underreported: bool,
    ) -> (Usage, UsageSource) {
        let (input, output) = (usage.input_total(), usage.output_total());
        let guess = self.usage();
        // Who answers nothing may have asked no model.
        if matches!(operation, Operation::Chat) && input == 0 && output == 0 && guess.output == 0 {
            return (usage, UsageSource::Reported);
        }
        let more_input = if input == 0 { guess.input } else { 0 };
        let open = output == 0 || underreported;
        let more_output = if open { guess.output.saturating_sub(output) } else { 0 };
        let source =
            if more_input + more_output > 0 { UsageSource::Estimated } else { UsageSource::Reported };
        (Usage { input: usage.input + more_input, output: usage.output + more_output, ..usage }, source)
    }

    /// What is to be told of a conversation whose usage was not reported, or in part.
    pub(crate) fn missing(&self, usage: Option<Usage>, underreported: bool) -> Option<Usage> {
        match usage {
            None => Some(self.usage()),
            Some(usage) => usage.partial.then(|| self.filled(usage, Operation::Chat, underreported).0),
        }
    }

    /// The searches of a rerank that is billed by nothing else, and counts none.
    pub(crate) fn searched(&self, usage: &Usage, price: Option<&Price>) -> Option<Usage> {
        let base = price?.base;
        let by_searches =
            base.search.is_some_and(|each| each.0 > 0) && base.input.0 == 0 && base.output.0 == 0;
        let searches = self.documents.div_ceil(DOCUMENTS_A_SEARCH).max(1);
        (by_searches && usage.searches == 0).then_some(Usage { searches, ..*usage })
    }
}

#[cfg(test)]
mod tests {
    use contract::ports::PriceTier;
    use contract::words::PicoUsd;

    use super::*;

    fn sizes(input: u64, output: u64) -> Sizes {
        let text = |text| InputSize { text, ..InputSize::default() };
        Sizes { input: text(input), output: text(output), documents: 0 }
    }

    const ZEROS: Usage = contract::words::Usage {
        input: 0,
        cached: 0,
        cache_write: 0,
        cache_write_long: 0,
        audio_input: 0,
        image_input: 0,
        output: 0,
        reasoning: 0,
        audio_output: 0,
        image_output: 0,
        searches: 0,
        tools: 0,
        charged: None,
        cached_audio: 0,
        partial: true,
    };

    fn filled(sizes: Sizes, usage: Usage, operation: Operation) -> (u64, u64, UsageSource) {
        let (usage, source) = sizes.filled(usage, operation, false);
        (usage.input, usage.output, source)
    }

    #[test]
    fn what_is_missing_is_estimated_and_nothing_else() {
        let answer = sizes(40, 4_000);
        let input = Usage { input: 5, ..ZEROS };
        let output = Usage { output: 7, ..ZEROS };
        assert_eq!(filled(answer, ZEROS, Operation::Chat), (10, 1_000, UsageSource::Estimated));
        assert_eq!(filled(answer, input, Operation::Chat), (5, 1_000, UsageSource::Estimated));
        assert_eq!(filled(answer, output, Operation::Chat), (10, 7, UsageSource::Estimated));
        let (usage, source) = answer.filled(output, Operation::Chat, true);
        assert_eq!((usage.output, source), (1_000, UsageSource::Estimated));
        let cached = Usage { cached: 5, ..ZEROS };
        assert_eq!(filled(answer, cached, Operation::Chat), (0, 1_000, UsageSource::Estimated));
    }

    #[test]
    fn an_empty_answer_has_no_output_and_vectors_never_have_any() {
        let silent = sizes(40, 0);
        let input = Usage { input: 5, ..ZEROS };
        assert_eq!(filled(silent, ZEROS, Operation::Chat), (0, 0, UsageSource::Reported));
        for operation in [Operation::Chat, Operation::Embeddings, Operation::Rerank] {
            assert_eq!(filled(silent, input, operation), (5, 0, UsageSource::Reported));
        }
        assert_eq!(filled(silent, ZEROS, Operation::Embeddings), (10, 0, UsageSource::Estimated));
    }

    #[test]
    fn searches_are_counted_by_the_hundred_where_nothing_else_is_billed() {
        let price = |input, search: Option<i64>| {
            let base =
                PriceTier { input: PicoUsd(input), search: search.map(PicoUsd), ..PriceTier::default() };
            Price { base, ..Price::default() }
        };
        let searches = |documents, usage: Usage, price: &Price| {
            let sizes = Sizes { documents, ..sizes(40, 0) };
            sizes.searched(&usage, Some(price)).map(|usage| (usage.input, usage.searches))
        };
        let tokens = Usage { input: 9, ..Usage::default() };
        let by_search = price(0, Some(2));
        for (documents, expected) in [(0, 1), (1, 1), (100, 1), (101, 2), (1_000, 10)] {
            assert_eq!(searches(documents, tokens, &by_search), Some((9, expected)));
        }
        assert_eq!(searches(3, Usage { searches: 1, ..tokens }, &by_search), None);
        assert_eq!(searches(3, tokens, &price(1, Some(2))), None);
        assert_eq!(searches(3, tokens, &price(1, None)), None);
        assert_eq!(searches(3, tokens, &price(0, Some(0))), None);
        assert_eq!(sizes(1, 1).searched(&tokens, None), None);
    }
}
