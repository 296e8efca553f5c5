//! Writes one JSON object into a buffer of fixed size.
use crate::text::{decimal, digits, write_decimal};

/// Appends to `buffer`; once something did not fit, nothing more is written: there is no buffer then.
#[derive(Debug)]
pub struct Json<'a> {
    buffer: &'a mut [u8],
    len: usize,
    full: bool,
}

impl<'a> Json<'a> {
    /// Starts at the first byte of `buffer`.
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self {
            buffer,
            len: 0,
            full: false,
        }
    }

    /// Bytes written; none if something did not fit.
    #[must_use]
    pub fn finish(self) -> usize {
        if self.full { 0 } else { self.len }
    }

    #[cold]
    fn overflow(&mut self) {
        self.full = true;
        self.buffer = &mut [];
    }

    /// Appends `bytes` as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.buffer.get_mut(self.len..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            None => self.overflow(),
        }
    }

    /// Appends `value` in decimal.
    #[inline]
    pub fn number(&mut self, value: u64) {
        // In parts of nine digits: 32-bit division is the fast one.
        const PART: u64 = 1_000_000_000;
        if let Ok(value) = u32::try_from(value) {
            self.digits(digits(value), value);
        } else {
            self.number(value / PART);
            self.digits(9, u32::try_from(value % PART).unwrap_or(0));
        }
    }

    #[inline]
    fn digits(&mut self, count: usize, value: u32) {
        let end = self.len.saturating_add(count);
        match self.buffer.get_mut(self.len..end) {
            Some(place) => {
                write_decimal(place, value);
                self.len = end;
            }
            None => self.overflow(),
        }
    }

    /// Appends `,"name":` and `value`; `key` is the text before the value, as written.
    #[inline]
    pub fn number_field(&mut self, key: &[u8], value: u64) {
        self.raw(key);
        self.number(value);
    }

    /// Appends `value` in decimal.
    #[inline]
    pub fn short_number(&mut self, value: u16) {
        let (item, length) = decimal(value, 0);
        self.item(&item, length.saturating_sub(1));
    }

    /// Appends the first `length` bytes of `item`.
    #[inline]
    fn item(&mut self, item: &[u8; 8], length: usize) {
        let rest = self.buffer.get_mut(self.len..);
        match rest.and_then(<[u8]>::first_chunk_mut) {
            Some(place) => {
                *place = *item;
                self.len = self.len.saturating_add(length);
            }
            None => self.overflow(),
        }
    }

    /// Appends `key` and `true` or `false`.
    #[inline]
    pub fn flag_field(&mut self, key: &[u8], value: bool) {
        self.raw(key);
        if value {
            self.raw(b"true");
        } else {
            self.raw(b"false");
        }
    }

    /// Appends `key`, which ends with a quote, `text`, and a quote; `text` is ours and needs no escapes.
    #[inline]
    pub fn plain_field(&mut self, key: &[u8], text: &[u8]) {
        self.raw(key);
        self.raw(text);
        self.raw(b"\"");
    }

    /// Appends `key` and an array of numbers.
    #[inline]
    pub fn list_field(&mut self, key: &[u8], values: impl Iterator<Item = u16>) {
        self.raw(key);
        self.raw(b"[");
        let start = self.len;
        for value in values {
            let (item, length) = decimal(value, b',');
            self.item(&item, length);
        }
        if self.len > start {
            // The last separator.
            self.len = self.len.saturating_sub(1);
        }
        self.raw(b"]");
    }

    /// Appends `key` and an array of the numbers in `text`, which has `-` between them.
    pub fn dashed_list_field(&mut self, key: &[u8], text: &[u8]) {
        self.raw(key);
        self.raw(b"[");
        let end = self.len.saturating_add(text.len());
        match self.buffer.get_mut(self.len..end) {
            Some(place) => {
                // Every byte is written: without a branch, several at once.
                for (place, byte) in place.iter_mut().zip(text) {
                    *place = if *byte == b'-' { b',' } else { *byte };
                }
                self.len = end;
            }
            None => self.overflow(),
        }
        self.raw(b"]");
    }

    /// Appends `bytes` from the network as a string: invalid UTF-8 becomes U+FFFD, controls,
    /// quotes and backslashes are escaped (RFC 8259, section 7).
    pub fn string(&mut self, bytes: &[u8]) {
        let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\');
        self.raw(b"\"");
        if bytes.iter().all(is_plain) {
            self.raw(bytes);
            self.raw(b"\"");
            return;
        }
        for chunk in bytes.utf8_chunks() {
            for byte in chunk.valid().bytes() {
                match byte {
                    b'"' => self.raw(b"\\\""),
                    b'\\' => self.raw(b"\\\\"),
                    0..0x20 | 0x7f => {
                        self.raw(b"\\u00");
                        self.raw(&crate::text::hex(byte));
                    }
                    _ => self.raw(&[byte]),
                }
            }
            if !chunk.invalid().is_empty() {
                self.raw("\u{fffd}".as_bytes());
            }
        }
        self.raw(b"\"");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json<'_>)) -> String {
        let mut buffer = [0; 64];
        let mut json = Json::new(&mut buffer);
        write(&mut json);
        let len = json.finish();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[test]
    fn string_escapes_what_json_and_terminals_mind() {
        assert_eq!(
            written(|json| json.string(b"a\"\\\x1b\x7f\xff\xc3\xa9")),
            "\"a\\\"\\\\\\u001b\\u007f\u{fffd}\u{e9}\""
        );
    }

    #[test]
    fn numbers_of_every_size() {
        for value in [
            0,
            7,
            4_294_967_295,
            4_294_967_296,
            1_795_430_182_951_291,
            u64::MAX,
        ] {
            assert_eq!(written(|json| json.number(value)), value.to_string());
        }
    }

    #[test]
    fn nothing_is_written_of_what_does_not_fit() {
        assert_eq!(written(|json| json.raw(&[b'x'; 65])), "");
        assert_eq!(
            written(|json| json.list_field(b"\"a\":", [1, 771].into_iter())),
            "\"a\":[1,771]"
        );
        assert_eq!(
            written(|json| json.dashed_list_field(b"\"a\":", b"1-771")),
            "\"a\":[1,771]"
        );
    }
}
