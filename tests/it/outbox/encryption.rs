//! Nothing is said in clear that should not be.

use super::Post;
use crate::common::{SMTP_USER, Security, SmtpServer};

/// A server with that encryption and its configuration; the password is in a file.
fn post(security: Security, tls: &str) -> Post {
    let post = Post::with(SmtpServer::start(security, true), &format!("tls = '{tls}'"));
    let folder = post.clinic.cli.config_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("ca.pem"), &post.server.certificate).unwrap();
    std::fs::write(folder.join("password"), SMTP_USER.1).unwrap();
    post.configure(&with(tls, "ca_file = 'ca.pem'"));
    post
}

fn with(tls: &str, more: &str) -> String {
    let user = SMTP_USER.0;
    format!("tls = '{tls}'\nusername = '{user}'\npassword_file = 'password'\n{more}")
}

#[test]
fn starttls_comes_before_anything_that_matters() {
    let post = post(Security::StartTls, "starttls");
    post.invite("sam@harbor.example");
    assert_eq!(post.send()["sent"], 1);
    let mail = post.server.only();
    assert!(mail.encrypted);
    assert_eq!(mail.user.as_deref(), Some(SMTP_USER.0));
    let in_clear = post.server.in_clear();
    assert_eq!(in_clear.len(), 2, "{in_clear:?}");
    assert!(in_clear[0].starts_with("EHLO ") && in_clear[1] == "STARTTLS");
}

#[test]
fn tls_from_the_beginning() {
    let post = post(Security::Tls, "tls");
    post.invite("sam@harbor.example");
    assert_eq!(post.send()["sent"], 1);
    assert!(post.server.only().encrypted);
    assert!(post.server.in_clear().is_empty());
}

#[test]
fn a_server_that_offers_no_encryption_is_told_nothing() {
    let post = post(Security::Plain, "starttls");
    post.invite("sam@harbor.example");
    let (_, told) = post.send_fails();
    assert!(told.contains("STARTTLS"), "{told}");
    let in_clear = post.server.in_clear();
    assert!(
        in_clear
            .iter()
            .all(|line| line.starts_with("EHLO ") || line == "QUIT"),
        "{in_clear:?}"
    );
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let post = post(Security::StartTls, "starttls");
    post.configure(&with("starttls", ""));
    post.invite("sam@harbor.example");
    let (sent, told) = post.send_fails();
    assert!(told.contains("certificate"), "{told}");
    assert_eq!(sent["waiting"], 1);
    assert!(post.server.received().is_empty());
}

#[test]
fn a_wrong_password_says_nothing_of_the_messages_and_is_not_shown() {
    let post = post(Security::StartTls, "starttls");
    let folder = post.clinic.cli.config_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("password"), "wrong horse").unwrap();
    post.invite("sam@harbor.example");
    let (sent, told) = post.send_fails();
    assert!(told.contains("535 5.7.8"), "{told}");
    assert!(!format!("{sent}{told}").contains("wrong horse"));
    assert_eq!(post.message("sam@harbor.example")["attempts"], 0);
    std::fs::write(folder.join("password"), SMTP_USER.1).unwrap();
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    let log = post.clinic.run("outbox send -vv").stderr;
    assert!(!log.contains(SMTP_USER.1), "{log}");
}
