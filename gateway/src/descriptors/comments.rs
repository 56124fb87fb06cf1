//! What the authors of .proto files wrote about services, methods, messages, fields and enums, as far as source info tells.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// Comments, read from source info file by file as they are asked for.
#[derive(Debug, Default)]
pub struct Comments {
    files: HashMap<String, HashMap<Vec<i32>, String>>,
}

impl Comments {
    /// What stands above, else behind, the thing at this path of a file.
    pub fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<&str> {
        if !self.files.contains_key(file.name()) {
            self.files.insert(file.name().to_owned(), gather(file));
        }
        self.files.get(file.name())?.get(path).map(String::as_str)
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
    let is_for_tools =
        |line: &str| ["buf:", "protolint:", "(--", "@exclude"].iter().any(|mark| line.starts_with(mark));
    let kept: Vec<&str> = lines.filter(|line| !is_for_tools(line)).collect();
    kept.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::clean;

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
}
