//! What is closed when, and what is not.

use super::*;

const LIMITS: Limits = Limits {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(60),
    write: Duration::from_secs(30),
    write_pressed: Duration::from_secs(5),
    buffers: 1000,
    share: 100,
};

fn at(activity: &Activity, seconds: u64) -> bool {
    activity.is_expired(seconds * 1000)
}

fn connection() -> Arc<Activity> {
    let load = Arc::new(Load::new(Arc::default(), LIMITS.buffers, LIMITS.share));
    Arc::new(Activity::new(Arc::new(Clock::new()), LIMITS, load, Arc::default()))
}

#[test]
fn a_connection_that_does_not_open_is_closed() {
    let connection = connection();
    assert!(!at(&connection, 9));
    assert!(at(&connection, 11));
}

#[test]
fn a_connection_without_requests_is_closed_when_idle_for_too_long() {
    let connection = connection();
    connection.opened();
    assert!(!at(&connection, 60));
    assert!(at(&connection, 61));
}

#[test]
fn an_http1_head_that_is_never_finished_is_closed_sooner() {
    let connection = connection();
    connection.opened();
    connection.on_head();
    assert!(!at(&connection, 9));
    assert!(at(&connection, 11));
}

#[test]
fn a_head_behind_a_request_has_its_time_from_the_end_of_that() {
    let connection = connection();
    connection.opened();
    connection.on_next_head();
    let request = connection.begin();
    assert!(!at(&connection, 600));
    connection.clock.set(20_000);
    drop(request);
    assert!(!at(&connection, 29));
    assert!(at(&connection, 31));
    connection.clock.set(25_000);
    connection.on_head();
    assert!(at(&connection, 31), "a byte more of the same head");
    connection.on_next_head();
    assert!(!at(&connection, 31) && at(&connection, 36), "of another head");
    connection.on_no_head();
    assert!(!at(&connection, 79));
}

#[test]
fn a_request_in_flight_keeps_the_connection_open() {
    let connection = connection();
    connection.opened();
    let request = connection.begin();
    assert!(!at(&connection, 600));
    drop(request);
    assert!(!at(&connection, 11), "the head is over: only the idle time counts");
    assert!(at(&connection, 61));
}

#[test]
fn a_client_that_does_not_read_is_closed_even_with_a_request_in_flight() {
    let connection = connection();
    let _request = connection.begin();
    connection.on_write_blocked();
    assert!(!at(&connection, 30));
    assert!(at(&connection, 31));
    connection.on_written();
    assert!(!at(&connection, 31));
}

#[test]
fn an_answer_that_is_being_taken_keeps_the_connection_open() {
    let connection = connection();
    connection.opened();
    let mut answer = connection.unsent(400);
    assert!(!at(&connection, 29));
    assert!(at(&connection, 31), "the client takes nothing");
    connection.clock.set(20_000);
    drop(answer.split(100));
    assert!(!at(&connection, 49), "it took a piece");
    assert!(at(&connection, 51));
    let more = connection.unsent(300);
    assert!(at(&connection, 26), "more than half of all buffers is in use");
    assert!(connection.load.has_room(400) && !connection.load.has_room(401));
    drop((answer, more));
    assert!(!at(&connection, 79), "it is idle again");
    assert!(at(&connection, 81));
}

#[test]
fn an_answer_that_is_not_taken_beside_others_that_are() {
    let connection = connection();
    connection.opened();
    let held = connection.unsent(300);
    for second in [10, 20, 29] {
        connection.clock.set(second * 1000);
        drop(connection.unsent(100));
        assert!(!at(&connection, second + 1));
    }
    assert!(at(&connection, 31), "this one has not been taken for 30 s, whatever becomes of others");
    connection.clock.set(31_000);
    let mut other = connection.unsent(400);
    drop(held);
    let waiting = connection.unsent(400);
    for second in [34, 38, 42, 46, 50] {
        connection.clock.set(second * 1000);
        drop(other.split(50));
        assert!(!at(&connection, second + 1));
    }
    assert!(at(&connection, 52), "under pressure it has 20 s");
    drop((other, waiting));
}

#[test]
fn a_draining_connection_is_told_once_and_closed_when_nothing_runs() {
    let connection = connection();
    connection.opened();
    let mut heard = Heard::default();
    let mut hear = || connection.heard(&mut heard, &Context::from_waker(Waker::noop()));
    connection.judge(1);
    assert_eq!(hear(), None);
    connection.drain.store(true, Relaxed);
    connection.judge(2);
    assert_eq!((hear(), hear()), (Some(Signal::Drain), None));
    let request = connection.begin();
    connection.judge(2000);
    assert_eq!(hear(), None);
    drop(request);
    connection.judge(2000);
    assert_eq!((hear(), hear()), (Some(Signal::Close), None));
    assert!(connection.is_told(Signal::Drain) && !connection.is_told(Signal::Expired));
}
