//! The text of a key: how it is made, checked and hashed.
//!
//! A key is `pgk_`, 36 characters drawn from the operating system's randomness (214 bits) and 6 characters of checksum,
//! all base62 (`0-9A-Za-z`). The checksum is the CRC-32 (IEEE 802.3) of the 36 characters, written as a base62 number,
//! most significant digit first, padded with `0`. It tells a typing error from an unknown key without a lookup, and lets
//! scanners for leaked secrets recognise a key; it protects nothing.
//!
//! Only the SHA-256 of the whole text is kept. A slow password hash would add nothing: the text is random, not chosen.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use contract::words::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// What every key made here begins with.
pub const PREFIX: &str = "pgk_";

/// The longest text that is looked up, in bytes; it bounds what hashing a made-up key can cost.
pub const MAX_LEN: usize = 512;

/// The shortest key that may be chosen by hand (`auth.admin_key`, `keys[].key`), in bytes.
pub const MIN_CHOSEN_LEN: usize = 16;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 36;
const CHECK: usize = 6;
/// The largest multiple of 62 in a byte: greater bytes are drawn again, so that each character is equally likely.
const FAIR: u8 = 248;

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no randomness: {0}")]
pub struct RandomnessError(String);

/// Makes a key.
///
/// # Errors
/// The operating system gave no randomness.
pub fn mint() -> Result<Secret, RandomnessError> {
    let mut text = String::with_capacity(PREFIX.len() + BODY + CHECK);
    text.push_str(PREFIX);
    let mut drawn = [0_u8; 64];
    while text.len() < PREFIX.len() + BODY {
        getrandom::fill(&mut drawn).map_err(|error| RandomnessError(error.to_string()))?;
        let missing = PREFIX.len() + BODY - text.len();
        let fair = drawn.iter().filter(|byte| **byte < FAIR);
        text.extend(fair.take(missing).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    let check = checksum(&text.as_bytes()[PREFIX.len()..]);
    text.extend(check.into_iter().map(char::from));
    Ok(Secret::new(text))
}

fn checksum(body: &[u8]) -> [u8; CHECK] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Could this be a key? A text with our prefix must be whole and its checksum right. Any other text may be a key that
/// was chosen by hand or brought along from elsewhere, and has no form to check but its length.
#[must_use]
pub fn well_formed(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return text.len() <= MAX_LEN;
    };
    let rest = rest.as_bytes();
    rest.len() == BODY + CHECK && checksum(&rest[..BODY]) == rest[BODY..]
}

/// The last four characters, to tell keys apart; none of a text too short to give four away.
#[must_use]
pub fn hint(text: &str) -> Option<String> {
    if text.len() < MIN_CHOSEN_LEN {
        return None;
    }
    text.get(text.len() - 4..).map(str::to_owned)
}

/// The SHA-256 of a whole key: all that is stored of it. Written `sha256:` and 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

/// The text is not the hash of a key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the hash of a key: expected `sha256:` and 64 hex digits")]
pub struct KeyHashError;

impl KeyHash {
    /// The hash of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// The first 16 bytes.
    pub(crate) fn half(&self) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0[..16]);
        half
    }
}

/// Eight bytes of a SHA-256 are as good as any hash of it.
impl Hash for KeyHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyHash {
    type Err = KeyHashError;

    fn from_str(text: &str) -> Result<Self, KeyHashError> {
        let hex = text.strip_prefix("sha256:").ok_or(KeyHashError)?.as_bytes();
        if hex.len() != 64 {
            return Err(KeyHashError);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self(hash))
    }
}

fn nibble(digit: u8) -> Result<u8, KeyHashError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(KeyHashError),
    }
}

impl Serialize for KeyHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn minted_keys_have_the_form_and_never_repeat() {
        let mut seen = HashSet::new();
        for _ in 0..200 {
            let secret = mint().unwrap();
            let text = secret.expose();
            assert_eq!(text.len(), 46);
            assert!(text.starts_with("pgk_"));
            assert!(text[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert!(well_formed(text), "{text}");
            assert!(seen.insert(text.to_owned()));
        }
    }

    #[test]
    fn every_character_is_drawn_about_equally_often() {
        let mut counts = [0_u32; 128];
        for _ in 0..2_000 {
            for byte in mint().unwrap().expose()[4..40].bytes() {
                counts[usize::from(byte)] += 1;
            }
        }
        // 72,000 draws, 1,161 expected each, standard deviation 34: eight of them is beyond chance. A plain
        // `byte % 62` would give the first eight characters 1,406.
        for byte in ALPHABET {
            let count = counts[usize::from(*byte)];
            assert!((889..=1_433).contains(&count), "{} drawn {count} times", char::from(*byte));
        }
        let first: u32 = ALPHABET[..8].iter().map(|byte| counts[usize::from(*byte)]).sum();
        assert!(first < 10_000, "the first eight characters are favoured: {first} draws, 9,290 expected");
    }

    #[test]
    fn the_checksum_is_fixed_for_ever() {
        let body = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        assert_eq!(crc32fast::hash(body.as_bytes()), 0x1A65_7BE2);
        assert_eq!(std::str::from_utf8(&checksum(body.as_bytes())), Ok("0TyBiU"));
    }

    #[test]
    fn any_single_typing_error_is_noticed() {
        let secret = mint().unwrap();
        let text = secret.expose();
        for at in 4..text.len() {
            let mut typo = text.as_bytes().to_vec();
            typo[at] = if typo[at] == b'a' { b'b' } else { b'a' };
            assert!(!well_formed(std::str::from_utf8(&typo).unwrap()), "at {at}");
        }
        for at in 4..text.len() - 1 {
            let mut swapped = text.as_bytes().to_vec();
            swapped.swap(at, at + 1);
            let swapped = String::from_utf8(swapped).unwrap();
            assert!(swapped == text || !well_formed(&swapped), "at {at}");
        }
        for end in 4..text.len() {
            assert!(!well_formed(&text[..end]), "cut at {end}");
        }
        assert!(!well_formed(&format!("{text}x")));
        assert!(!well_formed("pgk_ünïcödé"));
    }

    #[test]
    fn texts_that_are_not_ours_have_no_form() {
        assert!(well_formed("sk-brought-from-elsewhere"));
        assert!(!well_formed(&"x".repeat(MAX_LEN + 1)));
    }

    #[test]
    fn hashes_round_trip_and_nonsense_is_refused() {
        // FIPS 180-4 example: SHA-256("abc").
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyHash::of("abc").to_string(), text);
        assert_eq!(text.parse(), Ok(KeyHash::of("abc")));
        assert_eq!(text.to_uppercase().replace("SHA256", "sha256").parse(), Ok(KeyHash::of("abc")));
        for wrong in ["", "sha256:", &text[7..], &text[..70], &text.replace('b', "g"), "md5:00"] {
            assert_eq!(wrong.parse::<KeyHash>(), Err(KeyHashError), "{wrong}");
        }
    }

    #[test]
    fn hints_never_give_a_short_key_away() {
        assert_eq!(hint("0123456789abcdef").as_deref(), Some("cdef"));
        assert_eq!(hint("short"), None);
        assert_eq!(hint("0123456789abcdé€"), None);
    }
}
