//! What the parts say, line by line, with a prefix that tells who speaks; in colour on a terminal.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::part::Name;

/// A longer line is printed in pieces, so that a part which never ends a line does not fill the memory.
const LONGEST_LINE: u64 = 16 * 1024;
/// As wide as the longest name.
const WIDTH: usize = 13;

/// Where the stack and its parts print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    colour: bool,
}

impl Console {
    /// Colour on a terminal, unless `NO_COLOR` is set.
    pub(crate) fn of_process() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colour: std::io::stdout().is_terminal() && !unwanted }
    }

    /// Says something in the stack's own name.
    pub(crate) fn say(self, line: &str) {
        self.print(None, line);
    }

    /// Prints a line as it is.
    pub(crate) fn plain(self, line: &str) {
        // Whoever listened is gone when this fails; the parts go on until they are stopped.
        drop(writeln!(std::io::stdout().lock(), "{line}"));
    }

    /// Complains on standard error.
    pub(crate) fn complain(self, problem: &str) {
        drop(writeln!(std::io::stderr().lock(), "cargo up: {problem}"));
    }

    /// Complains, and makes the exit code of it.
    pub(crate) fn fail(self, problem: &str) -> ExitCode {
        self.complain(problem);
        ExitCode::FAILURE
    }

    /// Prints what a part says until it has nothing more to say.
    pub(crate) async fn follow(self, name: Name, output: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => self.print(Some(name), String::from_utf8_lossy(&line).trim_end()),
            }
        }
    }

    fn print(self, name: Option<Name>, line: &str) {
        self.plain(&self.format(name, line));
    }

    fn format(self, name: Option<Name>, line: &str) -> String {
        let (text, colour) = match name {
            None => ("up", "1"),
            Some(name @ Name::User) => (name.text(), "36"),
            Some(name @ Name::Order) => (name.text(), "35"),
            Some(name @ Name::Gateway) => (name.text(), "32"),
        };
        if self.colour {
            format!("\x1b[{colour}m{text:>WIDTH$} │\x1b[0m {line}")
        } else {
            format!("{text:>WIDTH$} │ {line}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_who_speaks() {
        let plain = Console { colour: false };
        assert_eq!(plain.format(Some(Name::Gateway), "hello"), "      gateway │ hello");
        assert_eq!(plain.format(None, "hello"), "           up │ hello");
        let coloured = Console { colour: true };
        assert_eq!(coloured.format(Some(Name::User), "x"), "\x1b[36m user-service │\x1b[0m x");
    }
}
