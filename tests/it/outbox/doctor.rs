//! `doctor` says whether mail would be sent.

use serde_json::Value;

use super::Post;
use crate::common::{Act, Clinic, SMTP_USER, Security, SmtpServer, Stage};

fn mail(clinic: &Clinic) -> Value {
    let report: Value = serde_json::from_str(&clinic.run("doctor -o json").stdout).unwrap();
    let checks = report["checks"].as_array().unwrap().clone();
    let found = checks.into_iter().find(|check| check["name"] == "mail");
    found.unwrap()
}

#[test]
fn without_a_server_it_is_said_that_nothing_is_mailed() {
    let check = mail(&Clinic::new());
    assert_eq!(check["state"], "ok");
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("nothing is mailed")
    );
}

#[test]
fn the_server_is_asked_and_nothing_is_sent() {
    let post = Post::with(
        SmtpServer::start(Security::StartTls, true),
        "tls = 'starttls'",
    );
    let folder = post.clinic.cli.config_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("ca.pem"), &post.server.certificate).unwrap();
    let section = |password: &str| {
        format!(
            "tls = 'starttls'\nca_file = 'ca.pem'\nusername = '{}'\npassword_command = \"echo '{password}'\"",
            SMTP_USER.0
        )
    };
    post.configure(&section(SMTP_USER.1));
    let check = mail(&post.clinic);
    assert_eq!(check["state"], "ok", "{check}");
    assert!(
        check["message"]
            .as_str()
            .unwrap()
            .contains("signed in as clinics")
    );
    assert!(post.server.received().is_empty());

    post.configure(&section("wrong horse"));
    let check = mail(&post.clinic);
    assert_eq!(check["state"], "failed");
    assert!(
        check["message"].as_str().unwrap().contains("535"),
        "{check}"
    );
    assert!(!check.to_string().contains("wrong horse"));
    assert_eq!(post.clinic.run("doctor").code, 1);

    post.configure(&section(SMTP_USER.1));
    post.server.once(Stage::Connect, Act::Drop);
    assert_eq!(mail(&post.clinic)["state"], "failed");
}
