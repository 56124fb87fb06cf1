//! The testee of the official protobuf conformance runner: our transcoder behind its pipe protocol.
//!
//! `conformance/run.sh` starts the runner, which starts this program and speaks length-prefixed
//! `ConformanceRequest` and `ConformanceResponse` with it. Those two messages are read and written by
//! prost; the payloads go through the transcoder alone.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use prost::Message as _;
use transcode::{DecodeErrorKind, DecodeOptions, EncodeOptions, Message, Schema, Unknown};

/// The messages of the suite, imports included; `tests/data/README.md` says how it was made.
const DESCRIPTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conformance.binpb");

/// `conformance.ConformanceRequest`, the fields that a testee of binary and JSON needs.
#[derive(Clone, PartialEq, prost::Message)]
struct Request {
    #[prost(oneof = "Payload", tags = "1, 2, 7, 8")]
    payload: Option<Payload>,
    #[prost(enumeration = "Format", tag = "3")]
    output: i32,
    #[prost(string, tag = "4")]
    message_type: String,
    #[prost(int32, tag = "5")]
    category: i32,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(bytes, tag = "1")]
    Protobuf(Vec<u8>),
    #[prost(string, tag = "2")]
    Json(String),
    #[prost(string, tag = "7")]
    Jspb(String),
    #[prost(string, tag = "8")]
    Text(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
enum Format {
    Unspecified = 0,
    Protobuf = 1,
    Json = 2,
    Jspb = 3,
    Text = 4,
}

/// `TestCategory.JSON_IGNORE_UNKNOWN_PARSING_TEST`.
const IGNORE_UNKNOWN: i32 = 3;

#[derive(Clone, PartialEq, prost::Message)]
struct Response {
    #[prost(oneof = "Answer", tags = "1, 2, 3, 4, 5, 6")]
    answer: Option<Answer>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Answer {
    #[prost(string, tag = "1")]
    ParseError(String),
    #[prost(string, tag = "2")]
    RuntimeError(String),
    #[prost(bytes, tag = "3")]
    Protobuf(Vec<u8>),
    #[prost(string, tag = "4")]
    Json(String),
    #[prost(string, tag = "5")]
    Skipped(String),
    #[prost(string, tag = "6")]
    SerializeError(String),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = std::fs::read(Path::new(DESCRIPTORS))?;
    let schema = Schema::load(&[&descriptors])?;

    let mut input = io::stdin().lock();
    let mut output = io::stdout().lock();
    while let Some(request) = read_request(&mut input)? {
        let response = Response { answer: Some(answer(&schema, request)) };
        output.write_all(&u32::try_from(response.encoded_len())?.to_le_bytes())?;
        output.write_all(&response.encode_to_vec())?;
        output.flush()?;
    }
    Ok(())
}

/// The next request, or nothing when the runner has closed the pipe.
fn read_request(input: &mut impl Read) -> Result<Option<Request>, Box<dyn std::error::Error>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome?,
    }
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(length))?];
    input.read_exact(&mut bytes)?;
    Ok(Some(Request::decode(bytes.as_slice())?))
}

fn answer(schema: &Arc<Schema>, request: Request) -> Answer {
    // The runner first asks which failures it should expect; that list is a file beside run.sh.
    if request.message_type == "conformance.FailureSet" {
        return Answer::Protobuf(Vec::new());
    }
    let Some(message) = schema.message(&request.message_type) else {
        return Answer::RuntimeError(format!("no message {}", request.message_type));
    };
    let ignore_unknown = request.category == IGNORE_UNKNOWN;
    match (request.payload, Format::try_from(request.output)) {
        (Some(Payload::Json(json)), Ok(Format::Protobuf)) => {
            match encode(&message, json.as_bytes(), ignore_unknown) {
                Ok(wire) => Answer::Protobuf(wire),
                Err(error) => Answer::ParseError(error),
            }
        }
        (Some(Payload::Json(json)), Ok(Format::Json)) => {
            match encode(&message, json.as_bytes(), ignore_unknown) {
                Ok(wire) => decode(&message, &wire),
                Err(error) => Answer::ParseError(error),
            }
        }
        (Some(Payload::Protobuf(wire)), Ok(Format::Json)) => decode(&message, &wire),
        (Some(Payload::Protobuf(_)), Ok(Format::Protobuf)) => {
            Answer::Skipped("binary to binary involves no JSON".into())
        }
        _ => Answer::Skipped("neither binary nor JSON".into()),
    }
}

fn encode(message: &Message, json: &[u8], ignore_unknown: bool) -> Result<Vec<u8>, String> {
    let unknown = if ignore_unknown { Unknown::Ignore } else { Unknown::Reject };
    let options = EncodeOptions { unknown, ..EncodeOptions::default() };
    let mut wire = Vec::new();
    message.encode(json, &options, &mut wire).map_err(|error| error.to_string())?;
    Ok(wire)
}

fn decode(message: &Message, wire: &[u8]) -> Answer {
    let mut json = Vec::new();
    match message.decode(wire, &DecodeOptions::default(), &mut json) {
        Ok(()) => {
            String::from_utf8(json).map_or_else(|error| Answer::RuntimeError(error.to_string()), Answer::Json)
        }
        // One pass reads and prints; the suite tells what it cannot read from what it cannot print.
        Err(error) if matches!(error.kind, DecodeErrorKind::Unprintable(_)) => {
            Answer::SerializeError(error.to_string())
        }
        Err(error) => Answer::ParseError(error.to_string()),
    }
}
