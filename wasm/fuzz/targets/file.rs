//! Capture files and batches through the whole parser: how, then the bytes of a pcap or pcapng
//! file, or records as the kernel's side of libpcap hands them over. A file that comes in pieces
//! gives what it gives at once.
#![no_main]
use ja4_fuzz::{Input, check_lines};
use ja4_wasm::engine::Engine;
use ja4_wasm::file::{Fault, FileReader};
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

type State = (Engine<64, 8>, FileReader);
static STATE: Mutex<State> = Mutex::new((Engine::EMPTY, FileReader::EMPTY));
const LINK_TYPES: [u32; 4] = [1, 101, 113, 276];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (how, step) = (input.byte(), input.byte());
    let bytes = input.rest();
    let Ok(mut state) = STATE.lock() else {
        return;
    };
    let (engine, reader) = &mut *state;
    if how & 0x80 == 0 {
        let link_type = LINK_TYPES[usize::from(how & 3)];
        engine.reset(link_type, [1, 2, 3, 4]);
        let mut at = 0;
        loop {
            let next = counted(engine, |engine| engine.batch(bytes, at)).1;
            assert!(at <= next && next <= bytes.len());
            if next == at {
                break;
            }
            at = next;
        }
        finish(engine);
    } else {
        let step = usize::from(step).max(16);
        let once = read_file(engine, reader, bytes, bytes.len().max(1));
        assert_eq!(once, read_file(engine, reader, bytes, step));
    }
});

/// Reads a file in steps; returns how many events it gave, and how it ended.
fn read_file(
    engine: &mut Engine<64, 8>,
    reader: &mut FileReader,
    bytes: &[u8],
    step: usize,
) -> (u64, Option<Fault>) {
    engine.reset(0, [1, 2, 3, 4]);
    reader.reset();
    let (mut at, mut end, mut events) = (0, 0, 0);
    let fault = loop {
        let (count, next) = counted(engine, |engine| engine.file(reader, &bytes[..end], at));
        events += count;
        match next {
            Err(fault) => break Some(fault),
            Ok(next) => {
                assert!(at <= next && next <= end);
                if next == at && end == bytes.len() {
                    break None;
                }
                at = next;
            }
        }
        end = bytes.len().min(end + step);
    };
    (events + finish(engine), fault)
}

fn finish(engine: &mut Engine<64, 8>) -> u64 {
    let mut events = 0;
    loop {
        let (count, done) = counted(engine, Engine::finish);
        events += count;
        if done {
            assert_eq!(engine.held().1, 0, "bytes are held for ever");
            return events;
        }
    }
}

/// How many events `call` writes, each of which is a line, and what it returns.
fn counted<T>(
    engine: &mut Engine<64, 8>,
    call: impl FnOnce(&mut Engine<64, 8>) -> T,
) -> (u64, T) {
    engine.output.writer.clear();
    let before = engine.output.writer.sequence();
    let result = call(engine);
    check_lines(&engine.output.writer, before);
    (engine.output.writer.sequence() - before, result)
}
