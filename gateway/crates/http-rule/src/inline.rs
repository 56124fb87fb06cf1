//! A list whose first elements need no allocation.

/// The first `N` elements lie in place, the others on the heap.
#[derive(Debug, Clone)]
pub(crate) struct Inline<T, const N: usize> {
    head: [T; N],
    tail: Vec<T>,
    len: usize,
}

impl<T: Copy + Default, const N: usize> Inline<T, N> {
    pub(crate) fn new() -> Self {
        Self { head: [T::default(); N], tail: Vec::new(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        match self.head.get_mut(self.len) {
            Some(slot) => *slot = value,
            None => self.tail.push(value),
        }
        self.len += 1;
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        let value = if last < N { self.head.get(last).copied() } else { self.tail.pop() };
        self.len = last;
        value
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        match self.head.get(index) {
            Some(value) => Some(*value),
            None => self.tail.get(index - N).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spills_and_comes_back() {
        let mut list = Inline::<u32, 2>::new();
        for n in 0..5 {
            list.push(n);
        }
        assert_eq!(
            (0..6).map(|i| list.get(i)).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(2), Some(3), Some(4), None]
        );
        for n in (0..5).rev() {
            assert_eq!(list.pop(), Some(n));
            assert_eq!(list.get(n as usize), None);
        }
        assert_eq!(list.pop(), None);
        list.push(9);
        assert_eq!((list.len(), list.get(0)), (1, Some(9)));
    }
}
