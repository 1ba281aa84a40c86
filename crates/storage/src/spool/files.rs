//! The files of a spool: numbered segments of records, the place up to which the database has them, and a lock.
//!
//! ```text
//! pathgate.spool/
//!   00000000000000000007.spool   the oldest segment the database does not have whole
//!   00000000000000000008.spool   the segment being written
//!   drained                      "00000000000000000007 00000000000000001234\n"
//!   lock                         held by the one process that owns the folder
//!   instance                     "ins_…": the name of all processes that own the folder, one after the other
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::words::{Id, IdKind};

use super::segment::Segment;

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
    instance: Id,
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
        Ok(Self { dir: dir.to_owned(), drained, instance: instance(dir)?, _lock: lock })
    }

    /// The name of whoever owns the folder.
    pub(super) const fn instance(&self) -> Id {
        self.instance
    }

    fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(format!("{segment:020}.spool"))
    }

    /// The segments that are there with the bytes that were written of them, oldest first.
    pub(super) fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".spool")).and_then(|name| name.parse().ok());
            if let Some(number) = number {
                found.push((number, written(&self.open(number)?)?));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes a new segment with room for this many bytes.
    pub(super) fn create(&self, segment: u64, size: usize) -> io::Result<Segment> {
        let path = self.path(segment);
        let file = private().create_new(true).read(true).write(true).open(&path)?;
        Segment::begin(file, size).inspect_err(|_| {
            // Without room for it, it would be in the way when there is room again.
            fs::remove_file(&path).ok();
        })
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

/// The name that the folder gives, made at the first time. One that cannot be read is made anew.
fn instance(dir: &Path) -> io::Result<Id> {
    let mut file =
        private().create(true).truncate(false).read(true).write(true).open(dir.join("instance"))?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok();
    if let Ok(id) = text.trim_end().parse::<Id>() {
        return Ok(id);
    }
    let id = Id::new(IdKind::Instance);
    file.set_len(0)?;
    file.write_all_at(format!("{id}\n").as_bytes(), 0)?;
    Ok(id)
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

/// Length without the zeros at the end: room that a dead process had reserved.
fn written(file: &File) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(buffer.len() as u64);
        let read = read_at(file, &mut buffer[..usize::try_from(end - start).unwrap_or(0)], start)?;
        if let Some(last) = buffer[..read].iter().rposition(|byte| *byte != 0) {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
