//! A small generator: one seed makes a whole case.

/// splitmix64
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit as u64) as usize
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.below(2) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// Numbers of every size, the ends of their range often.
    pub(crate) fn integer(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << 63,
            3 => self.bits() % 200,
            _ => self.bits() >> self.below(64),
        }
    }

    /// Finite, and not minus zero.
    pub(crate) fn double(&mut self) -> f64 {
        let value = match self.below(5) {
            0 => self.below(100_000) as f64 / 100.0,
            1 => -(self.below(1000) as f64),
            2 => f64::MAX,
            3 => f64::MIN_POSITIVE,
            _ => f64::from_bits(self.bits()),
        };
        if value.is_finite() && value != 0.0 { value } else { 0.0 }
    }

    pub(crate) fn text(&mut self) -> String {
        let pieces = [
            "",
            "a",
            "kettle",
            "\"",
            "\\",
            "\n",
            "\u{0}",
            "é",
            "😀",
            "\u{2028}",
            "/",
            "<&>",
            "a longer piece of text than others",
        ];
        (0..self.below(6)).map(|_| self.pick(&pieces)).collect()
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(40)).map(|_| self.bits() as u8).collect()
    }
}
