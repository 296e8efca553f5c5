//! The front of a direction's bytes: ClientHellos, and what was said before them.
use crate::client_hello::ClientHello;
use crate::event::{Arrival, Status, Writer};
use crate::flow::{Flow, State};
use crate::ja4::Transport;
use crate::packet::Path;
use crate::preamble::Preamble;
use crate::preamble::{is_proxy_front, proxy};
use crate::record::{Step, Walk, is_sslv2, message};
use crate::stream::Progress;
use crate::table::{Entry, Side};

/// Looks for ClientHellos at the front of a stream and writes their events.
#[derive(Debug)]
pub struct Search<'a> {
    /// Where events go.
    pub writer: &'a mut Writer,
    /// Room for a message that lies in several records.
    pub room: &'a mut [u8],
}

impl Search<'_> {
    /// Returns how many bytes at the front are done with (also such that are still to come);
    /// `None` if the direction is.
    pub fn run(
        self,
        flow: &mut Flow,
        side: Side,
        walk: &mut Walk,
        stream: &[u8],
        mut arrival: Arrival,
    ) -> Option<usize> {
        let Self { writer, room } = self;
        let mut used: usize = 0;
        loop {
            let rest = stream.get(used..).unwrap_or_default();
            if rest.is_empty() {
                return Some(used);
            }
            let step = walk.advance(rest);
            arrival.records = walk.records();
            arrival.bytes = walk.announced();
            match step {
                Step::More => {
                    let skipped = walk.skippable();
                    *walk = walk.moved(skipped);
                    return Some(used.saturating_add(skipped));
                }
                Step::Other if is_proxy_front(rest) && arrival.hello == 0 => {
                    *walk = Walk::START;
                    return Some(used);
                }
                Step::Other => {
                    let proxied = clear_text(writer, flow, side, rest, &mut arrival)?;
                    used = used.saturating_add(proxied);
                    *walk = Walk::START;
                }
                Step::Malformed => {
                    return fail(writer, flow, side, &arrival, (Status::Malformed, "record"));
                }
                Step::TooLong => {
                    return fail(
                        writer,
                        flow,
                        side,
                        &arrival,
                        (Status::Truncated, "too_long"),
                    );
                }
                Step::Hello { total, end } => {
                    let message = message(rest, total, room)?;
                    let early_data = hello(writer, flow, side, message, &arrival)?;
                    used = used.saturating_add(end);
                    *walk = Walk::follow_up(early_data);
                    arrival.hello = 1;
                    arrival.begin_ts = arrival.ts;
                }
            }
        }
    }
}

/// Writes the event of a whole message. Returns whether early data follows it, `None` if nothing
/// is to be expected after it.
fn hello(
    writer: &mut Writer,
    flow: &mut Flow,
    side: Side,
    message: &[u8],
    arrival: &Arrival,
) -> Option<bool> {
    match ClientHello::parse(message, Transport::Tcp) {
        Ok(hello) => {
            writer.complete(arrival, &hello);
            let direction = flow.direction_mut(side);
            direction.hellos = direction.hellos.saturating_add(1);
            direction.early_data = hello.early_data;
            if direction.hellos > 1 {
                direction.state = State::Done;
                return None;
            }
            Some(hello.early_data)
        }
        Err(fault) => {
            fail::<()>(
                writer,
                flow,
                side,
                arrival,
                (Status::Malformed, fault.word()),
            );
            None
        }
    }
}

/// Ends the direction with an event, unless it was never clear that this is TLS at all.
fn fail<T>(
    writer: &mut Writer,
    flow: &mut Flow,
    side: Side,
    arrival: &Arrival,
    (status, reason): (Status, &str),
) -> Option<T> {
    let direction = flow.direction_mut(side);
    direction.state = State::Done;
    if direction.preamble != Preamble::Other {
        writer.failed(arrival, status, reason);
    }
    None
}

/// Something that is no ClientHello: the length of a PROXY header, after which to look again, or
/// `None`. After a first ClientHello it means that there is no second.
fn clear_text(
    writer: &mut Writer,
    flow: &mut Flow,
    side: Side,
    stream: &[u8],
    arrival: &mut Arrival,
) -> Option<usize> {
    let direction = flow.direction_mut(side);
    if direction.hellos > 0 {
        direction.state = State::Done;
        return None;
    }
    if is_sslv2(stream) {
        return fail(
            writer,
            flow,
            side,
            arrival,
            (Status::Sslv2, "record_format"),
        );
    }
    if let Some((preamble, length, client)) = proxy(stream) {
        direction.preamble = preamble;
        arrival.preamble = preamble;
        flow.proxied = client;
        arrival.proxied = client;
        return Some(length);
    }
    direction.preamble = direction.preamble.then(stream);
    direction.state = State::Clear;
    None
}

/// What the connection says about a ClientHello that arrives in one segment at `ts`.
#[must_use]
pub fn arrival(flow: &Flow, side: Side, ts: u64) -> Arrival {
    let (source, destination) = flow.key().ends(side);
    let direction = flow.direction(side);
    Arrival {
        ts,
        begin_ts: ts,
        source,
        destination,
        transport: Transport::Tcp,
        path: Path::EMPTY,
        hello: direction.hellos,
        preamble: direction.preamble,
        proxied: flow.proxied,
        bytes: None,
        records: 1,
        segments: 1,
        out_of_order: false,
        syn: (flow.syn_ts != 0).then_some((flow.syn_ts, flow.syn)),
        rtt_us: flow.rtt_us,
    }
}
