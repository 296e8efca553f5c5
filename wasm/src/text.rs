//! Text of fixed capacity, for lists of numbers that are then hashed or printed.

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

    /// Appends `values` as four hexadecimal digits each, with commas between.
    pub fn push_hex_list(&mut self, values: &[u16]) {
        for (index, value) in values.iter().enumerate() {
            let [high, low] = value.to_be_bytes().map(hex);
            let item = [b',', high[0], high[1], low[0], low[1]];
            self.push(if index == 0 { &item[1..] } else { &item });
        }
    }

    /// Appends `values` in decimal, with `-` between.
    pub fn push_decimal_list(&mut self, values: impl Iterator<Item = u16>) {
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.push(b"-");
            }
            self.push_decimal(value);
        }
    }

    /// Appends `value` in decimal.
    pub fn push_decimal(&mut self, value: u16) {
        let (digits, start) = decimal(u64::from(value));
        self.push(digits.get(start..).unwrap_or_default());
    }
}

/// The decimal digits of `value` at the end of twenty bytes, and where they begin.
#[must_use]
#[inline]
pub fn decimal(mut value: u64) -> ([u8; 20], usize) {
    let mut digits = [b'0'; 20];
    let mut start: usize = 20;
    loop {
        start = start.saturating_sub(1);
        let digit = u8::try_from(value % 10).unwrap_or(0);
        if let Some(place) = digits.get_mut(start) {
            *place = b'0'.wrapping_add(digit);
        }
        value /= 10;
        if value == 0 {
            return (digits, start);
        }
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
    pub fn set_sorted(&mut self, values: impl Iterator<Item = u16>) {
        self.set(values);
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
        text.push_hex_list(&[0x1301, 0xc02b]);
        assert_eq!(text.as_bytes(), b"1301,c02b");
        text.clear();
        text.push_decimal_list([771, 0, 65535].into_iter());
        assert_eq!(text.as_bytes(), b"771-0-65535");
        text.push(b"too long for it");
        assert_eq!(text.as_bytes(), b"771-0-65535");
    }

    #[test]
    fn decimal_has_all_digits() {
        let (digits, start) = decimal(u64::MAX);
        assert_eq!(&digits[start..], b"18446744073709551615");
    }
}
