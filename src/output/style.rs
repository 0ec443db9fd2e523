//! Color and emphasis. A tone is stored next to the text, not inside it, so that widths are correct
//! and data can be escaped.

use std::borrow::Cow;

use anstyle::{AnsiColor, Effects};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::escape;
use super::options::PrinterOptions;

/// The meaning of a text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tone {
    /// No emphasis.
    #[default]
    Plain,
    /// Good: active, enabled, passed.
    Ok,
    /// Needs attention: pending, suspended.
    Warn,
    /// Bad: failed, expired, leaking.
    Bad,
    /// Secondary.
    Dim,
    /// Important.
    Bold,
}

impl Tone {
    const fn ansi(self) -> anstyle::Style {
        match self {
            Self::Plain => anstyle::Style::new(),
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Warn => AnsiColor::Yellow.on_default(),
            Self::Bad => AnsiColor::Red.on_default().effects(Effects::BOLD),
            Self::Dim => anstyle::Style::new().effects(Effects::DIMMED),
            Self::Bold => anstyle::Style::new().effects(Effects::BOLD),
        }
    }
}

/// A value with its tone: a cell of a table, or the value of a field.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
    pub(super) numeric: bool,
}

impl Cell {
    /// A text in a tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
            numeric: false,
        }
    }

    /// The text, or a dim `-` for what is absent.
    pub fn optional(value: Option<impl Into<Self>>) -> Self {
        value.map_or_else(|| Self::new("-", Tone::Dim), Into::into)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<Cow<'_, str>> for Cell {
    fn from(text: Cow<'_, str>) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<bool> for Cell {
    fn from(yes: bool) -> Self {
        Self::from(if yes { "yes" } else { "no" })
    }
}

macro_rules! from_numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Cell {
            fn from(number: $number) -> Self {
                Self { text: number.to_string(), tone: Tone::Plain, numeric: true }
            }
        }
    )*};
}

from_numbers!(i16, i32, i64, u16, u32, u64, usize);

/// The style of one stream: color, borders, width, time zone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    pub(super) color: bool,
    pub(super) terminal: bool,
    pub(crate) width: Option<u16>,
    pub(super) time_zone: Option<Tz>,
}

impl Style {
    /// The same style for a terminal of this width.
    #[cfg(test)]
    pub(crate) fn with_width(self, width: u16) -> Self {
        Self {
            width: Some(width),
            ..self
        }
    }

    pub(super) fn of(options: &PrinterOptions, terminal: bool) -> Self {
        Self {
            color: options.colored(terminal),
            terminal,
            width: options.width.filter(|_| terminal),
            time_zone: options.time_zone,
        }
    }

    /// A good state.
    pub fn ok(&self, text: impl Into<String>) -> Cell {
        Cell::new(text, Tone::Ok)
    }

    /// A state that needs attention.
    pub fn warn(&self, text: impl Into<String>) -> Cell {
        Cell::new(text, Tone::Warn)
    }

    /// A bad state.
    pub fn bad(&self, text: impl Into<String>) -> Cell {
        Cell::new(text, Tone::Bad)
    }

    /// Something secondary.
    pub fn dim(&self, text: impl Into<String>) -> Cell {
        Cell::new(text, Tone::Dim)
    }

    /// Something important.
    pub fn bold(&self, text: impl Into<String>) -> Cell {
        Cell::new(text, Tone::Bold)
    }

    /// A time for display, `2026-11-23 15:06 CET`: in `zone`, else in the printer's zone.
    pub fn time(&self, at: DateTime<Utc>, zone: Option<Tz>) -> String {
        let zone = zone.or(self.time_zone).unwrap_or(Tz::UTC);
        at.with_timezone(&zone)
            .format("%Y-%m-%d %H:%M %Z")
            .to_string()
    }

    /// Escapes a text for one line and colors it.
    pub(super) fn line(&self, tone: Tone, text: &str) -> String {
        self.paint(tone, &escape::line(text))
    }

    /// Escapes a block of text and colors it.
    pub(super) fn block(&self, tone: Tone, text: &str) -> String {
        self.paint(tone, &escape::block(text))
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        let ansi = tone.ansi();
        format!("{ansi}{text}{ansi:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_show_their_zone() {
        let at = DateTime::from_timestamp(1_795_442_760, 0).unwrap();
        let style = Style::default();
        assert_eq!(style.time(at, None), "2026-11-23 14:06 UTC");
        assert_eq!(
            style.time(at, Some(Tz::Europe__Vienna)),
            "2026-11-23 15:06 CET"
        );
        let local = Style {
            time_zone: Some(Tz::America__New_York),
            ..style
        };
        assert_eq!(local.time(at, None), "2026-11-23 09:06 EST");
    }

    #[test]
    fn colour_never_lets_an_escape_of_the_data_through() {
        let style = Style {
            color: true,
            ..Style::default()
        };
        assert_eq!(
            style.line(Tone::Ok, "a\x1b[0m"),
            "\x1b[32ma\\u{1b}[0m\x1b[0m"
        );
        assert_eq!(Style::default().line(Tone::Ok, "a"), "a");
    }
}
