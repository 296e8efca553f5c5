//! The members of a HandshakeEvent, in the order in which they are written.
use crate::ciphers::CipherForms;
use crate::client_hello::ClientHello;
use crate::community_id::community_id;
use crate::digest::sha256_16;
use crate::event::Arrival;
use crate::extensions::ExtensionForms;
use crate::ip::{ipv4, protocol};
use crate::ja3::Ja3;
use crate::ja4::{Ja4, Transport};
use crate::json::Json;
use crate::number::wide;
use crate::preamble::Preamble;
use crate::tcp::SynFacts;
use core::fmt::{self, Write};

/// Longest server name that is printed; DNS allows 253 bytes.
const SNI_BYTES: usize = 255;
/// ALPN protocols printed, and bytes of each.
const ALPNS: usize = 32;
const ALPN_BYTES: usize = 64;

/// Ends, times, numbers, what carried it, and the status with its reason.
pub fn write_head(
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
    json.plain_field(b",\"transport\":\"", arrival.transport.name());
    if !arrival.path.vlans().is_empty() {
        json.list_field(b",\"vlan\":", arrival.path.vlans().iter().copied());
    }
    for (index, tunnel) in arrival.path.tunnels().iter().enumerate() {
        let key: &[u8] = if index == 0 {
            b",\"tunnel\":[\""
        } else {
            b",\""
        };
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
    json.plain_field(b",\"community_id\":\"", &id);
    json.plain_field(b",\"status\":\"", status);
    if let Some(reason) = reason {
        json.plain_field(b",\"status_reason\":\"", reason);
    }
    json.number_field(b",\"hello\":", u64::from(arrival.hello));
}

/// The fingerprints; with the texts under them if `listed`.
pub fn write_fingerprints(
    json: &mut Json<'_>,
    hello: &ClientHello<'_>,
    (ja4, ja3): (&Ja4, &Ja3),
    (ciphers, extensions): (&CipherForms<'_>, &ExtensionForms<'_>),
    listed: bool,
) {
    json.plain_field(b",\"client_random_hash\":\"", &sha256_16(hello.random));
    let (a, b) = (&ja4.a, &ciphers.sorted_digest);
    three_parts(json, b",\"ja4\":\"", a, b, &extensions.digest);
    let original_b = &ciphers.digest;
    three_parts(json, b",\"ja4_o\":\"", a, original_b, &ja4.original_c);
    let stable_c = &extensions.stable_digest;
    three_parts(json, b",\"ja4_stable\":\"", &ja4.stable_a, b, stable_c);
    json.plain_field(b",\"ja3\":\"", &ja3.ja3);
    json.plain_field(b",\"ja3n\":\"", &ja3.ja3n);
    if listed {
        let (b, c) = (ciphers.sorted_text, extensions.sorted_text);
        three_parts(json, b",\"ja4_r\":\"", a, b, c);
        let (b, c) = (ciphers.text, ja4.original_c_text.as_bytes());
        three_parts(json, b",\"ja4_ro\":\"", a, b, c);
        json.plain_field(b",\"ja3_string\":\"", ja3.text.as_bytes());
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

/// What the message says; with `listed`, which has most of its lists as text, those as well.
pub fn write_hello(
    json: &mut Json<'_>,
    hello: &ClientHello<'_>,
    listed: Option<(&Ja3, &ExtensionForms<'_>)>,
) {
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
        json.plain_field(b",\"tls_version_offered\":\"", version);
    }
    json.number_field(b",\"legacy_version\":", u64::from(hello.legacy_version));
    if let Some((ja3, extensions)) = listed {
        // The JA3 text has these lists in the same order already.
        let lists: [&[u8]; 4] = [
            b",\"cipher_suites\":",
            b",\"extensions\":",
            b",\"supported_groups\":",
            b",\"ec_point_formats\":",
        ];
        for (key, field) in lists.iter().zip(ja3.lists()) {
            json.dashed_list_field(key, field);
        }
        let algorithms = extensions.algorithms_decimal;
        json.dashed_list_field(b",\"signature_algorithms\":", algorithms);
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

/// How it came, and the SYN.
pub fn write_arrival(json: &mut Json<'_>, arrival: &Arrival) {
    if let Some(bytes) = arrival.bytes {
        json.number_field(b",\"hello_bytes\":", wide(bytes));
    }
    json.number_field(b",\"hello_records\":", u64::from(arrival.records));
    json.number_field(b",\"hello_segments\":", u64::from(arrival.segments));
    json.flag_field(b",\"out_of_order\":", arrival.out_of_order);
    if arrival.preamble != Preamble::None {
        json.plain_field(b",\"preamble\":\"", arrival.preamble.name());
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
