//! The tools of the benchmark, one subcommand each; `bench/run.py` starts them.

mod flags;
mod floor;
mod frame;
mod load;
mod shop;
mod upstream;

use std::{env, fs, path::PathBuf};

use anyhow::{Result, bail};
use flags::Flags;

const USAGE: &str = "usage: bench-tools descriptors|upstream|floor|load --flag value ...";

fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let tool = words.next().unwrap_or_default();
    let flags = Flags::parse(words)?;
    match tool.as_str() {
        "descriptors" => fs::write(flags.required::<PathBuf>("out")?, shop::DESCRIPTORS).map_err(Into::into),
        "upstream" => upstream::run(&flags),
        "floor" => floor::run(&flags),
        "load" => load::run(&flags),
        _ => bail!(USAGE),
    }
}
