//! The head of a request: its lines one by one, and what they say about the body (RFC 9112 sections 2 to 6).

use super::Fault;
use super::class::{self, PLAIN, VISIBLE};

/// The longest body that a head may announce, far beyond any limit and within what the HTTP library counts to.
const LONGEST: u64 = i64::MAX as u64;
/// Header fields of a request.
const MAX_FIELDS: usize = 100;
/// What a request target may have at most, whatever a head may (the HTTP library's own bound).
const MAX_TARGET: usize = 65_534;

/// How the body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framed {
    /// So many bytes; most requests have none.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// How far a head has been read.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where the next line begins.
    line: usize,
    /// Up to where no line end was found.
    searched: usize,
    has_request_line: bool,
    is_http10: bool,
    fields: usize,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    /// Reads on; `bytes` begin with the head. Gives its length once it is complete.
    pub(super) fn advance(&mut self, bytes: &[u8], max: usize) -> Result<Option<(usize, Framed)>, Fault> {
        while let Some(end) = memchr::memchr(b'\n', bytes.get(self.searched..).unwrap_or_default()) {
            let end = self.searched + end;
            if end >= max {
                return Err(self.too_large());
            }
            let line = bytes.get(self.line..end).and_then(|line| line.strip_suffix(b"\r"));
            let line = line.ok_or(Fault::Malformed("a line of the head does not end with CR LF"))?;
            self.line = end + 1;
            self.searched = end + 1;
            if !self.has_request_line {
                // An empty line before the request is a leftover of a sloppy client (RFC 9112 section 2.2).
                if !line.is_empty() {
                    self.request_line(line)?;
                }
            } else if line.is_empty() {
                return self.framed().map(|framed| Some((self.line, framed)));
            } else {
                self.field(line)?;
            }
        }
        self.searched = bytes.len();
        if bytes.len() >= max { Err(self.too_large()) } else { Ok(None) }
    }

    const fn too_large(&self) -> Fault {
        if self.has_request_line { Fault::HeadTooLarge } else { Fault::TargetTooLong }
    }

    /// `GET /path HTTP/1.1`, with single blanks.
    fn request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let malformed = Fault::Malformed("the request line is not METHOD TARGET HTTP/1.1");
        let (rest, minor) = match line.split_last_chunk::<9>() {
            Some((rest, b" HTTP/1.1")) => (rest, 1),
            Some((rest, b" HTTP/1.0")) => (rest, 0),
            _ => return Err(malformed),
        };
        let (method, target) = rest.split_at(class::token(rest));
        let Some((b' ', target)) = target.split_first() else { return Err(malformed) };
        let classes = class::common(target);
        if method.is_empty() || target.is_empty() || classes & VISIBLE == 0 {
            return Err(malformed);
        }
        if target.len() > MAX_TARGET {
            return Err(Fault::TargetTooLong);
        }
        let is_plain = target.first() == Some(&b'/') && classes & PLAIN != 0;
        // The HTTP library would drop it without a word; others may route by it.
        if !is_plain && target.contains(&b'#') {
            return Err(Fault::Malformed("the request target has a fragment, which is not for servers"));
        }
        // What the HTTP library would refuse by itself, without a body, gets an answer of the usual shape here.
        if !is_plain && http::Uri::try_from(target).is_err() {
            return Err(Fault::Malformed("the request target is no URI: escape what a URI may not hold"));
        }
        self.is_http10 = minor == 0;
        self.has_request_line = true;
        Ok(())
    }

    fn field(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Fault::HeadTooLarge);
        }
        // A name that begins with a blank is a folded line (section 5.2); one that ends with it is as dangerous.
        let (name, value) = line.split_at(class::token(line));
        let Some((b':', value)) = value.split_first() else {
            return Err(Fault::Malformed("a line of the head is not NAME: VALUE"));
        };
        if name.is_empty() || !class::is_text(value) {
            return Err(Fault::Malformed("a line of the head is not NAME: VALUE"));
        }
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let digits = value.trim_ascii();
        let number = digits.iter().try_fold(0_u64, |number, byte| {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            number.checked_mul(10)?.checked_add(digit.into())
        });
        let number = number.filter(|number| *number <= LONGEST && !digits.is_empty());
        let number = number.ok_or(Fault::Malformed("content-length is not a number"))?;
        match self.length.replace(number) {
            None => Ok(()),
            Some(_) => Err(Fault::Malformed("there is more than one content-length")),
        }
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if self.chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::Malformed("transfer-encoding is not `chunked`, once"));
        }
        self.chunked = true;
        Ok(())
    }

    const fn framed(&self) -> Result<Framed, Fault> {
        match (self.chunked, self.length) {
            (false, length) => Ok(Framed::Length(match length {
                Some(length) => length,
                None => 0,
            })),
            (true, Some(_)) => Err(Fault::Malformed("there are both content-length and transfer-encoding")),
            (true, None) if self.is_http10 => Err(Fault::Malformed("HTTP/1.0 has no transfer-encoding")),
            (true, None) => Ok(Framed::Chunked),
        }
    }
}
