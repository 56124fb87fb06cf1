//! A bounded run without libFuzzer: the committed corpus, and mutations of it that are the same on every run.

use std::{fs, path::Path};

/// Pieces that parsers look for; a mutation that puts one in goes further than a random byte does.
const TOKENS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"null",
    b"true",
    b"\\u0000",
    b"\\ud83d\\ude00",
    b"\\",
    b"-0",
    b"1e400",
    b"18446744073709551615",
    b"-9223372036854775809",
    b"\"NaN\"",
    b"@type",
    b"\0",
    b"\xff",
    b"\x80\x80\x80\x80\x80",
    b"%2F",
    b"%",
    b"+",
    b"&",
    b"=",
    b".",
    b"/",
    b"**",
    b"*",
    b"{x=**}",
    b":v",
    b"\n",
];

/// Runs `body` on every file of `corpus` and on `mutations` mutated ones; tells the input if it panics.
pub fn run(corpus: &Path, mutations: u32, body: fn(&[u8])) {
    let mut paths: Vec<_> =
        fs::read_dir(corpus).expect("the corpus is there").flatten().map(|file| file.path()).collect();
    paths.sort();
    let seeds: Vec<Vec<u8>> =
        paths.iter().map(|path| fs::read(path).expect("the corpus can be read")).collect();
    assert!(!seeds.is_empty(), "{} is empty", corpus.display());
    for seed in &seeds {
        watched(seed, body);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..mutations {
        let mut input = seeds[round as usize % seeds.len()].clone();
        for _ in 0..=dice.below(4) {
            mutate(&mut input, &seeds, &mut dice);
        }
        watched(&input, body);
    }
}

fn watched(input: &[u8], body: fn(&[u8])) {
    struct Tell<'i>(&'i [u8]);
    impl Drop for Tell<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("the input: b\"{}\"", self.0.escape_ascii());
            }
        }
    }
    let _tell = Tell(input);
    body(input);
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], dice: &mut Dice) {
    let at = dice.below(input.len() + 1);
    match dice.below(7) {
        0 => input.insert(at, dice.next() as u8),
        1 if at < input.len() => drop(input.remove(at)),
        2 if at < input.len() => input[at] ^= 1 << dice.below(8),
        3 => input.truncate(at),
        4 => drop(input.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied())),
        5 => {
            let other = &seeds[dice.below(seeds.len())];
            input.splice(at.., other[dice.below(other.len() + 1)..].iter().copied());
        }
        _ => {
            let end = at + dice.below(input.len() - at + 1);
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
    }
    // Copies of copies would grow without end.
    input.truncate(4096);
}

/// Numbers that look random and are the same on every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}
