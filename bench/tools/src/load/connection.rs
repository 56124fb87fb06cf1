//! One keep-alive connection with at most one request under way.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};

use super::answer::Answer;

const BUFFER: usize = 64 * 1024;

/// Writes a request and reads its answer, as far as the socket lets it.
pub struct Connection {
    socket: TcpStream,
    /// Bytes of the request that the socket has taken.
    written: usize,
    received: Vec<u8>,
    filled: usize,
    /// When the request under way was due; none while there is none.
    due: Option<Instant>,
}

impl Connection {
    /// Connects; waits for that.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, written: 0, received: vec![0; BUFFER], filled: 0, due: None })
    }

    /// For the poll set.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Starts a request that was due at `due`.
    pub fn send(&mut self, request: &[u8], due: Instant) -> io::Result<()> {
        self.due = Some(due);
        self.written = 0;
        self.flush(request)
    }

    /// Writes what is left of the request.
    pub fn flush(&mut self, request: &[u8]) -> io::Result<()> {
        if self.due.is_none() {
            return Ok(());
        }
        while self.written < request.len() {
            match self.socket.write(&request[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there; the answer when it is whole, with the time that its request was due.
    pub fn receive(&mut self) -> Result<Option<(Answer, Instant)>> {
        self.fill()?;
        let Some(answer) = Answer::parse(&self.received[..self.filled])? else { return Ok(None) };
        ensure!(answer.length == self.filled, "bytes after the answer that nobody asked for");
        self.filled = 0;
        let due = self.due.take().context("an answer without a request")?;
        Ok(Some((answer, due)))
    }

    fn fill(&mut self) -> Result<()> {
        loop {
            if self.filled == self.received.len() {
                self.received.resize(self.filled * 2, 0);
            }
            let room = self.received.len() - self.filled;
            match self.socket.read(&mut self.received[self.filled..]) {
                Ok(0) => bail!("the party closed a connection"),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            if self.filled + room > self.received.len() && self.filled < self.received.len() {
                return Ok(()); // a short read: the socket is empty
            }
        }
    }
}
