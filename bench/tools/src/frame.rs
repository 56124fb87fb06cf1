//! The five bytes before a gRPC message.

use anyhow::{Result, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

/// Length of the prefix: one flag byte, four bytes of length.
const PREFIX: usize = 5;

/// A message with its prefix, uncompressed.
pub fn encode(message: &impl Message) -> Result<Bytes> {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length)?);
    message.encode(&mut frame)?;
    Ok(frame.freeze())
}

/// The one message in a call's body.
pub fn payload(mut body: Bytes) -> Result<Bytes> {
    ensure!(body.len() >= PREFIX, "a body of {} bytes has no gRPC prefix", body.len());
    ensure!(body.get_u8() == 0, "a compressed message was not asked for");
    let length = body.get_u32();
    ensure!(length as usize == body.len(), "the prefix says {length} bytes, {} came", body.len());
    Ok(body)
}
