//! A gate that holds a script until the test lets it go on: pacing without sleeping.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A gate. Clones are the same gate; what is released before anybody waits is not lost.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets one waiter through, now or when it comes.
    pub fn release(&self) {
        self.0.add_permits(1);
    }

    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.close();
    }

    /// Waits to be let through.
    pub async fn pass(&self) {
        // An error says that the gate was opened for good.
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }
}
