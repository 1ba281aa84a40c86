//! Characters of a text by its bytes and the other way round, without keeping the text.

/// The measure of a text that may still grow.
#[derive(Clone, Debug, Default)]
pub(super) struct Ruler {
    bytes: usize,
    /// How many bytes go on a character begun before.
    more: usize,
    /// For each 64 bytes; what is beyond the last is ASCII.
    marks: Vec<Mark>,
}

/// What 64 bytes are.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// How many bytes before these go on a character.
    before: usize,
    /// A bit for each: set where it goes on a character.
    bits: u64,
}

impl Ruler {
    /// Adds text.
    pub(super) fn add(&mut self, text: &str) {
        if !text.is_ascii() {
            for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte & 0xC0 == 0x80) {
                let at = self.bytes + at;
                if self.marks.len() <= at / 64 {
                    self.marks.resize(at / 64 + 1, Mark { before: self.more, bits: 0 });
                }
                if let Some(mark) = self.marks.get_mut(at / 64) {
                    mark.bits |= 1 << (at % 64);
                }
                self.more += 1;
            }
        }
        self.bytes += text.len();
    }

    /// How long the text is.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many characters the first bytes are; one that they cut counts as not begun.
    pub(super) fn characters(&self, bytes: usize) -> u64 {
        let mut at = bytes.min(self.bytes);
        while at < self.bytes && self.marks.get(at / 64).is_some_and(|mark| mark.bits >> (at % 64) & 1 == 1) {
            at -= 1;
        }
        let more = match self.marks.get(at / 64) {
            Some(mark) => mark.before + (mark.bits & ((1 << (at % 64)) - 1)).count_ones() as usize,
            None => self.more,
        };
        (at - more) as u64
    }

    /// How many bytes the first characters are.
    pub(super) fn bytes_of(&self, characters: u64) -> usize {
        let wanted = usize::try_from(characters).unwrap_or(usize::MAX);
        if wanted >= self.bytes - self.more {
            return self.bytes;
        }
        // The last 64 bytes that begin no later.
        let mut at = self.first_mark_beyond(wanted).saturating_sub(1);
        let Some(mark) = self.marks.get(at) else { return wanted };
        let mut missing = wanted - (at * 64 - mark.before);
        at *= 64;
        for bit in (0..64).map(|bit| mark.bits >> bit & 1) {
            match (bit, missing) {
                (0, 0) => return at,
                (0, _) => missing -= 1,
                _ => {}
            }
            at += 1;
        }
        at + missing
    }

    fn first_mark_beyond(&self, characters: usize) -> usize {
        let (mut low, mut high) = (0, self.marks.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.marks.get(middle) {
                Some(mark) if middle * 64 - mark.before <= characters => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_lead_to_each_other() {
        let ascii = "x".repeat(200);
        for text in ["", "plain", "grün und süß 🦀 ende", &"é".repeat(100), &format!("{ascii}ö{ascii}🦀")]
        {
            for size in [1, 7, 64, 1000] {
                let mut ruler = Ruler::default();
                let letters: Vec<char> = text.chars().collect();
                letters.chunks(size).for_each(|piece| ruler.add(&piece.iter().collect::<String>()));
                for (count, (at, letter)) in text.char_indices().enumerate() {
                    for cut in at..at + letter.len_utf8() {
                        assert_eq!(ruler.characters(cut), count as u64, "{text} {cut}");
                    }
                    assert_eq!(ruler.bytes_of(count as u64), at, "{text} {count}");
                }
                assert_eq!(ruler.characters(text.len() + 9), letters.len() as u64);
                assert_eq!(ruler.bytes_of(9_999), text.len());
            }
        }
    }
}
