//! The cipher suites of a ClientHello in every form that is hashed or printed. Clients differ in
//! few lists, so the forms of those that come again are remembered.
use crate::client_hello::ClientHello;
use crate::ja4::digest_or_zeros;
use crate::lists::{CODE_POINTS, place, same};
use crate::text::{List, Text};

/// Lists remembered, a power of two. What hashes to the same place takes it.
const REMEMBERED: usize = 512;
/// Of longer lists the forms are made each time.
const SUITES: usize = 64;

/// A list without GREASE.
#[derive(Clone, Copy, Debug)]
pub struct CipherForms<'a> {
    /// How many.
    pub count: usize,
    /// In hexadecimal, sorted.
    pub sorted_text: &'a [u8],
    /// In hexadecimal, in wire order.
    pub text: &'a [u8],
    /// In decimal, in wire order, with `-` between.
    pub decimal: &'a [u8],
    /// Digest of `sorted_text`: the second part of JA4.
    pub sorted_digest: [u8; 12],
    /// Digest of `text`.
    pub digest: [u8; 12],
}

/// Makes the forms.
#[derive(Debug)]
pub struct Ciphers {
    values: List<CODE_POINTS>,
    known: [Entry<SUITES, { SUITES * 5 + 3 }, { SUITES * 6 + 2 }>; REMEMBERED],
    long: Entry<CODE_POINTS, { CODE_POINTS * 5 + 3 }, { CODE_POINTS * 6 + 2 }>,
}

impl Ciphers {
    /// Nothing remembered.
    pub const EMPTY: Self = Self {
        values: List::EMPTY,
        known: [const { Entry::EMPTY }; REMEMBERED],
        long: Entry::EMPTY,
    };

    /// The forms of the list of `hello`.
    pub fn of(&mut self, hello: &ClientHello<'_>) -> CipherForms<'_> {
        self.values.set(hello.cipher_suites());
        let values = self.values.as_slice();
        if (1..=SUITES).contains(&values.len())
            && let Some(entry) = self
                .known
                .get_mut(place(values) & REMEMBERED.wrapping_sub(1))
        {
            if !same(entry.values.as_slice(), values) {
                entry.fill(values);
            }
            return entry.forms();
        }
        self.long.fill(values);
        self.long.forms()
    }
}

/// Room for `N` suites, their hexadecimal and their decimal text.
#[derive(Debug)]
struct Entry<const N: usize, const HEX: usize, const DECIMAL: usize> {
    values: List<N>,
    sorted: List<N>,
    sorted_text: Text<HEX>,
    text: Text<HEX>,
    decimal: Text<DECIMAL>,
    sorted_digest: [u8; 12],
    digest: [u8; 12],
}

impl<const N: usize, const HEX: usize, const DECIMAL: usize> Entry<N, HEX, DECIMAL> {
    const EMPTY: Self = Self {
        values: List::EMPTY,
        sorted: List::EMPTY,
        sorted_text: Text::EMPTY,
        text: Text::EMPTY,
        decimal: Text::EMPTY,
        sorted_digest: [0; 12],
        digest: [0; 12],
    };

    fn fill(&mut self, values: &[u16]) {
        self.values.set(values.iter().copied());
        self.sorted.set_sorted(values);
        self.sorted_text.clear();
        let sorted = self.sorted.as_slice().iter().copied();
        self.sorted_text.push_hex_list(sorted);
        self.text.clear();
        self.text.push_hex_list(values.iter().copied());
        self.decimal.clear();
        self.decimal.push_decimal_list(values.iter().copied());
        self.sorted_digest = digest_or_zeros(self.sorted_text.as_bytes());
        self.digest = digest_or_zeros(self.text.as_bytes());
    }

    fn forms(&self) -> CipherForms<'_> {
        CipherForms {
            count: self.values.as_slice().len(),
            sorted_text: self.sorted_text.as_bytes(),
            text: self.text.as_bytes(),
            decimal: self.decimal.as_bytes(),
            sorted_digest: self.sorted_digest,
            digest: self.digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ja4::Transport;
    use std::sync::Mutex;

    /// Not on the stack of a test, which is too small.
    static CIPHERS: Mutex<Ciphers> = Mutex::new(Ciphers::EMPTY);

    fn hello(suites: &[u16]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([0; 32]);
        body.push(0);
        body.extend(
            u16::try_from(suites.len())
                .unwrap()
                .wrapping_mul(2)
                .to_be_bytes(),
        );
        body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
        body.extend([1, 0]);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    #[test]
    fn forms_are_the_same_for_lists_that_come_again() {
        let mut ciphers = CIPHERS.lock().unwrap();
        let long: Vec<u16> = (0..200).map(|suite| 0x1000 + suite).collect();
        let lists: [&[u16]; 5] = [
            &[0x1302, 0x2a2a, 0x1301],
            &[],
            &long[..64],
            &long[..65],
            &long,
        ];
        for list in lists.iter().chain(&lists) {
            let message = hello(list);
            let hello = ClientHello::parse(&message, Transport::Tcp).unwrap();
            let mut kept: Vec<u16> = list
                .iter()
                .copied()
                .filter(|suite| *suite != 0x2a2a)
                .collect();
            let hex = |list: &[u16]| {
                let items: Vec<String> = list.iter().map(|suite| format!("{suite:04x}")).collect();
                items.join(",")
            };
            let forms = ciphers.of(&hello);
            assert_eq!(forms.count, kept.len());
            assert_eq!(forms.text, hex(&kept).as_bytes());
            assert_eq!(forms.digest, digest_or_zeros(forms.text));
            let decimal: Vec<String> = kept.iter().map(u16::to_string).collect();
            assert_eq!(forms.decimal, decimal.join("-").as_bytes());
            kept.sort_unstable();
            assert_eq!(forms.sorted_text, hex(&kept).as_bytes());
            assert_eq!(forms.sorted_digest, digest_or_zeros(forms.sorted_text));
        }
    }
}
