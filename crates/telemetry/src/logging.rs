//! The log of this process: set up once, written by a thread of its own.
//!
//! A log that cannot be written (a full disk, a stopped terminal) must not stop requests: lines go through a bounded queue,
//! and those that find it full are dropped and counted. Nothing here decides what is worth a line.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat};
use crate::losses::Losses;

/// Lines that wait for the thread that writes them.
const QUEUE: usize = 8192;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is not understood.
    #[error("{0}")]
    Level(#[from] LevelError),
    /// The thread cannot be started.
    #[error("cannot start the log's thread: {0}")]
    Thread(#[from] io::Error),
    /// Somebody was first.
    #[error(transparent)]
    Taken(#[from] TryInitError),
}

/// The level is not understood.
#[derive(Debug, thiserror::Error)]
#[error("not a log level: write error, warn, info, debug or trace, or module=level pairs with commas ({0})")]
pub struct LevelError(String);

enum Entry {
    Line(Vec<u8>),
    /// Everything before this is to be written now.
    Flush(SyncSender<()>),
}

/// Writes what is queued when the process ends.
#[must_use = "dropping it writes the last lines"]
pub struct LogGuard {
    queue: SyncSender<Entry>,
}

/// What a level setting lets through.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, LevelError> {
    // A bare word that is no level would be taken for a module, and nothing else would be logged.
    let words = level.split(',').map(str::trim).filter(|word| !word.contains(['=', '[']));
    let unknown = |word: &&str| word.is_empty() || word.parse::<LevelFilter>().is_err();
    if let Some(word) = words.into_iter().find(unknown) {
        return Err(LevelError(format!("'{word}' is not a level")));
    }
    EnvFilter::builder().parse(level).map_err(|error| LevelError(error.to_string()))
}

/// Sends every event of this process to standard error from now on.
///
/// # Errors
/// The level is not understood, the thread cannot be started, or the log was set up before.
pub fn init(config: &LogConfig, losses: Arc<Losses>) -> Result<LogGuard, LogError> {
    let filter = filter(&config.level)?;
    let (lines, guard) = start(io::stderr(), losses)?;
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(lines).with_ansi(false);
    match config.format {
        LogFormat::Text => registry.with(layer).try_init()?,
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init()?,
    }
    Ok(guard)
}

fn start(sink: impl Write + Send + 'static, losses: Arc<Losses>) -> io::Result<(Lines, LogGuard)> {
    let (queue, entries) = sync_channel(QUEUE);
    thread::Builder::new().name("log".to_owned()).spawn(move || write(sink, &entries))?;
    Ok((Lines { queue: queue.clone(), losses }, LogGuard { queue }))
}

fn write(mut sink: impl Write, entries: &Receiver<Entry>) {
    // A log that cannot be written has nowhere to say so.
    while let Ok(entry) = entries.recv() {
        match entry {
            Entry::Line(line) => drop(sink.write_all(&line)),
            Entry::Flush(done) => {
                drop(sink.flush());
                drop(done);
            }
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let (done, written) = sync_channel(0);
        if self.queue.try_send(Entry::Flush(done)).is_ok() {
            // The sender is dropped when all is written, which ends the wait.
            written.recv_timeout(LAST_LINES).ok();
        }
    }
}

/// Makes a buffer per event, which queues itself when the event is complete.
struct Lines {
    queue: SyncSender<Entry>,
    losses: Arc<Losses>,
}

struct Line<'a> {
    bytes: Vec<u8>,
    lines: &'a Lines,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { bytes: Vec::with_capacity(256), lines: self }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = Entry::Line(std::mem::take(&mut self.bytes));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.lines.queue.try_send(line) {
            self.lines.losses.log_line();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A sink that writes only when told to.
    struct Stuck(std::sync::mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.recv().ok();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn levels_are_checked() {
        for level in ["info", "off", "WARN", "info,edge=debug", "info,edge[request]=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["", "loud", "info,", "info,edge=loud"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }

    #[test]
    fn lines_are_whole_and_the_last_ones_are_written() {
        let sink = Sink::default();
        let (lines, guard) = start(sink.clone(), Arc::default()).unwrap();
        for number in 0..100 {
            let mut line = lines.make_writer();
            write!(line, "line ").unwrap();
            writeln!(line, "{number}").unwrap();
        }
        drop(guard);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 100);
        assert!(text.ends_with("line 99\n"));
    }

    #[test]
    fn lines_that_find_the_queue_full_are_dropped_and_counted() {
        let (go, stuck) = channel();
        let losses = Arc::new(Losses::default());
        let (lines, guard) = start(Stuck(stuck), Arc::clone(&losses)).unwrap();
        for _ in 0..QUEUE + 10 {
            writeln!(lines.make_writer(), "x").unwrap();
        }
        // The thread may have taken one off the queue.
        assert!((9..=10).contains(&losses.lost_log_lines()), "{}", losses.lost_log_lines());
        drop(go);
        drop(guard);
    }
}
