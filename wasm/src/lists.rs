//! The lists of a ClientHello that more than one fingerprint is made of, read once.
use crate::client_hello::ClientHello;
use crate::limits::HELLO_BYTES;
use crate::text::List;

/// Code points a ClientHello can hold.
pub const CODE_POINTS: usize = HELLO_BYTES / 2;

/// GREASE is left out of all of them.
#[derive(Debug)]
pub struct Lists {
    /// Cipher suites in wire order.
    pub ciphers: List<CODE_POINTS>,
    /// The same, sorted.
    pub sorted_ciphers: List<CODE_POINTS>,
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
        ciphers: List::EMPTY,
        sorted_ciphers: List::EMPTY,
        extensions: List::EMPTY,
        sorted_extensions: List::EMPTY,
        signature_algorithms: List::EMPTY,
    };

    /// Reads the lists of `hello`.
    pub fn read(&mut self, hello: &ClientHello<'_>) {
        self.ciphers.set(hello.cipher_suites());
        self.sorted_ciphers.set_sorted(self.ciphers.as_slice());
        self.extensions.set(hello.extensions());
        self.sorted_extensions
            .set_sorted(self.extensions.as_slice());
        self.signature_algorithms.set(hello.signature_algorithms());
    }
}
