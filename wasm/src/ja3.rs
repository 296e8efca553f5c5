//! JA3 (Salesforce; BSD-3-Clause, see NOTICE) and JA3N, the same with the extensions sorted:
//! clients that shuffle their extensions have one JA3N and a new JA3 each time.
use crate::client_hello::ClientHello;
use crate::digest::md5_32;
use crate::ja4::CODE_POINTS;
use crate::text::{List, Text};

/// Both digests, and the text under the first.
#[derive(Debug)]
pub struct Ja3 {
    /// MD5 of `text`.
    pub ja3: [u8; 32],
    /// MD5 of the same with sorted extensions.
    pub ja3n: [u8; 32],
    /// `version,ciphers,extensions,groups,point formats`, numbers in decimal.
    pub text: Text<TEXT_BYTES>,
    sorted_text: Text<TEXT_BYTES>,
    list: List<CODE_POINTS>,
}

/// Five digits and a separator for each number.
const TEXT_BYTES: usize = (CODE_POINTS + 8) * 6;

impl Ja3 {
    /// Room for one; [`Ja3::compute`] fills it.
    pub const EMPTY: Self = Self {
        ja3: [0; 32],
        ja3n: [0; 32],
        text: Text::EMPTY,
        sorted_text: Text::EMPTY,
        list: List::EMPTY,
    };

    /// Computes both for `hello`.
    pub fn compute(&mut self, hello: &ClientHello<'_>) {
        self.list.set_sorted(hello.extensions());
        write(&mut self.text, hello, hello.extensions());
        write(
            &mut self.sorted_text,
            hello,
            self.list.as_slice().iter().copied(),
        );
        self.ja3 = md5_32(self.text.as_bytes());
        self.ja3n = md5_32(self.sorted_text.as_bytes());
    }
}

fn write<const N: usize>(
    text: &mut Text<N>,
    hello: &ClientHello<'_>,
    extensions: impl Iterator<Item = u16>,
) {
    text.clear();
    text.push_decimal(hello.legacy_version);
    text.push(b",");
    text.push_decimal_list(hello.cipher_suites());
    text.push(b",");
    text.push_decimal_list(extensions);
    text.push(b",");
    text.push_decimal_list(hello.supported_groups());
    text.push(b",");
    text.push_decimal_list(hello.ec_point_formats());
}
