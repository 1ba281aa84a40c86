//! Cuts connections that take too long, by looking at them now and then.
//!
//! A timer per request would cost an allocation and two trips to the timer wheel each; a look every quarter of the shortest
//! limit costs nothing on the request path and keeps each limit to within that quarter.

use std::time::Duration;

use crate::config::TimeoutConfig;

/// What a connection is doing. Two equal states at two looks mean that nothing has happened between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A request is being answered.
    Busy,
    /// Bytes are ready and the client takes none.
    Blocked { writes: u32 },
    /// The head of a request is arriving, or the first one is awaited.
    Head { heads: u32 },
    /// Waiting for the next request.
    Idle { heads: u32 },
    /// All is sent; late bytes of the client are thrown away.
    Closing,
}

/// What to do about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Fine,
    /// Close it in order: it was only idle.
    Retire,
    /// Close it now, for this reason.
    Cut(&'static str),
}

/// The looks at one connection.
pub(crate) struct Watchdog {
    limits: TimeoutConfig,
    step: Duration,
    state: State,
    lasted: Duration,
}

impl Watchdog {
    pub(crate) fn new(limits: TimeoutConfig) -> Self {
        let shortest = limits.headers.0.min(limits.keep_alive.0).min(limits.write_stall.0);
        let step = (shortest / 4).clamp(Duration::from_millis(5), Duration::from_secs(5));
        Self { limits, step, state: State::Head { heads: 0 }, lasted: Duration::ZERO }
    }

    /// How long to wait between two looks.
    pub(crate) const fn step(&self) -> Duration {
        self.step
    }

    /// Takes a look, one step after the one before.
    pub(crate) fn look(&mut self, state: State) -> Verdict {
        if state == self.state {
            self.lasted += self.step;
        } else {
            self.state = state;
            self.lasted = Duration::ZERO;
        }
        let limits = self.limits;
        match state {
            State::Blocked { .. } if self.lasted >= limits.write_stall.0 => {
                Verdict::Cut("took nothing of its answer")
            }
            State::Head { .. } if self.lasted >= limits.headers.0 => Verdict::Cut("sent no complete head"),
            State::Idle { .. } if self.lasted >= limits.keep_alive.0 * 2 => {
                Verdict::Cut("did not close when told")
            }
            State::Idle { .. } if self.lasted >= limits.keep_alive.0 => Verdict::Retire,
            State::Closing if !self.lasted.is_zero() => Verdict::Cut("kept sending after the last answer"),
            _ => Verdict::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use contract::settings::Span;

    use super::*;

    fn watchdog() -> Watchdog {
        let seconds = |count| Span(Duration::from_secs(count));
        Watchdog::new(TimeoutConfig {
            headers: seconds(4),
            body: seconds(1),
            keep_alive: seconds(8),
            write_stall: seconds(6),
            silence: seconds(15),
        })
    }

    /// How many looks at the same state until something is done, and what.
    fn until(state: State) -> (u32, Verdict) {
        let mut watchdog = watchdog();
        assert_eq!(watchdog.step(), Duration::from_secs(1));
        watchdog.look(State::Busy);
        for looks in 0..100 {
            match watchdog.look(state) {
                Verdict::Fine => {}
                verdict => return (looks, verdict),
            }
        }
        (100, Verdict::Fine)
    }

    #[test]
    fn each_state_has_its_limit() {
        assert_eq!(until(State::Busy), (100, Verdict::Fine));
        assert_eq!(until(State::Head { heads: 1 }).0, 4);
        assert_eq!(until(State::Blocked { writes: 1 }).0, 6);
        assert_eq!(until(State::Idle { heads: 1 }), (8, Verdict::Retire));
        assert_eq!(until(State::Closing).0, 1);
    }

    #[test]
    fn progress_starts_the_count_again() {
        let mut watchdog = watchdog();
        for writes in 0..100 {
            assert_eq!(watchdog.look(State::Blocked { writes }), Verdict::Fine);
        }
    }
}
