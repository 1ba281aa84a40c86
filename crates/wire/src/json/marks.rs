//! Where a string can end or go wrong: quotes, backslashes, control characters.
//!
//! The text is looked at in blocks of 64 bytes, each at most once and only where strings are; a block leaves one bit a
//! byte. Comparisons run over whole blocks without branches, so that the compiler makes vector code of them.

const BLOCK: usize = 64;

/// The marks of a text. To be asked about places in rising order, and for every place within its strings.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    /// Where the block at hand starts.
    start: usize,
    /// Its marks, the first byte's lowest.
    bits: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, start: usize::MAX, bits: 0 }
    }

    /// The first mark at or behind a place; the end of the text, or more, when there is none.
    #[inline]
    pub(super) fn next(&mut self, mut at: usize) -> usize {
        loop {
            let within = at % BLOCK;
            if at - within != self.start {
                self.look(at - within);
            }
            let bits = self.bits >> within;
            if bits != 0 {
                return at + bits.trailing_zeros() as usize;
            }
            at += BLOCK - within;
        }
    }

    #[inline(never)]
    fn look(&mut self, start: usize) {
        self.start = start;
        let rest = self.text.get(start..).unwrap_or_default();
        let padded;
        let block = if let Some(block) = rest.first_chunk() {
            block
        } else {
            padded = filled_up(rest);
            &padded
        };
        self.bits = bits(block);
    }
}

/// The last block. The zeros behind the text are marks: a string that is not closed stops there.
#[cold]
fn filled_up(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// A bit for each byte that is a quote, a backslash or a control character.
#[inline]
fn bits(block: &[u8; BLOCK]) -> u64 {
    let mut marks = [0_u8; BLOCK];
    for (mark, &byte) in marks.iter_mut().zip(block) {
        // The first comparison is for control characters and quotes.
        *mark = u8::from((byte ^ 2 <= 0x20) | (byte == b'\\'));
    }
    let (words, _) = marks.as_chunks::<8>();
    let mut bits = 0;
    for (at, word) in words.iter().enumerate() {
        // Moves the lowest bits of the eight bytes side by side into the highest byte, and that to its place.
        let gathered = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080);
        bits |= (gathered & 0xff << 56) >> (56 - 8 * at);
    }
    bits
}
