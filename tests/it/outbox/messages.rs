//! What arrives.

use super::Post;
use crate::common::{Clinic, block_on};

fn accept(clinic: &Clinic, token: &str, email: &str) -> serde_json::Value {
    let cli = clinic.db.cli().stdin(token);
    cli.json(&["invite", "accept", "-", "--email", email])
}

#[test]
fn a_message_arrives_as_text_and_html_in_the_language_of_the_organization_and_its_link_works() {
    let post = Post::new();
    let clinic = &post.clinic;
    clinic.ok("org update harbor-clinic --name 'Zürcher <Hafen> & Söhne' --timezone Europe/Zurich --locale de-CH");
    clinic.sign_up("sam@harbor.example");
    let issued = post.invite("sam@harbor.example");
    assert!(issued["link"].is_null() && issued["token"].is_null());
    let pending = post.message("sam@harbor.example");
    assert_eq!(pending["id"], issued["message"]);
    assert_eq!(
        (&pending["status"], &pending["attempts"]),
        (&"pending".into(), &0.into())
    );

    assert_eq!(post.send()["sent"], 1);
    let mail = post.server.only();
    assert_eq!(mail.from, "clinics@mail.example");
    assert_eq!(mail.to, ["sam@harbor.example"]);
    assert!(
        mail.header("Message-ID")
            .starts_with(&format!("<{}.1@", issued["message"].as_str().unwrap()))
    );
    assert!(mail.header("From").ends_with("<clinics@mail.example>"));
    assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
    let text = mail.part("text/plain");
    assert!(
        text.contains("Zürcher <Hafen> & Söhne hat Sie eingeladen"),
        "{text}"
    );
    assert!(text.contains("Ihre Rolle: nur lesen"), "{text}");
    assert!(text.contains("Uhr (Europe/Zurich)"), "{text}");
    let html = mail.part("text/html");
    assert!(html.contains("Zürcher &lt;Hafen&gt; &amp; Söhne"), "{html}");
    assert!(html.contains("<html lang=\"de\">"), "{html}");
    assert!(html.contains(&mail.token()), "{html}");

    let sent = post.message("sam@harbor.example");
    assert_eq!(
        (&sent["status"], &sent["attempts"]),
        (&"sent".into(), &1.into())
    );
    assert!(sent["sent_at"].is_string() && sent["error"].is_null());
    assert_eq!(post.actions(), ["outbox.send"]);
    // Nothing of the token is left, and nothing to do.
    assert_eq!(
        post.count("SELECT count(*) FROM outbox WHERE sealed_token IS NOT NULL"),
        0
    );
    assert_eq!(post.count("SELECT count(*) FROM outbox_jobs"), 0);
    assert_eq!(post.send()["sent"], 0);

    let joined = accept(clinic, &mail.token(), "sam@harbor.example");
    assert_eq!(joined["role"], "viewer");
    clinic.ok("activity verify");
}

#[test]
fn the_link_is_shown_where_that_is_asked_for_and_is_the_one_that_is_mailed() {
    let post = Post::new();
    let created = post
        .clinic
        .json("invite create sam@harbor.example --role viewer --show-link");
    let token = created["invited"][0]["token"].as_str().unwrap().to_owned();
    post.send();
    assert_eq!(post.server.only().token(), token);
}

#[test]
fn without_a_mail_server_links_are_shown_and_nothing_waits() {
    let clinic = Clinic::new();
    let created = clinic.json("invite create sam@harbor.example --role viewer");
    assert!(created["invited"][0]["link"].is_string());
    assert!(created["invited"][0]["message"].is_null());
    assert_eq!(clinic.json("outbox list"), serde_json::json!([]));
    let told = clinic.fails(1, "outbox send");
    assert!(told.contains("no mail server is configured"), "{told}");
    clinic.fails(1, "outbox retry --failed");
}

#[test]
fn a_token_waits_sealed_and_for_its_invitation_alone() {
    let post = Post::new();
    let shown = post
        .clinic
        .json("invite create sam@harbor.example --role viewer --show-link");
    let token = shown["invited"][0]["token"].as_str().unwrap();
    let sealed: Vec<u8> = block_on(|| {
        post.clinic
            .db
            .scalar("SELECT sealed_token FROM outbox LIMIT 1")
    });
    assert!(
        !sealed
            .windows(8)
            .any(|part| part == &token.as_bytes()[30..38])
    );
    // The sealed token of one message in another: nobody gets somebody else's link.
    post.invite("ann@harbor.example");
    post.sql(
        "UPDATE outbox a SET sealed_token = b.sealed_token FROM outbox b
          WHERE a.recipient = 'ann@harbor.example' AND b.recipient = 'sam@harbor.example'",
    );
    let (sent, _) = post.send_fails();
    assert_eq!((&sent["sent"], &sent["put_off"]), (&1.into(), &1.into()));
    assert_eq!(post.server.only().to, ["sam@harbor.example"]);
    let error = post.message("ann@harbor.example")["error"].to_string();
    assert!(error.contains("cannot be opened"), "{error}");
}

#[test]
fn without_a_key_nothing_is_promised() {
    let post = Post::new();
    let cli = post.clinic.db.cli().env("TENANTCTL_ORG", "harbor-clinic");
    let config = post.clinic.cli.config_file();
    let cli = cli.env("TENANTCTL_CONFIG", config.to_str().unwrap());
    let told = cli.fails(
        7,
        &["invite", "create", "sam@harbor.example", "--role", "viewer"],
    );
    assert!(told.contains("no keys for sealing"), "{told}");
    assert_eq!(
        post.count("SELECT count(*) FROM organization_invitations"),
        0
    );
}

#[test]
fn first_owners_and_resent_invitations_are_mailed_too() {
    let post = Post::new();
    let created = post
        .clinic
        .json("org create Beta --slug beta --owner lee@beta.example --locale fr");
    assert!(created["owner_invitation"]["link"].is_null());
    assert!(created["owner_invitation"]["message"].is_string());
    post.invite("sam@harbor.example");
    // The first message is not sent: its link is worth nothing.
    let resent = post.clinic.json("invite resend sam@harbor.example");
    assert!(resent["message"].is_string() && resent["link"].is_null());
    assert_eq!(post.send()["sent"], 2);
    let received = post.server.received();
    let to = |email: &str| {
        let mut found = received.iter().filter(|mail| mail.to == [email]);
        let mail = found.next().unwrap();
        assert!(found.next().is_none());
        mail
    };
    assert!(
        to("lee@beta.example")
            .part("text/plain")
            .contains("propriétaire")
    );
    post.clinic.sign_up("kim@harbor.example");
    let waiting = post.clinic.json("outbox list --all");
    let status: Vec<&str> = waiting
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["status"].as_str().unwrap())
        .collect();
    assert_eq!(status, ["sent", "cancelled"]);
    assert_eq!(post.actions(), ["outbox.cancel", "outbox.send"]);
    let token = to("sam@harbor.example").token();
    // Whoever has the address signs up afterwards, by the link that was mailed.
    let signed_up = post.clinic.sign_up("sam@harbor.example");
    assert_eq!(signed_up["joined"][0]["role"], "viewer");
    post.clinic.fails(
        3,
        &format!("invite accept {token} --email sam@harbor.example"),
    );
}

#[test]
fn a_rehearsal_writes_no_message() {
    let post = Post::new();
    let rehearsed = post
        .clinic
        .json("invite create sam@harbor.example --role viewer --dry-run");
    let changes = rehearsed["dry_run"].to_string();
    assert!(changes.contains("outbox_jobs"), "{rehearsed}");
    assert_eq!(post.count("SELECT count(*) FROM outbox"), 0);
    post.clinic.fails(2, "outbox send --dry-run");
}

#[test]
fn members_that_are_imported_are_mailed() {
    let post = Post::new();
    let clinic = &post.clinic;
    let path = clinic.cli.home().join("people.csv");
    let rows: String = (0..50)
        .map(|number| format!("guest{number}@harbor.example,viewer\n"))
        .collect();
    std::fs::write(&path, format!("email,role\n{rows}")).unwrap();
    let imported = clinic.json(&format!("import members {}", path.display()));
    assert_eq!(
        (&imported["invited"], &imported["mailed"]),
        (&50.into(), &true.into())
    );
    assert_eq!(post.count("SELECT count(*) FROM outbox_jobs"), 50);
    assert_eq!(post.send()["sent"], 50);
    // One connection carries them all.
    assert_eq!(post.server.connections(), 1);
    let received = post.server.received();
    let mut recipients: Vec<&str> = received.iter().map(|mail| mail.to[0].as_str()).collect();
    recipients.sort_unstable();
    recipients.dedup();
    assert_eq!(recipients.len(), 50);
    let mail = received
        .iter()
        .find(|mail| mail.to == ["guest7@harbor.example"])
        .unwrap();
    clinic.sign_up("other@harbor.example");
    // The link is of that address, as of every invitation.
    let token = mail.token();
    clinic.fails(
        5,
        &format!("invite accept {token} --email other@harbor.example"),
    );
    // A second run invites nobody, and mails nothing.
    clinic.ok(&format!("import members {}", path.display()));
    assert_eq!(post.count("SELECT count(*) FROM outbox_jobs"), 0);
}

#[test]
fn owners_of_imported_organizations_are_mailed() {
    let post = Post::new();
    let path = post.clinic.cli.home().join("clinics.csv");
    let text = "name,slug,owner,locale\nBeta,beta,lee@beta.example,it\n";
    std::fs::write(&path, text).unwrap();
    let imported = post
        .clinic
        .json(&format!("import organizations {}", path.display()));
    assert_eq!(
        (&imported["invited"], &imported["mailed"]),
        (&1.into(), &true.into())
    );
    assert_eq!(post.send()["sent"], 1);
    assert!(post.server.only().part("text/plain").contains("titolare"));
}

#[test]
fn what_only_members_may_see_others_do_not() {
    let post = Post::new();
    post.clinic.join("vic@harbor.example", "viewer");
    post.clinic.join("ada@harbor.example", "admin");
    post.invite("sam@harbor.example");
    post.clinic.sign_up("eve@elsewhere.example");
    post.clinic
        .fails(3, "outbox list --as eve@elsewhere.example");
    post.clinic
        .fails(5, "outbox retry sam@harbor.example --as vic@harbor.example");
    post.clinic.fails(5, "outbox send --as ada@harbor.example");
    post.clinic
        .ok("outbox retry sam@harbor.example --as ada@harbor.example");
}
