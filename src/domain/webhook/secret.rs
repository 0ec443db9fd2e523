//! Validation of endpoint secrets.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Scheme, evolution::credential::Credential, standard};
use crate::error::{Error, Result};

/// Checks a secret before it is stored for an endpoint. The value is not repeated in an error.
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] with the violated rule.
pub fn check_secret(scheme: Scheme, secret: &SecretString) -> Result<()> {
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err(refusal(scheme, "the value is empty"));
    }
    if text.trim() != text || text.contains(char::is_control) {
        return Err(refusal(
            scheme,
            "leading or trailing space, or a line break",
        ));
    }
    match scheme {
        Scheme::Twilio | Scheme::Retell | Scheme::Meta => Ok(()),
        Scheme::Evolution => Credential::parse(text)
            .map(|_| ())
            .map_err(|rule| refusal(scheme, &rule)),
        Scheme::Standard => standard::secret::check(text).map_err(|rule| refusal(scheme, &rule)),
    }
}

/// Minimum length of a secret that cannot be guessed: every provider's is longer.
const SHORTEST_SECRET: usize = 16;

/// Refuses a secret that can be guessed: it would allow an attacker to sign events of the
/// organization.
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] if the secret is too short.
pub fn check_strength(scheme: Scheme, secret: &SecretString) -> Result<()> {
    let length = secret.expose_secret().chars().count();
    if length >= SHORTEST_SECRET {
        return Ok(());
    }
    let rule = format!("fewer than {SHORTEST_SECRET} characters, which can be guessed");
    Err(refusal(scheme, &rule).hint("use --weak-secret to store it anyway"))
}

fn refusal(scheme: Scheme, rule: &str) -> Error {
    let hint = match scheme {
        Scheme::Twilio => "use the auth token of the account, from the Twilio console",
        Scheme::Retell => "use the API key with the webhook badge, from the Retell dashboard",
        Scheme::Meta => "use the app secret, from the settings of the app at Meta",
        Scheme::Evolution => {
            "use the jwt_key of the webhook's headers, or header:NAME:VALUE for a fixed header"
        }
        Scheme::Standard => {
            "use the form shown by the sender: whsec_… or v1,whsec_…, several joined with |"
        }
    };
    Error::bad_input(format!("not a valid {scheme} secret: {rule}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_checked_and_not_repeated() {
        for (scheme, secret) in [
            (Scheme::Twilio, "12345"),
            (Scheme::Retell, "key_0123"),
            (Scheme::Meta, "0123456789abcdef"),
            (Scheme::Evolution, "a key of some length"),
            (Scheme::Evolution, "header:X-Webhook-Token:0123456789abcdef"),
            (Scheme::Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            (
                Scheme::Standard,
                "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw|whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ),
        ] {
            check_secret(scheme, &secret.into()).unwrap();
        }
        for (scheme, secret) in [
            (Scheme::Twilio, ""),
            (Scheme::Twilio, "12345\n"),
            (Scheme::Meta, " 0123"),
            (Scheme::Evolution, "sh0rt"),
            (Scheme::Evolution, "header:X Token:0123456789abcdef"),
            (Scheme::Evolution, "header:X-Token:sh0rt"),
            (Scheme::Evolution, "header:X-Token"),
            (Scheme::Standard, "whsec_"),
            (Scheme::Standard, "whsec_AAAA"),
            (Scheme::Standard, "v1,whsec_not base64…"),
            (Scheme::Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw|"),
        ] {
            let error = check_secret(scheme, &secret.into()).unwrap_err();
            let shown = format!("{error} {:?}", error.hints());
            assert!(secret.len() < 8 || !shown.contains(secret), "{shown}");
        }
    }
}
