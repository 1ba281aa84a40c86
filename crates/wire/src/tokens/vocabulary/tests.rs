//! Against tiktoken 0.14: the files by its checksums, the counts of many texts by a checksum of its counts.

use std::io::Read as _;

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::*;

#[test]
fn the_files_are_those_that_were_published() {
    for (file, sum, tokens) in [
        (O200K_FILE, "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", 199_998),
        (CL100K_FILE, "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", 100_256),
    ] {
        let mut text = Vec::new();
        GzDecoder::new(file).read_to_end(&mut text).unwrap();
        let found: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, sum);
        let ranks = Ranks::read(file);
        assert_eq!(ranks.len(), tokens);
        assert!((0..=255).all(|byte| ranks.of(&[byte]).is_some()), "each byte is a token");
    }
    assert_eq!(Ranks::read(b"not packed").len(), 0);
}

/// Characters of which texts are made: letters, digits, signs, white space, other scripts, pictures.
const POOL: &str = "abcdefghijklmnopqrstuvwxyzetaoinshrdluABCXYZ'0123456789 \n\t.,;:!?\"(){}[]<>/\\|@#$%^&*-_=+\
    éüñßжщяДЯ日本語한국어عربيहिन्दी😀🎉👩ſ\u{a0}\u{3000}\u{301}ⅫＡ²       \r\n've'S";

/// A text of up to 300 characters, made by Knuth's 64-bit congruence: the checksums rest on it.
fn made(state: &mut u64, pool: &[char]) -> String {
    let mut draw = |below: usize| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((*state >> 33) % below as u64).unwrap()
    };
    let length = 1 + draw(300);
    (0..length).map(|_| pool[draw(pool.len())]).collect()
}

#[test]
fn made_up_texts_have_tiktoken_s_counts() {
    let pool: Vec<char> = POOL.chars().collect();
    let (mut state, mut sums, mut totals) = (1_u64, [0_u64; 2], [0_u64; 2]);
    for _ in 0..1_000 {
        let text = made(&mut state, &pool);
        for (at, vocabulary) in [Vocabulary::O200k, Vocabulary::Cl100k].into_iter().enumerate() {
            let tokens = vocabulary.count(&text);
            totals[at] += tokens;
            sums[at] = sums[at].wrapping_mul(1_000_003).wrapping_add(tokens);
        }
    }
    assert_eq!(totals, [126_266, 136_571]);
    assert_eq!(sums, [4_585_415_028_480_514_842, 6_466_485_678_388_877_837]);
}

#[test]
fn words_are_the_text() {
    let pool: Vec<char> = POOL.chars().collect();
    let mut state = 7;
    for _ in 0..200 {
        let text = made(&mut state, &pool);
        for words in [Words::o200k(), Words::cl100k()] {
            assert_eq!(words.of(&text).collect::<String>(), text);
        }
    }
    let words: Vec<_> = Words::cl100k().of("a  b \n\n c   ").map(str::to_owned).collect();
    assert_eq!(words, ["a", " ", " b", " \n\n", " c", "   "]);
}
