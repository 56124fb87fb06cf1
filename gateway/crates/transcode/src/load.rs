//! Descriptor sets → a descriptor pool, whatever they contain.
//!
//! prost-reflect resolves names and options, but it takes things for granted that a descriptor set from
//! anywhere need not keep, knows no editions, and names neither source nor symbol in its errors. So every file is
//! read, checked, lowered and ordered here first.

mod builtin;
mod check;
mod editions;
mod imports;
mod raw;
mod symbol;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use prost::Message as _;
use prost_reflect::{DescriptorError, DescriptorPool};

use crate::{LoadError, LoadErrorKind, plan::Overrides};

/// Gathers descriptor sets of several sources.
#[derive(Debug, Default)]
pub(crate) struct Loader {
    sources: Vec<String>,
    files: Vec<Loaded>,
    names: HashMap<String, usize>,
}

#[derive(Debug)]
struct Loaded {
    file: raw::File,
    /// As it came, to know it again quickly.
    bytes: Vec<u8>,
    /// Index into the sources; `None` for what is built in.
    source: Option<usize>,
}

impl Loaded {
    fn name(&self) -> &str {
        self.file.name.as_deref().unwrap_or_default()
    }
}

impl Loader {
    /// Adds the files of a set.
    pub(crate) fn add(&mut self, source: &str, set: &[u8]) -> Result<(), LoadError> {
        let index = self.sources.len();
        self.sources.push(source.to_owned());
        let malformed = |error: prost::DecodeError| LoadErrorKind::Malformed(error.to_string());
        let set = raw::FileSet::decode(set)
            .map_err(|error| self.error(Some(index), None, None, malformed(error)))?;
        for bytes in set.file {
            let file = raw::File::decode(&*bytes).map_err(|error| {
                // The name comes first, so it can often be read even if the rest cannot.
                self.error(Some(index), name_of(&bytes), None, malformed(error))
            })?;
            self.add_file(index, file, bytes)?;
        }
        Ok(())
    }

    fn add_file(&mut self, source: usize, file: raw::File, bytes: Vec<u8>) -> Result<(), LoadError> {
        let Some(name) = file.name.clone().filter(|name| !name.is_empty()) else {
            let kind = LoadErrorKind::Invalid("holds a file without a name".to_owned());
            return Err(self.error(Some(source), None, None, kind));
        };
        if let Some(earlier) = self.names.get(&name).and_then(|index| self.files.get(*index)) {
            // The compilers' own copies of the well-known types differ from version to version in what does not matter.
            if earlier.bytes == bytes
                || name.starts_with("google/protobuf/")
                || imports::same(&earlier.file, &file)
            {
                return Ok(());
            }
            let other =
                earlier.source.and_then(|source| self.sources.get(source)).filter(|other| !other.is_empty());
            let other = other.cloned().unwrap_or_else(|| "another source".to_owned());
            return Err(self.error(Some(source), Some(name), None, LoadErrorKind::Conflict(other)));
        }
        check::check(&file).map_err(|(symbol, what)| {
            self.error(Some(source), Some(name.clone()), Some(symbol), LoadErrorKind::Invalid(what))
        })?;
        self.names.insert(name, self.files.len());
        self.files.push(Loaded { file, bytes, source: Some(source) });
        Ok(())
    }

    /// Resolves everything.
    pub(crate) fn finish(mut self) -> Result<(DescriptorPool, Overrides), LoadError> {
        self.add_builtins();
        imports::resolve(&mut self.files, &self.names)
            .map_err(|(file, kind)| self.file_error(file, None, kind))?;
        let mut overrides = Overrides::default();
        let mut set = raw::FileSet::default();
        for index in 0..self.files.len() {
            let Some(loaded) = self.files.get_mut(index) else { break };
            let lowered =
                editions::dialect(&loaded.file).map_err(LoadErrorKind::Edition).and_then(|dialect| {
                    editions::lower(&mut loaded.file, dialect, &mut overrides)
                        .map_err(|error| LoadErrorKind::Malformed(format!("bad options: {error}")))
                });
            let bytes = loaded.file.encode_to_vec();
            lowered.map_err(|kind| self.file_error(index, None, kind))?;
            set.file.push(bytes);
        }
        let pool = self.build(&set.encode_to_vec())?;
        Ok((pool, overrides))
    }

    /// Adds what no source has, unless its names are taken.
    fn add_builtins(&mut self) {
        let mut taken: std::collections::HashSet<String> =
            self.files.iter().flat_map(|loaded| imports::symbols(&loaded.file)).collect();
        for file in builtin::files() {
            let symbols = imports::symbols(&file);
            let Some(name) = file.name.clone() else { continue };
            let is_new =
                !self.names.contains_key(&name) && !symbols.iter().any(|symbol| taken.contains(symbol));
            if is_new && file.dependency.iter().all(|import| self.names.contains_key(import)) {
                taken.extend(symbols);
                self.names.insert(name, self.files.len());
                self.files.push(Loaded { file, bytes: Vec::new(), source: None });
            }
        }
    }

    fn build(&self, set: &[u8]) -> Result<DescriptorPool, LoadError> {
        // All that is known to make it panic is checked before. A descriptor set must not take the process down
        // even so, and nothing of what panicked is used afterwards.
        match catch_unwind(AssertUnwindSafe(|| DescriptorPool::decode(set))) {
            Ok(Ok(pool)) => Ok(pool),
            Ok(Err(error)) => Err(self.pool_error(&error)),
            Err(_) => {
                let kind = LoadErrorKind::Invalid("the descriptors contradict themselves".to_owned());
                Err(self.error(None, None, None, kind))
            }
        }
    }

    /// An error of prost-reflect's, with our names to it.
    fn pool_error(&self, error: &DescriptorError) -> LoadError {
        let kind = LoadErrorKind::Invalid(error.to_string());
        let Some(index) = error.file().and_then(|file| self.names.get(file)).copied() else {
            return self.error(None, error.file().map(ToOwned::to_owned), None, kind);
        };
        let file = self.files.get(index).map(|loaded| &loaded.file);
        let symbol = file.zip(error.path()).and_then(|(file, path)| symbol::at(file, path));
        self.file_error(index, symbol, kind)
    }

    fn file_error(&self, file: usize, symbol: Option<String>, kind: LoadErrorKind) -> LoadError {
        let loaded = self.files.get(file);
        self.error(
            loaded.and_then(|loaded| loaded.source),
            loaded.map(|loaded| loaded.name().to_owned()),
            symbol,
            kind,
        )
    }

    fn error(
        &self,
        source: Option<usize>,
        file: Option<String>,
        symbol: Option<String>,
        kind: LoadErrorKind,
    ) -> LoadError {
        let source = source.and_then(|source| self.sources.get(source)).filter(|source| !source.is_empty());
        LoadError { source: source.cloned(), file, symbol, kind }
    }
}

/// Whether two serialized files are taken for one: they declare the same, comments and options for code generators aside.
#[must_use]
pub fn same_file(one: &[u8], other: &[u8]) -> bool {
    match (raw::File::decode(one), raw::File::decode(other)) {
        (Ok(one), Ok(other)) => imports::same(&one, &other),
        _ => false,
    }
}

/// The name of a file that as a whole cannot be read.
fn name_of(bytes: &[u8]) -> Option<String> {
    let (&0x0a, rest) = bytes.split_first()? else { return None };
    let (len, rest) = rest.split_first()?;
    let name = rest.get(..*len as usize).filter(|_| *len < 0x80)?;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
mod tests;
