//! Mail, as the configuration says: whether invitations are mailed, with what, and by which rules.

use std::{fs, sync::Arc, time::Duration};

use super::App;
use crate::{
    config::{MailSection, MailTls},
    domain::{Email, invitation},
    error::{Error, Result},
    mail::{Encryption, Mailer, Sender, Smtp, SmtpSettings},
    run,
    services::{
        Session,
        outbox::{Policy, TokenSeal, Worker},
    },
};

impl App {
    /// A session whose invitations are mailed, where a mail server is configured.
    ///
    /// # Errors
    /// As [`App::session`] and [`App::token_seal`].
    pub async fn mailing_session(&self) -> Result<Session> {
        // Before anything is changed: without a key nothing could be mailed.
        let seal = self.token_seal()?;
        Ok(self.session().await?.mailing(seal))
    }

    /// Whether a mail server is configured.
    ///
    /// # Errors
    /// As [`App::config`].
    pub fn mails(&self) -> Result<bool> {
        Ok(self.config()?.mail.smtp_host.is_some())
    }

    /// What seals the tokens of invitations until they are mailed; `None`: no mail server is
    /// configured, and links are shown.
    ///
    /// # Errors
    /// As [`App::sealing_keys`].
    pub fn token_seal(&self) -> Result<Option<TokenSeal>> {
        if !self.mails()? {
            return Ok(None);
        }
        let keys = self.sealing_keys().map_err(|error| {
            error.hint("links wait sealed until they are mailed; without smtp_host in the section [mail] they are shown instead")
        })?;
        let template = &self.config()?.invitations.link_template;
        Ok(Some(TokenSeal::new(Arc::new(keys), template)))
    }

    /// What sends messages; `None`: no mail server is configured. Connects to nothing.
    ///
    /// # Errors
    /// `Unavailable` where the password cannot be had, `BadInput` for certificates that are none.
    pub fn mailer(&self) -> Result<Option<Mailer>> {
        let config = self.config()?;
        let mail = &config.mail;
        let (Some(host), Some(from)) = (&mail.smtp_host, &mail.from_address) else {
            return Ok(None);
        };
        let smtp = Smtp::new(SmtpSettings {
            host: host.clone(),
            port: mail.smtp_port.unwrap_or(mail.tls.usual_port()),
            encryption: match mail.tls {
                MailTls::StartTls => Encryption::StartTls,
                MailTls::Tls => Encryption::Tls,
                MailTls::None => Encryption::None,
            },
            authorities: authorities(mail)?,
            credentials: match (&mail.username, mail.password(&self.environment)?) {
                (Some(name), Some(password)) => Some((name.clone(), password)),
                _ => None,
            },
            timeout: timeout(mail),
        })?;
        let reply_to = mail.reply_to.as_deref().map(Email::parse).transpose()?;
        Ok(Some(Mailer {
            smtp: Arc::new(smtp),
            sender: Sender {
                address: from.parse()?,
                name: mail.from_name.clone(),
                reply_to,
            },
            link_template: config.invitations.link_template.clone(),
        }))
    }

    /// A worker that sends what waits in the outbox; `None`: no mail server is configured.
    ///
    /// # Errors
    /// As [`App::mailer`] and [`App::token_seal`]; `BadInput` where links would lead nowhere: what
    /// waits in the outbox waits until link_template is set.
    pub fn mail_worker(&self) -> Result<Option<Worker>> {
        if self.mails()? {
            invitation::require_address(&self.config()?.invitations.link_template)?;
        }
        let (Some(mailer), Some(seal)) = (self.mailer()?, self.token_seal()?) else {
            return Ok(None);
        };
        Ok(Some(Worker::new(mailer, self.mail_policy()?, seal)))
    }

    fn mail_policy(&self) -> Result<Policy> {
        let mail = &self.config()?.mail;
        Ok(Policy {
            recipient_limit: mail.recipient_limit,
            max_attempts: mail.max_attempts,
            // A look at the old connection, a new one, the message, and time to record it.
            lease: timeout(mail) * 3 + Duration::from_secs(60),
        })
    }
}

fn timeout(mail: &MailSection) -> Duration {
    Duration::from_secs(mail.timeout_seconds.into())
}

fn authorities(mail: &MailSection) -> Result<Option<Vec<u8>>> {
    let Some(path) = &mail.ca_file else {
        return Ok(None);
    };
    let read = fs::read(path);
    read.map(Some).map_err(|error| {
        Error::unavailable(format!(
            "the certificates of mail authorities cannot be read from {}",
            path.display()
        ))
        .because(error)
        .hint(
            run!["config", "path"]
                .labeled("ca_file in the section [mail] of the configuration; its file"),
        )
    })
}
