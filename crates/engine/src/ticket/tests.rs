//! What a ticket keeps, told by what settlement hands on.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::body::Body;
use contract::ports::{
    Answer, Ask, BoxFuture, Clock, Entries, Meter, RecordError, Recorder, Settled, Spent, Telemetry,
};
use http::HeaderMap;

use super::*;
use crate::settle::TailPorts;

/// Every port at once. Its clock goes on by one with each look.
#[derive(Default)]
struct Ports {
    looks: AtomicU64,
    settled: Mutex<Vec<Settled>>,
}

impl Clock for Ports {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }

    fn tick(&self) -> Tick {
        Tick(self.looks.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

impl Meter for Ports {
    fn admit<'a>(&'a self, _: &'a Principal, _: Ask) -> Answer<'a, Result<Hold, Fault>> {
        Answer::now(Ok(Hold::default()))
    }

    fn settle(&self, _: &Principal, _: &Hold, _: Spent) {}
}

impl Recorder for Ports {
    fn record(&self, _: &Entries) -> Result<(), RecordError> {
        Ok(())
    }
}

impl Telemetry for Ports {
    fn arrived(&self) {}
    fn first_content(&self, _: Duration) {}
    fn settled(&self, settled: &Settled) {
        self.settled.lock().unwrap().push(settled.clone());
    }
    fn connection(&self, _: bool) {}
    fn edge_refused(&self, _: contract::Code) {}
    fn record_failed(&self, _: &RecordError) {}
}

/// What is settled of a request after this.
pub(crate) fn after(work: impl FnOnce(&mut Ticket)) -> Settled {
    let ports = Arc::new(Ports::default());
    let (tail, _task) = Tail::new(TailPorts {
        meter: Arc::clone(&ports) as _,
        recorder: Arc::clone(&ports) as _,
        telemetry: Arc::clone(&ports) as _,
        clock: Arc::clone(&ports) as _,
        cut: tokio_util::sync::CancellationToken::new(),
    });
    let arrived = Arrived {
        id: Id::new(IdKind::Request),
        at: Timestamp(0),
        tick: Tick(0),
        dialect: Dialect::OpenaiChat,
        path: contract::ports::PathFacts::default(),
        headers: HeaderMap::new(),
        key: None,
        body: Body::Empty,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let mut ticket = Ticket::open(&arrived, 1, &tail);
    work(&mut ticket);
    ticket.settle();
    ports.settled.lock().unwrap().pop().unwrap()
}

#[test]
fn a_stage_with_nothing_to_do_takes_no_time() {
    let settled = after(|ticket| {
        ticket.ended(Stage::Authenticate);
        ticket.passed(Stage::Admit);
        ticket.passed(Stage::Assemble);
        ticket.ended(Stage::InspectInput);
    });
    let took: Vec<_> = settled.stages.spans(settled.start).map(|(_, from, to)| to.0 - from.0).collect();
    assert_eq!(took, [1, 0, 0, 1, 1], "the last one is settle");
}

#[test]
fn the_model_is_kept_as_the_client_wrote_it() {
    let known: Arc<str> = "fast".into();
    let kept = |asked: &str, known| after(|ticket| ticket.asked(asked, known)).entries.request.model;
    assert!(Arc::ptr_eq(&kept("fast", Some(&known)).unwrap(), &known));
    assert_eq!(kept("gpt-5", Some(&known)).as_deref(), Some("gpt-5"));
    assert_eq!(kept("nope", None).as_deref(), Some("nope"));

    let long: Arc<str> = "x".repeat(MODEL_CAP + 1).into();
    assert_eq!(kept(&long, Some(&long)).unwrap().len(), MODEL_CAP);
}
