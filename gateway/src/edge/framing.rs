//! Where requests of an HTTP/1.1 connection begin and end, read more strictly than HTTP asks for.
//!
//! Two parties that disagree about that let one client put words into the mouth of another (request smuggling). So a
//! connection passes through here before it reaches the HTTP library: what allows two readings is refused, heads are
//! passed on only when they are complete, and so bytes that drip in one by one are looked at once each.

mod chunked;
mod class;
mod head;

use chunked::Chunked;
use head::{Framed, Head};

/// Why a connection can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The head is not one of HTTP, or says two things.
    Malformed(&'static str),
    /// The request line is longer than a head may be.
    TargetTooLong,
    /// The head is longer than it may be, or has too many fields.
    HeadTooLarge,
    /// Plain HTTP on a port that speaks TLS.
    PlainText,
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passed {
    /// So many of them may go on. The rest is the beginning of a head, or what follows the fault.
    pub(super) bytes: usize,
    /// What is wrong behind them.
    pub(super) fault: Option<Wrong>,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// In a head: no request has begun.
    Head(Fault),
    /// In a chunked body: its request is running.
    Body(&'static str),
}

/// Follows a connection through its requests.
#[derive(Debug)]
pub(super) struct Framing {
    max_head: usize,
    state: State,
    /// Requests whose head is complete.
    requests: u64,
    /// The most bytes that the chunked body at hand may announce.
    max_chunked: u64,
}

#[derive(Debug)]
enum State {
    Head(Head),
    /// So many bytes of a body are still to come.
    Body(u64),
    Chunked(Chunked),
}

impl Framing {
    /// At the beginning of a connection whose heads have at most so many bytes.
    pub(super) fn new(max_head: usize) -> Self {
        Self { max_head, state: State::Head(Head::default()), requests: 0, max_chunked: u64::MAX }
    }

    /// Whether the last request is complete, or there was none.
    pub(super) const fn is_between_requests(&self) -> bool {
        matches!(&self.state, State::Head(_))
    }

    /// Returns the number of the request whose chunked body is at hand, and the bytes that it has announced.
    pub(super) const fn announced(&self) -> Option<(u64, u64)> {
        match &self.state {
            State::Chunked(chunked) => Some((self.requests, chunked.announced())),
            _ => None,
        }
    }

    /// Sets the most bytes that the chunked body at hand may announce.
    pub(super) const fn limit_chunked(&mut self, bytes: u64) {
        self.max_chunked = bytes;
    }

    /// Follows these bytes. The ones of a head that was not complete have to come again, with more behind them.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Passed {
        let mut at = 0;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let step = match &mut self.state {
                State::Head(head) => match head.advance(rest, self.max_head) {
                    Ok(None) => return Passed { bytes: at, fault: None },
                    Ok(Some((length, framed))) => {
                        self.requests += 1;
                        self.max_chunked = u64::MAX;
                        self.state = match framed {
                            Framed::Length(0) => State::Head(Head::default()),
                            Framed::Length(length) => State::Body(length),
                            Framed::Chunked => State::Chunked(Chunked::default()),
                        };
                        length
                    }
                    Err(fault) => return Passed { bytes: at, fault: Some(Wrong::Head(fault)) },
                },
                State::Body(left) => {
                    let taken = usize::try_from(*left).map_or(rest.len(), |left| left.min(rest.len()));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::Head(Head::default());
                    }
                    taken
                }
                State::Chunked(chunked) => match chunked.advance(rest, self.max_chunked) {
                    Ok((taken, false)) => taken,
                    Ok((taken, true)) => {
                        self.state = State::Head(Head::default());
                        taken
                    }
                    Err(what) => return Passed { bytes: at, fault: Some(Wrong::Body(what)) },
                },
            };
            at += step;
            if at >= bytes.len() {
                return Passed { bytes: at, fault: None };
            }
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
