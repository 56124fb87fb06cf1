//! What the .proto files say about services, methods, messages, fields and enums, read from the source info.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// Comments of files, gathered file by file as they are asked for.
#[derive(Debug, Default)]
pub(super) struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// The comment of what stands at this path of a file.
    pub(super) fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        if !self.files.contains_key(file.name()) {
            self.files.insert(file.name().to_owned(), gather(file));
        }
        self.files.get(file.name())?.get(path).cloned()
    }
}

fn gather(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = info.map_or(&[][..], |info| &info.location);
    let comments = locations.iter().filter_map(|location| {
        let text = location.leading_comments.as_deref().map(clean).filter(|text| !text.is_empty());
        let text = text.or_else(|| location.trailing_comments.as_deref().map(clean))?;
        (!text.is_empty()).then(|| (location.path.clone(), text))
    });
    comments.collect()
}

/// The comment without the space after `//`, the stars of a block, and what is meant for tools.
fn clean(comment: &str) -> String {
    let lines = comment.lines().map(|line| {
        let line = line.trim();
        line.strip_prefix("* ").unwrap_or(if line == "*" { "" } else { line })
    });
    let is_for_tools = |line: &str| {
        ["buf:lint:", "protolint:", "(-- ", "@exclude"].iter().any(|mark| line.starts_with(mark))
    };
    let kept: Vec<&str> = lines.filter(|line| !is_for_tools(line)).collect();
    kept.join("\n").trim().to_owned()
}

/// The first sentence, in one line, without its full stop.
pub(super) fn summary(comment: &str) -> String {
    let paragraph = comment.split("\n\n").next().unwrap_or(comment).replace('\n', " ");
    let end = paragraph.find(". ").unwrap_or(paragraph.len());
    paragraph.get(..end).unwrap_or(&paragraph).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{clean, summary};

    #[test]
    fn comments_lose_what_is_no_text() {
        for (comment, expected) in [
            (" One line.\n", "One line."),
            (" One.\n Two.\n\n Three.\n", "One.\nTwo.\n\nThree."),
            ("*\n * A block.\n * Of two.\n ", "A block.\nOf two."),
            (" buf:lint:ignore X\n Said.\n", "Said."),
            ("", ""),
        ] {
            assert_eq!(clean(comment), expected);
        }
    }

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
