//! Sends one request over and over on keep-alive HTTP/1.1 connections, from one thread, and prints what came of
//! it as a line of JSON. With `--streams` it is HTTP/2 instead, so many requests at a time on each connection.
//!
//! Without `--rate` each connection sends its next request when its answer is there. With it, request `i` is due
//! at the start plus `i / rate`, and its latency counts from then, whether or not a connection was free: a slow
//! party cannot slow the clock that it is measured with.

mod answer;
mod connection;
mod multiplexed;
mod tally;

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    num::NonZeroU64,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use connection::Connection;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
    },
    fd::OwnedFd,
    thread::set_current_timer_slack,
};
use tally::Tally;

use crate::flags::Flags;

/// A run that takes longer has hung.
const LIMIT: Duration = Duration::from_secs(120);
/// How long to wait when no request is due.
const IDLE: Duration = Duration::from_millis(100);
const EVENTS: usize = 256;
const TIMER_SLACK: Option<NonZeroU64> = NonZeroU64::new(1_000);

/// Reads the flags, sends `--requests`, prints the tally.
pub fn run(flags: &Flags) -> Result<()> {
    if let Some(streams) = flags.optional("streams")? {
        return multiplexed::run(flags, streams);
    }
    set_current_timer_slack(TIMER_SLACK)?;
    let mut generator = Generator::connect(flags)?;
    generator.run()?;
    let took = generator.started.elapsed();
    println!("{}", generator.tally.into_json(took));
    Ok(())
}

struct Generator {
    request: Vec<u8>,
    total: usize,
    /// Requests a second, or none to send as answers allow.
    rate: Option<f64>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    sent: usize,
    started: Instant,
    tally: Tally,
}

impl Generator {
    fn connect(flags: &Flags) -> Result<Self> {
        let address: SocketAddr = flags.required("address")?;
        let count: usize = flags.required("connections")?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let connection = Connection::open(address)?;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::ET;
            epoll::add(&epoll, connection.socket(), EventData::new_u64(index as u64), interest)?;
            connections.push(connection);
        }
        let total = flags.required("requests")?;
        let warm_up = flags.optional("warm-up")?.unwrap_or(0);
        Ok(Self {
            request: request(flags, address)?,
            total,
            rate: flags.optional("rate")?,
            epoll,
            connections,
            free: (0..count).collect(),
            sent: 0,
            started: Instant::now(),
            tally: Tally::new(total, warm_up, flags.optional("size")?),
        })
    }

    fn run(&mut self) -> Result<()> {
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
        self.started = Instant::now();
        while self.tally.answered() < self.total {
            if self.started.elapsed() > LIMIT {
                bail!("{} of {} answers after {LIMIT:?}", self.tally.answered(), self.total);
            }
            self.send_due()?;
            events.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&self.patience()?))?;
            for event in &events {
                self.progress(usize::try_from(event.data.u64())?, event.flags)?;
            }
        }
        Ok(())
    }

    /// Sends every request whose time has come, as far as connections are free.
    fn send_due(&mut self) -> Result<()> {
        let now = Instant::now();
        while self.sent < self.total {
            let due = self.due(self.sent).unwrap_or(now);
            if due > now {
                break;
            }
            let Some(index) = self.free.pop_front() else { break };
            self.connections[index].send(&self.request, due)?;
            self.sent += 1;
        }
        Ok(())
    }

    fn due(&self, request: usize) -> Option<Instant> {
        Some(self.started + Duration::from_secs_f64(request as f64 / self.rate?))
    }

    /// How long to wait for events: until the next request is due, if a connection could send it.
    fn patience(&self) -> Result<Timespec> {
        let next = if self.free.is_empty() || self.sent == self.total { None } else { self.due(self.sent) };
        let wait = next.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
        Ok(Timespec { tv_sec: wait.as_secs().try_into()?, tv_nsec: wait.subsec_nanos().into() })
    }

    fn progress(&mut self, index: usize, flags: EventFlags) -> Result<()> {
        let connection = &mut self.connections[index];
        if flags.contains(EventFlags::OUT) {
            connection.flush(&self.request)?;
        }
        if !flags.intersects(!EventFlags::OUT) {
            return Ok(());
        }
        if let Some((answer, due)) = connection.receive()? {
            self.tally.count(answer, due.elapsed());
            self.free.push_back(index);
        }
        Ok(())
    }
}

/// The bytes of the one request: `--path`, and `--body` as the name of a file.
fn request(flags: &Flags, address: SocketAddr) -> Result<Vec<u8>> {
    let path: String = flags.required("path")?;
    let head = format!("{path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: bench\r\naccept: */*\r\n");
    let Some(body) = payload(flags)? else {
        return Ok(format!("GET {head}\r\n").into_bytes());
    };
    let length = body.len();
    let head = format!("POST {head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    Ok([head.as_bytes(), &body].concat())
}

/// What the request carries: `--body` is the name of a file.
fn payload(flags: &Flags) -> Result<Option<Bytes>> {
    let file = flags.optional::<PathBuf>("body")?;
    Ok(file.map(fs::read).transpose()?.map(Bytes::from))
}
