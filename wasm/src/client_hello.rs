//! The ClientHello message (RFC 8446, section 4.1.2; RFC 5246, section 7.4.1.2).
//!
//! Strict about structure, lenient about vocabulary: a length that does not fit is malformed, an
//! unknown number is a number. What is wrong inside one extension leaves the message readable.
use crate::grease::is_grease;
use crate::ja4::Transport;
use crate::reader::{Reader, Short, u16s};

/// Extension types with a meaning here (IANA, "TLS ExtensionType Values").
pub mod extension {
    /// server_name.
    pub const SERVER_NAME: u16 = 0x0000;
    /// supported_groups.
    pub const SUPPORTED_GROUPS: u16 = 0x000a;
    /// ec_point_formats.
    pub const EC_POINT_FORMATS: u16 = 0x000b;
    /// signature_algorithms.
    pub const SIGNATURE_ALGORITHMS: u16 = 0x000d;
    /// application_layer_protocol_negotiation.
    pub const ALPN: u16 = 0x0010;
    /// padding.
    pub const PADDING: u16 = 0x0015;
    /// session_ticket.
    pub const SESSION_TICKET: u16 = 0x0023;
    /// pre_shared_key.
    pub const PRE_SHARED_KEY: u16 = 0x0029;
    /// early_data.
    pub const EARLY_DATA: u16 = 0x002a;
    /// supported_versions.
    pub const SUPPORTED_VERSIONS: u16 = 0x002b;
    /// key_share.
    pub const KEY_SHARE: u16 = 0x0033;
    /// encrypted_client_hello.
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// Which part of the message has a length that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends before the session identifier.
    Header,
    /// The session identifier: over 32 bytes, or beyond the end.
    SessionId,
    /// The cookie of DTLS, beyond the end.
    Cookie,
    /// The cipher suites: an odd length, or beyond the end.
    CipherSuites,
    /// The compression methods.
    CompressionMethods,
    /// The block of extensions.
    Extensions,
    /// One extension within the block.
    Extension,
}

impl Malformed {
    /// As `status_reason` prints it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::SessionId => "session_id",
            Self::Cookie => "cookie",
            Self::CipherSuites => "cipher_suites",
            Self::CompressionMethods => "compression_methods",
            Self::Extensions => "extensions",
            Self::Extension => "extension",
        }
    }
}

/// A ClientHello where it lies. Lists are as on the wire, GREASE included; the iterators leave
/// GREASE out.
#[derive(Clone, Copy, Debug)]
pub struct ClientHello<'a> {
    /// legacy_version.
    pub legacy_version: u16,
    /// random.
    pub random: &'a [u8; 32],
    /// legacy_session_id, 32 bytes at most.
    pub session_id: &'a [u8],
    cipher_suites: &'a [u8],
    extensions: &'a [u8],
    /// How many, GREASE included.
    extension_count: usize,
    server_name: Option<&'a [u8]>,
    alpn: Option<&'a [u8]>,
    supported_groups: &'a [u8],
    ec_point_formats: &'a [u8],
    signature_algorithms: &'a [u8],
    supported_versions: &'a [u8],
    key_share: &'a [u8],
    /// pre_shared_key is there.
    pub psk: bool,
    /// early_data is there.
    pub early_data: bool,
    /// encrypted_client_hello is there.
    pub ech: bool,
    /// Some list holds a GREASE value.
    pub grease: bool,
}

impl<'a> ClientHello<'a> {
    /// Reads `message`, which begins with the four bytes of its handshake header. In DTLS a cookie
    /// follows the session identifier (RFC 6347, section 4.2.1).
    ///
    /// # Errors
    /// The first part whose length does not fit.
    pub fn parse(message: &'a [u8], transport: Transport) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message);
        let header = |reader: &mut Reader<'a>| {
            reader.take(4)?;
            Ok::<_, Short>((reader.u16()?, reader.array::<32>()?))
        };
        let (legacy_version, random) = header(&mut reader).map_err(|_| Malformed::Header)?;
        let session_id = reader.vec_u8().map_err(|_| Malformed::SessionId)?;
        if session_id.len() > 32 {
            return Err(Malformed::SessionId);
        }
        if transport == Transport::Dtls {
            reader.vec_u8().map_err(|_| Malformed::Cookie)?;
        }
        let cipher_suites = reader.vec_u16().map_err(|_| Malformed::CipherSuites)?;
        if cipher_suites.len() % 2 != 0 {
            return Err(Malformed::CipherSuites);
        }
        // An empty list is against the rules and readable.
        reader.vec_u8().map_err(|_| Malformed::CompressionMethods)?;
        // Clients before TLS 1.2 may end here. What follows the block is ignored.
        let extensions = if reader.rest().is_empty() {
            &[]
        } else {
            reader.vec_u16().map_err(|_| Malformed::Extensions)?
        };
        let mut hello = Self {
            legacy_version,
            random,
            session_id,
            cipher_suites,
            extensions,
            extension_count: 0,
            server_name: None,
            alpn: None,
            supported_groups: &[],
            ec_point_formats: &[],
            signature_algorithms: &[],
            supported_versions: &[],
            key_share: &[],
            psk: false,
            early_data: false,
            ech: false,
            grease: false,
        };
        hello.read_extensions()?;
        hello.grease = hello.grease || hello.has_grease();
        Ok(hello)
    }

    /// Checks the block and notes the contents; of an extension sent twice the first counts.
    fn read_extensions(&mut self) -> Result<(), Malformed> {
        // A bit for each extension below that was met.
        let mut met = 0_u8;
        let mut reader = Reader::new(self.extensions);
        while !reader.rest().is_empty() {
            let one = |reader: &mut Reader<'a>| Ok::<_, Short>((reader.u16()?, reader.vec_u16()?));
            let (kind, data) = one(&mut reader).map_err(|_| Malformed::Extension)?;
            self.extension_count = self.extension_count.saturating_add(1);
            self.grease |= is_grease(kind);
            let mut first = |bit: u8| {
                let new = met & bit == 0;
                met |= bit;
                new
            };
            let content = Reader::new(data);
            match kind {
                extension::SERVER_NAME if first(0x01) => self.server_name = Some(data),
                extension::ALPN if first(0x02) => self.alpn = Some(content.lenient_vec_u16()),
                extension::SUPPORTED_GROUPS if first(0x04) => {
                    self.supported_groups = content.lenient_vec_u16();
                }
                extension::EC_POINT_FORMATS if first(0x08) => {
                    self.ec_point_formats = content.lenient_vec_u8();
                }
                extension::SIGNATURE_ALGORITHMS if first(0x10) => {
                    self.signature_algorithms = content.lenient_vec_u16();
                }
                extension::SUPPORTED_VERSIONS if first(0x20) => {
                    self.supported_versions = content.lenient_vec_u8();
                }
                extension::KEY_SHARE if first(0x40) => {
                    self.key_share = content.lenient_vec_u16();
                }
                extension::PRE_SHARED_KEY => self.psk = true,
                extension::EARLY_DATA => self.early_data = true,
                extension::ENCRYPTED_CLIENT_HELLO => self.ech = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether some list has it; those of extension types were looked at.
    fn has_grease(&self) -> bool {
        let lists = [
            self.cipher_suites,
            self.supported_groups,
            self.signature_algorithms,
            self.supported_versions,
        ];
        // All of each and not up to the first: several at once.
        let found = |list: &[u8]| u16s(list).fold(false, |any, value| any | is_grease(value));
        lists.iter().any(|list| found(list))
            || KeyShares(Reader::new(self.key_share)).any(is_grease)
            || self.all_alpns().any(is_grease_alpn)
    }

    /// Cipher suites in wire order.
    pub fn cipher_suites(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(u16s(self.cipher_suites))
    }

    /// Extension types in wire order, those listed twice twice.
    pub fn extensions(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(ExtensionTypes(Reader::new(self.extensions)))
    }

    /// supported_groups.
    pub fn supported_groups(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(u16s(self.supported_groups))
    }

    /// ec_point_formats.
    pub fn ec_point_formats(&self) -> impl Iterator<Item = u16> + 'a {
        self.ec_point_formats.iter().copied().map(u16::from)
    }

    /// signature_algorithms.
    pub fn signature_algorithms(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(u16s(self.signature_algorithms))
    }

    /// supported_versions.
    pub fn supported_versions(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(u16s(self.supported_versions))
    }

    /// Groups that have a key share.
    pub fn key_share_groups(&self) -> impl Iterator<Item = u16> + 'a {
        without_grease(KeyShares(Reader::new(self.key_share)))
    }

    /// Whether server_name is there, in whatever form.
    #[must_use]
    pub fn has_server_name(&self) -> bool {
        self.server_name.is_some()
    }

    /// The first host_name of server_name (RFC 6066, section 3); `None` if there is none or it is
    /// empty.
    #[must_use]
    pub fn sni(&self) -> Option<&'a [u8]> {
        let mut names = Reader::new(Reader::new(self.server_name?).lenient_vec_u16());
        loop {
            let kind = names.u8().ok()?;
            let name = names.vec_u16().ok()?;
            if kind == 0 {
                return (!name.is_empty()).then_some(name);
            }
        }
    }

    /// Protocols of ALPN in wire order.
    pub fn alpns(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.all_alpns().filter(|name| !is_grease_alpn(name))
    }

    fn all_alpns(&self) -> Alpns<'a> {
        Alpns(Reader::new(self.alpn.unwrap_or_default()))
    }

    /// The version JA4 prints: the highest of supported_versions, else the legacy field
    /// (JA4.md, "TLS and DTLS Version"). DTLS numbers run downwards (RFC 9147, section 5.3).
    #[must_use]
    pub fn version_offered(&self) -> u16 {
        let rank = |version: &u16| match version {
            0xfe00..=0xfeff => 0xfe00 | (!version & 0xff),
            _ => *version,
        };
        self.supported_versions()
            .max_by_key(rank)
            .unwrap_or(self.legacy_version)
    }

    /// Whether some key share is of a hybrid post-quantum group: the ML-KEM hybrids of
    /// draft-ietf-tls-ecdhe-mlkem and the Kyber drafts before them.
    #[must_use]
    pub fn post_quantum(&self) -> bool {
        self.key_share_groups()
            .any(|group| matches!(group, 0x11eb..=0x11ed | 0x6399..=0x639a))
    }

    /// Code points in all lists together.
    #[must_use]
    pub fn code_points(&self) -> usize {
        [
            self.cipher_suites.len(),
            self.supported_groups.len(),
            self.signature_algorithms.len(),
            self.supported_versions.len(),
        ]
        .iter()
        .fold(0_usize, |sum, bytes| sum.saturating_add(bytes / 2))
        .saturating_add(self.ec_point_formats.len())
        .saturating_add(self.extension_count)
        .saturating_add(KeyShares(Reader::new(self.key_share)).count())
    }
}

fn without_grease(values: impl Iterator<Item = u16>) -> impl Iterator<Item = u16> {
    values.filter(|value| !is_grease(*value))
}

/// GREASE in ALPN is two equal bytes of the pattern (RFC 8701, section 2).
fn is_grease_alpn(name: &[u8]) -> bool {
    matches!(name, [high, low] if is_grease(u16::from_be_bytes([*high, *low])))
}

struct ExtensionTypes<'a>(Reader<'a>);

impl Iterator for ExtensionTypes<'_> {
    type Item = u16;
    fn next(&mut self) -> Option<u16> {
        let kind = self.0.u16().ok()?;
        self.0.vec_u16().ok()?;
        Some(kind)
    }
}

struct KeyShares<'a>(Reader<'a>);

impl Iterator for KeyShares<'_> {
    type Item = u16;
    fn next(&mut self) -> Option<u16> {
        let group = self.0.u16().ok()?;
        self.0.vec_u16().ok()?;
        Some(group)
    }
}

struct Alpns<'a>(Reader<'a>);

impl<'a> Iterator for Alpns<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        self.0.vec_u8().ok()
    }
}
