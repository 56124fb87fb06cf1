//! Names → positions: a hash table that is built once and never grows.
//!
//! The hash reads at most sixteen bytes of a name and its length. Whoever sends JSON cannot choose
//! what is in the table, so no key can be made slow beyond the longest run of slots the schema itself makes.

/// A table of names, each with a number.
#[derive(Debug)]
pub struct NameTable {
    slots: Box<[Slot]>,
    /// All names, one after the other.
    text: Box<[u8]>,
    mask: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u32,
    value: u32,
    start: u32,
    len: u32,
}

const EMPTY: Slot = Slot { hash: 0, value: u32::MAX, start: 0, len: 0 };

impl NameTable {
    /// Builds the table. Of equal names the first one counts.
    pub(crate) fn new<'a>(names: impl Iterator<Item = (&'a str, u32)> + Clone) -> Self {
        let capacity = (names.clone().count() * 2).next_power_of_two().max(2);
        let mut table =
            Self { slots: vec![EMPTY; capacity].into(), text: Box::default(), mask: capacity - 1 };
        let mut text = Vec::new();
        for (name, value) in names {
            let hash = hash(name.as_bytes());
            let slot = Slot { hash, value, start: text.len() as u32, len: name.len() as u32 };
            if table.insert(&text, name.as_bytes(), slot) {
                text.extend_from_slice(name.as_bytes());
            }
        }
        table.text = text.into();
        table
    }

    /// Puts a name into its slot; `false` if it is there already.
    fn insert(&mut self, text: &[u8], name: &[u8], new: Slot) -> bool {
        let mut at = new.hash as usize & self.mask;
        // Half of the slots stay empty, so this ends.
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.value == u32::MAX {
                *slot = new;
                return true;
            }
            if slot.hash == new.hash && slot.name(text) == name {
                return false;
            }
            at = (at + 1) & self.mask;
        }
        false
    }

    /// The number of a name.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<u32> {
        let hash = hash(name);
        let mut at = hash as usize & self.mask;
        loop {
            let slot = self.slots.get(at)?;
            if slot.value == u32::MAX {
                return None;
            }
            if slot.hash == hash && slot.name(&self.text) == name {
                return Some(slot.value);
            }
            at = (at + 1) & self.mask;
        }
    }
}

impl Slot {
    #[inline]
    fn name<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }
}

/// Mixes the length, the first and the last eight bytes.
#[inline]
fn hash(name: &[u8]) -> u32 {
    let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(head), Some(tail)) => {
                (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)))
            }
            _ => (name.iter().fold(0, |all, byte| (all << 8) | u64::from(*byte)), 0),
        },
    };
    let mixed = u128::from(head ^ 0x9e37_79b9_7f4a_7c15)
        * u128::from(tail ^ 0xc2b2_ae3d_27d4_eb4f ^ name.len() as u64);
    let folded = (mixed as u64) ^ ((mixed >> 64) as u64);
    (folded ^ (folded >> 32)) as u32
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn finds_every_name_and_no_other() {
        let names: Vec<String> = (0..500).map(|i| format!("{}field_{i}", "x".repeat(i % 40))).collect();
        let table = NameTable::new(names.iter().enumerate().map(|(i, name)| (name.as_str(), i as u32)));
        for (i, name) in names.iter().enumerate() {
            assert_eq!(table.get(name.as_bytes()), Some(i as u32), "{name}");
            assert_eq!(table.get(format!("{name}x").as_bytes()), None);
        }
        assert_eq!(table.get(b""), None);
    }

    #[test]
    fn keeps_the_first_of_equal_names() {
        let table = NameTable::new([("a", 1), ("a", 2), ("", 3)].into_iter());
        assert_eq!(table.get(b"a"), Some(1));
        assert_eq!(table.get(b""), Some(3));
    }
}
