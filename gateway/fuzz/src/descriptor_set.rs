//! Descriptor sets of any content: they load or are refused, and what loads can be used.

use transcode::{DecodeOptions, EncodeOptions, Schema};

/// The bytes are a descriptor set.
pub fn run(data: &[u8]) {
    let schema = match Schema::load(&[data]) {
        Ok(schema) => schema,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let names: Vec<String> =
        schema.pool().all_messages().map(|message| message.full_name().to_owned()).collect();
    for name in names {
        let message = schema.message(&name).expect("every message of the pool has a plan");
        let mut out = Vec::new();
        let _ = message.encode(b"{}", &EncodeOptions::default(), &mut out);
        let mut json = Vec::new();
        let _ = message.decode(
            &out,
            &DecodeOptions { unset: transcode::Unset::Print, ..Default::default() },
            &mut json,
        );
    }
}
