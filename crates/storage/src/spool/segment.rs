//! The segment being written: a file of fixed size that is mapped into memory, so that a record costs a copy and no system
//! call.
//!
//! What was copied is in the page cache, which outlives the process. The room is reserved when the segment is made: a disk
//! that is full is noticed there and not by a signal in the middle of a copy. The rest of the file is zeros.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use memmap2::{Advice, MmapMut, MmapOptions};

/// A segment that is open for writing.
#[derive(Debug)]
pub(super) struct Segment {
    file: Arc<File>,
    map: MmapMut,
    end: usize,
    /// Up to here the pages are at hand: one system call for many instead of a fault for each.
    ready: usize,
}

/// So many bytes are made ready at once.
const AHEAD: usize = 256 << 10;

impl Segment {
    /// Begins writing a new, empty file, which nobody else changes.
    pub(super) fn begin(file: File, size: usize) -> io::Result<Self> {
        reserve(&file, size)?;
        // SAFETY: the file is new, is in a folder that only this user can enter and that this process holds the lock of, and
        // is cut by nobody before `Segment` is gone, so that the mapping stays valid and unshared.
        #[expect(unsafe_code, reason = "a mapped file cannot be had without")]
        let map = unsafe { MmapOptions::new().len(size).map_mut(&file)? };
        Ok(Self { file: Arc::new(file), map, end: 0, ready: 0 })
    }

    /// Bytes written so far.
    pub(super) const fn end(&self) -> u64 {
        self.end as u64
    }

    /// The file, for making what was written durable.
    pub(super) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Appends a record whole; false if there is no room for it.
    pub(super) fn append(&mut self, frame: &[u8]) -> bool {
        if self.end + frame.len() > self.ready && self.ready < self.map.len() {
            let ahead = AHEAD.min(self.map.len() - self.ready);
            // Only a saving: without it, pages come when they are written to.
            self.map.advise_range(Advice::PopulateWrite, self.ready, ahead).ok();
            self.ready += ahead;
        }
        let Some(room) = self.map.get_mut(self.end..self.end + frame.len()) else { return false };
        room.copy_from_slice(frame);
        self.end += frame.len();
        true
    }
}

impl Drop for Segment {
    /// Gives back the room that was not needed. After the death of the process, the next one does this.
    fn drop(&mut self) {
        if let Err(error) = self.file.set_len(self.end()) {
            tracing::debug!(%error, "spool: a segment could not be cut to what was written");
        }
    }
}

/// Makes the file this long with room on the disk for all of it.
fn reserve(file: &File, size: usize) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size as u64) {
        Ok(()) => Ok(()),
        // A file system that reserves nothing: zeros take the room as well.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = [0; 64 << 10];
            let mut left = size;
            while left > 0 {
                let some = left.min(zeros.len());
                (&mut &*file).write_all(&zeros[..some])?;
                left -= some;
            }
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
