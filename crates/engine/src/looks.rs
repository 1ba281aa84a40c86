//! How answers were when their providers were last asked. Clients that ask again and again do not make the providers be asked as
//! often.
//!
//! What is here is forgotten at the next question after its moment is over: answers are kept by their store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use contract::Fault;
use contract::ports::Clock;
use contract::words::Tick;

use crate::jobs::Name;

/// For how long an answer is as it was.
const MOMENT: Duration = Duration::from_millis(500);

/// Held while a provider is asked: who comes meanwhile gets the same.
type Look = Arc<tokio::sync::Mutex<Option<(Tick, Bytes)>>>;

/// Those of this process.
#[derive(Default)]
pub(crate) struct Looks(Mutex<HashMap<Name, Look>>);

impl Looks {
    /// How an answer was a moment ago; otherwise, and whenever something is `done` to it, what `ask` says.
    pub(crate) async fn at(
        &self,
        name: Name,
        clock: &dyn Clock,
        done: bool,
        ask: impl Future<Output = Result<Bytes, Fault>>,
    ) -> Result<Bytes, Fault> {
        let look = self.look(name, clock.tick());
        let mut last = look.lock().await;
        if let Some((at, body)) = &*last
            && !done
            && is_now(*at, clock.tick())
        {
            return Ok(body.clone());
        }
        let body = ask.await?;
        *last = Some((clock.tick(), body.clone()));
        Ok(body)
    }

    fn look(&self, name: Name, now: Tick) -> Look {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.retain(|_, look| match look.try_lock() {
            // Somebody may be about to ask.
            Ok(last) => Arc::strong_count(look) > 1 || last.as_ref().is_some_and(|(at, _)| is_now(*at, now)),
            Err(_) => true,
        });
        Arc::clone(looks.entry(name).or_default())
    }
}

fn is_now(at: Tick, now: Tick) -> bool {
    now.since(at) < MOMENT
}

#[cfg(test)]
mod tests {
    use contract::Code;
    use contract::ports::Tenant;
    use testkit::clock::VirtualClock;

    use super::*;

    #[tokio::test]
    async fn a_provider_is_asked_once_a_moment() {
        let (looks, clock) = (Looks::default(), VirtualClock::new());
        let name = |id: &str| (Tenant::kept("o"), Arc::from(id));
        let says = |text: &'static str| async move { Ok(Bytes::from_static(text.as_bytes())) };
        let at = async |id, done, text| looks.at(name(id), &clock, done, says(text)).await.unwrap();
        assert_eq!(at("a", false, "one").await, "one");
        assert_eq!(at("a", false, "two").await, "one");
        assert_eq!(at("b", false, "other").await, "other");
        // What is done to it is done, and seen.
        assert_eq!(at("a", true, "three").await, "three");
        assert_eq!(at("a", false, "four").await, "three");
        clock.advance(MOMENT);
        let fails = looks.at(name("a"), &clock, false, async { Err(Code::UpstreamError.into()) }).await;
        assert_eq!(fails.unwrap_err().code(), Code::UpstreamError);
        assert_eq!(at("a", false, "five").await, "five");
        assert_eq!(looks.0.lock().unwrap().len(), 1, "what is over is not kept");
    }
}
