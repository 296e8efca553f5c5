//! What the trackers of connections write to: events and counts.
use crate::event::Writer;

/// Both of them.
#[derive(Debug)]
pub struct Output {
    /// Where events go.
    pub writer: Writer,
    /// What was counted.
    pub counters: Counters,
}

impl Output {
    /// Nothing written, nothing counted.
    pub const EMPTY: Self = Self {
        writer: Writer::EMPTY,
        counters: Counters::ZERO,
    };
}

/// Counts since the start, other than of events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Packets handed over.
    pub packets: u64,
    /// Their bytes, as captured.
    pub bytes: u64,
    /// Packets of an unsupported link type.
    pub link_type_unknown: u64,
    /// Packets without a readable IP header.
    pub not_ip: u64,
    /// IP fragments of packets that were never whole.
    pub fragments_discarded: u64,
    /// IP packets that are neither TCP, QUIC nor DTLS.
    pub not_tls: u64,
    /// TCP headers that could not be read.
    pub tcp_malformed: u64,
    /// Initial packets of QUIC that could not be authenticated.
    pub quic_not_authentic: u64,
    /// Packets of QUIC versions that are not known.
    pub quic_version_unknown: u64,
    /// Connections that gave way to newer ones.
    pub flows_evicted: u64,
    /// Unfinished ClientHellos that gave way to newer ones.
    pub streams_evicted: u64,
    /// Segments beyond what is kept of a stream.
    pub segments_discarded: u64,
}

impl Counters {
    const ZERO: Self = Self {
        packets: 0,
        bytes: 0,
        link_type_unknown: 0,
        not_ip: 0,
        fragments_discarded: 0,
        not_tls: 0,
        tcp_malformed: 0,
        quic_not_authentic: 0,
        quic_version_unknown: 0,
        flows_evicted: 0,
        streams_evicted: 0,
        segments_discarded: 0,
    };
}

/// Adds one.
pub fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// Why an unfinished ClientHello is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// FIN, RST, or a new connection with the same ends.
    Closed,
    /// [`STREAM_US`] went by.
    Timeout,
    /// Another one needed the place.
    Evicted,
    /// No more packets.
    Finished,
}

impl End {
    /// As `status_reason` prints it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "connection_closed",
            Self::Timeout => "timeout",
            Self::Evicted => "evicted",
            Self::Finished => "end_of_capture",
        }
    }
}
