//! Invitation messages: plain text, and HTML that loads no external resources.

use chrono::{DateTime, Utc};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context, value::Serde};
use serde::Serialize;

use super::language::Language;
use crate::{
    domain::{Email, Locale, Organization, Role},
    error::{Context, Error, Result},
};

const TEXT: &str = include_str!("invitation.txt");
const HTML: &str = include_str!("invitation.html");

/// The sender of messages.
#[derive(Clone, Debug)]
pub struct Sender {
    pub address: Email,
    /// Display name; `None` uses the name of the organization.
    pub name: Option<String>,
    pub reply_to: Option<Email>,
}

/// An invitation to mail.
#[derive(Debug)]
pub struct InvitationMail<'a> {
    /// Identifies the message across retries, so that duplicates can be recognized.
    pub reference: String,
    pub written_at: DateTime<Utc>,
    pub recipient: &'a Email,
    pub locale: &'a Locale,
    pub organization: &'a Organization,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
    pub link: &'a str,
}

/// Composes the message in the language and time zone of the organization.
///
/// # Errors
/// `BadInput` if the recipient's address is not valid for mail.
pub fn invitation(sender: &Sender, mail: &InvitationMail<'_>) -> Result<Message> {
    let language = Language::of(mail.locale);
    let phrases = Phrases::new(language, mail)?;
    let text = render(TEXT, AutoEscape::None, &phrases)?;
    let html = render(HTML, AutoEscape::Html, &phrases)?;
    let name = sender.name.as_ref().unwrap_or(&mail.organization.name);
    let name = without_controls(name);
    let domain = sender.address.domain();
    let mut message = Message::builder()
        .from(mailbox(Some(name), &sender.address)?)
        .to(mailbox(None, mail.recipient)?)
        .subject(without_controls(&phrases.subject))
        .date(mail.written_at.into())
        .message_id(Some(format!("<{}@{domain}>", mail.reference)))
        // Suppresses automatic replies (RFC 3834, section 5).
        .header(AutoSubmitted);
    if let Some(address) = &sender.reply_to {
        message = message.reply_to(mailbox(None, address)?);
    }
    let part = |kind: ContentType, body: String| {
        let part = SinglePart::builder().header(kind);
        part.header(ContentLanguage(language.tag)).body(body)
    };
    let parts = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, text))
        .singlepart(part(ContentType::TEXT_HTML, html));
    message.multipart(parts).context("cannot build the message")
}

/// Replaces control characters: the library panics on a name with a line break. Valid names have
/// none, but stored ones might.
fn without_controls(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn mailbox(name: Option<String>, email: &Email) -> Result<Mailbox> {
    let address: Address = email.as_str().parse().map_err(|error| {
        Error::bad_input(format!("{email}: not a valid mail recipient")).because(error)
    })?;
    Ok(Mailbox::new(name, address))
}

/// The phrases of a message with their values filled in.
#[derive(Serialize)]
struct Phrases<'a> {
    lang: &'static str,
    subject: String,
    heading: String,
    invites: String,
    role: String,
    open: &'static str,
    accept: &'static str,
    expires: String,
    unexpected: &'static str,
    link: &'a str,
}

impl<'a> Phrases<'a> {
    fn new(language: &'static Language, mail: &InvitationMail<'a>) -> Result<Self> {
        let zone = mail.organization.time_zone.tz();
        let values = context! {
            organization => &mail.organization.name,
            role => language.role_name(mail.role),
            recipient => mail.recipient.as_str(),
            expires => language.time(mail.expires_at.with_timezone(&zone)),
        };
        let environment = environment(AutoEscape::None);
        let phrase = |template: &str| {
            environment
                .render_str(template, &values)
                .context("cannot render a phrase of the message")
        };
        Ok(Self {
            lang: language.tag,
            subject: phrase(language.subject)?,
            heading: phrase(language.heading)?,
            invites: phrase(language.invites)?,
            role: phrase(language.role)?,
            open: language.open,
            accept: language.accept,
            expires: phrase(language.expires)?,
            unexpected: language.unexpected,
            link: mail.link,
        })
    }
}

fn environment(escape: AutoEscape) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment
}

fn render(template: &str, escape: AutoEscape, phrases: &Phrases<'_>) -> Result<String> {
    environment(escape)
        .render_str(template, Serde(phrases))
        .context("cannot render the message")
}

#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[derive(Clone)]
struct ContentLanguage(&'static str);

impl Header for ContentLanguage {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Content-Language")
    }

    fn parse(_: &str) -> std::result::Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Err("this header is write-only".into())
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::OrganizationStatus;

    fn organization(name: &str) -> Organization {
        Organization {
            id: Uuid::nil().into(),
            slug: "harbor".parse().unwrap(),
            name: name.to_owned(),
            status: OrganizationStatus::Active,
            time_zone: "Europe/Zurich".parse().unwrap(),
            locale: "de-CH".parse().unwrap(),
            allowed_email_domains: Vec::new(),
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            suspended_at: None,
            deleted_at: None,
            purge_after: None,
        }
    }

    fn sender() -> Sender {
        Sender {
            address: "clinics@mail.example".parse().unwrap(),
            name: None,
            reply_to: Some("help@mail.example".parse().unwrap()),
        }
    }

    fn written(name: &str, locale: &str, link: &str) -> String {
        let mail = InvitationMail {
            reference: "7.1".to_owned(),
            written_at: DateTime::UNIX_EPOCH,
            recipient: &"sam@harbor.example".parse().unwrap(),
            locale: &locale.parse().unwrap(),
            organization: &organization(name),
            role: Role::Viewer,
            expires_at: DateTime::UNIX_EPOCH + TimeDelta::days(1),
            link,
        };
        let message = invitation(&sender(), &mail).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    /// Decodes quoted-printable.
    fn unquoted(message: &str) -> String {
        let joined = message.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = joined.as_str();
        while let Some((before, after)) = rest.split_once('=') {
            bytes.extend_from_slice(before.as_bytes());
            match after.get(..2).map(|hex| u8::from_str_radix(hex, 16)) {
                Some(Ok(byte)) => {
                    bytes.push(byte);
                    rest = &after[2..];
                }
                _ => {
                    bytes.push(b'=');
                    rest = after;
                }
            }
        }
        bytes.extend_from_slice(rest.as_bytes());
        String::from_utf8(bytes).unwrap()
    }

    const LINK: &str = "https://app.example.com/invite?a=1&b=2#token=abc-_";

    #[test]
    fn both_parts_have_the_link_the_role_and_the_expiry_on_the_organizations_clock() {
        let message = unquoted(&written("Hafen", "de-CH", LINK));
        for part in [
            "From: Hafen <clinics@mail.example>\r\n",
            "To: sam@harbor.example\r\n",
            "Reply-To: help@mail.example\r\n",
            "Subject: Einladung zu Hafen\r\n",
            "Message-ID: <7.1@mail.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: de\r\n",
            "Ihre Rolle: nur lesen",
            "am 2. Januar 1970, 01:00 Uhr (Europe/Zurich) ab",
            "\r\nhttps://app.example.com/invite?a=1&b=2#token=abc-_\r\n",
            "<html lang=\"de\">",
        ] {
            assert!(message.contains(part), "{part}\n{message}");
        }
        let escaped =
            "href=\"https:&#x2f;&#x2f;app.example.com&#x2f;invite?a=1&amp;b=2#token=abc-_\"";
        assert!(message.contains(escaped), "{message}");
    }

    #[test]
    fn a_name_is_text_in_html_and_cannot_add_a_header() {
        let name = "<b>A</b> {{ link }} \"Q\"\r\nBcc: eve@evil.example";
        let raw = written(name, "en", LINK);
        let (headers, _) = raw.split_once("\r\n\r\n").unwrap();
        assert!(!headers.contains("\r\nBcc:"), "{headers}");
        let message = unquoted(&raw);
        let (_, html) = message.split_once("<html").unwrap();
        assert!(!html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;b&gt;A"), "{html}");
        assert!(html.contains("{{ link }}"), "{html}");
    }

    #[test]
    fn every_language_writes_a_message() {
        for locale in ["en", "de", "fr", "it", "es", "pt", "ja"] {
            let message = unquoted(&written("Hafen", locale, LINK));
            assert!(message.matches("Hafen").count() >= 4, "{message}");
            assert!(!message.contains("{{"), "{message}");
        }
    }
}
