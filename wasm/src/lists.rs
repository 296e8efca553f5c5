//! The lists of a ClientHello that more than one fingerprint is made of, read once; those of cipher
//! suites are in `ciphers.rs`.
use crate::client_hello::ClientHello;
use crate::limits::HELLO_BYTES;
use crate::text::List;

/// Code points a ClientHello can hold.
pub const CODE_POINTS: usize = HELLO_BYTES / 2;

/// GREASE is left out of all of them.
#[derive(Debug)]
pub struct Lists {
    /// Extension types in wire order.
    pub extensions: List<CODE_POINTS>,
    /// The same, sorted.
    pub sorted_extensions: List<CODE_POINTS>,
    /// signature_algorithms in wire order.
    pub signature_algorithms: List<CODE_POINTS>,
}

impl Lists {
    /// Room for the lists of one ClientHello.
    pub const EMPTY: Self = Self {
        extensions: List::EMPTY,
        sorted_extensions: List::EMPTY,
        signature_algorithms: List::EMPTY,
    };

    /// Reads the lists of `hello`.
    pub fn read(&mut self, hello: &ClientHello<'_>) {
        self.extensions.set(hello.extensions());
        self.sorted_extensions
            .set_sorted(self.extensions.as_slice());
        self.signature_algorithms.set(hello.signature_algorithms());
    }
}

/// Whether both are equal; a comparison of slices is a call here, and slower.
#[must_use]
pub fn same(a: &[u16], b: &[u16]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

/// Spreads lists over the places of a table. Who finds lists of the same place makes us compute, no more.
#[must_use]
pub fn place(values: &[u16]) -> usize {
    let mut hash = 0_u64;
    for value in values {
        hash = (hash ^ u64::from(*value))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(23);
    }
    usize::try_from(hash & 0xffff_ffff).unwrap_or(0)
}
