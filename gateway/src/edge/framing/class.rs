//! Which bytes a head may hold where: one look into a table says it for each of them.

/// `tchar` of RFC 9110 section 5.6.2: methods and names of fields.
pub(super) const TOKEN: u8 = 1;
/// Everything but blanks and controls: request targets.
pub(super) const VISIBLE: u8 = 2;
/// Of these, what every URI may hold.
pub(super) const PLAIN: u8 = 4;
/// Everything but controls: values of fields.
const TEXT: u8 = 8;

/// The classes of each byte.
const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = classes(byte);
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    table
};

const fn classes(byte: u8) -> u8 {
    let is_token = byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
    let is_visible = byte > b' ' && byte != 0x7f;
    let is_plain = is_visible
        && byte < 0x7f
        && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'#');
    member(TOKEN, is_token)
        | member(VISIBLE, is_visible)
        | member(PLAIN, is_plain)
        | member(TEXT, is_text_byte(byte))
}

const fn member(class: u8, is_member: bool) -> u8 {
    if is_member { class } else { 0 }
}

pub(super) const fn is_text_byte(byte: u8) -> bool {
    (byte >= b' ' && byte != 0x7f) || byte == b'\t'
}

const fn of(byte: u8) -> u8 {
    CLASSES[byte as usize]
}

/// The classes that all of these bytes are in.
pub(super) fn common(bytes: &[u8]) -> u8 {
    bytes.iter().fold(u8::MAX, |common, byte| common & of(*byte))
}

/// How many bytes of a token they begin with.
pub(super) fn token(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| of(*byte) & TOKEN == 0).unwrap_or(bytes.len())
}

/// Whether a field may have this value. Long ones are looked at in blocks, which the compiler does at once.
pub(super) fn is_text(value: &[u8]) -> bool {
    let (blocks, rest) = value.as_chunks::<16>();
    blocks.iter().all(|block| block.iter().fold(true, |fine, byte| fine & is_text_byte(*byte)))
        && common(rest) & TEXT != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_where_the_rfcs_have_it() {
        for byte in 0..=255_u8 {
            let visible = byte > 0x20 && byte != 0x7f;
            let uri = byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%[]".contains(&byte);
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let has = |class| common(&[byte]) & class != 0;
            assert_eq!((has(VISIBLE), has(PLAIN), has(TOKEN)), (visible, uri, token), "{byte:#04x}");
            assert_eq!(has(TEXT), visible || byte == b' ' || byte == b'\t', "{byte:#04x}");
        }
    }

    #[test]
    fn one_byte_anywhere_spoils_a_value() {
        for length in [1, 15, 16, 17, 32, 33] {
            for at in 0..length {
                for (byte, fine) in [
                    (0, false),
                    (b'\r', false),
                    (b'\n', false),
                    (0x1f, false),
                    (0x7f, false),
                    (b'\t', true),
                    (b' ', true),
                    (0x80, true),
                    (0xff, true),
                ] {
                    let mut value = vec![b'a'; length];
                    value[at] = byte;
                    assert_eq!(is_text(&value), fine, "{byte:#04x} at {at} of {length}");
                }
            }
        }
        assert!(is_text(b""));
    }
}
