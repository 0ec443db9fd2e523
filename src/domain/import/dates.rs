//! Dates in the formats of spreadsheets. The order of day and month is specified, never guessed.

use chrono::NaiveDate;

use crate::domain::booking::calendar;

named_enum! {
    /// The order of a date's parts.
    pub enum DateOrder as "date order" {
        Ymd = "ymd", "Year, month, day: 1984-03-09 (ISO 8601).";
        Dmy = "dmy", "Day, month, year: 9.3.1984.";
        Mdy = "mdy", "Month, day, year: 3/9/1984.";
    }
}

impl DateOrder {
    /// Parses a date with `-`, `.` or `/` between its parts and a four-digit year. ISO 8601 is accepted
    /// in any order: only there do four digits come first.
    ///
    /// # Errors
    /// The rule that `text` violates.
    pub fn read(self, text: &str) -> Result<NaiveDate, String> {
        iso(text)
            .or_else(|| self.parts(text))
            .and_then(|[year, month, day]| {
                NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day)
            })
            .filter(|date| calendar::plausible(*date).is_ok())
            .ok_or_else(|| format!("not a valid date (expected e.g. {})", self.example()))
    }

    /// March 9, 1984 in this order.
    pub const fn example(self) -> &'static str {
        match self {
            Self::Ymd => "1984-03-09",
            Self::Dmy => "9.3.1984",
            Self::Mdy => "3/9/1984",
        }
    }

    fn parts(self, text: &str) -> Option<[u32; 3]> {
        let separator = *text.as_bytes().iter().find(|b| !b.is_ascii_digit())?;
        if !matches!(separator, b'-' | b'.' | b'/') {
            return None;
        }
        let mut parts = text.splitn(3, char::from(separator));
        let mut numbers = [0; 3];
        let mut lengths = [0; 3];
        for place in 0..3 {
            let part = parts.next()?;
            if part.is_empty() || part.len() > 4 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            numbers[place] = part.parse().ok()?;
            lengths[place] = part.len();
        }
        let order = if lengths[0] == 4 { Self::Ymd } else { self };
        let (numbers, lengths) = match order {
            Self::Ymd => (numbers, lengths),
            Self::Dmy => (
                [numbers[2], numbers[1], numbers[0]],
                [lengths[2], lengths[1], lengths[0]],
            ),
            Self::Mdy => (
                [numbers[2], numbers[0], numbers[1]],
                [lengths[2], lengths[0], lengths[1]],
            ),
        };
        (lengths[0] == 4 && lengths[1] <= 2 && lengths[2] <= 2).then_some(numbers)
    }
}

/// Fast path for `1984-03-09`, the most frequent format.
fn iso(text: &str) -> Option<[u32; 3]> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h] = text.as_bytes() else {
        return None;
    };
    let digits = [a, b, c, d, e, f, g, h];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |n, digit| n * 10 + u32::from(digit - b'0'))
    };
    Some([
        number(&digits[..4]),
        number(&digits[4..6]),
        number(&digits[6..]),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_said() {
        let date = NaiveDate::from_ymd_opt(1984, 3, 9).unwrap();
        for (order, text) in [
            (DateOrder::Ymd, "1984-03-09"),
            (DateOrder::Ymd, "1984/3/9"),
            (DateOrder::Dmy, "9.3.1984"),
            (DateOrder::Dmy, "09/03/1984"),
            (DateOrder::Dmy, "1984-03-09"),
            (DateOrder::Mdy, "3/9/1984"),
            (DateOrder::Mdy, "1984-03-09"),
        ] {
            assert_eq!(order.read(text), Ok(date), "{order} {text}");
        }
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused() {
        for (order, text) in [
            (DateOrder::Ymd, "9.3.1984"),
            (DateOrder::Ymd, "84-03-09"),
            (DateOrder::Dmy, "9.3.84"),
            (DateOrder::Dmy, "9.13.1984"),
            (DateOrder::Mdy, "13/9/1984"),
            (DateOrder::Ymd, "1984-03"),
            (DateOrder::Ymd, "1984-03-09-1"),
            (DateOrder::Ymd, "1984-03.09"),
            (DateOrder::Ymd, "1984-02-30"),
            (DateOrder::Ymd, "+1984-02-03"),
            (DateOrder::Ymd, "0001-01-01"),
            (DateOrder::Ymd, "today"),
            (DateOrder::Ymd, "30714"),
            (DateOrder::Ymd, ""),
        ] {
            assert!(order.read(text).is_err(), "{order} {text}");
        }
    }
}
