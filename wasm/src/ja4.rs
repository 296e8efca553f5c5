//! JA4, the TLS client fingerprint (FoxIO, JA4.md; BSD-3-Clause, see NOTICE).
use crate::client_hello::{ClientHello, extension};
use crate::digest::sha256_12;
use crate::limits::HELLO_BYTES;
use crate::text::{List, Text, hex};

/// Code points a ClientHello can hold.
pub const CODE_POINTS: usize = HELLO_BYTES / 2;
/// Hexadecimal text of all of them, with separators.
const TEXT_BYTES: usize = CODE_POINTS * 5 + 1;

/// Extensions that come and go with session resumption, so that a client has one JA4 for its
/// first connection and others for the next: padding, session_ticket, pre_shared_key, early_data.
const EPHEMERAL: [u16; 4] = [
    extension::PADDING,
    extension::SESSION_TICKET,
    extension::PRE_SHARED_KEY,
    extension::EARLY_DATA,
];

/// Digest of an empty list.
const NOTHING: [u8; 12] = *b"000000000000";

/// What carried the ClientHello: the first letter of JA4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS over TCP.
    Tcp,
    /// QUIC.
    Quic,
    /// DTLS.
    Dtls,
}

impl Transport {
    fn letter(self) -> u8 {
        match self {
            Self::Tcp => b't',
            Self::Quic => b'q',
            Self::Dtls => b'd',
        }
    }

    /// As events print it.
    #[must_use]
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Tcp => b"tcp",
            Self::Quic => b"quic",
            Self::Dtls => b"dtls",
        }
    }
}

/// Parts of the five fingerprints of one ClientHello; the texts are what the digests are of.
#[derive(Debug)]
pub struct Ja4 {
    /// First part.
    pub a: [u8; 10],
    /// First part of the stable variant.
    pub stable_a: [u8; 10],
    /// Sorted cipher suites.
    pub b: [u8; 12],
    /// Sorted extensions without server_name and ALPN, and signature algorithms.
    pub c: [u8; 12],
    /// Cipher suites in wire order.
    pub original_b: [u8; 12],
    /// All extensions in wire order, and signature algorithms.
    pub original_c: [u8; 12],
    /// As `c`, without the extensions that come with resumption.
    pub stable_c: [u8; 12],
    /// Text under `b`.
    pub b_text: Text<TEXT_BYTES>,
    /// Text under `c`.
    pub c_text: Text<TEXT_BYTES>,
    /// Text under `original_b`.
    pub original_b_text: Text<TEXT_BYTES>,
    /// Text under `original_c`.
    pub original_c_text: Text<TEXT_BYTES>,
    stable_c_text: Text<TEXT_BYTES>,
    list: List<CODE_POINTS>,
    signature_algorithms: List<CODE_POINTS>,
}

impl Ja4 {
    /// Room for one; [`Ja4::compute`] fills it.
    pub const EMPTY: Self = Self {
        a: [0; 10],
        stable_a: [0; 10],
        b: [0; 12],
        c: [0; 12],
        original_b: [0; 12],
        original_c: [0; 12],
        stable_c: [0; 12],
        b_text: Text::EMPTY,
        c_text: Text::EMPTY,
        original_b_text: Text::EMPTY,
        original_c_text: Text::EMPTY,
        stable_c_text: Text::EMPTY,
        list: List::EMPTY,
        signature_algorithms: List::EMPTY,
    };

    /// Computes all of them for `hello`.
    pub fn compute(&mut self, hello: &ClientHello<'_>, transport: Transport) {
        let extension_count = hello.extensions().count();
        let ephemeral_count = hello.extensions().filter(is_ephemeral).count();
        self.a = first_part(hello, transport, extension_count);
        self.signature_algorithms.set(hello.signature_algorithms());

        self.list.set(hello.cipher_suites());
        list_text(&mut self.original_b_text, self.list.as_slice());
        self.list.set_sorted(hello.cipher_suites());
        list_text(&mut self.b_text, self.list.as_slice());
        self.b = part(&self.b_text);
        self.original_b = part(&self.original_b_text);

        let algorithms = self.signature_algorithms.as_slice();
        self.list.set(hello.extensions());
        self.original_c =
            extensions_part(&mut self.original_c_text, self.list.as_slice(), algorithms);
        self.list.set_sorted(hello.extensions().filter(is_hashed));
        self.c = extensions_part(&mut self.c_text, self.list.as_slice(), algorithms);

        if ephemeral_count == 0 {
            self.stable_a = self.a;
            self.stable_c = self.c;
        } else {
            let kept = extension_count.saturating_sub(ephemeral_count);
            self.stable_a = first_part(hello, transport, kept);
            self.list.set_sorted(
                hello
                    .extensions()
                    .filter(is_hashed)
                    .filter(|kind| !is_ephemeral(kind)),
            );
            self.stable_c =
                extensions_part(&mut self.stable_c_text, self.list.as_slice(), algorithms);
        }
    }
}

fn is_ephemeral(kind: &u16) -> bool {
    EPHEMERAL.contains(kind)
}

/// server_name and ALPN are in the first part already (JA4.md, "Extension hash").
fn is_hashed(kind: &u16) -> bool {
    !matches!(*kind, extension::SERVER_NAME | extension::ALPN)
}

fn list_text<const N: usize>(text: &mut Text<N>, values: &[u16]) {
    text.clear();
    text.push_hex_list(values);
}

fn part<const N: usize>(text: &Text<N>) -> [u8; 12] {
    match text.as_bytes() {
        [] => NOTHING,
        bytes => sha256_12(bytes),
    }
}

/// Without signature algorithms there is no underscore; without extensions there is no digest.
fn extensions_part<const N: usize>(
    text: &mut Text<N>,
    extensions: &[u16],
    algorithms: &[u16],
) -> [u8; 12] {
    list_text(text, extensions);
    if extensions.is_empty() {
        return NOTHING;
    }
    if !algorithms.is_empty() {
        text.push(b"_");
        text.push_hex_list(algorithms);
    }
    part(text)
}

fn first_part(hello: &ClientHello<'_>, transport: Transport, extensions: usize) -> [u8; 10] {
    let [v0, v1] = version(hello.version_offered());
    let sni = if hello.has_server_name() { b'd' } else { b'i' };
    let [c0, c1] = two_digits(hello.cipher_suites().count());
    let [e0, e1] = two_digits(extensions);
    let [a0, a1] = alpn(hello.alpns().next());
    [transport.letter(), v0, v1, sni, c0, c1, e0, e1, a0, a1]
}

fn version(number: u16) -> [u8; 2] {
    *match number {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    }
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = u8::try_from(count.min(99)).unwrap_or(99);
    [b'0'.wrapping_add(count / 10), b'0'.wrapping_add(count % 10)]
}

/// First and last character of the first protocol; where one of them is not a letter or digit,
/// the first and last hexadecimal digit of it all (JA4.md, "ALPN Extension Value").
fn alpn(name: Option<&[u8]>) -> [u8; 2] {
    let (Some(first), Some(last)) = (
        name.and_then(<[u8]>::first).copied(),
        name.and_then(<[u8]>::last).copied(),
    ) else {
        return *b"00";
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last];
    }
    let [high, _] = hex(first);
    let [_, low] = hex(last);
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpn_characters() {
        // JA4.md, "ALPN Extension Value".
        for (name, want) in [
            (&b"h2"[..], b"h2"),
            (b"http/1.1", b"h1"),
            (b"a", b"aa"),
            (b"\xab", b"ab"),
            (b"\xab\xcd", b"ad"),
            (b"\x30\xab", b"3b"),
            (b"\x30\x31\xab\xcd", b"3d"),
            (b"\x30\xab\xcd\x31", b"01"),
            (b"", b"00"),
        ] {
            assert_eq!(&alpn(Some(name)), want, "{name:?}");
        }
        assert_eq!(&alpn(None), b"00");
    }

    #[test]
    fn counts_stop_at_99() {
        assert_eq!(&two_digits(7), b"07");
        assert_eq!(&two_digits(130), b"99");
    }
}
