//! The only place that reads the environment and the small files a configuration names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The value of an environment variable; none when it is not set or not UTF-8.
pub(crate) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the environment port")]
    std::env::var(name).ok()
}

/// Reads a text file of at most `most` bytes.
///
/// # Errors
/// What the system says, or that the file is too large or not UTF-8.
pub(crate) fn read_text(path: &Path, most: usize) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    if text.len() > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {most} bytes")));
    }
    Ok(text)
}
