//! The literals that a node goes on with.

use crate::hash::NameMap;

/// Up to this many names are compared one by one: most nodes have one or two, and a list of those lies in one piece.
const FEW: usize = 8;

/// Numbers of nodes by name.
#[derive(Debug)]
pub(super) enum Children {
    Few(Vec<(Box<str>, u32)>),
    Many(NameMap<u32>),
}

impl Children {
    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<u32> {
        match self {
            Self::Few(list) => list.iter().find(|(own, _)| **own == *name).map(|(_, node)| *node),
            Self::Many(map) => map.get(name).copied(),
        }
    }

    /// Adds a name that is not there yet.
    pub(super) fn insert(&mut self, name: &str, node: u32) {
        match self {
            Self::Few(list) if list.len() < FEW => list.push((name.into(), node)),
            Self::Few(list) => {
                let mut map: NameMap<u32> = list.drain(..).collect();
                map.insert(name.into(), node);
                *self = Self::Many(map);
            }
            Self::Many(map) => {
                map.insert(name.into(), node);
            }
        }
    }
}

impl Default for Children {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_become_many() {
        let mut children = Children::default();
        for n in 0..100 {
            assert_eq!(children.get(&format!("name{n}")), None);
            children.insert(&format!("name{n}"), n);
            assert!((0..=n).all(|n| children.get(&format!("name{n}")) == Some(n)));
        }
        assert!(matches!(children, Children::Many(_)));
    }
}
