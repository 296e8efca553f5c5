//! What the host calls. It writes a batch of pcap records at `batch_address`, calls `parse`, and
//! takes the event lines at `output_address`; nothing is copied in between.
use crate::engine::Engine;
use crate::file::FileReader;
use crate::limits;
use crate::number::{narrow, size, wide};
use core::cell::UnsafeCell;

/// Version of this interface; `mod.ts` refuses another.
const VERSION: u32 = 3;
/// Counters in the order in which `mod.ts` reads them.
const COUNTERS: usize = 19;

struct State {
    engine: Engine<{ limits::FLOWS }, { limits::STREAMS }>,
    context: [u8; limits::CONTEXT_BYTES],
    counters: [u64; COUNTERS],
    file: FileReader,
    fault: u32,
    batch: [u8; limits::BATCH_BYTES],
}

struct Global(UnsafeCell<State>);

// SAFETY: wasm32-unknown-unknown without threads: only one call is inside the module at a time.
unsafe impl Sync for Global {}

/// All zeros, so that it takes no space in the module and no memory before it is used.
static GLOBAL: Global = Global(UnsafeCell::new(State {
    engine: Engine::EMPTY,
    context: [0; limits::CONTEXT_BYTES],
    counters: [0; COUNTERS],
    file: FileReader::EMPTY,
    fault: 0,
    batch: [0; limits::BATCH_BYTES],
}));

fn with<T>(body: impl FnOnce(&mut State) -> T) -> T {
    // SAFETY: exports do not call one another and the module imports nothing, so this is the
    // only reference for as long as it lives.
    body(unsafe { &mut *GLOBAL.0.get() })
}

/// Version of this interface.
#[unsafe(no_mangle)]
pub extern "C" fn abi_version() -> u32 {
    VERSION
}

/// The sizes that `lib/limits.ts` repeats, by number; 0 beyond the last.
#[unsafe(no_mangle)]
pub extern "C" fn limit(index: u32) -> u64 {
    match index {
        0 => wide(limits::FLOWS),
        1 => wide(limits::STREAMS),
        2 => wide(limits::STREAM_BYTES),
        3 => wide(limits::STREAM_RANGES),
        4 => wide(limits::HELLO_BYTES),
        5 => wide(limits::EVENT_BYTES),
        6 => wide(limits::BATCH_BYTES),
        7 => wide(limits::OUTPUT_BYTES),
        8 => wide(limits::CONTEXT_BYTES),
        9 => limits::STREAM_US,
        10 => wide(limits::FRAGMENTED),
        11 => wide(limits::FRAGMENTED_BYTES),
        12 => wide(limits::FRAGMENTED_RANGES),
        13 => limits::FRAGMENTED_US,
        14 => wide(limits::CONVERSATIONS),
        15 => wide(limits::MESSAGES),
        16 => wide(limits::INTERFACES),
        _ => 0,
    }
}

/// Where a batch is written.
#[unsafe(no_mangle)]
pub extern "C" fn batch_address() -> *mut u8 {
    with(|state| state.batch.as_mut_ptr())
}

/// Where the context is written before `reset`.
#[unsafe(no_mangle)]
pub extern "C" fn context_address() -> *mut u8 {
    with(|state| state.context.as_mut_ptr())
}

/// Where the event lines are after `parse`, `tick` and `finish`.
#[unsafe(no_mangle)]
pub extern "C" fn output_address() -> *const u8 {
    with(|state| state.engine.output.writer.output().as_ptr())
}

/// How many bytes of event lines there are.
#[unsafe(no_mangle)]
pub extern "C" fn output_length() -> u32 {
    with(|state| narrow(state.engine.output.writer.output().len()))
}

/// Begins a capture of `link_type` with the first `context_length` bytes of the context, after
/// event number `sequence`. Connections are forgotten, counters go on.
#[unsafe(no_mangle)]
pub extern "C" fn reset(
    link_type: u32,
    context_length: u32,
    sequence: u64,
    seed0: u64,
    seed1: u64,
) {
    with(|state| {
        let seed = [
            seed0,
            seed1,
            seed0.rotate_left(32) ^ seed1,
            !seed1.rotate_left(17),
        ];
        state.engine.reset(link_type, seed);
        let context = state.context.get(..size(context_length));
        state
            .engine
            .output
            .writer
            .reset(context.unwrap_or_default(), sequence);
    });
}

/// Reads the records from offset `start` to `end` of the batch; returns the offset of the first
/// that was not read. Less than `end` means: take the output, call again from there.
#[unsafe(no_mangle)]
pub extern "C" fn parse(start: u32, end: u32) -> u32 {
    with(|state| {
        state.engine.output.writer.clear();
        let batch = state.batch.get(..size(end)).unwrap_or_default();
        narrow(state.engine.batch(batch, size(start)))
    })
}

/// Begins a capture file: what `file_parse` is given next are its first bytes.
#[unsafe(no_mangle)]
pub extern "C" fn file_begin() {
    with(|state| {
        state.file.reset();
        state.fault = 0;
    });
}

/// Reads the bytes of a capture file from offset `start` to `end` of the batch; returns the offset
/// of the first that was not read. Output that was written means: take it, call again from there.
/// None means: more bytes are needed, unless there is a `file_fault`.
#[unsafe(no_mangle)]
pub extern "C" fn file_parse(start: u32, end: u32) -> u32 {
    with(|state| {
        state.engine.output.writer.clear();
        let bytes = state.batch.get(..size(end)).unwrap_or_default();
        match state.engine.file(&mut state.file, bytes, size(start)) {
            Ok(at) => narrow(at),
            Err(fault) => {
                state.fault = fault.code();
                end
            }
        }
    })
}

/// Why the rest of the file cannot be read; 0 if it can.
#[unsafe(no_mangle)]
pub extern "C" fn file_fault() -> u32 {
    with(|state| state.fault)
}

/// Says what time it is while no packets come, microseconds since the epoch. 0 means: take the
/// output, call again.
#[unsafe(no_mangle)]
pub extern "C" fn tick(now: u64) -> u32 {
    with(|state| {
        state.engine.output.writer.clear();
        u32::from(state.engine.tick(now))
    })
}

/// Gives up what is unfinished. 0 means: take the output, call again.
#[unsafe(no_mangle)]
pub extern "C" fn finish() -> u32 {
    with(|state| {
        state.engine.output.writer.clear();
        u32::from(state.engine.finish())
    })
}

/// Brings the counters up to date and returns where they are.
#[unsafe(no_mangle)]
pub extern "C" fn counters() -> *const u64 {
    with(|state| {
        let engine = &state.engine;
        let (counted, written) = (&engine.output.counters, &engine.output.writer.written);
        let (flows, streams) = engine.held();
        state.counters = [
            counted.packets,
            counted.bytes,
            counted.link_type_unknown,
            counted.not_ip,
            counted.fragments_discarded,
            counted.not_tls,
            counted.tcp_malformed,
            counted.quic_not_authentic,
            counted.quic_version_unknown,
            counted.flows_evicted,
            counted.streams_evicted,
            counted.segments_discarded,
            written.complete,
            written.malformed,
            written.truncated,
            written.gap,
            written.sslv2,
            wide(flows),
            wide(streams),
        ];
        state.counters.as_ptr()
    })
}
