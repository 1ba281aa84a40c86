//! Counts tokens beside the requests: some at a time, so that long inputs leave threads and time to everything else. What waits
//! for its turn goes when its client goes; what is being counted keeps its place until it is done, because nothing can stop it.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

/// The places where tokens are counted.
#[derive(Clone, Debug)]
pub(crate) struct Counting(Arc<Semaphore>);

impl Default for Counting {
    /// One place for every second core: the others serve.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::of((cores / 2).max(1))
    }
}

impl Counting {
    fn of(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Does this when there is a place.
    ///
    /// # Errors
    /// It panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        // Nobody closes it: without a place there would be no bound, but an answer.
        let place = Arc::clone(&self.0).acquire_owned().await.ok();
        let done = spawn_blocking(move || {
            let _place = place;
            work()
        });
        done.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn no_more_are_counted_at_once_than_there_are_places() {
        let counting = Counting::of(2);
        let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (begun, is_begun) = mpsc::channel();
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let (counting, gate, begun) = (counting.clone(), Arc::clone(&gate), begun.clone());
                let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
                async move {
                    let work = move || {
                        most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        begun.send(()).unwrap();
                        gate.lock().unwrap().recv().unwrap();
                        under_way.fetch_sub(1, Ordering::SeqCst);
                    };
                    counting.run(work).await.unwrap();
                }
            })
            .collect();
        let opener = std::thread::spawn(move || {
            // Both places are taken before the first is given free.
            (0..2).for_each(|_| is_begun.recv().unwrap());
            (0..6).for_each(|_| open.send(()).unwrap());
            is_begun.iter().take(4).count()
        });
        futures(tasks).await;
        assert_eq!(opener.join().unwrap(), 4);
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    /// Runs all of them at once.
    async fn futures(all: Vec<impl Future<Output = ()> + Send + 'static>) {
        let tracker = tokio_util::task::TaskTracker::new();
        all.into_iter().for_each(|one| {
            tracker.spawn(one);
        });
        tracker.close();
        tracker.wait().await;
    }
}
