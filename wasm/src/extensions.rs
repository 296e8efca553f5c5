//! The extensions and signature algorithms of a ClientHello in every form that does not depend on
//! the order of the extensions. Browsers shuffle them, and still differ in few sets: the forms of
//! those that come again are remembered.
use crate::client_hello::extension;
use crate::ja4::digest_or_zeros;
use crate::lists::{CODE_POINTS, Lists, place, same};
use crate::text::{List, Text};

/// Sets remembered, a power of two. What hashes to the same place takes it.
const REMEMBERED: usize = 512;
/// Of longer lists the forms are made each time.
const VALUES: usize = 64;
/// Text of an underscore and `n` numbers, and what is written behind the last.
const fn hex_bytes(n: usize) -> usize {
    n.saturating_mul(5).saturating_add(4)
}

/// Extensions that come and go with session resumption, so that a client has one JA4 for its
/// first connection and others for the next: padding, session_ticket, pre_shared_key, early_data.
const EPHEMERAL: [u16; 4] = [
    extension::PADDING,
    extension::SESSION_TICKET,
    extension::PRE_SHARED_KEY,
    extension::EARLY_DATA,
];

/// Lists without GREASE.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionForms<'a> {
    /// In hexadecimal, sorted, without server_name and ALPN; the signature algorithms behind.
    pub sorted_text: &'a [u8],
    /// The signature algorithms in hexadecimal, an underscore before them; empty without any.
    pub algorithms_text: &'a [u8],
    /// The signature algorithms in decimal, with `-` between.
    pub algorithms_decimal: &'a [u8],
    /// All extensions in decimal, sorted, with `-` between.
    pub sorted_decimal: &'a [u8],
    /// How many come and go with session resumption.
    pub ephemeral: usize,
    /// Digest of `sorted_text`: the third part of JA4.
    pub digest: [u8; 12],
    /// The same without those that come and go.
    pub stable_digest: [u8; 12],
}

/// Makes the forms.
#[derive(Debug)]
pub struct Extensions {
    known: [Entry<VALUES, { hex_bytes(VALUES * 2) }, { VALUES * 6 + 2 }>; REMEMBERED],
    long: Entry<CODE_POINTS, { hex_bytes(CODE_POINTS) }, { CODE_POINTS * 6 + 2 }>,
}

impl Extensions {
    /// Nothing remembered.
    pub const EMPTY: Self = Self {
        known: [const { Entry::EMPTY }; REMEMBERED],
        long: Entry::EMPTY,
    };

    /// The forms of `lists`.
    pub fn of(&mut self, lists: &Lists) -> ExtensionForms<'_> {
        let sorted = lists.sorted_extensions.as_slice();
        let algorithms = lists.signature_algorithms.as_slice();
        let place = (place(sorted) ^ place(algorithms).rotate_left(3)) & REMEMBERED.wrapping_sub(1);
        if (1..=VALUES).contains(&sorted.len())
            && algorithms.len() <= VALUES
            && let Some(entry) = self.known.get_mut(place)
        {
            let known = (entry.sorted.as_slice(), entry.algorithms.as_slice());
            if !same(known.0, sorted) || !same(known.1, algorithms) {
                entry.fill(sorted, algorithms);
            }
            return entry.forms();
        }
        self.long.fill(sorted, algorithms);
        self.long.forms()
    }
}

/// Room for `N` extensions and `N` algorithms, for `HEX` bytes of both and for `DECIMAL` of the
/// extensions.
#[derive(Debug)]
struct Entry<const N: usize, const HEX: usize, const DECIMAL: usize> {
    sorted: List<N>,
    algorithms: List<N>,
    sorted_text: Text<HEX>,
    stable_text: Text<HEX>,
    algorithms_text: Text<HEX>,
    algorithms_decimal: Text<DECIMAL>,
    sorted_decimal: Text<DECIMAL>,
    ephemeral: usize,
    digest: [u8; 12],
    stable_digest: [u8; 12],
}

impl<const N: usize, const HEX: usize, const DECIMAL: usize> Entry<N, HEX, DECIMAL> {
    const EMPTY: Self = Self {
        sorted: List::EMPTY,
        algorithms: List::EMPTY,
        sorted_text: Text::EMPTY,
        stable_text: Text::EMPTY,
        algorithms_text: Text::EMPTY,
        algorithms_decimal: Text::EMPTY,
        sorted_decimal: Text::EMPTY,
        ephemeral: 0,
        digest: [0; 12],
        stable_digest: [0; 12],
    };

    fn fill(&mut self, sorted: &[u16], algorithms: &[u16]) {
        self.sorted.set(sorted.iter().copied());
        self.algorithms.set(algorithms.iter().copied());
        self.algorithms_text.clear();
        if !algorithms.is_empty() {
            self.algorithms_text.push(b"_");
            let values = algorithms.iter().copied();
            self.algorithms_text.push_hex_list(values);
        }
        self.algorithms_decimal.clear();
        let values = algorithms.iter().copied();
        self.algorithms_decimal.push_decimal_list(values);
        self.sorted_decimal.clear();
        let values = sorted.iter().copied();
        self.sorted_decimal.push_decimal_list(values.clone());
        let hashed = values.filter(is_hashed);
        let algorithms = self.algorithms_text.as_bytes();
        extensions_text(&mut self.sorted_text, hashed.clone(), algorithms);
        self.digest = digest_or_zeros(self.sorted_text.as_bytes());
        self.ephemeral = sorted.iter().filter(|kind| is_ephemeral(kind)).count();
        let lasting = hashed.filter(|kind| !is_ephemeral(kind));
        extensions_text(&mut self.stable_text, lasting, algorithms);
        self.stable_digest = digest_or_zeros(self.stable_text.as_bytes());
    }

    fn forms(&self) -> ExtensionForms<'_> {
        ExtensionForms {
            sorted_text: self.sorted_text.as_bytes(),
            algorithms_text: self.algorithms_text.as_bytes(),
            algorithms_decimal: self.algorithms_decimal.as_bytes(),
            sorted_decimal: self.sorted_decimal.as_bytes(),
            ephemeral: self.ephemeral,
            digest: self.digest,
            stable_digest: self.stable_digest,
        }
    }
}

fn is_ephemeral(kind: &u16) -> bool {
    EPHEMERAL.contains(kind)
}

/// server_name and ALPN are in the first part of JA4 already (JA4.md, "Extension hash").
fn is_hashed(kind: &u16) -> bool {
    !matches!(*kind, extension::SERVER_NAME | extension::ALPN)
}

/// Without signature algorithms there is no underscore; without extensions there is nothing.
pub fn extensions_text<const N: usize>(
    text: &mut Text<N>,
    extensions: impl Iterator<Item = u16>,
    algorithms: &[u8],
) {
    text.clear();
    text.push_hex_list(extensions);
    if !text.as_bytes().is_empty() {
        text.push(algorithms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Not on the stack of a test, which is too small.
    static STATE: Mutex<(Extensions, Lists)> = Mutex::new((Extensions::EMPTY, Lists::EMPTY));

    #[test]
    fn forms_are_the_same_for_sets_that_come_again() {
        let mut state = STATE.lock().unwrap();
        let (extensions, lists) = &mut *state;
        let long: Vec<u16> = (0..200).map(|kind| 0x1000 + kind).collect();
        let sets: [(&[u16], &[u16]); 7] = [
            (&[0x002b, 0x0000, 0x0023, 0x0010], &[0x0403, 0x0804]),
            (&[0x002b, 0x0000, 0x0023, 0x0010], &[0x0804, 0x0403]),
            (&[0x0010, 0x0000], &[0x0403]),
            (&[], &[0x0403]),
            (&long[..64], &long[..64]),
            (&long[..65], &[]),
            (&[1], &long),
        ];
        for (kinds, algorithms) in sets.iter().chain(&sets) {
            lists.sorted_extensions.set_sorted(kinds);
            lists.signature_algorithms.set(algorithms.iter().copied());
            let mut sorted = kinds.to_vec();
            sorted.sort_unstable();
            let hex = |kept: &dyn Fn(&u16) -> bool, list: &[u16]| {
                let items: Vec<String> = list
                    .iter()
                    .filter(|kind| kept(kind))
                    .map(|kind| format!("{kind:04x}"))
                    .collect();
                items.join(",")
            };
            let text = |kept: &dyn Fn(&u16) -> bool| {
                let mut text = hex(kept, &sorted);
                if !text.is_empty() && !algorithms.is_empty() {
                    text = format!("{text}_{}", hex(&|_| true, algorithms));
                }
                text
            };
            let forms = extensions.of(lists);
            let whole = text(&|kind| ![0, 0x10].contains(kind));
            let stable = text(&|kind| ![0, 0x10, 0x15, 0x23, 0x29, 0x2a].contains(kind));
            assert_eq!(forms.sorted_text, whole.as_bytes());
            assert_eq!(forms.digest, digest_or_zeros(whole.as_bytes()));
            assert_eq!(forms.stable_digest, digest_or_zeros(stable.as_bytes()));
            assert_eq!(forms.ephemeral, usize::from(kinds.contains(&0x23)));
            for (found, list) in [
                (forms.sorted_decimal, &sorted[..]),
                (forms.algorithms_decimal, algorithms),
            ] {
                let decimal: Vec<String> = list.iter().map(u16::to_string).collect();
                assert_eq!(found, decimal.join("-").as_bytes());
            }
        }
    }
}
