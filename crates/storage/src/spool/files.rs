//! The files of a spool: numbered segments of lines, the place up to which the database has them, and a lock.
//!
//! ```text
//! pathgate.spool/
//!   00000000000000000007.jsonl   the oldest segment the database does not have whole
//!   00000000000000000008.jsonl   the segment being written
//!   drained                      "00000000000000000007 00000000000000001234\n"
//!   lock                         held by the one process that owns the folder
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A place in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    dir: PathBuf,
    drained: File,
    _lock: File,
}

/// Taking the folder failed.
#[derive(Debug)]
pub(super) enum TakeError {
    Taken,
    Io(io::Error),
}

impl From<io::Error> for TakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Folder {
    /// Makes the folder if needed and takes the lock, which the system gives back when the process ends however it ends.
    pub(super) fn take(dir: &Path) -> Result<Self, TakeError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        builder.mode(0o700).create(dir)?;
        let lock = private().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(TakeError::Taken),
            Err(fs::TryLockError::Error(error)) => return Err(TakeError::Io(error)),
        }
        let drained =
            private().create(true).truncate(false).read(true).write(true).open(dir.join("drained"))?;
        Ok(Self { dir: dir.to_owned(), drained, _lock: lock })
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(format!("{segment:020}.jsonl"))
    }

    /// The segments that are there with their sizes, oldest first.
    pub(super) fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".jsonl")).and_then(|name| name.parse().ok());
            if let Some(number) = number {
                found.push((number, entry.metadata()?.len()));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes a new segment. Each write goes to its end.
    pub(super) fn create(&self, segment: u64) -> io::Result<File> {
        private().create_new(true).append(true).open(self.path(segment))
    }

    /// Opens a segment for reading.
    pub(super) fn open(&self, segment: u64) -> io::Result<File> {
        File::open(self.path(segment))
    }

    /// Deletes a segment that the database has.
    pub(super) fn delete(&self, segment: u64) -> io::Result<()> {
        fs::remove_file(self.path(segment))
    }

    /// Makes new and deleted names durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    /// Up to where the database has the spool. A note that cannot be read means from the start: entries that are sent again
    /// are left alone.
    pub(super) fn drained(&self) -> Place {
        let mut text = String::new();
        // An unreadable note is a missing one.
        (&self.drained).read_to_string(&mut text).ok();
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(segment)), Some(Ok(offset))) => Place { segment, offset },
            _ => Place::default(),
        }
    }

    /// Notes up to where the database has the spool, in one write.
    pub(super) fn note_drained(&self, place: Place) -> io::Result<()> {
        let text = format!("{:020} {:020}\n", place.segment, place.offset);
        self.drained.write_all_at(text.as_bytes(), 0)
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Reads until `buffer` is full or the file ends; gives how much that was.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Appends a line, whole or not at all: what was written of a line that failed is cut off again.
///
/// The second value is false when cutting off failed too; then nothing more may be written to this file.
pub(super) fn append(mut file: &File, line: &[u8], end: u64) -> Result<(), (io::Error, bool)> {
    file.write_all(line).map_err(|error| {
        let whole = file.set_len(end).is_ok();
        (error, whole)
    })
}
