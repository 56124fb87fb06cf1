//! Files read whole, and no further than anybody would write one; nothing else is opened.

use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Longer than any file that a configuration names; some of the system have no end.
const MAX_FILE: u64 = 256 << 20;

/// Where the kernel shows its own state as files.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// The content of a file.
///
/// # Errors
/// When it cannot be read, is no file, or is too large.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    check_file(path)?;
    let file = std::fs::File::open(path)?;
    let meta = file.metadata()?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len().min(MAX_FILE)).unwrap_or(0));
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::FileTooLarge, "too large, or without an end"));
    }
    Ok(bytes)
}

/// The content of a text file.
///
/// # Errors
/// When it cannot be read, is no file, is too large, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read_file(path)?).map_err(|error| Error::new(ErrorKind::InvalidData, error))
}

/// That what a path leads to is a file. Of all else, opening a pipe would wait for somebody to write into it, and
/// reading a device for whatever it is.
///
/// # Errors
/// When it is not there, is a folder, or neither a file nor a folder.
pub(super) fn check_file(path: &Path) -> Result<()> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "neither a file nor a folder"));
    }
    // Files of the kernel look like others, but reading one may never end, or may change something.
    let target = path.canonicalize()?;
    if KERNEL.iter().any(|folder| target.starts_with(folder)) {
        return Err(Error::new(ErrorKind::InvalidInput, "a file of the kernel, not one of a disk"));
    }
    Ok(())
}
