//! JA3 (Salesforce; BSD-3-Clause, see NOTICE) and JA3N, the same with the extensions sorted:
//! clients that shuffle their extensions have one JA3N and a new JA3 each time.
use crate::client_hello::ClientHello;
use crate::digest::{Memo, md5_32};
use crate::lists::{CODE_POINTS, Lists};
use crate::text::Text;

/// Both digests, and the text under the first.
#[derive(Debug)]
pub struct Ja3 {
    /// MD5 of `text`.
    pub ja3: [u8; 32],
    /// MD5 of the same with sorted extensions.
    pub ja3n: [u8; 32],
    /// `version,ciphers,extensions,groups,point formats`, numbers in decimal.
    pub text: Text<TEXT_BYTES>,
    sorted_text: Text<TEXT_BYTES>,
    memo: Memo<1024, 32>,
}

/// Five digits and a separator for each number.
const TEXT_BYTES: usize = (CODE_POINTS + 8) * 6;

impl Ja3 {
    /// Room for one; [`Ja3::compute`] fills it.
    pub const EMPTY: Self = Self {
        ja3: [0; 32],
        ja3n: [0; 32],
        text: Text::EMPTY,
        sorted_text: Text::EMPTY,
        memo: Memo::EMPTY,
    };

    /// Computes both for `hello`, whose lists are `lists`.
    pub fn compute(&mut self, hello: &ClientHello<'_>, lists: &Lists) {
        let text = &mut self.text;
        text.clear();
        text.push_decimal(hello.legacy_version);
        text.push(b",");
        text.push_decimal_list(lists.ciphers.as_slice().iter().copied());
        text.push(b",");
        let before = text.as_bytes().len();
        text.push_decimal_list(lists.extensions.as_slice().iter().copied());
        let after = text.as_bytes().len();
        text.push(b",");
        text.push_decimal_list(hello.supported_groups());
        text.push(b",");
        text.push_decimal_list(hello.ec_point_formats());
        self.ja3 = md5_32(text.as_bytes());

        let sorted = &mut self.sorted_text;
        let (text, extensions) = (text.as_bytes(), lists.sorted_extensions.as_slice());
        sorted.clear();
        sorted.push(text.get(..before).unwrap_or_default());
        sorted.push_decimal_list(extensions.iter().copied());
        sorted.push(text.get(after..).unwrap_or_default());
        self.ja3n = self.memo.get(sorted.as_bytes(), md5_32);
    }

    /// The five fields of the text.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        self.text.as_bytes().split(|byte| *byte == b',')
    }
}
