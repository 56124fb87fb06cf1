//! Lines on their way to a reader: all, in order, counted when they are lost.

use std::io::{BufRead, BufReader, PipeReader, pipe};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn record(request_id: &str) -> Record<'_> {
    Record {
        peer: "127.0.0.1:4711".parse().unwrap(),
        method: "GET",
        path: "/",
        route: None,
        status: 404,
        code: "NOT_FOUND",
        ended: Instant::now(),
        took: Duration::ZERO,
        upstream_time: Duration::ZERO,
        received: 0,
        sent: 0,
        attempts: 0,
        endpoint: "",
        request_id: request_id.as_bytes(),
        caller: "",
        trace: None,
        flag: "",
        detail: "",
    }
}

fn ids(lines: impl Iterator<Item = String>) -> Vec<String> {
    lines.map(|line| line.rsplit_once(" id=").unwrap().1.to_owned()).collect()
}

fn lines(reader: PipeReader) -> impl Iterator<Item = String> {
    BufReader::new(reader).lines().map(Result::unwrap)
}

#[test]
fn all_that_was_logged_is_written_before_the_thread_ends_each_workers_lines_in_order() {
    const LINES: usize = 3000;
    let (reader, writer) = pipe().unwrap();
    let (log, written) = AccessLog::start(writer, 2).unwrap();
    let read = std::thread::spawn(move || ids(lines(reader)));
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..LINES {
                    log.log(worker, &record(&format!("{worker}-{number:04}")), Format::Text);
                }
            });
        }
    });
    assert_eq!(log.dropped(), 0);
    drop(log);
    assert!(written.wait(MINUTE));
    let mut ids = read.join().unwrap();
    ids.sort_by_key(|id| id.starts_with('1')); // Stable: it keeps the order of each worker's.
    let logged: Vec<String> =
        (0..2).flat_map(|worker| (0..LINES).map(move |number| format!("{worker}-{number:04}"))).collect();
    assert_eq!(ids, logged);
}

#[test]
fn a_line_comes_through_though_no_other_follows() {
    let (reader, writer) = pipe().unwrap();
    let (log, _written) = AccessLog::start(writer, 1).unwrap();
    let mut lines = lines(reader);
    for id in ["a", "b", "c"] {
        log.log(0, &record(id), Format::Text);
        assert_eq!(ids(lines.next().into_iter()), [id]);
    }
}

#[test]
fn a_reader_that_does_not_read_costs_lines_but_nobody_waits() {
    const LINES: usize = 100_000;
    let (reader, writer) = pipe().unwrap();
    let (log, written) = AccessLog::start(writer, 1).unwrap();
    for _ in 0..LINES {
        log.log(0, &record("x"), Format::Text);
    }
    let dropped = log.dropped();
    assert!(dropped > 0);
    drop(log);
    assert!(!written.wait(Duration::from_millis(1)), "nor does the end wait for the reader");
    let read = lines(reader).count();
    assert!(written.wait(MINUTE));
    assert_eq!(read as u64 + dropped, LINES as u64, "what is not dropped is written");
}

/// Has no room for the first batch.
struct Full(std::sync::mpsc::Sender<Vec<u8>>, bool);

impl Write for Full {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        if std::mem::take(&mut self.1) {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.send(text.to_vec()).unwrap();
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_cannot_be_written_are_counted_and_later_ones_are_written() {
    let (sender, written) = std::sync::mpsc::channel();
    let (log, _written) = AccessLog::start(Full(sender, true), 1).unwrap();
    log.log(0, &record("a"), Format::Text);
    while log.dropped() == 0 {
        std::thread::yield_now();
    }
    log.log(0, &record("b"), Format::Text);
    let text = String::from_utf8(written.recv().unwrap()).unwrap();
    assert_eq!(ids(text.lines().map(str::to_owned)), ["b"]);
    assert_eq!(log.dropped(), 1);
}

#[test]
fn a_worker_that_is_not_known_has_no_buffer() {
    let (log, _written) = AccessLog::start(std::io::sink(), 1).unwrap();
    log.log(1, &record("x"), Format::Text);
    assert_eq!(log.dropped(), 1);
}
