//! Spelling out wire bytes in tests.

/// Wire bytes, spelled out.
#[derive(Clone, Default)]
pub(crate) struct Wire(pub(crate) Vec<u8>);

/// No bytes yet.
pub(crate) fn wire() -> Wire {
    Wire::default()
}

impl Wire {
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn number(mut self, mut value: u64) -> Self {
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(crate) fn int(self, field: u64, value: i64) -> Self {
        self.number(field << 3).number(value.cast_unsigned())
    }

    pub(crate) fn fixed32(self, field: u64, value: u32) -> Self {
        self.number(field << 3 | 5).raw(&value.to_le_bytes())
    }

    pub(crate) fn fixed64(self, field: u64, value: u64) -> Self {
        self.number(field << 3 | 1).raw(&value.to_le_bytes())
    }

    pub(crate) fn bytes(self, field: u64, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.number(field << 3 | 2).number(value.len() as u64).raw(value)
    }

    pub(crate) fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, value.0)
    }

    pub(crate) fn group(self, field: u64, value: Self) -> Self {
        self.number(field << 3 | 3).raw(&value.0).number(field << 3 | 4)
    }

    pub(crate) fn then(self, more: &Self) -> Self {
        self.raw(&more.0)
    }
}
