//! The text forms of values that JSON carries as strings: what a string has to say to be one of them.

pub(crate) mod base64;
pub(crate) mod duration;
pub(crate) mod field_mask;
pub(crate) mod timestamp;

/// Reads one to nine digits of a fraction as nanoseconds; what follows them is returned too.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let len = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if len == 0 || len > 9 {
        return None;
    }
    let (digits, rest) = text.split_at(len);
    let value = digits.iter().fold(0, |all, digit| all * 10 + u32::from(digit - b'0'));
    Some((value * 10u32.pow(9 - len as u32), rest))
}
