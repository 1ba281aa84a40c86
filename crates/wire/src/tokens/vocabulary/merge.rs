//! Byte-pair encoding of one word: of all neighbours whose bytes together are a token, those of the lowest rank are merged,
//! the leftmost first, until none are left (Sennrich et al. 2016, as tiktoken does it).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ranks::Ranks;

/// Longer words are cut here: no language has them. A cut adds a token at most.
pub(super) const LONGEST: usize = 4 << 10;

/// No neighbour.
const END: u32 = u32::MAX;

/// Counts the tokens of words; its memory is kept from one word to the next.
pub(super) struct Merger<'a> {
    ranks: &'a Ranks,
    /// For each byte that begins a part, where the next part begins (the word's length for the last).
    next: Vec<u32>,
    /// For each byte that begins a part, where the part before it begins.
    before: Vec<u32>,
    /// Neighbours that could be merged: rank, where they begin, where they end.
    pairs: BinaryHeap<Reverse<(u32, u32, u32)>>,
}

impl<'a> Merger<'a> {
    pub(super) const fn new(ranks: &'a Ranks) -> Self {
        Self { ranks, next: Vec::new(), before: Vec::new(), pairs: BinaryHeap::new() }
    }

    /// The tokens of a word.
    pub(super) fn count(&mut self, word: &[u8]) -> u64 {
        // Most words are tokens.
        if self.ranks.of(word).is_some() {
            return 1;
        }
        let (mut sum, mut last) = (0, (&word[..0], 0));
        for piece in word.chunks(LONGEST) {
            // Words this long are mostly one character over and over.
            if piece != last.0 {
                last = (piece, self.merged(piece));
            }
            sum += last.1;
        }
        sum
    }

    fn merged(&mut self, word: &[u8]) -> u64 {
        let length = u32::try_from(word.len()).unwrap_or(END);
        self.next.clear();
        self.next.extend(1..=length);
        self.before.clear();
        self.before.push(END);
        self.before.extend(0..length.saturating_sub(1));
        // Put in order all at once, which is cheaper than one by one.
        let mut pairs = std::mem::take(&mut self.pairs).into_vec();
        pairs.clear();
        pairs.extend((0..length).filter_map(|at| self.pair(word, at)).map(Reverse));
        self.pairs = BinaryHeap::from(pairs);
        let mut parts = u64::from(length);
        while let Some(Reverse((_, from, to))) = self.pairs.pop() {
            // What was merged meanwhile begins or ends elsewhere.
            let middle = self.next[from as usize];
            if middle >= length || self.next[middle as usize] != to || self.is_merged(from) {
                continue;
            }
            parts -= 1;
            self.next[from as usize] = to;
            self.before[middle as usize] = middle;
            if to < length {
                self.before[to as usize] = from;
            }
            self.offer(word, from);
            let before = self.before[from as usize];
            if before != END {
                self.offer(word, before);
            }
        }
        parts
    }

    /// Is the byte no longer the beginning of a part? Then it says that it stands behind itself.
    fn is_merged(&self, at: u32) -> bool {
        self.before[at as usize] == at
    }

    /// Notes a part and the next one, if together they are a token.
    fn offer(&mut self, word: &[u8], from: u32) {
        if let Some(pair) = self.pair(word, from) {
            self.pairs.push(Reverse(pair));
        }
    }

    /// A part and the next one, if together they are a token.
    fn pair(&self, word: &[u8], from: u32) -> Option<(u32, u32, u32)> {
        let middle = self.next.get(from as usize).copied()?;
        let to = self.next.get(middle as usize).copied()?;
        let rank = self.ranks.of(&word[from as usize..to as usize])?;
        Some((rank, from, to))
    }
}
