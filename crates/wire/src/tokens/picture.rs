//! How large a picture is, from the first bytes of its file: PNG, JPEG, GIF and WebP. Nothing is decoded.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Base64 as it comes: with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Most characters of base64 that are looked at: a JPEG may have a preview of 64 KiB before its size.
const LOOK: usize = 128 << 10;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pixels {
    pub(super) wide: u64,
    pub(super) high: u64,
}

impl Pixels {
    /// The size of a picture in base64; none where its file does not say.
    pub(super) fn of_base64(data: &str) -> Option<Self> {
        // Sixteen characters tell the kind; all but JPEG have the size at a fixed place behind it.
        let start = decoded(data, 64)?;
        if start.starts_with(&[0xff, 0xd8]) {
            return jpeg(&decoded(data, LOOK)?);
        }
        Self::of(&start)
    }

    fn of(file: &[u8]) -> Option<Self> {
        match file {
            [0x89, b'P', b'N', b'G', ..] => Self::new(u32_be(file, 16)?, u32_be(file, 20)?),
            [b'G', b'I', b'F', b'8', ..] => Self::new(u16_le(file, 6)?, u16_le(file, 8)?),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(file),
            _ => None,
        }
    }

    fn new(wide: u64, high: u64) -> Option<Self> {
        (wide > 0 && high > 0).then_some(Self { wide, high })
    }

    /// Shrunk to fit into a square of this side; never enlarged.
    pub(super) fn within(self, side: u64) -> Self {
        self.scaled(side, self.wide.max(self.high))
    }

    /// Shrunk until its shorter side has this length; never enlarged.
    pub(super) fn shorter(self, side: u64) -> Self {
        self.scaled(side, self.wide.min(self.high))
    }

    /// How many squares of this side cover it.
    pub(super) const fn squares(self, side: u64) -> u64 {
        self.wide.div_ceil(side).saturating_mul(self.high.div_ceil(side))
    }

    pub(super) const fn area(self) -> u64 {
        self.wide.saturating_mul(self.high)
    }

    fn scaled(self, to: u64, from: u64) -> Self {
        if from <= to {
            return self;
        }
        let scale = |length: u64| (length * to / from).max(1);
        Self { wide: scale(self.wide), high: scale(self.high) }
    }
}

/// The bytes of at most this many characters (a multiple of four).
fn decoded(data: &str, most: usize) -> Option<Vec<u8>> {
    let bytes = data.as_bytes();
    let end = bytes.len().min(most);
    // A cut in the middle of four characters would not be base64.
    let end = if end < bytes.len() { end - end % 4 } else { end };
    BASE64.decode(&bytes[..end]).ok()
}

/// The frame header (SOF0 to SOF15 without DHT, JPG and DAC) has height and width (ITU T.81, B.2.2).
fn jpeg(file: &[u8]) -> Option<Pixels> {
    let mut at = 2;
    loop {
        let marker = *file.get(at + 1)?;
        if *file.get(at)? != 0xff {
            return None;
        }
        match marker {
            // Padding.
            0xff => at += 1,
            0xc4 | 0xc8 | 0xcc => at += 2 + usize::try_from(u16_be(file, at + 2)?).ok()?,
            0xc0..=0xcf => return Pixels::new(u16_be(file, at + 7)?, u16_be(file, at + 5)?),
            // The scan begins without a frame.
            0xd9 | 0xda => return None,
            0x01 | 0xd0..=0xd8 => at += 2,
            _ => at += 2 + usize::try_from(u16_be(file, at + 2)?).ok()?,
        }
    }
}

/// Lossy, lossless and extended files (RFC 9649).
fn webp(file: &[u8]) -> Option<Pixels> {
    let u24 = |at: usize| Some(u16_le(file, at)? | u64::from(*file.get(at + 2)?) << 16);
    match file.get(12..16)? {
        b"VP8 " => Pixels::new(u16_le(file, 26)? & 0x3fff, u16_le(file, 28)? & 0x3fff),
        b"VP8L" => {
            let bits = u16_le(file, 21)? | u16_le(file, 23)? << 16;
            Pixels::new((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1)
        }
        b"VP8X" => Pixels::new(u24(24)? + 1, u24(27)? + 1),
        _ => None,
    }
}

fn u16_be(file: &[u8], at: usize) -> Option<u64> {
    Some(u16::from_be_bytes(file.get(at..at + 2)?.try_into().ok()?).into())
}

fn u16_le(file: &[u8], at: usize) -> Option<u64> {
    Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?).into())
}

fn u32_be(file: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_be_bytes(file.get(at..at + 4)?.try_into().ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(file: &[u8]) -> Option<(u64, u64)> {
        let found = Pixels::of_base64(&base64::prelude::BASE64_STANDARD.encode(file))?;
        Some((found.wide, found.high))
    }

    fn filled(start: &[u8], length: usize) -> Vec<u8> {
        let mut file = start.to_vec();
        file.resize(length, 0);
        file
    }

    #[test]
    fn files_tell_their_size() {
        let png = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[0, 0, 4, 0, 0, 0, 3, 0]].concat();
        assert_eq!(size(&filled(&png, 100)), Some((1024, 768)));
        assert_eq!(size(&filled(b"GIF89a\x40\x01\xf0\x00", 40)), Some((320, 240)));
        let lossy =
            [&b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a"[..], &[0x40, 0x01, 0xf0, 0x00]].concat();
        assert_eq!(size(&filled(&lossy, 60)), Some((320, 240)));
        let lossless =
            [&b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f"[..], &(319_u32 | 239 << 14).to_le_bytes()].concat();
        assert_eq!(size(&filled(&lossless, 60)), Some((320, 240)));
        let extended = [&b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0"[..], &[0x3f, 0x01, 0, 0xef, 0, 0]].concat();
        assert_eq!(size(&filled(&extended, 60)), Some((320, 240)));
        let preview = [&[0xff, 0xe1, 0x40, 0x00][..], &[7; 0x3ffe]].concat();
        let jpeg = [&[0xff, 0xd8][..], &preview, &[0xff, 0xff, 0xc2, 0, 17, 8, 0, 240, 1, 64, 3]].concat();
        assert_eq!(size(&filled(&jpeg, 0x5000)), Some((320, 240)));
    }

    #[test]
    fn what_does_not_tell_is_unknown() {
        for file in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0\0\0\0\0",
            b"\xff\xd8\xff\xe0\x00\x00\x00",
            b"\xff\xd8\xff\xda\x00\x08",
            b"\xff\xd8no marker",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"%PDF-1.7",
        ] {
            assert_eq!(size(file), None, "{file:?}");
        }
        assert_eq!(Pixels::of_base64("not base64 at all!"), None);
    }

    #[test]
    fn pictures_only_shrink() {
        let picture = Pixels { wide: 4096, high: 1024 };
        assert_eq!(picture.within(2048), Pixels { wide: 2048, high: 512 });
        assert_eq!(picture.shorter(768), Pixels { wide: 3072, high: 768 });
        assert_eq!(picture.shorter(2000), picture);
        assert_eq!(picture.squares(1000), 10);
    }
}
