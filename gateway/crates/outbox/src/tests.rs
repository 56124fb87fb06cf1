//! What is written arrives once, in order and in few pieces, whatever the stream takes at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{FULL, Gathered, KEPT, Outbox, gathered, lock};

/// What the stream does with a write.
#[derive(Debug, Clone, Copy)]
enum Takes {
    UpTo(usize),
    Nothing,
    Breaks,
}

/// A stream that follows a script, then takes everything.
#[derive(Debug, Default)]
struct Scripted {
    script: VecDeque<Takes>,
    /// Every piece that it took.
    pieces: Vec<Vec<u8>>,
    is_shut: bool,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = Takes>) -> Self {
        Self { script: script.into_iter().collect(), ..Self::default() }
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let taken = match self.script.pop_front() {
            None => all.len(),
            Some(Takes::UpTo(most)) => all.len().min(most),
            Some(Takes::Nothing) => return Poll::Pending,
            Some(Takes::Breaks) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
        self.pieces.push(all[..taken].to_vec());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

struct Halves {
    gathered: Gathered<Scripted>,
    outbox: Outbox<Scripted>,
}

impl Halves {
    fn of(script: impl IntoIterator<Item = Takes>) -> Self {
        let (gathered, outbox) = gathered(Scripted::new(script));
        Self { gathered, outbox }
    }

    fn write(&mut self, parts: &[&[u8]]) -> Poll<usize> {
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut cx = Context::from_waker(Waker::noop());
        let gathered = Pin::new(&mut self.gathered);
        gathered.poll_write_vectored(&mut cx, &slices).map(Result::unwrap)
    }

    fn flush(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(Pin::new(&mut self.gathered).poll_flush(&mut cx), Poll::Ready(Ok(())))
    }

    /// Sends for a driver that has nothing more to say; whether all is sent.
    fn send(&mut self) -> bool {
        let driver = pin!(std::future::pending::<()>());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.outbox.poll_driver(driver, &mut cx).is_pending());
        let inner = lock(&self.outbox.0);
        inner.sent == inner.held.len()
    }

    fn read(&mut self) -> Poll<io::Result<()>> {
        let mut room = [0; 8];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.gathered).poll_read(&mut cx, &mut ReadBuf::new(&mut room))
    }

    fn pieces(&self) -> Vec<usize> {
        lock(&self.outbox.0).stream.pieces.iter().map(Vec::len).collect()
    }

    fn arrived(&self) -> Vec<u8> {
        lock(&self.outbox.0).stream.pieces.concat()
    }
}

#[test]
fn writes_and_flushes_wait_to_be_sent_in_one_piece() {
    let mut halves = Halves::of([]);
    for _ in 0..3 {
        assert_eq!(halves.write(&[b"head", b"body"]), Poll::Ready(8));
        assert!(halves.flush());
    }
    assert_eq!(halves.pieces(), []);
    assert!(halves.send());
    assert_eq!(halves.arrived(), b"headbodyheadbodyheadbody");
    assert!(halves.send());
    assert_eq!(halves.pieces(), [24], "nothing is sent twice");
}

#[test]
fn what_does_not_fit_goes_out_behind_what_is_held() {
    let mut halves = Halves::of([]);
    let frame = [7; 16 << 10];
    for _ in 0..6 {
        assert_eq!(halves.write(&[&[1; 9], &frame]), Poll::Ready(9 + frame.len()));
    }
    assert!(halves.send());
    assert_eq!(halves.pieces(), [2 * (9 + frame.len()); 3]);
}

#[test]
fn a_stream_that_takes_nothing_holds_its_writer_back() {
    let mut halves = Halves::of(vec![Takes::Nothing; 3]);
    assert_eq!(halves.write(&[&[1; FULL - 10]]), Poll::Ready(FULL - 10));
    assert_eq!(halves.write(&[&[2; 100]]), Poll::Ready(10), "what there is room for");
    assert_eq!(halves.write(&[&[2; 90]]), Poll::Pending);
    assert!(!halves.send());
    assert!(halves.send());
    assert_eq!(halves.arrived().len(), FULL);
}

#[test]
fn who_reads_is_told_once_why_sending_failed() {
    let mut halves = Halves::of([Takes::UpTo(2), Takes::Breaks]);
    assert_eq!(halves.write(&[b"lost"]), Poll::Ready(4));
    assert!(halves.read().is_pending());
    assert!(halves.send(), "what can't be sent is not kept");
    let Poll::Ready(Err(error)) = halves.read() else { panic!("the failure is told") };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(halves.read().is_pending());
}

#[test]
fn a_driver_that_reads_is_polled_again_and_ends() {
    let Halves { mut gathered, mut outbox } = Halves::of([Takes::Breaks]);
    let mut polled = 0;
    let driver = pin!(poll_fn(|cx| {
        polled += 1;
        let mut room = [0; 8];
        let read = Pin::new(&mut gathered).poll_read(cx, &mut ReadBuf::new(&mut room));
        if read.is_pending() {
            assert!(Pin::new(&mut gathered).poll_write(cx, b"lost").is_ready());
        }
        read
    }));
    let end = outbox.poll_driver(driver, &mut Context::from_waker(Waker::noop()));
    assert!(matches!(end, Poll::Ready(Err(_))), "{end:?}");
    assert_eq!(polled, 2);
}

#[test]
fn shutting_down_sends_what_is_held() {
    let mut halves = Halves::of([Takes::UpTo(3), Takes::Nothing]);
    assert_eq!(halves.write(&[b"farewell"]), Poll::Ready(8));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut halves.gathered).poll_shutdown(&mut cx).is_pending());
    assert!(!lock(&halves.outbox.0).stream.is_shut);
    assert!(Pin::new(&mut halves.gathered).poll_shutdown(&mut cx).is_ready());
    assert_eq!(halves.arrived(), b"farewell");
    assert!(lock(&halves.outbox.0).stream.is_shut);
}

#[test]
fn a_connection_that_gets_quiet_gives_its_room_back() {
    let mut halves = Halves::of([]);
    for (size, most) in [(20_000, FULL), (20_000, FULL), (17, KEPT), (100, KEPT)] {
        assert_eq!(halves.write(&[&vec![0; size]]), Poll::Ready(size));
        assert!(halves.send());
        let kept = lock(&halves.outbox.0).held.capacity();
        assert!(kept <= most, "{kept} after {size}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<usize>),
    Send,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sizes = prop_oneof![0..300_usize, 15_000..17_000_usize, 30_000..35_000_usize];
    let write = prop::collection::vec(sizes, 0..4).prop_map(Step::Write);
    prop::collection::vec(prop_oneof![4 => write, 1 => Just(Step::Send)], 1..24)
}

fn script() -> impl Strategy<Value = Vec<Takes>> {
    let some = prop_oneof![1..50_usize, 10_000..70_000_usize].prop_map(Takes::UpTo);
    prop::collection::vec(prop_oneof![3 => some, 1 => Just(Takes::Nothing)], 0..40)
}

proptest! {
    #[test]
    fn every_byte_arrives_once_and_in_order(steps in steps(), script in script()) {
        let mut halves = Halves::of(script);
        let mut accepted: Vec<u8> = Vec::new();
        for step in steps {
            match step {
                Step::Send => {
                    halves.send();
                }
                Step::Write(sizes) => {
                    // Bytes that differ by where they stand among all that was accepted.
                    let from = accepted.len();
                    let all: Vec<u8> =
                        (from..from + sizes.iter().sum::<usize>()).map(|at| (at % 251) as u8).collect();
                    let mut rest = all.as_slice();
                    let slices: Vec<&[u8]> =
                        sizes.iter().map(|size| rest.split_off(..*size).unwrap()).collect();
                    if let Poll::Ready(taken) = halves.write(&slices) {
                        prop_assert!(taken > 0 || all.is_empty(), "a write of nothing is an error to its writer");
                        accepted.extend_from_slice(&all[..taken]);
                    }
                }
            }
            prop_assert!(lock(&halves.outbox.0).held.len() <= FULL);
        }
        while !halves.send() {}
        prop_assert!(halves.arrived() == accepted);
    }
}
