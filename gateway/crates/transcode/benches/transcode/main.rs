//! Ours beside code generated for the same messages, and beside prost-reflect: speed and allocations, both ways.
//!
//! `cargo bench -p transcode`, with a part of a shape's name to measure only that. All three are measured in turns, round
//! after round, and the best round of each counts: what else the machine does then touches all alike. MB/s are of JSON
//! text, both ways. *ours ÷ generated* and *ours ÷ reflect* are how many times faster ours is.
//!
//! `cargo bench -p transcode -- SHAPE --repeat encode 100` (or `decode`) does nothing but call ours so many times: for a
//! profiler, and for counting instructions, which other work on the machine does not touch:
//! `valgrind --tool=callgrind --toggle-collect='*over_and_over*'` in front of the program that `cargo bench --no-run` names.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)] // a program for people, run by hand

mod alloc;
mod mapping;
mod samples;
mod shapes;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use serde::{Serialize, de::DeserializeOwned};
use transcode::{DecodeOptions, EncodeOptions, Message, Schema};

/// How long one round of one candidate takes, and how many rounds there are: short enough that some fall between the
/// time slices of whatever else runs, and many.
const ROUND: Duration = Duration::from_millis(1);
const ROUNDS: usize = 300;

fn main() {
    let (filter, repeat) = arguments();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/transcode");
    let set = protox::compile(["shapes.proto"], [folder]).unwrap().encode_to_vec();
    let schema = Schema::load(&[&set]).unwrap();
    let bench = Bench { schema, filter, repeat };
    if bench.repeat.is_none() {
        headings();
    }
    bench.shape("small", "bench.User", &samples::user());
    bench.shape("medium", "bench.Order", &samples::order(20));
    bench.shape("large", "bench.Order", &samples::order(2_000));
    bench.shape("string-heavy", "bench.Texts", &samples::texts());
    bench.shape("number-heavy", "bench.Numbers", &samples::numbers());
    bench.shape("deeply nested", "bench.Nested", &samples::nested());
    bench.shape("map-heavy", "bench.Maps", &samples::maps());
    bench.shape("base64-heavy", "bench.Blobs", &samples::blobs());
}

/// The part of a shape's name that is asked for, and what to repeat, if it is not to be measured.
fn arguments() -> (String, Option<Repeat>) {
    let mut arguments = std::env::args().skip(1);
    let (mut filter, mut repeat) = (String::new(), None);
    while let Some(argument) = arguments.next() {
        if argument == "--repeat" {
            let direction = arguments.next().expect("--repeat takes a direction and a count");
            let count =
                arguments.next().and_then(|count| count.parse().ok()).expect("--repeat takes a count");
            repeat = Some(Repeat { encode: direction == "encode", count });
        } else if !argument.starts_with('-') {
            filter = argument;
        }
    }
    (filter, repeat)
}

fn headings() {
    println!(
        "{:<14} {:>8} {:>8}  {:<13} {:>15} {:>15} {:>15} {:>11} {:>9}",
        "", "", "", "", "ours", "generated", "reflect", "ours ÷", "ours ÷"
    );
    println!(
        "{:<14} {:>8} {:>8}  {:<13} {:>8} {:>6} {:>8} {:>6} {:>8} {:>6} {:>11} {:>9}",
        "shape",
        "JSON B",
        "wire B",
        "direction",
        "MB/s",
        "alloc",
        "MB/s",
        "alloc",
        "MB/s",
        "alloc",
        "generated",
        "reflect"
    );
}

struct Bench {
    schema: std::sync::Arc<Schema>,
    filter: String,
    repeat: Option<Repeat>,
}

/// Calls of ours alone.
struct Repeat {
    encode: bool,
    count: u32,
}

impl Bench {
    /// Measures one message both ways.
    fn shape<T>(&self, name: &str, message: &str, value: &T)
    where
        T: prost::Message + Default + PartialEq + Serialize + DeserializeOwned,
    {
        if !name.contains(&self.filter) {
            return;
        }
        let message = self.schema.message(message).expect("the messages are in shapes.proto");
        let wire = value.encode_to_vec();
        let json = serde_json::to_vec(value).unwrap();
        agree(&message, value, &wire, &json);
        if let Some(repeat) = &self.repeat {
            let mut out = Vec::new();
            match repeat.encode {
                true => over_and_over(repeat.count, || encode(&message, &json, &mut out)),
                false => over_and_over(repeat.count, || decode(&message, &wire, &mut out)),
            }
            return;
        }

        let mut out = Vec::new();
        let ours = || encode(&message, &json, &mut out);
        let mut out = Vec::new();
        let generated = || {
            out.clear();
            serde_json::from_slice::<T>(&json).unwrap().encode(&mut out).unwrap();
            black_box(&out);
        };
        let mut out = Vec::new();
        let reflect = || {
            out.clear();
            reflect_from_json(message.descriptor(), &json).encode(&mut out).unwrap();
            black_box(&out);
        };
        line(name, &json, &wire, "JSON → wire", measure(ours, generated, reflect));

        let mut out = Vec::new();
        let ours = || decode(&message, &wire, &mut out);
        let mut out = Vec::new();
        let generated = || {
            out.clear();
            serde_json::to_writer(&mut out, &T::decode(wire.as_slice()).unwrap()).unwrap();
            black_box(&out);
        };
        let mut out = Vec::new();
        let reflect = || {
            out.clear();
            let value = DynamicMessage::decode(message.descriptor().clone(), wire.as_slice()).unwrap();
            let mut serializer = serde_json::Serializer::new(&mut out);
            value.serialize_with_options(&mut serializer, &SerializeOptions::new()).unwrap();
            black_box(&out);
        };
        line("", &json, &wire, "wire → JSON", measure(ours, generated, reflect));
    }
}

/// A function of its own, so that tools can tell these calls from what prepares them.
#[inline(never)]
fn over_and_over(count: u32, mut call: impl FnMut()) {
    for _ in 0..count {
        call();
    }
}

fn encode(message: &Message, json: &[u8], out: &mut Vec<u8>) {
    out.clear();
    message.encode(json, &EncodeOptions::default(), out).unwrap();
    black_box(out);
}

fn decode(message: &Message, wire: &[u8], out: &mut Vec<u8>) {
    out.clear();
    message.decode(wire, &DecodeOptions::default(), out).unwrap();
    black_box(out);
}

fn reflect_from_json(descriptor: &MessageDescriptor, json: &[u8]) -> DynamicMessage {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let options = DeserializeOptions::new();
    DynamicMessage::deserialize_with_options(descriptor.clone(), &mut deserializer, &options).unwrap()
}

/// Nobody is fast by being wrong: all three must read the same from the same bytes.
fn agree<T>(message: &Message, value: &T, wire: &[u8], json: &[u8])
where
    T: prost::Message + Default + PartialEq + DeserializeOwned,
{
    let mut out = Vec::new();
    encode(message, json, &mut out);
    assert!(T::decode(out.as_slice()).unwrap() == *value, "JSON → wire");
    decode(message, wire, &mut out);
    assert!(serde_json::from_slice::<T>(&out).unwrap() == *value, "wire → JSON");
    let reflected = reflect_from_json(message.descriptor(), json).encode_to_vec();
    assert!(T::decode(reflected.as_slice()).unwrap() == *value, "prost-reflect");
}

/// The best time of one call, and how many allocations it makes.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    allocations: u64,
}

fn measure(mut ours: impl FnMut(), mut generated: impl FnMut(), mut reflect: impl FnMut()) -> [Cost; 3] {
    let mut candidates: [&mut dyn FnMut(); 3] = [&mut ours, &mut generated, &mut reflect];
    let mut costs = [Cost { seconds: f64::MAX, allocations: 0 }; 3];
    let mut calls = [0_u32; 3];
    for ((candidate, cost), calls) in candidates.iter_mut().zip(&mut costs).zip(&mut calls) {
        candidate(); // plans are compiled and buffers grown on first use
        let before = alloc::calls();
        candidate();
        cost.allocations = alloc::calls() - before;
        let start = Instant::now();
        while *calls == 0 || start.elapsed() < ROUND {
            candidate();
            *calls += 1;
        }
    }
    for _ in 0..ROUNDS {
        for ((candidate, cost), calls) in candidates.iter_mut().zip(&mut costs).zip(&calls) {
            let start = Instant::now();
            for _ in 0..*calls {
                candidate();
            }
            cost.seconds = cost.seconds.min(start.elapsed().as_secs_f64() / f64::from(*calls));
        }
    }
    costs
}

fn line(name: &str, json: &[u8], wire: &[u8], direction: &str, [ours, generated, reflect]: [Cost; 3]) {
    let speed = |cost: Cost| json.len() as f64 / cost.seconds / 1e6;
    println!(
        "{name:<14} {:>8} {:>8}  {direction:<13} {:>8.0} {:>6} {:>8.0} {:>6} {:>8.0} {:>6} {:>10.1}× {:>8.1}×",
        json.len(),
        wire.len(),
        speed(ours),
        ours.allocations,
        speed(generated),
        generated.allocations,
        speed(reflect),
        reflect.allocations,
        generated.seconds / ours.seconds,
        reflect.seconds / ours.seconds,
    );
}
