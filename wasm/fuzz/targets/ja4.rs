//! Fingerprints and the event: what carried it, then a ClientHello message. The fingerprints that
//! are remembered by their texts are those that the texts give.
#![no_main]
use ja4_fuzz::{Input, NO_PATH, check_lines, end};
use ja4_wasm::ciphers::Ciphers;
use ja4_wasm::client_hello::ClientHello;
use ja4_wasm::digest::{md5_32, sha256_12};
use ja4_wasm::event::{Arrival, Writer};
use ja4_wasm::extensions::Extensions;
use ja4_wasm::ja3::Ja3;
use ja4_wasm::ja4::{Ja4, Transport};
use ja4_wasm::lists::Lists;
use ja4_wasm::preamble::Preamble;
use libfuzzer_sys::fuzz_target;
use std::sync::Mutex;

type State = (Ciphers, Extensions, Lists, Ja4, Ja3, Writer);
static STATE: Mutex<State> = Mutex::new((
    Ciphers::EMPTY,
    Extensions::EMPTY,
    Lists::EMPTY,
    Ja4::EMPTY,
    Ja3::EMPTY,
    Writer::EMPTY,
));

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let transport = match input.byte() % 3 {
        0 => Transport::Tcp,
        1 => Transport::Quic,
        _ => Transport::Dtls,
    };
    let Ok(hello) = ClientHello::parse(input.rest(), transport) else {
        return;
    };
    let Ok(mut state) = STATE.lock() else {
        return;
    };
    let (ciphers, extensions, lists, ja4, ja3, writer) = &mut *state;
    lists.read(&hello);
    let (ciphers, extensions) = (ciphers.of(&hello), extensions.of(lists));
    let forms = (&ciphers, &extensions);
    ja4.compute(&hello, lists, forms, transport);
    let digest = |text: &[u8]| match text {
        [] => *b"000000000000",
        _ => sha256_12(text),
    };
    assert_eq!(ciphers.sorted_digest, digest(ciphers.sorted_text));
    assert_eq!(ciphers.digest, digest(ciphers.text));
    assert_eq!(extensions.digest, digest(extensions.sorted_text));
    assert_eq!(ja4.original_c, digest(ja4.original_c_text.as_bytes()));
    assert!(ja4.a.iter().all(u8::is_ascii_alphanumeric));
    assert!(ja4.stable_a.iter().all(u8::is_ascii_alphanumeric));
    assert!(lists.sorted_extensions.as_slice().is_sorted());
    let suites: Vec<String> = hello
        .cipher_suites()
        .map(|suite| format!("{suite:04x}"))
        .collect();
    assert_eq!(ciphers.text, suites.join(",").as_bytes());
    let sorted = lists.sorted_extensions.as_slice();
    let kinds: Vec<String> = sorted.iter().map(u16::to_string).collect();
    assert_eq!(extensions.sorted_decimal, kinds.join("-").as_bytes());
    ja3.compute(&hello, lists, forms);
    assert_eq!(ja3.ja3, md5_32(ja3.text.as_bytes()));
    let fields = ja3.text.as_bytes().split(|byte| *byte == b',').skip(1);
    assert!(fields.eq(ja3.lists()));
    writer.clear();
    let before = writer.sequence();
    let arrival = Arrival {
        ts: 1,
        begin_ts: 1,
        source: end(0),
        destination: end(1),
        transport,
        path: NO_PATH,
        hello: 0,
        preamble: Preamble::None,
        proxied: None,
        bytes: None,
        records: 1,
        segments: 1,
        out_of_order: false,
        syn: None,
        rtt_us: None,
    };
    writer.complete(&arrival, &hello);
    assert_eq!(writer.sequence() - before, 1, "an event did not fit");
    check_lines(writer, before);
});
