//! Files read whole, and no further than anybody would write one.

use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Longer than any file that a configuration names; a device has no end.
const MAX_FILE: u64 = 256 << 20;

/// The content of a file.
///
/// # Errors
/// When it cannot be read, is a folder, or is too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(MAX_FILE)).unwrap_or(0));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::FileTooLarge, "too large, or without an end"));
    }
    Ok(bytes)
}
