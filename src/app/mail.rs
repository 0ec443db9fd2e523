//! Mail settings from the configuration: the mailer, the worker and their limits.

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
    /// A session that mails invitations if a mail server is configured.
    pub async fn mailing_session(&self) -> Result<Session> {
        // Checked before anything is changed: without a key nothing could be mailed.
        let seal = self.token_seal()?;
        Ok(self.session().await?.mailing(seal))
    }

    /// Returns `true` if a mail server is configured.
    pub fn mails(&self) -> Result<bool> {
        Ok(self.config()?.mail.smtp_host.is_some())
    }

    /// The seal for the tokens of invitations until they are mailed; `None` if no mail server is
    /// configured, so that links are displayed.
    pub fn token_seal(&self) -> Result<Option<TokenSeal>> {
        if !self.mails()? {
            return Ok(None);
        }
        let keys = self.sealing_keys().map_err(|error| {
            error.hint("links are stored encrypted until they are mailed; without smtp_host in the section [mail] they are displayed instead")
        })?;
        let template = &self.config()?.invitations.link_template;
        Ok(Some(TokenSeal::new(Arc::new(keys), template)))
    }

    /// The mailer; `None` if no mail server is configured. Does not connect.
    ///
    /// # Errors
    /// `Unavailable` if the password cannot be read, `BadInput` for invalid certificates.
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

    /// A worker that sends pending messages in the outbox; `None` if no mail server is configured.
    ///
    /// # Errors
    /// `BadInput` if the link template is not set: messages in the outbox stay pending until
    /// link_template is set.
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
            // Time to check the old connection, open a new one, send the message, and record it.
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
