//! A cursor over borrowed bytes; every read is checked.

/// The bytes ended before the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short;

/// Reads big-endian values from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    /// `Short` when fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Short> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(Short)?;
        self.rest = rest;
        Ok(chunk)
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// `Short` when fewer are left.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// `Short` at the end.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| *byte)
    }

    /// Reads a `uint16`.
    ///
    /// # Errors
    /// `Short` when fewer than two bytes are left.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Short> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// Reads a `uint32`.
    ///
    /// # Errors
    /// `Short` when fewer than four bytes are left.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// Reads a vector with one byte of length before it (RFC 8446, section 3.4).
    ///
    /// # Errors
    /// `Short` when the vector reaches beyond the end.
    pub fn vec_u8(&mut self) -> Result<&'a [u8], Short> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }

    /// Reads a vector with two bytes of length before it.
    ///
    /// # Errors
    /// `Short` when the vector reaches beyond the end.
    pub fn vec_u16(&mut self) -> Result<&'a [u8], Short> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A vector with two bytes of length, or as much of it as there is: for the inside of
    /// extensions, where a wrong length does not make the message unreadable.
    #[must_use]
    pub fn lenient_vec_u16(mut self) -> &'a [u8] {
        let count = self.u16().map_or(0, usize::from);
        self.rest.get(..count).unwrap_or(self.rest)
    }

    /// As [`Reader::lenient_vec_u16`], with one byte of length.
    #[must_use]
    pub fn lenient_vec_u8(mut self) -> &'a [u8] {
        let count = self.u8().map_or(0, usize::from);
        self.rest.get(..count).unwrap_or(self.rest)
    }
}

/// The big-endian `uint16` values of `bytes`; an odd last byte is left out.
pub fn u16s(bytes: &[u8]) -> impl Iterator<Item = u16> + '_ {
    bytes
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u16::from_be_bytes(*pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_takes_vectors_and_refuses_what_reaches_beyond() {
        let mut reader = Reader::new(&[2, 0xaa, 0xbb, 0, 1, 0xcc, 9]);
        assert_eq!(reader.vec_u8(), Ok(&[0xaa, 0xbb][..]));
        assert_eq!(reader.vec_u16(), Ok(&[0xcc][..]));
        assert_eq!(reader.vec_u8(), Err(Short));
    }

    #[test]
    fn lenient_vectors_take_what_there_is() {
        assert_eq!(Reader::new(&[0, 9, 1, 2]).lenient_vec_u16(), [1, 2]);
        assert_eq!(Reader::new(&[0]).lenient_vec_u16(), []);
        assert_eq!(u16s(&[1, 2, 3]).collect::<Vec<_>>(), [0x0102]);
    }
}
