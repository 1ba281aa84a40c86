//! The tokens of a vocabulary and their ranks: an open table over one block of bytes, 5 MB for 200,000 tokens.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;

/// The most bytes of an unpacked file: the larger has 3.6 MB.
const MOST: u64 = 16 << 20;
/// An empty slot.
const NONE: u32 = u32::MAX;

/// The tokens by their bytes.
#[derive(Default)]
pub(super) struct Ranks {
    /// All tokens, one behind the other in the order of their ranks.
    bytes: Vec<u8>,
    /// Where each begins; one more at the end.
    starts: Vec<u32>,
    /// Ranks, at the place that the hash of their bytes gives or the next free one. At most half of it is full.
    slots: Vec<u32>,
    /// The length of the longest.
    longest: usize,
}

impl Ranks {
    /// Unpacks a file of tiktoken's: a line for each token, of its bytes in base64 and its rank, in ascending order.
    pub(super) fn read(file: &[u8]) -> Self {
        let mut text = String::new();
        if GzDecoder::new(file).take(MOST).read_to_string(&mut text).is_err() {
            return Self::default();
        }
        let mut ranks = Self { starts: vec![0], ..Self::default() };
        for line in text.lines() {
            let token = line.split(' ').next().unwrap_or_default();
            if BASE64_STANDARD.decode_vec(token, &mut ranks.bytes).is_err() {
                return Self::default();
            }
            let end = u32::try_from(ranks.bytes.len()).unwrap_or(NONE);
            let start = ranks.starts.last().copied().unwrap_or_default();
            ranks.longest = ranks.longest.max((end - start) as usize);
            ranks.starts.push(end);
        }
        ranks.fill();
        ranks
    }

    fn fill(&mut self) {
        let count = self.starts.len().saturating_sub(1);
        self.slots = vec![NONE; (2 * count).next_power_of_two()];
        for rank in 0..u32::try_from(count).unwrap_or(NONE) {
            let mut at = self.home(self.token(rank));
            while self.slots[at] != NONE {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = rank;
        }
    }

    /// The rank of a token, if these bytes are one.
    pub(super) fn of(&self, bytes: &[u8]) -> Option<u32> {
        if bytes.is_empty() || bytes.len() > self.longest {
            return None;
        }
        let mut at = self.home(bytes);
        loop {
            match self.slots[at] {
                NONE => return None,
                rank if self.token(rank) == bytes => return Some(rank),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    fn token(&self, rank: u32) -> &[u8] {
        let rank = rank as usize;
        &self.bytes[self.starts[rank] as usize..self.starts[rank + 1] as usize]
    }

    /// Where to look first. A multiplicative hash of eight bytes at a time; what is hashed against it finds full slots, of
    /// which there are never many in a row, for they are those of the vocabulary.
    fn home(&self, bytes: &[u8]) -> usize {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mix = |hash: u64, word: u64| {
            let hash = (hash ^ word).wrapping_mul(ODD);
            hash ^ hash >> 29
        };
        let mut hash = bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = mix(hash, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = mix(hash, u64::from_le_bytes(last)).wrapping_mul(ODD);
        // The high bits are the best mixed; there are fewer slots than 2^32.
        (hash >> 32) as usize & (self.slots.len().saturating_sub(1))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }
}
