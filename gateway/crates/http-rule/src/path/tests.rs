//! Splitting, and cutting verbs off and putting them back.

use super::*;

fn texts(segments: &Segments<'_>) -> Vec<String> {
    (0..segments.len()).map(|index| segments.text(index).to_owned()).collect()
}

#[test]
fn segments() {
    for (path, expected) in [
        ("/", &[][..]),
        ("/a", &["a"]),
        ("/a/", &["a", ""]),
        ("//", &["", ""]),
        ("//a", &["", "a"]),
        ("/a/b%2fc/%41", &["a", "b%2Fc", "A"]),
    ] {
        assert_eq!(texts(&Segments::split(path).unwrap().unwrap()), expected, "{path}");
    }
    assert!(Segments::split("a/b").unwrap().is_none());
    assert!(Segments::split("").unwrap().is_none());
}

#[test]
fn a_verb_is_cut_off_and_put_back() {
    for (path, verb, stem) in [
        ("/a/b:c", "c", &["a", "b"][..]),
        ("/a/b:c:d", "d", &["a", "b:c"]),
        ("/a/:c", "c", &["a", ""]),
        ("/:c", "c", &[]),
        ("//:c", "c", &["", ""]),
        ("/%41%3a:%63", "c", &["A%3A"]),
        ("/a:%63", "c", &["a"]),
    ] {
        let mut segments = Segments::split(path).unwrap().unwrap();
        let before = texts(&segments);
        assert_eq!(segments.verb(), Some(verb), "{path}");
        let cut = segments.cut_verb().unwrap();
        assert_eq!(texts(&segments), stem, "{path}");
        segments.restore(cut);
        assert_eq!(texts(&segments), before, "{path}");
        assert_eq!(segments.written(0, segments.len()), &path[1..], "{path}");
    }
}

#[test]
fn what_is_no_verb() {
    for path in ["/", "/a", "/a:b/c", "/a:b/", "/a:", "/a%3Ab"] {
        assert_eq!(Segments::split(path).unwrap().unwrap().verb(), None, "{path}");
    }
    for path in ["/a/.:c", "/a/%2e.:c"] {
        let mut segments = Segments::split(path).unwrap().unwrap();
        assert!(segments.cut_verb().is_none(), "{path}: would leave a dot segment");
        assert_eq!(segments.len(), 2);
    }
}
