//! Words of a fixed list, kept as numbers: a number is bound without a copy and a row is a tenth shorter.
//!
//! The table `words` says the same to people. A word that is added gets the next number here and, by a migration, there.

use contract::ports::{CostKind, Outcome};
use contract::words::{Dialect, Operation, UsageSource};

/// A word with its number in the database.
pub(crate) trait Word: Copy + Sized + 'static {
    /// The list, as the table `words` and the columns name it.
    #[cfg(test)]
    const KIND: &'static str;
    /// Every word of the list.
    #[cfg(test)]
    const ALL: &'static [Self];
    fn number(self) -> i64;
    fn of(number: i64) -> Option<Self>;
}

macro_rules! words {
    ($($kind:literal $type:ident { $($number:literal $word:ident)* })*) => {
        $(impl Word for $type {
            #[cfg(test)]
            const KIND: &'static str = $kind;
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$word),*];

            fn number(self) -> i64 {
                match self {
                    $(Self::$word => $number,)*
                }
            }

            fn of(number: i64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$word),)*
                    _ => None,
                }
            }
        })*
    };
}

words! {
    "operation" Operation {
        1 Chat 2 Embeddings 3 Rerank 4 CountTokens 5 Images 6 Speech 7 Transcription 8 Moderation 9 Predict
    }
    "outcome" Outcome { 1 Answered 2 Refused 3 Failed 4 ClientGone 5 Interrupted 6 Cancelled }
    "usage_source" UsageSource { 1 None 2 Reported 3 Estimated }
    "cost_kind" CostKind { 1 Exact 2 Estimated 3 UnknownPrice 4 Nothing }
}

impl Word for Dialect {
    #[cfg(test)]
    const KIND: &'static str = "dialect";
    #[cfg(test)]
    const ALL: &'static [Self] = Self::ALL;

    fn number(self) -> i64 {
        // In the order of `ALL`, as the test below sees to.
        self as i64 + 1
    }

    fn of(number: i64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number.checked_sub(1)?).ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use rusqlite::Connection;
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    fn agrees<T: Word + Serialize + Debug + PartialEq>(database: &Connection) {
        let count: i64 = database
            .query_row("SELECT count(*) FROM words WHERE kind = ?", [T::KIND], |row| row.get(0))
            .unwrap();
        assert_eq!(count, i64::try_from(T::ALL.len()).unwrap(), "{}", T::KIND);
        for word in T::ALL {
            let kept: String = database
                .query_row(
                    "SELECT word FROM words WHERE kind = ? AND number = ?",
                    (T::KIND, word.number()),
                    |row| row.get(0),
                )
                .unwrap();
            assert_eq!(json!(kept), json!(word));
            assert_eq!(T::of(word.number()), Some(*word));
        }
        assert_eq!(T::of(0), None);
    }

    #[test]
    fn people_read_the_words_that_the_numbers_stand_for() {
        let database = Connection::open_in_memory().unwrap();
        for migration in [
            include_str!("../migrations/sqlite/0001_foundation.sql"),
            include_str!("../migrations/sqlite/0003_jobs.sql"),
        ] {
            database.execute_batch(migration).unwrap();
        }
        agrees::<Dialect>(&database);
        agrees::<Operation>(&database);
        agrees::<Outcome>(&database);
        agrees::<UsageSource>(&database);
        agrees::<CostKind>(&database);
    }
}
