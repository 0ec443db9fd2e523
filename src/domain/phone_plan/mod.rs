//! A fast path for phone numbers in a usual format. The number is validated with the library's
//! numbering plans, compiled once to automata; a number that is not clearly valid here is passed to the
//! library's own parser, which supports all formats and takes some microseconds.

mod plans;

use std::{
    borrow::Cow,
    cell::{OnceCell, RefCell},
    rc::Rc,
};

use regex_automata::{
    Anchored,
    dfa::{Automaton as _, StartKind, dense},
    util::{start, syntax},
};

use plans::{NumbersText, PlanText};

/// Allowed number of digits after the `+` (maximum: E.164 §6.1; minimum of a number in use).
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

thread_local! {
    /// Calling codes, each at the index of its number.
    static CODES: RefCell<Vec<Known<Code>>> = RefCell::default();
    /// The last calling code used, with its plans.
    static LAST: RefCell<Option<(String, Rc<Code>)>> = RefCell::default();
    /// The regions used so far, few in a process.
    static REGIONS: RefCell<Vec<(String, Option<Rc<Dialled>>)>> = RefCell::default();
}

/// Returns the number in E.164 if it is clearly valid: `+` or a trunk prefix, and digits with single
/// spaces or hyphens between them. `None` means undecided.
pub(super) fn plainly_valid<'a>(text: &'a str, region: Option<&str>) -> Option<Cow<'a, str>> {
    let international = text.strip_prefix('+');
    let digits = Digits::read(international.unwrap_or(text))?;
    let digits = digits.as_str();
    let Some(written) = international else {
        let dialled = dialled(region?)?;
        let national = dialled.national(digits)?;
        let code = dialled.code;
        let number = || Cow::Owned(format!("+{code}{national}"));
        return by_code(code)?.has(national, false)?.then(number);
    };
    if !DIGITS.contains(&digits.len()) {
        return None;
    }
    let (code, national) = split(digits)?;
    // The calling code ends at the first separator.
    let ends_at = written.find(|c: char| !c.is_ascii_digit());
    if ends_at.is_some_and(|at| at != digits.len() - national.len()) {
        return None;
    }
    if let Some(region) = region
        && dialled(region)?.may_strip(national)?
    {
        return None;
    }
    let is_valid = code.has(national, region.is_none())?;
    is_valid.then(|| match ends_at {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(["+", digits].concat()),
    })
}

/// The digits alone, at most [`DIGITS`] and a trunk prefix: on the stack, because a file contains a
/// million numbers.
struct Digits {
    bytes: [u8; 20],
    len: usize,
}

impl Digits {
    fn read(text: &str) -> Option<Self> {
        let mut digits = Self {
            bytes: [0; 20],
            len: 0,
        };
        let mut after_digit = false;
        for b in text.bytes() {
            match b {
                b'0'..=b'9' => {
                    *digits.bytes.get_mut(digits.len)? = b;
                    digits.len += 1;
                }
                b' ' | b'-' if after_digit => {}
                _ => return None,
            }
            after_digit = b.is_ascii_digit();
        }
        after_digit.then_some(digits)
    }

    fn as_str(&self) -> &str {
        let digits = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(digits).unwrap_or_default()
    }
}

/// Splits a number into its calling code, which is not a prefix of another, and the national number.
fn split(digits: &str) -> Option<(Rc<Code>, &str)> {
    // A file usually contains numbers of one country.
    let last = LAST.with_borrow(|last| {
        let (code, known) = last.as_ref()?;
        Some((Rc::clone(known), digits.strip_prefix(code.as_str())?))
    });
    if last.is_some() {
        return last;
    }
    let (known, national) = split_anew(digits)?;
    let code = digits.get(..digits.len() - national.len())?.to_owned();
    LAST.set(Some((code, Rc::clone(&known))));
    Some((known, national))
}

fn split_anew(digits: &str) -> Option<(Rc<Code>, &str)> {
    (1..=3).find_map(|length| {
        let (code, national) = digits.split_at_checked(length)?;
        Some((by_code(code.parse().ok()?)?, national))
    })
}

/// The numbering plans of one calling code.
struct Code {
    regions: Vec<Plan>,
}

/// The numbering plan of a region.
struct Plan {
    /// For plans that share a code: the leading digits of this one; `None` for any.
    leading_digits: Option<Pattern>,
    general: Numbers,
    kinds: Vec<Numbers>,
    /// Removed from the start of a national number, if present.
    national_prefix: Option<Pattern>,
}

/// The national dialing format of a region.
struct Dialled {
    code: u16,
    /// Digits, such as `0`; `None` if the prefix is not simple.
    trunk_prefix: Option<String>,
    international_prefix: Option<Pattern>,
    national_prefix: Option<Pattern>,
    general: Numbers,
}

/// The outer `None` means not looked up yet; the inner `None` means that it does not exist.
type Known<T> = Option<Option<Rc<T>>>;

fn by_code(code: u16) -> Option<Rc<Code>> {
    CODES.with_borrow_mut(|codes| {
        let place = usize::from(code);
        if codes.len() <= place {
            codes.resize(place + 1, None);
        }
        let known = codes.get_mut(place)?;
        known
            .get_or_insert_with(|| Code::read(code).map(Rc::new))
            .clone()
    })
}

fn dialled(region: &str) -> Option<Rc<Dialled>> {
    REGIONS.with_borrow_mut(|regions| {
        if let Some((_, known)) = regions.iter().find(|(name, _)| name == region) {
            return known.clone();
        }
        let read = Dialled::read(region).map(Rc::new);
        regions.push((region.to_owned(), read.clone()));
        read
    })
}

impl Code {
    fn read(code: u16) -> Option<Self> {
        let regions = plans::by_code(code)?;
        let is_alone = regions.len() == 1;
        let plans = regions.iter().map(|text| Plan::read(text, is_alone));
        Some(Self {
            regions: plans.collect(),
        })
    }

    /// `true` if the number exists; `None` if undecided. With `may_strip`, a number from which the
    /// library might remove a national prefix is undecided.
    fn has(&self, national: &str, may_strip: bool) -> Option<bool> {
        // Numbers with leading zeros have special rules.
        if national.starts_with('0') {
            return Some(false);
        }
        for plan in &self.regions {
            let belongs = match &plan.leading_digits {
                Some(leading) => leading.begins(national)?,
                None => self.regions.len() == 1 || plan.has(national)?,
            };
            if belongs {
                let is_stripped = match plan.national_prefix.as_ref().filter(|_| may_strip) {
                    Some(prefix) => prefix.begins(national)?,
                    None => false,
                };
                return Some(!is_stripped && plan.has(national)?);
            }
        }
        Some(false)
    }
}

impl Plan {
    fn read(text: &PlanText, is_alone: bool) -> Self {
        let leading = text.leading_digits.filter(|_| !is_alone);
        Self {
            leading_digits: leading.map(Pattern::new),
            general: Numbers::read(&text.general),
            kinds: text.kinds.iter().map(Numbers::read).collect(),
            national_prefix: national_prefix(text),
        }
    }

    fn has(&self, national: &str) -> Option<bool> {
        if !self.general.has(national)? {
            return Some(false);
        }
        for kind in &self.kinds {
            if kind.has(national)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// The numbers of one type.
struct Numbers {
    pattern: Pattern,
    lengths: Vec<u16>,
}

impl Numbers {
    fn read(text: &NumbersText) -> Self {
        Self {
            pattern: Pattern::new(text.pattern),
            lengths: text.lengths.clone(),
        }
    }

    fn has(&self, national: &str) -> Option<bool> {
        let is_long_enough = |length: &u16| usize::from(*length) == national.len();
        if self.lengths.is_empty() || self.lengths.iter().any(is_long_enough) {
            return self.pattern.begins(national);
        }
        Some(false)
    }
}

/// A pattern of the library for leading digits, compiled on first use.
struct Pattern {
    source: String,
    automaton: OnceCell<Option<dense::DFA<Vec<u32>>>>,
}

impl Pattern {
    /// Maximum bytes of an automaton and of its construction. All of the library's are much smaller.
    const MOST_BYTES: usize = 1 << 20;

    fn new(source: &str) -> Self {
        Self {
            source: format!("(?x:{source})"),
            automaton: OnceCell::new(),
        }
    }

    /// `true` if `digits` match; `None` if the pattern is too large to compile.
    fn begins(&self, digits: &str) -> Option<bool> {
        let automaton = self.automaton.get_or_init(|| self.compile()).as_ref()?;
        let anchored = start::Config::new().anchored(Anchored::Yes);
        let mut state = automaton.start_state(&anchored).ok()?;
        for byte in digits.bytes() {
            state = automaton.next_state(state, byte);
            if automaton.is_special_state(state) {
                if automaton.is_match_state(state) {
                    return Some(true);
                }
                if automaton.is_dead_state(state) {
                    return Some(false);
                }
            }
        }
        let state = automaton.next_eoi_state(state);
        Some(automaton.is_match_state(state))
    }

    fn compile(&self) -> Option<dense::DFA<Vec<u32>>> {
        // Digits are ASCII.
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .dfa_size_limit(Some(Self::MOST_BYTES))
            .determinize_size_limit(Some(Self::MOST_BYTES));
        let mut builder = dense::Builder::new();
        let builder = builder.syntax(syntax).configure(config);
        builder.build(&self.source).ok()
    }
}

impl Dialled {
    fn read(region: &str) -> Option<Self> {
        let text = plans::by_region(region)?;
        let parsed = text.prefix_for_parsing;
        let is_simple =
            !text.transforms && parsed.is_none_or(|parsed| Some(parsed) == text.national_prefix);
        Some(Self {
            code: text.code,
            trunk_prefix: text
                .national_prefix
                .filter(|_| is_simple)
                .map(str::to_owned),
            international_prefix: text.international_prefix.map(Pattern::new),
            national_prefix: national_prefix(text),
            general: Numbers::read(&text.general),
        })
    }

    /// `true` if the library may remove a prefix from this number.
    fn may_strip(&self, national: &str) -> Option<bool> {
        match &self.national_prefix {
            Some(prefix) => prefix.begins(national),
            None => Some(false),
        }
    }

    /// Returns the national number after the trunk prefix.
    fn national<'a>(&self, digits: &'a str) -> Option<&'a str> {
        let trunk = self.trunk_prefix.as_deref()?;
        let is_international = match &self.international_prefix {
            Some(prefix) => prefix.begins(digits)?,
            None => false,
        };
        let national = digits.strip_prefix(trunk)?;
        let is_plain =
            !is_international && !self.general.has(digits)? && !self.may_strip(national)?;
        is_plain.then_some(national)
    }
}

/// Returns the pattern that the library removes from a national number.
fn national_prefix(text: &PlanText) -> Option<Pattern> {
    let patterns: Vec<&str> = text
        .prefix_for_parsing
        .into_iter()
        .chain(text.national_prefix)
        .collect();
    (!patterns.is_empty()).then(|| Pattern::new(&patterns.join("|")))
}

#[cfg(test)]
mod tests {
    use phonenumber::metadata::DATABASE;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::phone::by_the_library;

    const REGIONS: [&str; 14] = [
        "CH", "DE", "FR", "US", "GB", "IT", "BR", "RU", "KZ", "AR", "MX", "JP", "AU", "SM",
    ];

    #[test]
    fn the_usual_forms_are_plain() {
        for (text, region, number) in [
            ("+41 44 364 35 32", None, "+41443643532"),
            ("+41443643532", Some("CH"), "+41443643532"),
            ("044 364 35 32", Some("CH"), "+41443643532"),
            ("030 901820", Some("DE"), "+4930901820"),
            ("+1 202-555-0143", Some("CH"), "+12025550143"),
        ] {
            assert_eq!(
                plainly_valid(text, region).as_deref(),
                Some(number),
                "{text}"
            );
        }
        for text in [
            "+41 1",
            "+999 12345678",
            "+41  44 364 35 32",
            "+4144364353x",
            "+",
            "",
        ] {
            assert_eq!(plainly_valid(text, None), None, "{text}");
        }
    }

    /// Every example of every plan, in both forms.
    #[test]
    fn what_is_plain_is_what_the_library_says() {
        for meta in DATABASE.iter() {
            let all = meta.descriptors();
            let kinds = [
                Some(all.general()),
                all.fixed_line(),
                all.mobile(),
                all.toll_free(),
                all.premium_rate(),
                all.shared_cost(),
                all.voip(),
                all.personal_number(),
                all.uan(),
                all.pager(),
            ];
            let region = Some(meta.id()).filter(|id| *id != "001");
            for example in kinds
                .into_iter()
                .flatten()
                .filter_map(|kind| kind.example())
            {
                for prefix in ["", "0", "1", "8", "00"] {
                    let international = format!("+{}{prefix}{example}", meta.country_code());
                    agree(&international, None);
                    agree(&international, region);
                    agree(&international, Some("CH"));
                    agree(&format!("{prefix}{example}"), region);
                }
            }
        }
    }

    fn agree(text: &str, region: Option<&str>) {
        if let Some(number) = plainly_valid(text, region) {
            assert_eq!(
                by_the_library(text, region).ok(),
                Some(number.into_owned()),
                "{text} {region:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn random_numbers_are_what_the_library_says(
            text in "\\+(41|49|33|1|44|39|55|7|54|52|81|61|378|[1-9][0-9]{0,2})[ -]?[0-9]{4,12}|0{0,2}[0-9]{2,4}[ -]?[0-9]{3,9}",
            region in proptest::option::of(proptest::sample::select(&REGIONS[..])),
        ) {
            agree(&text, region);
        }
    }
}
