//! Line numbers as shown by a text editor.

/// Counts LF, CRLF and lone CR as one line end each, also if a CRLF is passed in two parts.
#[derive(Debug)]
pub(super) struct Lines {
    number: u64,
    is_after_cr: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            number: 1,
            is_after_cr: false,
        }
    }
}

impl Lines {
    /// The line of the next byte.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Passes one CR or LF.
    pub(super) fn pass_end(&mut self, byte: u8) {
        let is_second_half = self.is_after_cr && byte == b'\n';
        self.number += u64::from(!is_second_half);
        self.is_after_cr = byte == b'\r';
    }

    /// Passes a line with its end, LF or CRLF.
    pub(super) fn pass_line(&mut self) {
        self.number += 1;
        self.is_after_cr = false;
    }

    /// Passes `bytes`, which contain `line_feeds` line feeds, as counted by the parser.
    pub(super) fn pass(&mut self, bytes: &[u8], line_feeds: u64) {
        let Some(first) = bytes.first() else {
            return;
        };
        let (body, ends_in_cr) = match bytes {
            [body @ .., b'\r'] => (body, true),
            _ => (bytes, false),
        };
        self.number += line_feeds + u64::from(ends_in_cr);
        if self.is_after_cr && *first == b'\n' {
            self.number -= 1;
        }
        self.is_after_cr = ends_in_cr;
        // Only inside quotes, and rare: normally a CR ends the record.
        if body.contains(&b'\r') {
            let alone = (0..body.len())
                .filter(|&i| body[i] == b'\r' && bytes[i + 1..].first() != Some(&b'\n'));
            self.number += alone.count() as u64;
        }
    }
}
