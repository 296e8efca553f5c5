//! HandshakeEvents: one JSON line each, fields as `lib/events.ts` names them, the join key first.
use crate::client_hello::ClientHello;
use crate::community_id::community_id;
use crate::digest::sha256_16;
use crate::ip::{ipv4, protocol};
use crate::ja3::Ja3;
use crate::ja4::{Ja4, Transport};
use crate::json::Json;
use crate::limits::{
    CONTEXT_BYTES, EVENT_BYTES, EVENTS_PER_PACKET, LISTED_CODE_POINTS, OUTPUT_BYTES,
};
use crate::lists::Lists;
use crate::number::wide;
use crate::packet::{Endpoint, Path};
use crate::preamble::Preamble;
use crate::tcp::SynFacts;
use crate::text::Text;
use core::fmt::{self, Write};

/// Longest server name that is printed; DNS allows 253 bytes.
const SNI_BYTES: usize = 255;
/// ALPN protocols printed, and bytes of each.
const ALPNS: usize = 32;
const ALPN_BYTES: usize = 64;

/// Why a ClientHello has no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its lengths contradict each other.
    Malformed,
    /// Its end was not captured or never sent.
    Truncated,
    /// A part before bytes that were seen is missing.
    Gap,
    /// The record format of SSL 2.0.
    Sslv2,
}

impl Status {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Malformed => b"malformed",
            Self::Truncated => b"truncated",
            Self::Gap => b"gap",
            Self::Sslv2 => b"sslv2",
        }
    }
}

/// How a ClientHello came to us: everything but the message itself.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Time of the packet that completed it or ended the attempt, microseconds.
    pub ts: u64,
    /// Time of the packet with its first byte.
    pub begin_ts: u64,
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What carried it.
    pub transport: Transport,
    /// Tags and tunnels.
    pub path: Path,
    /// 0 for the first ClientHello of the connection, 1 for the second.
    pub hello: u8,
    /// What came before it.
    pub preamble: Preamble,
    /// Client that a PROXY header named.
    pub proxied: Option<Endpoint>,
    /// Length the message announces.
    pub bytes: Option<usize>,
    /// Records it came in.
    pub records: u32,
    /// Segments it came in.
    pub segments: u32,
    /// Some segment came before an earlier one.
    pub out_of_order: bool,
    /// The SYN and its time.
    pub syn: Option<(u64, SynFacts)>,
    /// From the SYN/ACK to the client's ACK.
    pub rtt_us: Option<u32>,
}

/// Counts since the start, by status.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// Events with a fingerprint.
    pub complete: u64,
    /// Lengths that contradict each other.
    pub malformed: u64,
    /// Not captured or not sent to the end.
    pub truncated: u64,
    /// A part is missing.
    pub gap: u64,
    /// SSL 2.0.
    pub sslv2: u64,
}

/// Writes events one after the other into a buffer that the host empties.
#[derive(Debug)]
pub struct Writer {
    context: Text<CONTEXT_BYTES>,
    sequence: u64,
    /// Events so far.
    pub written: Written,
    lists: Lists,
    ja4: Ja4,
    ja3: Ja3,
    length: usize,
    output: [u8; OUTPUT_BYTES],
}

impl Writer {
    /// Nothing written.
    pub const EMPTY: Self = Self {
        context: Text::EMPTY,
        sequence: 0,
        written: Written {
            complete: 0,
            malformed: 0,
            truncated: 0,
            gap: 0,
            sslv2: 0,
        },
        lists: Lists::EMPTY,
        ja4: Ja4::EMPTY,
        ja3: Ja3::EMPTY,
        length: 0,
        output: [0; OUTPUT_BYTES],
    };

    /// Takes the members that all events share, `"sensor":"a","boot":1` and the like, and the
    /// number of the last event.
    pub fn reset(&mut self, context: &[u8], sequence: u64) {
        self.context.clear();
        self.context.push(context);
        self.sequence = sequence;
        self.clear();
    }

    /// Number of the last event.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The lines so far.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.get(..self.length).unwrap_or_default()
    }

    /// Forgets the lines.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Whether whatever one packet causes still fits.
    #[must_use]
    pub fn has_room(&self) -> bool {
        const NEEDED: usize = EVENTS_PER_PACKET * EVENT_BYTES;
        self.output.len().saturating_sub(self.length) >= NEEDED
    }

    /// Writes the event of a ClientHello that was read.
    pub fn complete(&mut self, arrival: &Arrival, hello: &ClientHello<'_>) {
        self.lists.read(hello);
        self.ja4.compute(hello, &self.lists, arrival.transport);
        self.ja3.compute(hello, &self.lists);
        let listed = hello.code_points() <= LISTED_CODE_POINTS;
        let Self { ja4, ja3, .. } = self;
        let number = self.sequence.saturating_add(1);
        let context = self.context.as_bytes();
        let Some(room) = room(&mut self.output, self.length) else {
            return;
        };
        let mut json = Json::new(room);
        write_head(&mut json, arrival, number, context, b"complete", None);
        write_fingerprints(&mut json, hello, ja4, ja3, listed);
        write_hello(&mut json, hello, listed.then_some(ja3));
        write_arrival(&mut json, arrival);
        json.raw(b"}\n");
        let bytes = json.finish();
        self.advance(bytes, |written| &mut written.complete);
    }

    /// Writes the event of a ClientHello that could not be read.
    pub fn failed(&mut self, arrival: &Arrival, status: Status, reason: &str) {
        let number = self.sequence.saturating_add(1);
        let context = self.context.as_bytes();
        let Some(room) = room(&mut self.output, self.length) else {
            return;
        };
        let mut json = Json::new(room);
        let reason = Some(reason.as_bytes());
        write_head(&mut json, arrival, number, context, status.word(), reason);
        write_arrival(&mut json, arrival);
        json.raw(b"}\n");
        let bytes = json.finish();
        self.advance(bytes, |written| match status {
            Status::Malformed => &mut written.malformed,
            Status::Truncated => &mut written.truncated,
            Status::Gap => &mut written.gap,
            Status::Sslv2 => &mut written.sslv2,
        });
    }

    fn advance(&mut self, bytes: usize, counter: impl FnOnce(&mut Written) -> &mut u64) {
        if bytes > 0 {
            self.length = self.length.saturating_add(bytes);
            self.sequence = self.sequence.saturating_add(1);
            let counter = counter(&mut self.written);
            *counter = counter.saturating_add(1);
        }
    }
}

fn room(output: &mut [u8], length: usize) -> Option<&mut [u8]> {
    output.get_mut(length..length.saturating_add(EVENT_BYTES))
}

fn write_head(
    json: &mut Json<'_>,
    arrival: &Arrival,
    number: u64,
    context: &[u8],
    status: &[u8],
    reason: Option<&[u8]>,
) {
    let (source, destination) = (arrival.source, arrival.destination);
    address_field(json, b"{\"src_ip\":", source.address);
    json.number_field(b",\"src_port\":", u64::from(source.port));
    address_field(json, b",\"dest_ip\":", destination.address);
    json.number_field(b",\"dest_port\":", u64::from(destination.port));
    json.number_field(b",\"event_type\":\"handshake\",\"ts\":", arrival.ts);
    json.number_field(b",\"seq\":", number);
    if !context.is_empty() {
        json.raw(b",");
        json.raw(context);
    }
    json.plain_field(b",\"transport\":", arrival.transport.name());
    if !arrival.path.vlans().is_empty() {
        json.list_field(b",\"vlan\":", arrival.path.vlans().iter().copied());
    }
    for (index, tunnel) in arrival.path.tunnels().iter().enumerate() {
        let key: &[u8] = if index == 0 { b",\"tunnel\":[" } else { b"," };
        json.plain_field(key, tunnel.name().as_bytes());
    }
    if !arrival.path.tunnels().is_empty() {
        json.raw(b"]");
    }
    if let Some(client) = arrival.proxied {
        address_field(json, b",\"proxy_src_ip\":", client.address);
        json.number_field(b",\"proxy_src_port\":", u64::from(client.port));
    }
    let protocol = match arrival.transport {
        Transport::Tcp => protocol::TCP,
        Transport::Quic | Transport::Dtls => protocol::UDP,
    };
    let id = community_id(source, destination, protocol);
    json.plain_field(b",\"community_id\":", &id);
    json.plain_field(b",\"status\":", status);
    if let Some(reason) = reason {
        json.plain_field(b",\"status_reason\":", reason);
    }
    json.number_field(b",\"hello\":", u64::from(arrival.hello));
}

fn write_fingerprints(
    json: &mut Json<'_>,
    hello: &ClientHello<'_>,
    ja4: &Ja4,
    ja3: &Ja3,
    listed: bool,
) {
    json.plain_field(b",\"client_random_hash\":", &sha256_16(hello.random));
    three_parts(json, b",\"ja4\":\"", &ja4.a, &ja4.b, &ja4.c);
    let (b, c) = (&ja4.original_b, &ja4.original_c);
    three_parts(json, b",\"ja4_o\":\"", &ja4.a, b, c);
    let (a, b, c) = (&ja4.stable_a, &ja4.b, &ja4.stable_c);
    three_parts(json, b",\"ja4_stable\":\"", a, b, c);
    json.plain_field(b",\"ja3\":", &ja3.ja3);
    json.plain_field(b",\"ja3n\":", &ja3.ja3n);
    if listed {
        let (b, c) = (ja4.b_text.as_bytes(), ja4.c_text.as_bytes());
        three_parts(json, b",\"ja4_r\":\"", &ja4.a, b, c);
        let (b, c) = (
            ja4.original_b_text.as_bytes(),
            ja4.original_c_text.as_bytes(),
        );
        three_parts(json, b",\"ja4_ro\":\"", &ja4.a, b, c);
        json.plain_field(b",\"ja3_string\":", ja3.text.as_bytes());
    }
}

/// The ALPN characters of `a` are letters and digits, the others digits and commas: nothing needs
/// an escape. Inlined, so that the lengths of digests are known to the compiler.
#[inline(always)]
fn three_parts(json: &mut Json<'_>, key: &[u8], a: &[u8; 10], b: &[u8], c: &[u8]) {
    json.raw(key);
    json.raw(a);
    json.raw(b"_");
    json.raw(b);
    json.raw(b"_");
    json.raw(c);
    json.raw(b"\"");
}

fn write_hello(json: &mut Json<'_>, hello: &ClientHello<'_>, ja3: Option<&Ja3>) {
    if let Some(sni) = hello.sni() {
        json.raw(b",\"sni\":");
        json.string(sni.get(..SNI_BYTES).unwrap_or(sni));
    }
    let mut alpns = hello.alpns().take(ALPNS).peekable();
    if alpns.peek().is_some() {
        for (index, name) in alpns.enumerate() {
            json.raw(if index == 0 {
                b",\"client_alpns\":["
            } else {
                b","
            });
            json.string(name.get(..ALPN_BYTES).unwrap_or(name));
        }
        json.raw(b"]");
    }
    if let Some(version) = version_name(hello.version_offered()) {
        json.plain_field(b",\"tls_version_offered\":", version);
    }
    json.number_field(b",\"legacy_version\":", u64::from(hello.legacy_version));
    if let Some(ja3) = ja3 {
        // The JA3 text has these lists in the same order already.
        let lists: [&[u8]; 4] = [
            b",\"cipher_suites\":",
            b",\"extensions\":",
            b",\"supported_groups\":",
            b",\"ec_point_formats\":",
        ];
        for (key, field) in lists.iter().zip(ja3.fields().skip(1)) {
            json.dashed_list_field(key, field);
        }
        json.list_field(b",\"signature_algorithms\":", hello.signature_algorithms());
        json.list_field(b",\"supported_versions\":", hello.supported_versions());
        json.list_field(b",\"key_share_groups\":", hello.key_share_groups());
    }
    json.flag_field(b",\"grease\":", hello.grease);
    json.flag_field(b",\"post_quantum\":", hello.post_quantum());
    json.flag_field(b",\"ech\":", hello.ech);
    json.flag_field(b",\"psk\":", hello.psk);
    json.flag_field(b",\"early_data\":", hello.early_data);
    json.number_field(b",\"session_id_bytes\":", wide(hello.session_id.len()));
}

fn version_name(number: u16) -> Option<&'static [u8]> {
    Some(match number {
        0x0304 | 0xfefc => b"1.3",
        0x0303 | 0xfefd => b"1.2",
        0x0302 => b"1.1",
        0x0301 => b"1.0",
        // DTLS 1.0 is TLS 1.1 over datagrams (RFC 4347).
        0xfeff => b"1.0",
        0x0300 => b"ssl3",
        0x0002 => b"ssl2",
        _ => return None,
    })
}

fn write_arrival(json: &mut Json<'_>, arrival: &Arrival) {
    if let Some(bytes) = arrival.bytes {
        json.number_field(b",\"hello_bytes\":", wide(bytes));
    }
    json.number_field(b",\"hello_records\":", u64::from(arrival.records));
    json.number_field(b",\"hello_segments\":", u64::from(arrival.segments));
    json.flag_field(b",\"out_of_order\":", arrival.out_of_order);
    if arrival.preamble != Preamble::None {
        json.plain_field(b",\"preamble\":", arrival.preamble.name());
    }
    if let Some((syn_ts, syn)) = &arrival.syn {
        write_syn(json, syn);
        if let Some(rtt) = arrival.rtt_us {
            json.number_field(b",\"tcp_rtt_us\":", u64::from(rtt));
        }
        if let Some(elapsed) = arrival.begin_ts.checked_sub(*syn_ts) {
            json.number_field(b",\"syn_to_hello_us\":", elapsed);
        }
    }
}

fn write_syn(json: &mut Json<'_>, syn: &SynFacts) {
    json.number_field(b",\"ip_ttl\":", u64::from(syn.ttl));
    json.flag_field(b",\"ip_df\":", syn.dont_fragment);
    if let Some(identification) = syn.identification {
        json.number_field(b",\"ip_id\":", u64::from(identification));
    }
    json.number_field(b",\"tcp_window\":", u64::from(syn.window));
    if let Some(mss) = syn.mss {
        json.number_field(b",\"tcp_mss\":", u64::from(mss));
    }
    if let Some(shift) = syn.window_scale {
        json.number_field(b",\"tcp_wscale\":", u64::from(shift));
    }
    json.flag_field(b",\"tcp_sack\":", syn.sack);
    json.flag_field(b",\"tcp_timestamps\":", syn.timestamps);
    json.raw(b",\"tcp_options\":\"");
    for (index, kind) in syn.option_kinds().iter().enumerate() {
        if index > 0 {
            json.raw(b"-");
        }
        json.short_number(u16::from(*kind));
    }
    json.raw(b"\"");
}

/// Canonical text: IPv4 dotted quad, also of an IPv4-mapped address; IPv6 by RFC 5952.
fn address_field(json: &mut Json<'_>, key: &[u8], address: u128) {
    json.raw(key);
    json.raw(b"\"");
    match ipv4(address) {
        Some(bytes) => {
            for (index, byte) in bytes.into_iter().enumerate() {
                if index > 0 {
                    json.raw(b".");
                }
                json.short_number(u16::from(byte));
            }
        }
        None => {
            // Writing into a buffer does not fail; one that is full is noticed at the end.
            let _ = write!(Sink(json), "{}", core::net::Ipv6Addr::from(address));
        }
    }
    json.raw(b"\"");
}

struct Sink<'a, 'b>(&'a mut Json<'b>);

impl Write for Sink<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.raw(text.as_bytes());
        Ok(())
    }
}
