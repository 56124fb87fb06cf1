//! The name that somebody meant.

/// Names longer than this are compared no further: nobody mistypes a hundred characters.
const LONGEST: usize = 64;

/// The name nearest to `wrong`, if one is so near that it was probably meant.
pub(crate) fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    if wrong.len() > LONGEST {
        return None;
    }
    let limit = (wrong.chars().count() / 3).max(1);
    let near = names.filter_map(|name| Some((distance(wrong, name, limit)?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// The edits (insert, remove, replace, swap neighbours; case is free) between two names, up to `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b) = (fold(a), fold(b));
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    // Three rows of the edit matrix: the one being filled and the two above, for swaps.
    let mut above: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best = at(&last, j) + usize::from(x != y);
            best = best.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&above, j - 1) + 1);
            }
            row.push(best);
        }
        above = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

/// Case and underscores are what camelCase and snake_case differ in.
fn fold(name: &str) -> Vec<char> {
    name.chars().filter(|character| *character != '_').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["pageSize", "pageToken", "name", "id"];
        let rows = [
            ("page_size", Some("pageSize")),
            ("pagesize", Some("pageSize")),
            ("pageSzie", Some("pageSize")),
            ("pagToken", Some("pageToken")),
            ("nmae", Some("name")),
            ("i", Some("id")),
            ("colour", None),
            ("", None),
        ];
        for (wrong, expected) in rows {
            assert_eq!(nearest(wrong, names.into_iter()), expected, "{wrong}");
        }
        assert_eq!(nearest(&"x".repeat(10_000), names.into_iter()), None);
    }
}
