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
    fn digests_of_the_empty_text() {
        assert_eq!(&sha256_12(b""), b"e3b0c44298fc");
        assert_eq!(&md5_32(b""), b"d41d8cd98f00b204e9800998ecf8427e");
    }
}
