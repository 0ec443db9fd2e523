//! What the server took.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// A message that the server took.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    /// With the dots of the protocol taken away.
    pub data: String,
    pub encrypted: bool,
    /// Who signed in.
    pub user: Option<String>,
}

impl Received {
    /// The value of a header, unfolded.
    #[track_caller]
    pub fn header(&self, name: &str) -> String {
        let (headers, _) = self.data.split_once("\r\n\r\n").expect("headers");
        let unfolded = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
        let start = format!("{name}: ");
        let found = unfolded.lines().find_map(|line| line.strip_prefix(&start));
        found
            .unwrap_or_else(|| panic!("no {name} in {headers}"))
            .to_owned()
    }

    /// The part of that type, decoded.
    #[track_caller]
    pub fn part(&self, kind: &str) -> String {
        let boundary = self.header("Content-Type");
        let boundary = boundary.split('"').nth(1).expect("a boundary");
        let separator = format!("--{boundary}");
        let parts = self.data.split(separator.as_str());
        for part in parts {
            let Some((headers, body)) = part.split_once("\r\n\r\n") else {
                continue;
            };
            if headers.contains(&format!("Content-Type: {kind}")) {
                return match headers.contains("quoted-printable") {
                    true => unquoted(body),
                    false if headers.contains("base64") => {
                        let text = body.replace("\r\n", "");
                        String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
                    }
                    false => body.to_owned(),
                };
            }
        }
        panic!("no part {kind} in {}", self.data)
    }

    /// The token of the link in the text.
    #[track_caller]
    pub fn token(&self) -> String {
        let text = self.part("text/plain");
        let (_, after) = text.split_once("#token=").expect("a link");
        after.split_whitespace().next().expect("a token").to_owned()
    }
}

/// Quoted-printable (RFC 2045, section 6.7).
fn unquoted(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let bytes = joined.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'=' {
            let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
            decoded.push(u8::from_str_radix(hex, 16).unwrap());
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap()
}
