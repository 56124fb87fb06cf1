//! Reads `--name value` pairs.

use std::{collections::HashMap, fmt::Display, str::FromStr};

use anyhow::{Context, Result, anyhow};

/// The flags of a command line, by name without the dashes.
pub struct Flags(HashMap<String, String>);

impl Flags {
    /// Takes the words after the subcommand; each flag has exactly one value.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut flags = HashMap::new();
        while let Some(word) = words.next() {
            let name = word.strip_prefix("--").with_context(|| format!("`{word}` is not a flag"))?;
            let value = words.next().with_context(|| format!("--{name} has no value"))?;
            flags.insert(name.to_owned(), value);
        }
        Ok(Self(flags))
    }

    /// The value of a flag that must be there.
    pub fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        self.optional(name)?.with_context(|| format!("--{name} is missing"))
    }

    /// The value of a flag, or none if it is not there.
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error| anyhow!("--{name} {text}: {error}"))
    }
}
