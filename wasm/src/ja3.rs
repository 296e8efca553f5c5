//! JA3 (Salesforce; BSD-3-Clause, see NOTICE) and JA3N, the same with the extensions sorted:
//! clients that shuffle their extensions have one JA3N and a new JA3 each time.
use crate::ciphers::CipherForms;
use crate::client_hello::ClientHello;
use crate::digest::{Memo, md5_32};
use crate::extensions::ExtensionForms;
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
    /// Where the first four fields of `text` end.
    ends: [usize; 4],
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
        ends: [0; 4],
        sorted_text: Text::EMPTY,
        memo: Memo::EMPTY,
    };

    /// Computes both for `hello`, whose lists are the others.
    pub fn compute(
        &mut self,
        hello: &ClientHello<'_>,
        lists: &Lists,
        (ciphers, extensions): (&CipherForms<'_>, &ExtensionForms<'_>),
    ) {
        let sorted_decimal = extensions.sorted_decimal;
        let text = &mut self.text;
        text.clear();
        text.push_decimal(hello.legacy_version);
        let version = text.as_bytes().len();
        text.push(b",");
        text.push(ciphers.decimal);
        let suites = text.as_bytes().len();
        text.push(b",");
        text.push_decimal_list(lists.extensions.as_slice().iter().copied());
        let extensions = text.as_bytes().len();
        text.push(b",");
        text.push_decimal_list(hello.supported_groups());
        let groups = text.as_bytes().len();
        text.push(b",");
        text.push_decimal_list(hello.ec_point_formats());
        self.ends = [version, suites, extensions, groups];
        self.ja3 = md5_32(text.as_bytes());

        let sorted = &mut self.sorted_text;
        let text = text.as_bytes();
        sorted.clear();
        sorted.push(text.get(..=suites).unwrap_or_default());
        sorted.push(sorted_decimal);
        sorted.push(text.get(extensions..).unwrap_or_default());
        self.ja3n = self.memo.get(sorted.as_bytes(), md5_32);
    }

    /// The four lists of the text: cipher suites, extensions, groups, point formats.
    #[must_use]
    pub fn lists(&self) -> [&[u8]; 4] {
        let text = self.text.as_bytes();
        let [version, suites, extensions, groups] = self.ends;
        let between = |before: usize, end: usize| {
            let start = before.saturating_add(1);
            text.get(start..end).unwrap_or_default()
        };
        [
            between(version, suites),
            between(suites, extensions),
            between(extensions, groups),
            between(groups, text.len()),
        ]
    }
}
