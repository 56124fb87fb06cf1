//! What a configuration was read from, so that a change of it can be noticed.

use std::path::{Path, PathBuf};

use super::glob;

/// Something whose change can change what a load comes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watched {
    /// What a file holds, or that it is not there.
    File(PathBuf),
    /// Which names in a folder fit a pattern, whatever stands behind them: a log that grows there is no change.
    Names {
        /// The folder.
        folder: PathBuf,
        /// The pattern, as of an `include`.
        pattern: String,
    },
}

impl Watched {
    /// A file, or all that is in a folder and not hidden. What lies in its folders is to be named by itself.
    pub(super) fn of(path: PathBuf) -> Self {
        if path.is_dir() { Self::Names { folder: path, pattern: "*".to_owned() } } else { Self::File(path) }
    }

    /// The file or folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Names { folder: path, .. } => path,
        }
    }

    /// The names that fit now, sorted; none of a file.
    pub fn names(&self) -> Vec<String> {
        let Self::Names { folder, pattern } = self else { return Vec::new() };
        let mut names = glob::names(folder, pattern);
        names.sort();
        names
    }
}
