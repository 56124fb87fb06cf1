//! The name that somebody meant.

/// Names longer than this are compared no further: nobody mistypes a hundred characters.
const LONGEST: usize = 64;

/// The name nearest to `wrong`, if one is so near that it was probably meant.
pub(crate) fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = Folded::new(wrong).filter(|wrong| wrong.length > 0)?;
    let limit = (wrong.letters().len() / 3).max(1);
    let near = names.filter_map(|name| Some((distance(&wrong, &Folded::new(name)?, limit)?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A name without case and underscores, which is what camelCase and snake_case differ in.
struct Folded {
    letters: [u8; LONGEST],
    length: usize,
}

impl Folded {
    fn new(name: &str) -> Option<Self> {
        let mut folded = Self { letters: [0; LONGEST], length: 0 };
        for letter in name.bytes().filter(|byte| *byte != b'_') {
            *folded.letters.get_mut(folded.length)? = letter.to_ascii_lowercase();
            folded.length += 1;
        }
        Some(folded)
    }

    fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or_default()
    }
}

/// The edits (insert, remove, replace, swap neighbours) between two names, up to `limit`.
fn distance(a: &Folded, b: &Folded, limit: usize) -> Option<usize> {
    let (a, b) = (a.letters(), b.letters());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    // Three rows of the edit matrix: the one being filled and the two above, for swaps.
    let (mut above, mut last, mut row) = ([0; LONGEST + 1], [0; LONGEST + 1], [0; LONGEST + 1]);
    for (index, cell) in last.iter_mut().enumerate() {
        *cell = index;
    }
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(LONGEST);
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut least = left;
        row[0] = left;
        for (j, y) in b.iter().enumerate() {
            let mut best = (at(&last, j) + usize::from(x != y)).min(at(&last, j + 1) + 1).min(left + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&above, j - 1) + 1);
            }
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
            (left, least) = (best, least.min(best));
        }
        // What has gone too far in every place comes back in none, but for a swap, which looks two rows up.
        if least > limit + 1 {
            return None;
        }
        (above, last, row) = (last, row, above);
    }
    Some(at(&last, b.len())).filter(|distance| *distance <= limit)
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
