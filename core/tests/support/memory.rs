//! How much memory a computation may hold.

/// How many bytes a computation may hold at its peak: so many for each byte of its input, and a constant.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub per_byte: usize,
    pub constant: usize,
}

/// Computes, and asserts that this thread held no more than each of the limits for an input of so many bytes.
///
/// A reallocation counts as an allocation beside the one that it replaces, which is the worst that an allocator does.
#[track_caller]
pub fn check<T>(limits: &[Limit], input_bytes: usize, compute: impl FnOnce() -> T) -> T {
    let mut result = None;
    let peak = allocation_counter::measure(|| result = Some(compute())).bytes_max;
    for limit @ Limit { per_byte, constant } in limits {
        let max = per_byte * input_bytes + constant;
        assert!(peak <= max as u64, "{input_bytes} bytes of input take {peak} at the peak, at most {max} by {limit:?}");
    }
    result.unwrap()
}
