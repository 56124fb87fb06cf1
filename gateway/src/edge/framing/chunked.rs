//! The body in chunks (RFC 9112 section 7.1), as strict as its grammar, its extensions and trailers within bounds.

use super::class::is_text_byte;

/// The most bytes in the line of a chunk's size, extensions included.
const MAX_LINE: usize = 256;
/// The most bytes of extensions in a body: they mean nothing to us, and cost the reader.
const MAX_EXTENSIONS: usize = 4096;
/// The most bytes of trailers.
const MAX_TRAILERS: usize = 8192;

/// The fault of a body that announces more than it may.
const TOO_LARGE: &str = "the chunks are larger than the body may be";

/// How far a chunked body has been read.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    state: State,
    /// What is left of the chunk.
    size: u64,
    /// The sizes of the chunks so far, this one included.
    announced: u64,
    /// The same without this one.
    announced_before: u64,
    /// Bytes of the line that is read.
    line: usize,
    extensions: usize,
    trailers: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
}

impl Chunked {
    /// The sizes of the chunks so far, in bytes; `u64::MAX` for more than that.
    pub(super) const fn announced(&self) -> u64 {
        self.announced
    }

    /// Reads on. Gives how many bytes belong to the body, and whether it ends with them. A fault when the chunks announce
    /// more than `max` bytes.
    pub(super) fn advance(&mut self, bytes: &[u8], max: u64) -> Result<(usize, bool), &'static str> {
        if self.announced > max {
            return Err(TOO_LARGE);
        }
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if self.state == State::Data {
                let rest = bytes.len() - at;
                let taken = usize::try_from(self.size).map_or(rest, |size| size.min(rest));
                self.size -= taken as u64;
                at += taken;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            at += 1;
            if self.step(*byte)? {
                return Ok((at, true));
            }
            if self.announced > max {
                return Err(TOO_LARGE);
            }
        }
        Ok((at, false))
    }

    /// Takes one byte that is not data; true when it ends the body.
    fn step(&mut self, byte: u8) -> Result<bool, &'static str> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.line > 0 => State::SizeLf,
            (State::Size, b';') if self.line > 0 => State::Extension,
            (State::Size, digit) => self.digit(digit)?,
            (State::Extension, b'\r') => State::SizeLf,
            (State::Extension, byte) => self.extension(byte)?,
            (State::SizeLf, b'\n') if self.size == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => {
                self.line = 0;
                self.announced_before = self.announced;
                State::Size
            }
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart | State::Trailer, byte) => self.trailer(byte)?,
            (State::TrailerLf, b'\n') => State::TrailerStart,
            (State::EndLf, b'\n') => return Ok(true),
            _ => return Err("a chunk does not end where its size says"),
        };
        Ok(false)
    }

    fn digit(&mut self, byte: u8) -> Result<State, &'static str> {
        let digit = char::from(byte).to_digit(16).ok_or("the size of a chunk is not a hexadecimal number")?;
        self.line += 1;
        let size = self.size.checked_mul(16).map(|size| size | u64::from(digit));
        self.announced = size.map_or(u64::MAX, |size| self.announced_before.saturating_add(size));
        self.size = size.ok_or("the size of a chunk is not possible")?;
        if self.line > 16 { Err("the size of a chunk is not possible") } else { Ok(State::Size) }
    }

    fn extension(&mut self, byte: u8) -> Result<State, &'static str> {
        self.line += 1;
        self.extensions += 1;
        if !is_text_byte(byte) || self.line > MAX_LINE || self.extensions > MAX_EXTENSIONS {
            return Err("the chunks have extensions that are too long");
        }
        Ok(State::Extension)
    }

    fn trailer(&mut self, byte: u8) -> Result<State, &'static str> {
        self.trailers += 1;
        if self.trailers > MAX_TRAILERS {
            return Err("the trailers are too long");
        }
        match byte {
            b'\r' => Ok(State::TrailerLf),
            b' ' | b'\t' | b':' if self.state == State::TrailerStart => Err("a trailer has no name"),
            byte if !is_text_byte(byte) => Err("a trailer is not text"),
            _ => Ok(State::Trailer),
        }
    }
}
