//! One asks for all; tokens are renewed before they end; a refusal is not asked about again at once.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use contract::ports::{BoxFuture, PoolState};
use futures_util::future::{join, join3};

use super::*;

/// A clock that is set by hand.
#[derive(Default)]
struct Hand(AtomicU64);

impl Hand {
    fn pass(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn tick(&self) -> Tick {
        Tick(self.0.load(Ordering::Relaxed))
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A login service and a provider: the service gives out numbered tokens after one wait, the provider says which it got.
#[derive(Default)]
struct Both {
    status: Mutex<u16>,
    asked: AtomicU64,
    refuses: Mutex<Option<String>>,
}

/// Ready when it is looked at for the second time.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Upstream for Both {
    fn send(&self, request: Outbound) -> BoxFuture<'_, Result<ProviderReply, UpstreamFailure>> {
        Box::pin(async move {
            let headers = HeaderMap::new();
            if request.uri.host() != Some("login.test") {
                let bearer = request.headers[AUTHORIZATION].to_str().unwrap().to_owned();
                let refused = self.refuses.lock().unwrap().as_ref() == Some(&bearer);
                let status = if refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
                return Ok(ProviderReply { status, headers, body: Body::from(bearer) });
            }
            Once(false).await;
            let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
            let (status, body) = match *self.status.lock().unwrap() {
                0 => (200, format!(r#"{{"access_token":"t-{number}","expires_in":3600}}"#)),
                refused => (
                    refused,
                    r#"{"error":"invalid_client","error_description":"AADSTS7000215: no"}"#.to_owned(),
                ),
            };
            let status = StatusCode::from_u16(status).unwrap();
            Ok(ProviderReply { status, headers, body: Body::from(body) })
        })
    }

    fn pools(&self) -> Vec<PoolState> {
        Vec::new()
    }
}

struct Fixture {
    clock: Arc<Hand>,
    tokens: Tokens,
    both: Both,
}

fn fixture() -> Fixture {
    let clock = Arc::new(Hand::default());
    let fields = vec![("grant_type", Secret::new("x"))];
    let uri = Uri::from_static("https://login.test/token");
    let login = Form { uri, fields, authorization: None, provider: None };
    let shared: Arc<dyn Clock> = Arc::clone(&clock) as _;
    Fixture { tokens: Tokens::new(Box::new(login), &shared), clock, both: Both::default() }
}

impl Fixture {
    async fn ask(&self) -> Result<String, UpstreamFailure> {
        let request = form(Uri::from_static("https://api.test/"), &[]);
        let reply = self.tokens.send(request, &self.both).await?;
        let Body::Full(bytes) = reply.body else { panic!("a text") };
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn asked(&self) -> u64 {
        self.both.asked.load(Ordering::Relaxed)
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..100 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return value;
        }
    }
    panic!("never ready")
}

#[test]
fn one_asks_for_all() {
    let fixture = fixture();
    let (one, two, three) = run(join3(fixture.ask(), fixture.ask(), fixture.ask()));
    assert_eq!(
        (one.unwrap(), two.unwrap(), three.unwrap()),
        ("Bearer t-1".into(), "Bearer t-1".into(), "Bearer t-1".into())
    );
    assert_eq!(fixture.asked(), 1);
    fixture.clock.pass(Duration::from_secs(3000));
    assert_eq!(run(fixture.ask()).unwrap(), "Bearer t-1");
    assert_eq!(fixture.asked(), 1);
}

#[test]
fn tokens_are_renewed_before_they_end_while_others_go_on() {
    let fixture = fixture();
    run(fixture.ask()).unwrap();
    fixture.clock.pass(Duration::from_secs(3310));
    let (one, two) = run(join(fixture.ask(), fixture.ask()));
    assert_eq!((one.unwrap(), two.unwrap()), ("Bearer t-2".to_owned(), "Bearer t-1".to_owned()));
    assert_eq!(fixture.asked(), 2);
}

#[test]
fn a_failed_renewal_costs_nothing_while_the_token_holds() {
    let fixture = fixture();
    run(fixture.ask()).unwrap();
    *fixture.both.status.lock().unwrap() = 503;
    fixture.clock.pass(Duration::from_secs(3310));
    for _ in 0..3 {
        assert_eq!(run(fixture.ask()).unwrap(), "Bearer t-1");
    }
    assert_eq!(fixture.asked(), 2, "asked once, then not again for a while");
    fixture.clock.pass(Duration::from_secs(290));
    assert!(matches!(run(fixture.ask()), Err(UpstreamFailure::Status(StatusCode::SERVICE_UNAVAILABLE))));
}

#[test]
fn a_refusal_says_why_and_stands_for_a_while() {
    let fixture = fixture();
    *fixture.both.status.lock().unwrap() = 401;
    for _ in 0..3 {
        let Err(UpstreamFailure::Login(reason)) = run(fixture.ask()) else { panic!("refused") };
        assert_eq!(reason, "status 401: AADSTS7000215: no");
    }
    assert_eq!(fixture.asked(), 1);
    *fixture.both.status.lock().unwrap() = 0;
    fixture.clock.pass(PAUSE);
    assert_eq!(run(fixture.ask()).unwrap(), "Bearer t-2");
}

#[test]
fn a_token_that_is_refused_is_not_used_again() {
    let fixture = fixture();
    run(fixture.ask()).unwrap();
    *fixture.both.refuses.lock().unwrap() = Some("Bearer t-1".to_owned());
    run(fixture.ask()).unwrap();
    assert_eq!(run(fixture.ask()).unwrap(), "Bearer t-2");
}

#[test]
fn who_hangs_up_leaves_the_asking_to_the_next() {
    let fixture = fixture();
    {
        let mut gone = pin!(fixture.ask());
        assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(run(fixture.ask()).unwrap(), "Bearer t-1");
}

#[test]
fn short_lives_are_used_to_four_fifths() {
    let answer = |text: &str| serde_json::from_str::<Answer>(text).unwrap().life();
    assert_eq!(answer(r#"{"access_token":"t","expires_in":"60"}"#), Duration::from_secs(60));
    assert_eq!(answer(r#"{"access_token":"t"}"#), UNSAID);
    assert_eq!(reason(b"<html>"), "no reason was given");
    assert_eq!(reason(br#"{"errorCode":"BXNIM0415E","errorMessage":"no\nkey"}"#), "nokey");
}
