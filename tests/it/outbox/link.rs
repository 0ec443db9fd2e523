//! No mail goes out with a link that leads to an example's address.

use super::Post;
use crate::common::{LINK_TEMPLATE, block_on};

impl Post {
    /// The configuration with another template, or with the default one.
    fn link_template(&self, template: Option<&str>) {
        let path = self.clinic.cli.config_file();
        let text = std::fs::read_to_string(&path).expect("the configuration");
        let (_, mail) = text.split_once("[mail]").expect("a section");
        let invitations = template.map_or_else(String::new, |template| {
            format!("[invitations]\nlink_template = '{template}'\n")
        });
        std::fs::write(path, format!("{invitations}[mail]{mail}")).expect("a file");
    }

    fn stored(&self) -> (i64, i64, i64) {
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            block_on(|| self.clinic.db.scalar(&sql))
        };
        (
            count("organizations"),
            count("organization_invitations"),
            count("outbox"),
        )
    }
}

#[test]
fn with_a_reserved_host_nothing_is_stored_and_what_waits_waits() {
    let post = Post::new();
    let clinic = &post.clinic;
    post.invite("waiting@harbor.example");
    let stored = post.stored();
    let people = clinic.cli.home().join("people.csv");
    std::fs::write(&people, "email,role\npat@harbor.example,viewer\n").expect("a file");
    for template in [
        None,
        Some("https://clinic.localhost/#token={token}"),
        Some("https://app.example.org/invite#token={token}"),
    ] {
        post.link_template(template);
        for line in [
            "invite create kim@harbor.example --role viewer",
            "invite create kim@harbor.example --role viewer --dry-run",
            "invite resend waiting@harbor.example",
            "org create Beta --owner kim@beta.example",
            &format!("import members {} --mode invite", people.display()),
            "outbox send",
            "outbox send --all",
        ] {
            let told = clinic.fails(6, line);
            assert!(told.contains("link_template: not set"), "{line}: {told}");
            assert!(told.contains("[invitations]"), "{line}: {told}");
        }
        assert_eq!(post.stored(), stored, "{template:?}");
    }
    assert!(post.server.received().is_empty());
    // Where nothing is mailed nothing is refused.
    clinic.ok("org create Beta --owner maria@harbor.example");
    let doctor = clinic.run("doctor");
    assert!(
        doctor.stdout.contains("no invitation is mailed"),
        "{}",
        doctor.stdout
    );

    let template = LINK_TEMPLATE.split('\'').nth(1);
    post.link_template(template);
    assert_eq!(post.send()["sent"], 1);
    let received = post.server.received();
    assert_eq!(received.len(), 1);
}
