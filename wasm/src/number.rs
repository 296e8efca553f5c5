//! Conversions between integer widths that saturate instead of wrapping.

/// `value` as a size; all our targets have at least 32 bits.
#[must_use]
pub fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// `value` as `u32`, the largest one if it does not fit.
#[must_use]
pub fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// `value` as `u64`.
#[must_use]
pub fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
