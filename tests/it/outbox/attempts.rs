//! What the mail server refuses, puts off, or does not live to say.

use super::Post;
use crate::common::{Act, SmtpServer, Stage};

#[test]
fn what_the_server_puts_off_is_tried_again_later() {
    let post = Post::new();
    post.invite("sam@harbor.example");
    post.server
        .once(Stage::Rcpt, Act::Say("451 4.7.1 greylisted, come back"));
    let (sent, told) = post.send_fails();
    assert_eq!((&sent["put_off"], &sent["waiting"]), (&1.into(), &1.into()));
    assert!(told.contains("1 were deferred"), "{told}");
    let waiting = post.message("sam@harbor.example");
    assert_eq!(
        (&waiting["status"], &waiting["attempts"]),
        (&"pending".into(), &1.into())
    );
    assert_eq!(waiting["error"], "451 4.7.1 greylisted, come back");
    assert!(waiting["retry_at"].is_string());
    // Not yet.
    assert_eq!(post.send()["sent"], 0);
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    let sent = post.message("sam@harbor.example");
    assert_eq!(
        (&sent["status"], &sent["attempts"]),
        (&"sent".into(), &2.into())
    );
    assert!(sent["error"].is_null() && sent["retry_at"].is_null());
    post.server.only();
}

#[test]
fn what_waits_is_sent_at_once_where_somebody_says_so() {
    let post = Post::new();
    for way in ["outbox retry sam@harbor.example", "outbox send --all"] {
        post.invite("sam@harbor.example");
        post.server.once(Stage::Data, Act::Say("421 4.3.2 closing"));
        post.send_fails();
        assert_eq!(post.send()["sent"], 0);
        post.clinic.ok(way);
        post.clinic.ok("outbox send");
        assert_eq!(
            post.message("sam@harbor.example")["status"],
            "sent",
            "{way}"
        );
        post.clinic.ok("invite revoke sam@harbor.example");
    }
    assert_eq!(post.server.received().len(), 2);
}

#[test]
fn what_the_server_refuses_has_failed_and_gets_another_chance_with_a_new_link() {
    let post = Post::new();
    let shown = post
        .clinic
        .json("invite create sam@harbor.example --role viewer --show-link");
    let earlier = shown["invited"][0]["token"].as_str().unwrap().to_owned();
    post.server
        .once(Stage::Rcpt, Act::Say("550 5.1.1 no such user here"));
    let (sent, told) = post.send_fails();
    assert_eq!((&sent["failed"], &sent["waiting"]), (&1.into(), &0.into()));
    assert_eq!(sent["failures"][0]["error"], "550 5.1.1 no such user here");
    assert!(told.contains("1 messages were refused"), "{told}");
    let failed = post.message("sam@harbor.example");
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["error"], "550 5.1.1 no such user here");
    assert_eq!(
        post.count("SELECT count(*) FROM outbox WHERE sealed_token IS NOT NULL"),
        0
    );
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 0);

    let retried = post.clinic.json("outbox retry --failed");
    assert_eq!(retried["messages"][0]["status"], "pending");
    assert_eq!(post.send()["sent"], 1);
    let mail = post.server.only();
    assert_ne!(mail.token(), earlier);
    assert!(mail.header("Message-ID").contains(".2@"));
    assert_eq!(
        post.actions(),
        ["outbox.fail", "outbox.retry", "outbox.send"]
    );
    post.clinic.sign_up("kim@harbor.example");
    post.clinic.fails(
        3,
        &format!("invite accept {earlier} --email kim@harbor.example"),
    );
    // What was sent is not sent again.
    let told = post.clinic.fails(4, "outbox retry sam@harbor.example");
    assert!(
        told.contains("is sent") && told.contains("invite resend"),
        "{told}"
    );
}

#[test]
fn what_failed_and_is_over_is_passed_over() {
    let post = Post::new();
    for email in ["sam@harbor.example", "ann@harbor.example"] {
        post.invite(email);
    }
    post.server
        .always(Stage::Mail, Act::Say("554 5.7.1 blocked"));
    let (sent, _) = post.send_fails();
    assert_eq!(sent["failed"], 2);
    post.clinic.ok("invite revoke sam@harbor.example");
    let told = post.clinic.fails(4, "outbox retry sam@harbor.example");
    assert!(told.contains("no longer pending"), "{told}");
    let retried = post.clinic.json("outbox retry --failed");
    assert_eq!(retried["messages"][0]["recipient"], "ann@harbor.example");
    assert_eq!(retried["passed_over"][0]["recipient"], "sam@harbor.example");
}

#[test]
fn what_is_put_off_too_often_is_given_up() {
    let post = Post::with(SmtpServer::open(), "max_attempts = 3");
    post.invite("sam@harbor.example");
    post.server
        .always(Stage::End, Act::Say("452 4.2.2 mailbox full"));
    for _ in 0..3 {
        post.send_fails();
        post.let_time_pass();
    }
    let failed = post.message("sam@harbor.example");
    assert_eq!(
        (&failed["status"], &failed["attempts"]),
        (&"failed".into(), &3.into())
    );
    assert_eq!(
        failed["error"],
        "given up after 3 attempts: 452 4.2.2 mailbox full"
    );
    assert!(post.server.received().is_empty());
}

#[test]
fn a_connection_that_ends_amid_the_dialogue_loses_nothing() {
    let post = Post::new();
    for stage in [Stage::Mail, Stage::Rcpt, Stage::Data, Stage::End] {
        let email = format!("{stage:?}@harbor.example").to_lowercase();
        post.invite(&email);
        post.server.once(stage, Act::Drop);
        let (sent, _) = post.send_fails();
        assert_eq!(sent["put_off"], 1, "{stage:?}");
        post.let_time_pass();
        assert_eq!(post.send()["sent"], 1, "{stage:?}");
    }
    assert_eq!(post.server.received().len(), 4);
}

#[test]
fn a_server_that_is_not_there_says_nothing_of_the_messages() {
    let post = Post::with(SmtpServer::open(), "max_attempts = 1");
    post.invite("sam@harbor.example");
    post.invite("ann@harbor.example");
    for answer in ["554 5.3.2 go away", "421 4.3.2 too busy"] {
        post.server.once(Stage::Connect, Act::Say(answer));
        let (sent, told) = post.send_fails();
        assert!(told.contains(answer), "{told}");
        assert!(sent["unavailable"].as_str().unwrap().contains(answer));
        assert_eq!((&sent["failed"], &sent["waiting"]), (&0.into(), &2.into()));
        post.let_time_pass();
    }
    // Nobody listens there.
    let port = post.server.port();
    post.configure("max_attempts = 1\nallow_plain = true");
    let config = post.clinic.cli.config_file();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(&port.to_string(), "1")).unwrap();
    let (_, told) = post.send_fails();
    assert!(told.contains("mail server unreachable"), "{told}");
    std::fs::write(&config, text).unwrap();
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 2);
    assert_eq!(post.message("sam@harbor.example")["attempts"], 1);
}

#[test]
fn an_address_that_the_server_does_not_support_has_failed() {
    let post = Post::new();
    // Only servers that offer SMTPUTF8 take it.
    post.invite("jürgen@harbor.example");
    post.invite("sam@harbor.example");
    let (sent, _) = post.send_fails();
    assert_eq!((&sent["sent"], &sent["failed"]), (&1.into(), &1.into()));
    let error = post.message("jürgen@harbor.example")["error"].to_string();
    assert!(error.contains("SMTPUTF8"), "{error}");
}
