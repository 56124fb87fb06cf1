//! The files that a pattern with `*` and `?` names, as `routes.d/*.yaml`.

use std::path::{Component, Path, PathBuf};

/// Whether a path holds a wildcard.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What a pattern names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matches {
    /// The files, by name.
    pub(super) files: Vec<PathBuf>,
    /// The folders that were looked into, and for what: a file added there may match.
    pub(super) folders: Vec<(PathBuf, String)>,
    /// What the pattern leads to and is no file, but may become one.
    pub(super) others: Vec<PathBuf>,
}

/// Finds the files of a pattern. `*` and `?` stand for characters of one name, never for a `/`; names that begin with a
/// dot are matched by patterns that do. A folder that cannot be read holds nothing.
pub(super) fn expand(pattern: &Path) -> Matches {
    let mut matches = Matches::default();
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let name = component.as_os_str().to_string_lossy();
        if !matches!(component, Component::Normal(_)) || !is_pattern(&name) {
            for path in &mut found {
                path.push(component);
            }
            continue;
        }
        let folders = std::mem::take(&mut found);
        for folder in folders {
            found.extend(names(&folder, &name).into_iter().map(|name| folder.join(name)));
            let listed = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            matches.folders.push((listed, name.to_string()));
        }
    }
    (matches.files, matches.others) = found.into_iter().partition(|path| path.is_file());
    matches.files.sort();
    matches
}

/// The names in a folder that fit a pattern for one name.
pub(super) fn names(folder: &Path, pattern: &str) -> Vec<String> {
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(listed) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter(|name| (pattern.starts_with('.') || !name.starts_with('.')) && matches_name(pattern, name))
        .collect()
}

/// Whether a name fits. A `*` gives back what it took only to the last `*`, so the cost is bounded by the product of the
/// lengths.
fn matches_name(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n));
                p += 1;
            }
            Some(c) if *c == '?' || name.get(n) == Some(c) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, taken)) = retry else {
                    return false;
                };
                retry = Some((after_star, taken + 1));
                p = after_star;
                n = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (pattern, name, fits) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("*", "anything", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab_b_a", false),
            ("", "", true),
            ("ä*", "äö", true),
        ] {
            assert_eq!(matches_name(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn files_come_by_name_and_hidden_ones_do_not_come() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.yaml", ".c.yaml", "d.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let matches = expand(&folder.path().join("*.yaml"));
        assert_eq!(matches.files, [folder.path().join("a.yaml"), folder.path().join("b.yaml")]);
        assert_eq!(matches.folders, [(folder.path().to_owned(), "*.yaml".to_owned())]);
        assert_eq!(expand(&folder.path().join("none/*.yaml")).files, Vec::<PathBuf>::new());
        let here = expand(Path::new("Cargo.tom?"));
        assert_eq!(here.files, [PathBuf::from("Cargo.toml")]);
        assert_eq!(
            here.folders,
            [(PathBuf::from("."), "Cargo.tom?".to_owned())],
            "a folder that can be watched"
        );
    }
}
