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

const fn is_text_byte(byte: u8) -> bool {
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
