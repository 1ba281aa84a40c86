//! The only place that reads the environment and the small files a configuration names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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

/// How each of some files looked at one time; none for one that was not there.
pub(crate) type Looks = BTreeMap<PathBuf, Option<Look>>;

/// What tells whether a file has changed: its own data, not its name, so that a file that was replaced counts too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

/// How a file looks now. Files are asked rather than watched: a watch on their folder would wake up for every write to a
/// database beside them, and does not work on every file system.
pub(crate) fn look_at(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt as _;

    let data = std::fs::metadata(path).ok()?;
    Some(Look { inode: data.ino(), modified: (data.mtime(), data.mtime_nsec()), size: data.size() })
}
