//! Bytes as lower-case hexadecimal digits: for ids, which every request has, and for which `core::fmt` costs too much.

/// Two digits a byte; `as_flattened` makes one text of them.
pub(super) fn digits<const N: usize>(bytes: [u8; N]) -> [[u8; 2]; N] {
    bytes.map(|byte| DIGITS[usize::from(byte)])
}

const DIGITS: [[u8; 2]; 256] = {
    let mut digits = [[0; 2]; 256];
    let mut byte = 0_u8;
    loop {
        digits[byte as usize] = [digit(byte >> 4), digit(byte & 15)];
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    digits
};

const fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for value in [0, 0x0123_4567_89ab_cdef_u64, u64::MAX] {
            assert_eq!(digits(value.to_be_bytes()).as_flattened(), format!("{value:016x}").as_bytes());
        }
    }
}
