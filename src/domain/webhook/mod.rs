//! Verification and parsing of provider webhooks.
//!
//! Pure functions, in this order: [`verify`] checks the raw bytes against the secrets of the
//! endpoint and returns [`Verified`]; only that can be parsed ([`parse`]). So no value of a body is
//! used for a lookup before its sender is verified. Time is a parameter.
//!
//! A secret in rotation has two values: every function takes all of them and compares with each in
//! constant time. An empty secret never verifies anything.

mod compare;
mod dedup;
pub mod evolution;
mod fields;
mod incoming;
pub mod meta;
mod parsed;
mod refusal;
pub mod retell;
pub mod route;
mod secret;
pub mod standard;
#[cfg(test)]
mod testing;
pub mod twilio;
mod verified;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

pub use incoming::{Incoming, is_stored_header};
pub use parsed::{Item, Parsed, parse};
pub use refusal::Refusal;
pub use secret::{check_secret, check_strength};
pub use verified::Verified;

named_enum! {
    /// The authentication scheme of an endpoint's requests.
    pub enum Scheme as "webhook scheme" {
        Twilio = "twilio", "Twilio: X-Twilio-Signature, HMAC-SHA1 with the auth token.";
        Retell = "retell", "Retell: x-retell-signature, HMAC-SHA256 with the API key.";
        Meta = "meta", "WhatsApp Cloud API: X-Hub-Signature-256, HMAC-SHA256 with the app secret.";
        Evolution = "evolution", "Evolution API: a bearer JWT (HS256), or a header with a fixed value.";
        Standard = "standard", "Standard Webhooks, such as Supabase auth hooks: webhook-signature.";
    }
}

/// Maximum difference of a signature's time from the current time, in seconds.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

/// Checks that the sender of `request` knows one of `secrets`.
///
/// # Errors
/// The reason for the refusal, without details of the contents.
pub fn verify<'a>(
    scheme: Scheme,
    request: &Incoming<'a>,
    secrets: &[SecretString],
    now: DateTime<Utc>,
) -> Result<Verified<'a>, Refusal> {
    match scheme {
        Scheme::Twilio => twilio::signature::verify(request, secrets),
        Scheme::Retell => retell::signature::verify(request, secrets, now),
        Scheme::Meta => meta::signature::verify(request, secrets),
        Scheme::Evolution => evolution::credential::verify(request, secrets, now),
        Scheme::Standard => standard::signature::verify(request, secrets, now),
    }
}

/// Refuses a signature made at `signed_at` if it is too old or in the future.
fn check_age(signed_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    let age = now.signed_duration_since(signed_at);
    if age.abs() > chrono::TimeDelta::seconds(TOLERANCE_SECONDS) {
        return Err(Refusal::Stale);
    }
    Ok(())
}
