//! How much memory a computation may hold.

/// How many bytes a computation may hold at its peak: so many for each byte of what it reads and returns, and a constant.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub per_byte: usize,
    pub constant: usize,
}

impl Limit {
    /// Computes, and asserts that this thread held no more than the limit for an input of so many bytes.
    #[track_caller]
    pub fn check<T>(self, bytes: usize, compute: impl FnOnce() -> T) -> T {
        self.check_with(compute, |_| bytes)
    }

    /// The same for bytes that the result tells.
    ///
    /// A reallocation counts as an allocation beside the one that it replaces, which is the worst that an allocator does.
    #[track_caller]
    pub fn check_with<T>(self, compute: impl FnOnce() -> T, bytes: impl FnOnce(&T) -> usize) -> T {
        let mut result = None;
        let peak = allocation_counter::measure(|| result = Some(compute())).bytes_max;
        let result = result.unwrap();
        let bytes = bytes(&result);
        let max = self.per_byte * bytes + self.constant;
        assert!(peak <= max as u64, "{peak} bytes are held at the peak for {bytes} bytes, at most {max} by {self:?}");
        result
    }
}
