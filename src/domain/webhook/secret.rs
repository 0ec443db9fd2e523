//! What can be a secret of an endpoint.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Scheme, evolution::credential::Credential, standard};
use crate::error::{Error, Result};

/// Checks a secret before it is stored for an endpoint. The value is not repeated in an error.
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`] with the rule that it breaks.
pub fn check_secret(scheme: Scheme, secret: &SecretString) -> Result<()> {
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err(refusal(scheme, "it is empty"));
    }
    if text.trim() != text || text.contains(char::is_control) {
        return Err(refusal(
            scheme,
            "it begins or ends with a space, or contains a line break",
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

/// Characters of a secret that nobody guesses by trying: every provider's is longer.
const SHORTEST_SECRET: usize = 16;

/// Refuses a secret that can be guessed: who has it can sign events of the organization.
///
/// # Errors
/// [`crate::error::ErrorKind::BadInput`].
pub fn check_strength(scheme: Scheme, secret: &SecretString) -> Result<()> {
    let length = secret.expose_secret().chars().count();
    if length >= SHORTEST_SECRET {
        return Ok(());
    }
    let rule = format!("it has fewer than {SHORTEST_SECRET} characters and can be guessed");
    Err(refusal(scheme, &rule).hint("to use it all the same: --weak-secret"))
}

fn refusal(scheme: Scheme, rule: &str) -> Error {
    let hint = match scheme {
        Scheme::Twilio => "it is the auth token of the account, in the Twilio console",
        Scheme::Retell => "it is the API key with the webhook badge, in the Retell dashboard",
        Scheme::Meta => "it is the app secret, in the settings of the app at Meta",
        Scheme::Evolution => {
            "give the jwt_key of the webhook's headers, or header:NAME:VALUE for a fixed header"
        }
        Scheme::Standard => {
            "give it as the sender shows it: whsec_… or v1,whsec_…, several joined with |"
        }
    };
    Error::bad_input(format!("this cannot be a secret of {scheme}: {rule}")).hint(hint)
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
            (Scheme::Standard, "v1,whsec_not base64 at all…"),
            (Scheme::Standard, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw|"),
        ] {
            let error = check_secret(scheme, &secret.into()).unwrap_err();
            let shown = format!("{error} {:?}", error.hints());
            assert!(secret.len() < 8 || !shown.contains(secret), "{shown}");
        }
    }
}
