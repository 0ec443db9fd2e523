//! kill -9 between any two steps: nothing is lost, and what is sent twice is seen to be one.

use std::process::Child;

use super::Post;
use crate::common::{Act, Gate, Stage};

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_worker_that_dies_before_the_message_is_taken_is_followed_by_another() {
    let post = Post::new();
    post.invite("sam@harbor.example");
    let gate = Gate::new();
    post.server.once(Stage::Data, Act::Hold(gate.clone()));
    let worker = post.clinic.cli.begin(&["outbox", "send"]);
    gate.wait();
    kill(worker);
    gate.open();
    // It is that worker's until its lease is over; an operator cannot take it away either.
    assert_eq!(post.send()["sent"], 0);
    assert_eq!(post.clinic.json("outbox send --all")["sent"], 0);
    let told = post.clinic.fails(4, "outbox retry sam@harbor.example");
    assert!(told.contains("being sent"), "{told}");
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    post.server.only();
    assert_eq!(post.message("sam@harbor.example")["attempts"], 2);
}

#[test]
fn a_worker_that_dies_before_it_records_is_followed_by_the_same_message() {
    let post = Post::new();
    post.invite("sam@harbor.example");
    let gate = Gate::new();
    post.server.once(Stage::End, Act::TakeAndHold(gate.clone()));
    let worker = post.clinic.cli.begin(&["outbox", "send"]);
    gate.wait();
    kill(worker);
    gate.open();
    assert_eq!(post.message("sam@harbor.example")["status"], "pending");
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    let received = post.server.received();
    assert_eq!(received.len(), 2);
    let [first, second] = [0, 1].map(|at| received[at].header("Message-ID"));
    assert_eq!(first, second);
    assert_eq!(received[0].token(), received[1].token());
    assert_eq!(post.message("sam@harbor.example")["status"], "sent");
}

#[test]
fn an_answer_that_does_not_come_is_followed_by_the_same_message() {
    let post = Post::new();
    post.invite("sam@harbor.example");
    post.server.once(Stage::End, Act::TakeAndDrop);
    let (sent, _) = post.send_fails();
    assert_eq!(sent["put_off"], 1);
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    let received = post.server.received();
    let [first, second] = [0, 1].map(|at| received[at].header("Message-ID"));
    assert_eq!(first, second);
}

#[test]
fn a_message_whose_workers_die_is_given_up_in_the_end() {
    let post = Post::with(crate::common::SmtpServer::open(), "max_attempts = 2");
    post.invite("sam@harbor.example");
    for _ in 0..2 {
        let gate = Gate::new();
        post.server.once(Stage::Data, Act::Hold(gate.clone()));
        let worker = post.clinic.cli.begin(&["outbox", "send"]);
        gate.wait();
        kill(worker);
        gate.open();
        post.let_time_pass();
    }
    let (sent, _) = post.send_fails();
    assert_eq!(sent["failed"], 1);
    let failed = post.message("sam@harbor.example");
    assert_eq!(failed["error"], "given up after 2 attempts");
}

#[test]
fn a_killed_invitation_leaves_it_with_its_message_or_neither() {
    let post = Post::new();
    for round in 0..8_u64 {
        let emails: Vec<String> = (0..40)
            .map(|number| format!("guest{number}@round{round}.example"))
            .collect();
        let mut args = vec!["invite", "create", "--role", "viewer"];
        args.extend(emails.iter().map(String::as_str));
        let child = post.clinic.cli.begin(&args);
        std::thread::sleep(std::time::Duration::from_millis(20 + 25 * round));
        kill(child);
    }
    let lost = "SELECT count(*) FROM organization_invitations i
                  FULL JOIN outbox o ON (o.organization_id, o.invitation_id) = (i.organization_id, i.id)
                  FULL JOIN outbox_jobs j ON (j.organization_id, j.outbox_id) = (o.organization_id, o.id)
                 WHERE i.id IS NULL OR o.id IS NULL OR j.outbox_id IS NULL";
    assert_eq!(post.count(lost), 0);
    let invited = post.count("SELECT count(*) FROM organization_invitations");
    assert_eq!(invited % 40, 0);
    assert_eq!(post.send()["sent"], invited);
    assert_eq!(
        post.server.received().len(),
        usize::try_from(invited).unwrap()
    );
}
