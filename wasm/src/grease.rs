//! GREASE: reserved values that clients send at random (RFC 8701, section 2).

/// Whether `value` is one of the sixteen: 0x0a0a, 0x1a1a, ... 0xfafa. Both bytes are equal, which
/// a mask of 0x0f0f alone does not see (0x0a1a is not one of them).
#[must_use]
#[inline]
pub fn is_grease(value: u16) -> bool {
    let [high, low] = value.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_grease_holds_for_exactly_sixteen_values() {
        let found: Vec<u16> = (0..=u16::MAX).filter(|value| is_grease(*value)).collect();
        assert_eq!(found.len(), 16);
        assert_eq!(found.first(), Some(&0x0a0a));
        assert_eq!(found.last(), Some(&0xfafa));
    }
}
