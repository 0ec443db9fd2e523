//! Webhooks of the providers: whether a request is genuine, and what it says.
//!
//! Pure functions, in this order: [`verify`] looks at the raw bytes and the secrets of the
//! endpoint, and gives [`Verified`]; only that can be parsed ([`parse`]). So nothing is looked up
//! by what a body says before its sender is known. Time is a parameter.
//!
//! A secret being rotated has two values: every function takes them all, compares with all of
//! them, and in constant time. An empty secret never verifies anything.

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
    /// How the requests of an endpoint prove where they come from.
    pub enum Scheme as "webhook scheme" {
        Twilio = "twilio", "Twilio: X-Twilio-Signature, HMAC-SHA1 with the auth token.";
        Retell = "retell", "Retell: x-retell-signature, HMAC-SHA256 with the API key.";
        Meta = "meta", "WhatsApp Cloud API: X-Hub-Signature-256, HMAC-SHA256 with the app secret.";
        Evolution = "evolution", "Evolution API: a bearer JWT (HS256), or a header with a fixed value.";
        Standard = "standard", "Standard Webhooks, such as Supabase auth hooks: webhook-signature.";
    }
}

/// How far the time of a signature may be from ours, either way, in seconds.
pub const TOLERANCE_SECONDS: i64 = 5 * 60;

/// Checks that whoever sent `request` knows one of `secrets`.
///
/// # Errors
/// The reason to refuse it. It says nothing of the contents.
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

/// Whether a signature made at `signed_at` still counts.
fn check_age(signed_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    let age = now.signed_duration_since(signed_at);
    if age.abs() > chrono::TimeDelta::seconds(TOLERANCE_SECONDS) {
        return Err(Refusal::Stale);
    }
    Ok(())
}
