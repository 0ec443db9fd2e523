//! The numbering plans of the library, from a text that a test keeps in sync with it. The library
//! compiles all of its plans on first use, which takes a tenth of a second.

use std::{collections::HashMap, sync::LazyLock};

const TEXT: &str = include_str!("plans.txt");

static PLANS: LazyLock<Plans> = LazyLock::new(|| Plans::read(TEXT));

#[derive(Default)]
struct Plans {
    by_code: HashMap<u16, Vec<PlanText>>,
    /// The position of a region's plan in `by_code`.
    by_region: HashMap<&'static str, (u16, usize)>,
}

/// The numbering plan of a region, with its patterns as text.
pub(super) struct PlanText {
    pub(super) code: u16,
    pub(super) leading_digits: Option<&'static str>,
    pub(super) national_prefix: Option<&'static str>,
    /// The pattern that recognizes the national prefix; it may match more than a prefix.
    pub(super) prefix_for_parsing: Option<&'static str>,
    /// `true` if the removed part is replaced with other digits.
    pub(super) transforms: bool,
    pub(super) international_prefix: Option<&'static str>,
    pub(super) general: NumbersText,
    pub(super) kinds: Vec<NumbersText>,
}

/// The numbers of one kind.
#[derive(Default)]
pub(super) struct NumbersText {
    pub(super) lengths: Vec<u16>,
    pub(super) pattern: &'static str,
}

/// Returns the plans of a calling code; the first matching plan applies.
pub(super) fn by_code(code: u16) -> Option<&'static [PlanText]> {
    PLANS.by_code.get(&code).map(Vec::as_slice)
}

/// Returns the plan of a region (ISO 3166-1).
pub(super) fn by_region(region: &str) -> Option<&'static PlanText> {
    let (code, place) = PLANS.by_region.get(region)?;
    PLANS.by_code.get(code)?.get(*place)
}

impl Plans {
    fn read(text: &'static str) -> Self {
        let mut plans = Self::default();
        let mut code = 0;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut parts = line.split('\t');
            let mut next = || parts.next().unwrap_or_default();
            match next() {
                "" => {
                    let what = next();
                    let numbers = NumbersText {
                        lengths: next().split(',').filter_map(|n| n.parse().ok()).collect(),
                        pattern: next(),
                    };
                    if let Some(plan) = plans.by_code.get_mut(&code).and_then(|all| all.last_mut())
                    {
                        match what {
                            "general" => plan.general = numbers,
                            _ => plan.kinds.push(numbers),
                        }
                    }
                }
                number => {
                    code = number.parse().unwrap_or_default();
                    let region = next();
                    let mut optional = || Some(next()).filter(|part| !part.is_empty());
                    let plan = PlanText {
                        code,
                        leading_digits: optional(),
                        national_prefix: optional(),
                        prefix_for_parsing: optional(),
                        transforms: optional() == Some("1"),
                        international_prefix: optional(),
                        general: NumbersText::default(),
                        kinds: Vec::new(),
                    };
                    let of_code = plans.by_code.entry(code).or_default();
                    if region != "001" {
                        plans.by_region.insert(region, (code, of_code.len()));
                    }
                    of_code.push(plan);
                }
            }
        }
        plans
    }
}
