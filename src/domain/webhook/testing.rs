//! Requests for the tests of this module.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use url::Url;

use super::{Incoming, Refusal, Scheme, Verified, verify};

/// A request with owned fields, so that tests can change it.
#[derive(Clone)]
pub(super) struct Request {
    pub scheme: Scheme,
    pub is_get: bool,
    pub url: Url,
    pub query: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub now: DateTime<Utc>,
}

impl Request {
    pub fn new(scheme: Scheme, headers: &[(&str, &str)], body: &str) -> Self {
        Self {
            scheme,
            is_get: false,
            url: Url::parse("https://hooks.example.com/webhooks/AbC_1-2").unwrap(),
            query: None,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body: body.into(),
            now: DateTime::UNIX_EPOCH,
        }
    }

    pub fn url(mut self, url: &str, query: Option<&str>) -> Self {
        self.url = Url::parse(url).unwrap();
        self.query = query.map(str::to_owned);
        self
    }

    pub fn at(mut self, seconds: i64) -> Self {
        self.now = DateTime::from_timestamp(seconds, 0).unwrap();
        self
    }

    /// Verifies the request with these active secrets.
    pub fn check(&self, secrets: &[&str]) -> Result<Vec<u8>, Refusal> {
        self.with(secrets, |verified| verified.body().to_vec())
    }

    pub fn with<T>(
        &self,
        secrets: &[&str],
        read: impl FnOnce(&Verified<'_>) -> T,
    ) -> Result<T, Refusal> {
        let headers: Vec<(&str, &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
            .collect();
        let request = Incoming {
            is_get: self.is_get,
            url: &self.url,
            query: self.query.as_deref(),
            headers: &headers,
            body: &self.body,
        };
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        verify(self.scheme, &request, &secrets, self.now).map(|verified| read(&verified))
    }

    /// Checks that any changed bit of the body or the headers makes verification fail.
    pub fn is_sealed(&self, secrets: &[&str]) {
        self.check(secrets).unwrap();
        for at in 0..self.body.len() {
            for bit in 0..8 {
                let mut other = self.clone();
                other.body[at] ^= 1 << bit;
                assert!(other.check(secrets).is_err(), "bit {bit} of byte {at}");
            }
        }
        for header in 0..self.headers.len() {
            for at in 0..self.headers[header].1.len() {
                let mut other = self.clone();
                other.headers[header].1[at] ^= 1;
                let name = &other.headers[header].0;
                assert!(other.check(secrets).is_err(), "byte {at} of {name}");
            }
        }
        for cut in 0..self.body.len() {
            let mut other = self.clone();
            other.body.truncate(cut);
            assert!(other.check(secrets).is_err(), "cut at {cut}");
        }
        let mut longer = self.clone();
        longer.body.push(b' ');
        assert!(longer.check(secrets).is_err());
        self.needs_its_secret(secrets);
    }

    /// Checks that two secrets may be active in any order, and that an empty list or secret proves
    /// nothing.
    pub fn needs_its_secret(&self, secrets: &[&str]) {
        for (others, passes) in [
            ([secrets, &["other"]].concat(), true),
            ([&["other"], secrets].concat(), true),
            (vec!["other", "another"], false),
            (vec![""], false),
            (vec![], false),
        ] {
            let verdict = self.check(&others);
            if passes {
                verdict.unwrap();
            } else {
                assert_eq!(verdict, Err(Refusal::Wrong), "{others:?}");
            }
        }
        for header in 0..self.headers.len() {
            let mut other = self.clone();
            other.headers.remove(header);
            assert_eq!(other.check(secrets), Err(Refusal::Missing));
        }
    }
}
