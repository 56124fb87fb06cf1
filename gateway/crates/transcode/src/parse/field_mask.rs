//! `a,b.cD` → the paths `a` and `b.c_d`.

/// Appends the proto name of each path, by way of `emit`; `false` if one is not a path.
///
/// JSON writes names in lowerCamelCase: a capital letter stands for `_` and the small one. With
/// `snake` the names may also be proto names already (in a query, people write those).
pub(crate) fn parse(text: &[u8], snake: bool, mut emit: impl FnMut(&[u8])) -> bool {
    if text.is_empty() {
        return true;
    }
    let mut path = Vec::new();
    for written in text.split(|byte| *byte == b',') {
        path.clear();
        if !to_proto_names(written, snake, &mut path) {
            return false;
        }
        emit(&path);
    }
    true
}

fn to_proto_names(written: &[u8], snake: bool, path: &mut Vec<u8>) -> bool {
    let (mut at_name, mut at_star) = (true, false);
    for byte in written {
        match byte {
            _ if at_star && *byte != b'.' => return false,
            // Not a name, but what services take for "all of them".
            b'*' if at_name => path.push(b'*'),
            b'.' if !at_name => {
                path.push(b'.');
                (at_name, at_star) = (true, false);
                continue;
            }
            b'A'..=b'Z' => path.extend_from_slice(&[b'_', byte.to_ascii_lowercase()]),
            b'a'..=b'z' => path.push(*byte),
            b'0'..=b'9' if !at_name => path.push(*byte),
            b'_' if snake => path.push(b'_'),
            _ => return false,
        }
        (at_name, at_star) = (false, *byte == b'*');
    }
    !at_name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str, snake: bool) -> Option<Vec<String>> {
        let mut paths = Vec::new();
        parse(text.as_bytes(), snake, |path| paths.push(String::from_utf8(path.to_vec()).unwrap()))
            .then_some(paths)
    }

    #[test]
    fn camel_case_becomes_snake_case() {
        let some = |paths: &[&str]| Some(paths.iter().map(ToString::to_string).collect::<Vec<_>>());
        for (text, expected) in [
            ("", some(&[])),
            ("a", some(&["a"])),
            ("fooBar,baz.quxQuux", some(&["foo_bar", "baz.qux_quux"])),
            ("a1.b2", some(&["a1", "b2"]).map(|_| vec!["a1.b2".to_owned()])),
            ("Foo", some(&["_foo"])),
            ("a,", None),
            (",", None),
            ("a..b", None),
            (".a", None),
            ("a.", None),
            ("a b", None),
            ("a, b", None),
            ("a_b", None),
            ("a-b", None),
            ("é", None),
            ("*", some(&["*"])),
            ("a.*,b", some(&["a.*", "b"])),
            ("a*", None),
            ("*a", None),
            ("**", None),
        ] {
            assert_eq!(paths(text, false), expected, "{text}");
        }
        assert_eq!(paths("foo_bar.bazQux", true), some(&["foo_bar.baz_qux"]));
    }
}
