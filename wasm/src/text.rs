//! Text of fixed capacity, for lists of numbers that are then hashed or printed.
use crate::number::size;

/// Two hexadecimal digits for each byte.
const HEX: [[u8; 2]; 256] = {
    let digits = *b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut high = 0;
    while high < 16 {
        let mut low = 0;
        while low < 16 {
            #[expect(clippy::indexing_slicing, reason = "computed while compiling")]
            {
                table[high * 16 + low] = [digits[high], digits[low]];
            }
            low += 1;
        }
        high += 1;
    }
    table
};

/// The two hexadecimal digits of `byte`, lower case.
#[must_use]
#[inline]
pub fn hex(byte: u8) -> [u8; 2] {
    HEX.get(usize::from(byte)).copied().unwrap_or_default()
}

/// At most `N` bytes; what does not fit is left out.
#[derive(Debug)]
pub struct Text<const N: usize> {
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self {
        len: 0,
        bytes: [0; N],
    };

    /// What was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends `bytes`, all or nothing.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        }
    }

    /// Appends `values` as four hexadecimal digits each, with commas between, all or nothing.
    #[inline]
    pub fn push_hex_list(&mut self, values: impl Iterator<Item = u16>) {
        let start = self.len;
        for value in values {
            let [d0, d1, d2, d3] = hex4(value);
            if !self.push_item(&[d0, d1, d2, d3, b',', 0, 0, 0], 5) {
                self.len = start;
                return;
            }
        }
        self.drop_separator(start);
    }

    /// Appends `values` in decimal, with `-` between, all or nothing.
    pub fn push_decimal_list(&mut self, values: impl Iterator<Item = u16>) {
        let start = self.len;
        for value in values {
            let (item, length) = decimal(value, b'-');
            if !self.push_item(&item, length) {
                self.len = start;
                return;
            }
        }
        self.drop_separator(start);
    }

    /// Appends `value` in decimal.
    #[inline]
    pub fn push_decimal(&mut self, value: u16) {
        let (item, length) = decimal(value, 0);
        self.push_item(&item, length.saturating_sub(1));
    }

    /// Appends the first `length` bytes of `item`; false if there is no room for all of it. Eight
    /// bytes at once cost less than fewer whose number is not known to the compiler.
    #[inline]
    fn push_item(&mut self, item: &[u8; 8], length: usize) -> bool {
        let rest = self.bytes.get_mut(self.len..);
        let Some(place) = rest.and_then(<[u8]>::first_chunk_mut) else {
            return false;
        };
        *place = *item;
        self.len = self.len.saturating_add(length);
        true
    }

    /// Takes back the separator behind the last item, if there is one after `start`.
    fn drop_separator(&mut self, start: usize) {
        if self.len > start {
            self.len = self.len.saturating_sub(1);
        }
    }
}

/// `value` in decimal with `separator` behind, and how many bytes that is; zeros fill the rest.
/// No loop and no branch: its digits are the bytes of a number, the zeros before them shifted out.
#[must_use]
#[inline]
pub fn decimal(value: u16, separator: u8) -> ([u8; 8], usize) {
    let value = u32::from(value);
    let (first, rest) = (value / 10_000, value % 10_000);
    // Two and two digits in 16 bits each; then each alone in 8.
    let pairs = ((rest / 100) << 16) | (rest % 100);
    let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f;
    let four = tens << 8 | pairs.wrapping_sub(tens.wrapping_mul(10));
    let five = u64::from(first) << 32 | u64::from(four) | 0x30_3030_3030;
    let zeros = u32::from(value < 10)
        .wrapping_add(u32::from(value < 100))
        .wrapping_add(u32::from(value < 1_000))
        .wrapping_add(u32::from(value < 10_000));
    let text = five << 24 | u64::from(separator) << 16;
    let length = size(6_u32.wrapping_sub(zeros));
    (
        text.wrapping_shl(zeros.wrapping_mul(8)).to_be_bytes(),
        length,
    )
}

/// Four hexadecimal digits, lower case, all at once: nibbles are spread over the bytes of a word,
/// and those from ten on are moved up to the letters.
#[must_use]
#[inline]
pub fn hex4(value: u16) -> [u8; 4] {
    let halves = u32::from(value) | u32::from(value) << 8;
    let bytes = halves & 0x00ff_00ff;
    let nibbles = (bytes | bytes << 4) & 0x0f0f_0f0f;
    let letters = nibbles.wrapping_add(0x0606_0606) >> 4 & 0x0101_0101;
    nibbles
        .wrapping_add(0x3030_3030)
        .wrapping_add(letters.wrapping_mul(39))
        .to_be_bytes()
}

/// How many decimal digits `value` has.
#[must_use]
#[inline]
pub fn digits(value: u32) -> usize {
    size(value.checked_ilog10().unwrap_or(0)).saturating_add(1)
}

/// Fills `place` with the last digits of `value`. In place and not by copying: a copy of a few
/// bytes whose number is not known to the compiler costs more than the digits.
#[inline]
pub fn write_decimal(place: &mut [u8], mut value: u32) {
    for byte in place.iter_mut().rev() {
        let [.., digit] = (value % 10).to_be_bytes();
        *byte = b'0'.wrapping_add(digit);
        value /= 10;
    }
}

/// A list of code points of fixed capacity; what does not fit is left out.
#[derive(Debug)]
pub struct List<const N: usize> {
    len: usize,
    values: [u16; N],
}

impl<const N: usize> List<N> {
    /// No values.
    pub const EMPTY: Self = Self {
        len: 0,
        values: [0; N],
    };

    /// The values so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.values.get(..self.len).unwrap_or_default()
    }

    /// Replaces the values.
    pub fn set(&mut self, values: impl Iterator<Item = u16>) {
        self.len = 0;
        for (place, value) in self.values.iter_mut().zip(values) {
            *place = value;
            self.len = self.len.saturating_add(1);
        }
    }

    /// Replaces the values by those of `values`, sorted.
    pub fn set_sorted(&mut self, values: &[u16]) {
        self.set(values.iter().copied());
        if let Some(used) = self.values.get_mut(..self.len) {
            used.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_lists_are_joined_and_bounded() {
        let mut text = Text::<16>::EMPTY;
        text.push_hex_list([0x1301, 0xc02b].into_iter());
        assert_eq!(text.as_bytes(), b"1301,c02b");
        text.push_hex_list([0; 9].into_iter());
        text.push_hex_list([].into_iter());
        assert_eq!(text.as_bytes(), b"1301,c02b");
        text.clear();
        text.push_decimal_list([771, 0, 65535].into_iter());
        assert_eq!(text.as_bytes(), b"771-0-65535");
        text.push(b"too long for it");
        assert_eq!(text.as_bytes(), b"771-0-65535");
    }

    #[test]
    fn numbers_are_written_in_full() {
        for value in 0..=u16::MAX {
            assert_eq!(hex4(value), *format!("{value:04x}").as_bytes());
            let (item, length) = decimal(value, b',');
            assert_eq!(&item[..length], format!("{value},").as_bytes());
            let mut text = Text::<8>::EMPTY;
            text.push_decimal(value);
            assert_eq!(text.as_bytes(), value.to_string().as_bytes());
        }
        for value in [0, 9, 10, 99, 100, u32::MAX / 10, u32::MAX] {
            assert_eq!(digits(value), value.to_string().len());
        }
    }
}
