//! Digests as the fingerprints print them; the algorithms are RustCrypto's.
use crate::text::hex;
use md5::Md5;
use sha2::{Digest, Sha256};

/// The first twelve hexadecimal digits of the SHA-256 of `text` (JA4.md, "Cipher hash").
#[must_use]
pub fn sha256_12(text: &[u8]) -> [u8; 12] {
    hex_prefix(&Sha256::digest(text))
}

/// The first sixteen hexadecimal digits of the SHA-256 of `bytes`.
#[must_use]
pub fn sha256_16(bytes: &[u8]) -> [u8; 16] {
    hex_prefix(&Sha256::digest(bytes))
}

/// The MD5 of `text`, in hexadecimal digits.
#[must_use]
pub fn md5_32(text: &[u8]) -> [u8; 32] {
    hex_prefix(&Md5::digest(text))
}

/// Texts of which digests are remembered have at most this many bytes.
const MEMO_TEXT_BYTES: usize = 320;

/// Remembers digests of texts that come again and again: clients differ in few ways. `N` is a
/// power of two; what hashes to the same place takes it.
#[derive(Debug)]
pub struct Memo<const N: usize, const DIGITS: usize> {
    entries: [Entry<DIGITS>; N],
}

#[derive(Clone, Copy, Debug)]
struct Entry<const DIGITS: usize> {
    length: usize,
    text: [u8; MEMO_TEXT_BYTES],
    digest: [u8; DIGITS],
}

impl<const N: usize, const DIGITS: usize> Memo<N, DIGITS> {
    /// Nothing remembered.
    pub const EMPTY: Self = Self {
        entries: [Entry {
            length: 0,
            text: [0; MEMO_TEXT_BYTES],
            digest: [0; DIGITS],
        }; N],
    };

    /// `digest(text)`, computed only if it is not remembered.
    pub fn get(&mut self, text: &[u8], digest: fn(&[u8]) -> [u8; DIGITS]) -> [u8; DIGITS] {
        let place = place(text) & N.wrapping_sub(1);
        let (Some(entry), 1..=MEMO_TEXT_BYTES) = (self.entries.get_mut(place), text.len()) else {
            return digest(text);
        };
        let known = entry.text.get(..entry.length).unwrap_or_default();
        if !same(known, text) {
            entry.digest = digest(text);
            entry.length = text.len();
            if let Some(room) = entry.text.get_mut(..text.len()) {
                room.copy_from_slice(text);
            }
        }
        entry.digest
    }
}

/// Whether both are equal: eight bytes at a time, which a comparison of slices is not here.
fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    a.len() == b.len() && a_rest == b_rest && a.iter().zip(b).all(|(a, b)| word(a) == word(b))
}

/// Spreads texts over places. Who finds texts of the same place makes us compute, no more.
fn place(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    let mut hash = 0_u64;
    for word in words {
        hash = (hash ^ u64::from_le_bytes(*word))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
    }
    usize::try_from(hash & 0xffff_ffff).unwrap_or(0)
}

fn hex_prefix<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut text = [0; N];
    for (place, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *place = hex(*byte);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memo_gives_what_the_digest_gives() {
        let mut memo = Box::new(Memo::<2, 12>::EMPTY);
        let long = [b'x'; MEMO_TEXT_BYTES + 1];
        for text in [&b""[..], b"a", b"b", b"a", b"c", b"a", &long[1..], &long] {
            assert_eq!(memo.get(text, sha256_12), sha256_12(text));
            assert_eq!(
                memo.get(text, |_| [0; 12]) == [0; 12],
                text.is_empty() || text.len() > MEMO_TEXT_BYTES
            );
        }
    }

    #[test]
    fn digests_of_the_empty_text() {
        assert_eq!(&sha256_12(b""), b"e3b0c44298fc");
        assert_eq!(&md5_32(b""), b"d41d8cd98f00b204e9800998ecf8427e");
    }
}
