//! Pages of a list: how many rows, and the token that the next page is asked with.
//!
//! A token names the last id of the page before it, so that rows which come or go between two pages neither repeat
//! nor hide others. It is opaque to callers: a version, the list's filter and that id, in hexadecimal.

use tonic::Status;

use crate::violations::Violations;

/// Rows of a page when the caller does not say.
const USUAL_SIZE: usize = 50;
/// Rows of a page at most; keeps an answer well below gRPC's usual limit of 4 MiB.
const MOST_ROWS: usize = 100;
const VERSION: u8 = 1;

/// Which rows of a list are wanted: those after `after`, at most `size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The last id of the page before; 0 at the start.
    pub after: i32,
    /// How many rows at most.
    pub size: usize,
    filter: i32,
}

impl Page {
    /// Reads `page_size` and `page_token` of a request; `filter` is what else narrows the list (0 for nothing), and
    /// a token goes with the filter that it was made for.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a negative size or a token that this list never gave out.
    pub fn read(page_size: i32, page_token: &str, filter: i32) -> Result<Self, Status> {
        let size = match usize::try_from(page_size) {
            Ok(0) => USUAL_SIZE,
            Ok(size) => size.min(MOST_ROWS),
            Err(_) => return Err(Violations::one("page_size", "must not be negative")),
        };
        if page_token.is_empty() {
            return Ok(Self { after: 0, size, filter });
        }
        let Some((made_for, after)) = decode(page_token) else {
            return Err(Violations::one("page_token", "is not a token of this list"));
        };
        if made_for != filter {
            return Err(Violations::one("page_token", "belongs to a list with another filter"));
        }
        Ok(Self { after, size, filter })
    }

    /// How many rows to read from the store: one more than the page has, to know whether another page follows.
    #[must_use]
    pub fn fetch(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX - 1) + 1
    }

    /// Cuts the rows to the page, and makes the token of the next page (empty on the last).
    pub fn finish<T>(&self, rows: &mut Vec<T>, id: impl Fn(&T) -> i32) -> String {
        if rows.len() <= self.size {
            return String::new();
        }
        rows.truncate(self.size);
        rows.last().map(|last| encode(self.filter, id(last))).unwrap_or_default()
    }
}

fn encode(filter: i32, after: i32) -> String {
    format!("{VERSION:02x}{filter:08x}{after:08x}")
}

fn decode(token: &str) -> Option<(i32, i32)> {
    if token.len() != 18 || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = |range| u32::from_str_radix(token.get(range)?, 16).ok();
    if number(0..2)? != u32::from(VERSION) {
        return None;
    }
    let filter = i32::try_from(number(2..10)?).ok()?;
    let after = i32::try_from(number(10..18)?).ok()?;
    Some((filter, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_has_a_default_and_a_bound() {
        for (asked, given) in [(0, 50), (1, 1), (100, 100), (5000, 100)] {
            assert_eq!(Page::read(asked, "", 0).unwrap().size, given);
        }
        assert!(Page::read(-1, "", 0).unwrap_err().message().starts_with("page_size:"));
    }

    #[test]
    fn a_token_leads_to_the_row_after_the_last() {
        let page = Page::read(2, "", 7).unwrap();
        let mut rows = vec![3, 5, 8];
        let token = page.finish(&mut rows, |id| *id);
        assert_eq!(rows, [3, 5]);
        let next = Page::read(2, &token, 7).unwrap();
        assert_eq!(next.after, 5);
        assert_eq!(next.finish(&mut vec![8], |id| *id), "");
    }

    #[test]
    fn a_strange_token_is_refused() {
        let token = encode(7, 5);
        let cut = &token[..17];
        let other_version = token.replacen("01", "02", 1);
        for bad in ["x", "ÄÄÄÄÄÄÄÄÄ", cut, other_version.as_str(), "01ffffffff00000001"] {
            assert!(Page::read(1, bad, 7).unwrap_err().message().starts_with("page_token:"), "{bad}");
        }
        assert!(Page::read(1, &token, 8).unwrap_err().message().contains("another filter"));
    }
}
