//! Comments in one line.

/// The first sentence, in one line, without its full stop.
pub(super) fn summary(comment: &str) -> String {
    let paragraph = comment.split("\n\n").next().unwrap_or(comment).replace('\n', " ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph.get(..end).unwrap_or(&paragraph).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn the_summary_is_the_first_sentence() {
        for (comment, expected) in [
            ("Returns one user, or NOT_FOUND.", "Returns one user, or NOT_FOUND"),
            ("Registers a\nuser. More.", "Registers a user"),
            ("Version 1.2 of it\n\nMore.", "Version 1.2 of it"),
        ] {
            assert_eq!(summary(comment), expected);
        }
    }
}
