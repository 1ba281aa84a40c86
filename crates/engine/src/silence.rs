//! Signs of life on a stream whose upstream says nothing: proxies and clients give up on connections that are silent too long.
//!
//! The timer is armed when the stream is first waited for, and looks at the time of the last bytes when it rings: frames
//! that come in a steady flow touch no timer.

use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

use bytes::Bytes;
use contract::ports::{BoxFuture, Clock};
use contract::words::Tick;

/// When to say something, and what.
pub(crate) struct Silence {
    clock: Arc<dyn Clock>,
    span: Duration,
    sign: Bytes,
    timer: Option<BoxFuture<'static, ()>>,
    /// When the last bytes went out; none while more are going.
    since: Option<Tick>,
}

impl Silence {
    /// Says this whenever nothing was sent for so long. None: never.
    pub(crate) fn after(span: Duration, sign: Option<&'static [u8]>, clock: &Arc<dyn Clock>) -> Option<Self> {
        let sign = Bytes::from_static(sign.filter(|_| !span.is_zero())?);
        Some(Self { clock: Arc::clone(clock), span, sign, timer: None, since: None })
    }

    /// Bytes go out.
    pub(crate) const fn broken(&mut self) {
        self.since = None;
    }

    /// There is nothing to send: gives the sign of life when it is time for one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Bytes> {
        let since = match self.since {
            Some(since) => since,
            None => *self.since.insert(self.clock.tick()),
        };
        loop {
            let (clock, span) = (&self.clock, self.span);
            let timer = self.timer.get_or_insert_with(|| clock.sleep(span));
            if timer.as_mut().poll(cx).is_pending() {
                return None;
            }
            let left = self.span.saturating_sub(self.clock.tick().since(since));
            if left.is_zero() {
                self.timer = None;
                self.since = None;
                return Some(self.sign.clone());
            }
            self.timer = Some(self.clock.sleep(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use testkit::clock::VirtualClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_sign_of_life_comes_after_each_span_of_silence() {
        let clock = VirtualClock::new();
        let port: Arc<dyn Clock> = Arc::new(clock.clone());
        assert!(Silence::after(Duration::ZERO, Some(b"!"), &port).is_none());
        assert!(Silence::after(SECOND, None, &port).is_none());
        let mut silence = Silence::after(15 * SECOND, Some(b"!"), &port).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        let mut signs = Vec::new();
        for second in 0..=60 {
            // Something comes in the tenth second.
            if second == 10 {
                silence.broken();
            }
            if silence.poll(&mut cx).is_some() {
                signs.push(second);
                assert!(silence.poll(&mut cx).is_none());
            }
            clock.advance(SECOND);
        }
        assert_eq!(signs, [25, 40, 55]);
    }
}
