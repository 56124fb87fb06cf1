//! A request's path, split into segments and found fit for routing.

use std::borrow::Cow;
use std::fmt;

use crate::escape::{self, is_path_byte};
use crate::inline::Inline;

/// The longest path that is routed, in bytes.
pub const MAX_PATH_BYTES: usize = 16 * 1024;

/// The most segments of a path that is routed.
pub const MAX_SEGMENTS: usize = 1024;

/// Why a path is refused before routing. All offsets are in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathError {
    /// A `%` that two hex digits do not follow.
    BadEscape {
        /// Where the `%` stands.
        at: usize,
    },
    /// The escapes of a segment do not make UTF-8.
    NotUtf8 {
        /// Where the segment begins.
        at: usize,
    },
    /// A segment is `.` or `..`, as it is or escaped: what the client and the servers behind would understand by it
    /// differs.
    DotSegment {
        /// Where the segment begins.
        at: usize,
    },
    /// Longer than [`MAX_PATH_BYTES`].
    TooLong,
    /// More segments than [`MAX_SEGMENTS`].
    TooManySegments,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadEscape { at } => {
                write!(
                    f,
                    "the path has a malformed escape at byte {at}: two hex digits follow a `%`, which itself is written `%25`"
                )
            }
            Self::NotUtf8 { at } => write!(f, "the path segment at byte {at} does not decode to UTF-8"),
            Self::DotSegment { at } => {
                write!(f, "the path has a dot segment at byte {at}: send the path with `.` and `..` resolved")
            }
            Self::TooLong => write!(f, "the path is longer than {MAX_PATH_BYTES} bytes"),
            Self::TooManySegments => write!(f, "the path has more than {MAX_SEGMENTS} segments"),
        }
    }
}

impl std::error::Error for PathError {}

/// The segments of one path.
#[derive(Debug)]
pub(crate) struct Segments<'p> {
    path: &'p str,
    spans: Inline<Span, 16>,
    /// Normal forms of those segments that were written otherwise.
    normal: Vec<String>,
}

/// One segment: where it lies in the path, and in what form literals are compared with it. Sixteen bits do: the longest
/// normal form has three times [`MAX_PATH_BYTES`].
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u16,
    end: u16,
    /// One more than the index of its normal form, and how much of that counts; 0: it is normal as written.
    normal: u16,
    normal_len: u16,
}

/// What [`Segments::cut_verb`] took away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut(Span);

impl<'p> Segments<'p> {
    /// Splits a path and proves its escapes; `None` if it does not begin with `/`. `/` has no segments, `/a/` has two.
    pub(crate) fn split(path: &'p str) -> Result<Option<Self>, PathError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let Some(rest) = path.strip_prefix('/') else {
            return Ok(None);
        };
        let mut segments = Self { path, spans: Inline::new(), normal: Vec::new() };
        if rest.is_empty() {
            return Ok(Some(segments));
        }
        let (mut start, mut plain) = (1, true);
        for (at, &byte) in path.as_bytes().iter().enumerate().skip(1) {
            if byte == b'/' {
                segments.close(start, at, plain)?;
                (start, plain) = (at + 1, true);
            } else {
                plain &= PLAIN.get(usize::from(byte)).copied().unwrap_or(false);
            }
        }
        segments.close(start, path.len(), plain)?;
        Ok(Some(segments))
    }

    fn close(&mut self, start: usize, end: usize, plain: bool) -> Result<(), PathError> {
        if self.spans.len() == MAX_SEGMENTS {
            return Err(PathError::TooManySegments);
        }
        let mut span = Span { start: narrow(start)?, end: narrow(end)?, ..Span::default() };
        let written = self.path.get(start..end).unwrap_or_default();
        if !plain {
            prove_escapes(written, start)?;
            if let Cow::Owned(normal) = escape::normalise(written) {
                span.normal_len = narrow(normal.len())?;
                self.normal.push(normal);
                span.normal = narrow(self.normal.len())?;
            }
        }
        self.spans.push(span);
        if matches!(self.text_of(span), "." | "..") {
            return Err(PathError::DotSegment { at: start });
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// A segment's normal form; empty beyond the end.
    #[inline]
    pub(crate) fn text(&self, index: usize) -> &str {
        self.spans.get(index).map_or("", |span| self.text_of(span))
    }

    #[inline]
    fn text_of(&self, span: Span) -> &str {
        if span.normal == 0 {
            return self.path.get(usize::from(span.start)..usize::from(span.end)).unwrap_or_default();
        }
        let normal = self.normal.get(usize::from(span.normal) - 1);
        normal.and_then(|normal| normal.get(..usize::from(span.normal_len))).unwrap_or_default()
    }

    /// The path from segment `from` up to segment `to`, as written, without slashes around it.
    pub(crate) fn written(&self, from: usize, to: usize) -> &'p str {
        if from >= to {
            return "";
        }
        let (Some(first), Some(last)) = (self.spans.get(from), self.spans.get(to - 1)) else {
            return "";
        };
        self.path.get(usize::from(first.start)..usize::from(last.end)).unwrap_or_default()
    }

    /// The normal form of what follows the last colon of the last segment. `%3A` is not a colon.
    #[inline]
    pub(crate) fn verb(&self) -> Option<&str> {
        let (_, verb) = self.text(self.len().checked_sub(1)?).rsplit_once(':')?;
        (!verb.is_empty()).then_some(verb)
    }

    /// Cuts `:verb` off, until [`Self::restore`]. `None`, with nothing cut, if there is no verb, or if a dot segment
    /// would be left: that is not a path, and what is not cut is plain data.
    pub(crate) fn cut_verb(&mut self) -> Option<Cut> {
        let span = self.spans.get(self.len().checked_sub(1)?)?;
        let (stem, _) = self.path.get(usize::from(span.start)..usize::from(span.end))?.rsplit_once(':')?;
        let (normal, _) = self.text_of(span).rsplit_once(':')?;
        if matches!(normal, "." | "..") {
            return None;
        }
        let normal_len = narrow(normal.len()).ok()?;
        let cut = Span { end: span.start + narrow(stem.len()).ok()?, normal_len, ..span };
        self.spans.pop();
        // `/:verb` is a verb of `/`, which has no segments.
        if self.spans.len() > 0 || !stem.is_empty() {
            self.spans.push(cut);
        }
        Some(Cut(span))
    }

    /// Puts back what was cut.
    pub(crate) fn restore(&mut self, Cut(span): Cut) {
        if self.spans.get(self.len().wrapping_sub(1)).is_some_and(|last| last.start == span.start) {
            self.spans.pop();
        }
        self.spans.push(span);
    }
}

/// Bytes that are normal as they are.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    loop {
        plain[byte as usize] = is_path_byte(byte);
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    plain
};

fn narrow(offset: usize) -> Result<u16, PathError> {
    u16::try_from(offset).map_err(|_| PathError::TooLong)
}

fn prove_escapes(segment: &str, start: usize) -> Result<(), PathError> {
    let bytes = segment.as_bytes();
    let mut beyond_ascii = false;
    for (at, _) in segment.match_indices('%') {
        let escaped = bytes.get(at..).and_then(escape::escaped_byte);
        beyond_ascii |= escaped.ok_or(PathError::BadEscape { at: start + at })? >= 0x80;
    }
    if beyond_ascii && escape::decode(segment, escape::Keep::Nothing).is_none() {
        return Err(PathError::NotUtf8 { at: start });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
