//! Whose turn it is, who is written to how often, and what is over before it is sent.

use std::{sync::Arc, time::Duration};

use tenantctl::{
    mail::{Encryption, Mailer, Sender, Smtp, SmtpSettings},
    services::outbox::{self, Policy, Worker},
};

use super::Post;
use crate::common::{Act, Gate, SmtpServer, Stage, block_on, token_seal};

#[test]
fn what_is_over_is_cancelled_and_not_sent() {
    let post = Post::new();
    let clinic = &post.clinic;
    for name in ["revoked", "accepted", "expired", "removed"] {
        post.invite(&format!("{name}@harbor.example"));
    }
    clinic.ok("invite revoke revoked@harbor.example");
    clinic.sign_up("accepted@harbor.example");
    post.sql(
        "UPDATE organization_invitations SET expires_at = now() - interval '1 second'
          WHERE email = 'expired@harbor.example'",
    );
    // Whatever takes an invitation back behind the outbox, the worker sees it.
    post.sql(
        "UPDATE organization_invitations SET status = 'revoked', revoked_at = now()
          WHERE email = 'removed@harbor.example'",
    );
    let sent = post.send();
    assert_eq!((&sent["sent"], &sent["cancelled"]), (&0.into(), &2.into()));
    assert!(post.server.received().is_empty());
    for (name, why) in [
        ("revoked", "the invitation was revoked"),
        ("accepted", "the invitation was accepted"),
        ("expired", "the invitation has expired"),
        ("removed", "the invitation was revoked"),
    ] {
        let message = post.message(&format!("{name}@harbor.example"));
        assert_eq!(message["status"], "cancelled", "{name}");
        assert_eq!(message["error"], why);
        clinic.fails(4, &format!("outbox retry {name}@harbor.example"));
    }
    assert_eq!(post.actions(), ["outbox.cancel"; 4]);
    assert_eq!(
        post.count("SELECT count(*) FROM outbox WHERE sealed_token IS NOT NULL"),
        0
    );
    assert_eq!(post.count("SELECT count(*) FROM mail_deliveries"), 0);
    clinic.ok("activity verify");
}

#[test]
fn a_suspended_organization_waits() {
    let post = Post::new();
    post.invite("sam@harbor.example");
    post.clinic.ok("org suspend harbor-clinic --yes");
    assert_eq!(post.send()["waiting"], 1);
    post.let_time_pass();
    post.clinic.ok("org resume harbor-clinic");
    assert_eq!(post.send()["sent"], 1);
}

#[test]
fn an_address_gets_so_many_messages_an_hour_of_all_together_and_no_tenant_sees_why() {
    let post = Post::with(SmtpServer::open(), "recipient_limit = 2");
    let clinic = &post.clinic;
    for slug in ["beta", "gamma", "delta"] {
        clinic.ok(&format!("org create {slug} --slug {slug}"));
        clinic.ok(&format!(
            "invite create sam@harbor.example --role viewer --org {slug}"
        ));
    }
    clinic.ok("invite create ann@harbor.example --role viewer --org delta");
    let sent = post.send();
    assert_eq!((&sent["sent"], &sent["waiting"]), (&3.into(), &1.into()));
    let to_sam = post
        .server
        .received()
        .iter()
        .filter(|mail| mail.to == ["sam@harbor.example"])
        .count();
    assert_eq!(to_sam, 2);
    // Where it waits, it looks like any message that was not tried yet.
    let mut waiting = Vec::new();
    for slug in ["beta", "gamma", "delta"] {
        let message = clinic.json(&format!("outbox show sam@harbor.example --org {slug}"));
        if message["status"] == "pending" {
            waiting.push(message);
        }
    }
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["attempts"], 0);
    assert!(waiting[0]["error"].is_null() && waiting[0]["retry_at"].is_null());
    assert_eq!(waiting[0]["created_at"], waiting[0]["updated_at"]);
    // Not even for somebody in a hurry.
    assert_eq!(clinic.json("outbox send --all")["sent"], 0);
    post.sql("UPDATE mail_deliveries SET reserved_at = reserved_at - interval '61 minutes'");
    post.let_time_pass();
    assert_eq!(post.send()["sent"], 1);
    // What counts no more is forgotten.
    assert_eq!(post.count("SELECT count(*) FROM mail_deliveries"), 1);
}

#[test]
fn attempts_that_were_put_off_do_not_count_as_messages() {
    let post = Post::with(SmtpServer::open(), "recipient_limit = 1");
    post.invite("sam@harbor.example");
    for _ in 0..3 {
        post.server.once(Stage::Rcpt, Act::Say("450 4.2.1 busy"));
        let (sent, _) = post.send_fails();
        assert_eq!(sent["put_off"], 1);
        post.let_time_pass();
    }
    assert_eq!(post.send()["sent"], 1);
}

#[test]
fn organizations_take_turns() {
    let post = Post::new();
    let clinic = &post.clinic;
    let path = clinic.cli.home().join("people.csv");
    let rows: String = (0..40)
        .map(|number| format!("guest{number}@harbor.example\n"))
        .collect();
    std::fs::write(&path, format!("email\n{rows}")).unwrap();
    clinic.ok(&format!("import members {}", path.display()));
    for slug in ["beta", "gamma"] {
        clinic.ok(&format!("org create {slug} --slug {slug}"));
        clinic.ok(&format!(
            "invite create sam@{slug}.example --role viewer --org {slug}"
        ));
    }
    assert_eq!(post.send()["sent"], 42);
    let received = post.server.received();
    let at = |domain: &str| {
        let ending = format!("@{domain}.example");
        received
            .iter()
            .position(|mail| mail.to[0].ends_with(&ending))
            .unwrap()
    };
    // The flood came first, and the others wait for one message of it each at most.
    assert!(
        at("beta") < 3 && at("gamma") < 3,
        "{} {}",
        at("beta"),
        at("gamma")
    );
    // The flood itself goes out in its order.
    let flood: Vec<&str> = received
        .iter()
        .map(|mail| mail.to[0].as_str())
        .filter(|to| to.ends_with("@harbor.example"))
        .collect();
    assert_eq!(
        (flood[0], flood[39]),
        ("guest0@harbor.example", "guest39@harbor.example")
    );
}

#[test]
fn two_workers_at_once_send_each_message_once() {
    let post = Post::new();
    let path = post.clinic.cli.home().join("people.csv");
    let rows: String = (0..60)
        .map(|number| format!("guest{number}@harbor.example\n"))
        .collect();
    std::fs::write(&path, format!("email\n{rows}")).unwrap();
    post.clinic
        .ok(&format!("import members {}", path.display()));
    // Both have a message in their hands before either goes on.
    let gates = [Gate::new(), Gate::new()];
    for gate in &gates {
        post.server.once(Stage::Data, Act::Hold(gate.clone()));
    }
    let counts = std::thread::scope(|scope| {
        let workers = [(); 2].map(|()| scope.spawn(|| post.send()["sent"].as_i64().unwrap()));
        for gate in &gates {
            gate.wait();
        }
        for gate in &gates {
            gate.open();
        }
        workers.map(|worker| worker.join().unwrap())
    });
    assert_eq!(counts[0] + counts[1], 60, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let received = post.server.received();
    let mut recipients: Vec<&str> = received.iter().map(|mail| mail.to[0].as_str()).collect();
    recipients.sort_unstable();
    recipients.dedup();
    assert_eq!((received.len(), recipients.len()), (60, 60));
}

fn mailer(server: &SmtpServer) -> Mailer {
    let smtp = Smtp::new(SmtpSettings {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        encryption: Encryption::None,
        authorities: None,
        credentials: None,
        timeout: Duration::from_secs(20),
    });
    Mailer {
        smtp: Arc::new(smtp.unwrap()),
        sender: Sender {
            address: "clinics@mail.example".parse().unwrap(),
            name: None,
            reply_to: None,
        },
        link_template: "https://app.smiles.care/invite#token={token}".to_owned(),
    }
}

fn movable<T: Send>(task: T) -> T {
    task
}

/// What `serve` starts: it sends what comes, and ends when it is asked to with what it took.
#[test]
fn a_worker_sends_what_comes_and_finishes_what_it_took() {
    let post = Post::new();
    let policy = Policy {
        recipient_limit: 10,
        max_attempts: 10,
        lease: Duration::from_secs(60),
    };
    let worker = Worker::new(mailer(&post.server), policy, token_seal());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let gate = Gate::new();
    post.server.once(Stage::End, Act::TakeAndHold(gate.clone()));
    std::thread::scope(|scope| {
        let db = &post.clinic.db;
        let running = scope.spawn(move || {
            block_on(move || async move {
                let open = || async { Ok(db.session().await) };
                let stop = async {
                    let _ = stopped.await;
                };
                // A server runs it beside its other tasks.
                movable(outbox::run(worker, open, stop)).await;
            });
        });
        post.invite("sam@harbor.example");
        gate.wait();
        stop.send(()).unwrap();
        assert_eq!(post.message("sam@harbor.example")["status"], "pending");
        gate.open();
        running.join().unwrap();
    });
    assert_eq!(post.message("sam@harbor.example")["status"], "sent");
}
