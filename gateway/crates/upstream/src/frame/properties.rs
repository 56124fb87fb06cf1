//! What holds of any bytes: how they are cut into chunks makes no difference, and nothing larger than the limit comes out.

use std::io::Write;

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 300;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A message in its frame, mostly a right one.
fn framed() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        (0usize..400).prop_map(|length| vec![7; length]),
    ];
    let flags = prop_oneof![6 => Just(0u8), 3 => Just(1), 1 => any::<u8>()];
    (message, flags, prop::option::weighted(0.1, any::<u8>())).prop_map(|(message, flags, length)| {
        let message = if flags == 1 && message.len() % 5 > 0 { gzip(&message) } else { message };
        let mut out = frame(&message).to_vec();
        out[0] = flags;
        out[PREFIX - 1] = length.unwrap_or(out[PREFIX - 1]);
        out
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    prop_oneof![2 => Just(Encoding::Gzip), 1 => Just(Encoding::Identity), 1 => Just(Encoding::Other("br".into()))]
}

/// The messages up to the end or the first mistake, and which it is.
fn read(chunks: &[&[u8]], encoding: &Encoding) -> (Vec<Bytes>, Result<bool, CallError>) {
    let mut messages = Messages::new(encoding.clone(), LIMIT);
    let mut all = Vec::new();
    for chunk in chunks {
        messages.push(Bytes::copy_from_slice(chunk));
        loop {
            match messages.next() {
                Ok(Some(message)) => all.push(message),
                Ok(None) => break,
                Err(error) => return (all, Err(error)),
            }
        }
    }
    (all, Ok(messages.is_between_messages()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn how_a_stream_is_cut_makes_no_difference(
        frames in prop::collection::vec(framed(), 0..6),
        end in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        encoding in encoding(),
    ) {
        let mut wire = frames.concat();
        // Most streams are whole.
        let end = end.index(wire.len() * 4 + 1);
        wire.truncate(end);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let bounds: Vec<usize> = std::iter::once(0).chain(cuts).chain([wire.len()]).collect();
        let chunks: Vec<&[u8]> = bounds.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
        let whole = read(&[&wire], &encoding);
        prop_assert!(whole.0.iter().all(|message| message.len() <= LIMIT));
        prop_assert_eq!(read(&chunks, &encoding), whole);
    }

    #[test]
    fn what_was_framed_comes_out(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
        let wire: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let (read, end) = read(&[&wire], &Encoding::Identity);
        prop_assert_eq!(end, Ok(true));
        prop_assert_eq!(read, messages);
    }
}
