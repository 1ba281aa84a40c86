//! Tokens added up, with the doubt in each.

use contract::ports::Count;

/// A number of tokens under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    tokens: u64,
    /// Hundredths of tokens that it may be off by.
    doubt: u64,
}

impl Sum {
    /// Adds tokens that may be off by this many percent.
    pub(super) const fn add(&mut self, tokens: u64, percent: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
        self.doubt(tokens, percent);
    }

    /// So many of the tokens may be off by this many percent more.
    pub(super) const fn doubt(&mut self, tokens: u64, percent: u64) {
        self.doubt = self.doubt.saturating_add(tokens.saturating_mul(percent));
    }

    pub(super) fn count(self) -> Count {
        let percent = self.doubt.div_ceil(self.tokens.max(1));
        Count { tokens: self.tokens, error_percent: u8::try_from(percent).unwrap_or(100).min(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_weighed() {
        let mut sum = Sum::default();
        assert!(sum.count().is_exact());
        sum.add(300, 0);
        assert_eq!(sum.count(), Count { tokens: 300, error_percent: 0 });
        sum.add(100, 10);
        assert_eq!(sum.count(), Count { tokens: 400, error_percent: 3 });
        sum.add(u64::MAX, 100);
        assert_eq!(sum.count(), Count { tokens: u64::MAX, error_percent: 1 });
    }
}
