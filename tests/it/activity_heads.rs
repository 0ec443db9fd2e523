//! The access log's chain, and the heads of both chains.

use serde_json::{Value, json};

use crate::common::{Cli, Clinic, Fixture, block_on};

impl Clinic {
    fn sql(&self, sql: &str) {
        block_on(|| self.db.execute(sql));
    }
}

/// A clinic with two patients, both of whom four answers have shown.
fn read_clinic() -> Clinic {
    let clinic = Clinic::new();
    clinic.ok("patient create --first-name Ana --last-name Keller --external-id P-1");
    clinic.ok("patient create --first-name Noa --last-name Levi --external-id P-2");
    clinic.sql(
        "TRUNCATE access_log;
         UPDATE access_chains SET last_sequence = 0, last_hash = decode(repeat('00', 32), 'hex')",
    );
    for _ in 0..4 {
        clinic.ok("patient list");
    }
    clinic
}

/// What somebody with the rights of the tables' owner could do, the answer that `verify` has to name,
/// and a part of what it has to say.
const TAMPERING: [(&str, i64, &str); 11] = [
    (
        "UPDATE access_log SET actor = 'operator:somebody' WHERE sequence = 3",
        3,
        "edited",
    ),
    (
        "UPDATE access_log SET patient_id = gen_random_uuid() WHERE sequence = 2
            AND id = (SELECT max(id::text)::uuid FROM access_log WHERE sequence = 2)",
        2,
        "edited",
    ),
    (
        "UPDATE access_log SET occurred_at = occurred_at - interval '1 day' WHERE sequence = 1",
        1,
        "edited",
    ),
    ("DELETE FROM access_log WHERE sequence = 2", 2, "2 to 2 are missing"),
    (
        "DELETE FROM access_log WHERE sequence = 2
            AND id = (SELECT max(id::text)::uuid FROM access_log WHERE sequence = 2)",
        2,
        "edited",
    ),
    (
        "INSERT INTO access_log (organization_id, id, occurred_at, actor, function, patient_id, request_id, sequence, hash)
         SELECT organization_id, gen_random_uuid(), occurred_at, actor, function, patient_id, request_id, sequence, hash
           FROM access_log WHERE sequence = 3 LIMIT 1",
        3,
        "edited",
    ),
    (
        "UPDATE access_log SET hash = sha256('x') WHERE sequence = 3
            AND id = (SELECT max(id::text)::uuid FROM access_log WHERE sequence = 3)",
        3,
        "edited",
    ),
    (
        "UPDATE access_log SET sequence = -sequence WHERE sequence IN (2, 3);
         UPDATE access_log SET sequence = 5 + sequence WHERE sequence < 0",
        2,
        "edited",
    ),
    (
        "DELETE FROM access_log WHERE sequence = 4",
        4,
        "missing at the end: there were 4, 3 are left",
    ),
    ("DELETE FROM access_log", 1, "there were 4, 0 are left"),
    (
        "UPDATE access_chains SET last_sequence = 3",
        4,
        "ends at 3",
    ),
];

#[test]
fn every_way_of_tampering_with_the_access_log_is_found() {
    let clinic = read_clinic();
    clinic.ok("activity verify");
    clinic.sql(
        "CREATE TABLE kept_log AS TABLE access_log; CREATE TABLE kept_chains AS TABLE access_chains",
    );
    for (tampering, sequence, what) in TAMPERING {
        clinic.sql(tampering);
        let outcome = clinic.run("activity verify -o json");
        assert_eq!(outcome.code, 10, "{tampering}: {}", outcome.stdout);
        let verdict: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
        assert_eq!(verdict["intact"], false, "{tampering}");
        assert_eq!(
            verdict["broken"],
            Value::Null,
            "{tampering}: the activity log holds"
        );
        let broken = &verdict["access_log"]["broken"];
        assert_eq!(broken["sequence"], sequence, "{tampering}: {verdict}");
        let said = broken["what"].as_str().expect("a text");
        assert!(said.contains(what), "{tampering}: {said}");
        assert!(
            outcome
                .stderr
                .contains("the access log of harbor-clinic is broken at entry"),
            "{}",
            outcome.stderr
        );
        clinic.sql(
            "DELETE FROM access_log; INSERT INTO access_log SELECT * FROM kept_log;
             DELETE FROM access_chains; INSERT INTO access_chains SELECT * FROM kept_chains",
        );
        clinic.ok("activity verify");
    }
    clinic.sql("DELETE FROM access_chains");
    let told = clinic.fails(1, "patient list");
    assert!(told.contains("the head of its chain is missing"), "{told}");
    assert!(!told.contains("Keller"), "{told}");
    let told = clinic.fails(10, "activity verify");
    assert!(told.contains("the head of the chain is missing"), "{told}");
}

/// The heads as `activity heads` prints them, in a file.
fn save_heads(clinic: &Clinic, name: &str) -> String {
    let heads = clinic.ok("activity heads --all-organizations -o json");
    let path = clinic.cli.home().join(name);
    std::fs::write(&path, heads).expect("a file");
    path.display().to_string()
}

#[test]
fn a_rewritten_log_holds_in_itself_and_not_against_kept_heads() {
    let clinic = read_clinic();
    let kept = save_heads(&clinic, "heads.json");
    clinic.ok("patient list");
    let verify = format!("activity verify --all-organizations --heads {kept}");
    clinic.ok(&verify);
    clinic.ok(&format!("activity verify --heads {kept}"));

    // The last answer of those that were kept is taken out, and the chain ended before it.
    clinic.sql(
        "DELETE FROM access_log WHERE sequence >= 4;
         UPDATE access_chains c SET last_sequence = 3, last_hash = l.hash
           FROM access_log l WHERE l.organization_id = c.organization_id AND l.sequence = 3",
    );
    clinic.ok("activity verify");
    let told = clinic.fails(10, &verify);
    assert!(
        told.contains("it had 4 entries when its head was kept, 3 are left"),
        "{told}"
    );
    // As long as before, with another content.
    clinic.ok("patient list");
    clinic.ok("activity verify");
    let told = clinic.fails(10, &verify);
    assert!(
        told.contains("is broken at entry 4: the log up to here was rewritten"),
        "{told}"
    );
}

#[test]
fn heads_are_of_both_chains_and_of_the_platform() {
    let clinic = read_clinic();
    let heads = clinic.json("activity heads");
    let told: Vec<_> = heads
        .as_array()
        .expect("a list")
        .iter()
        .map(|head| (head["log"].clone(), head["entries"].clone()))
        .collect();
    assert_eq!(told[1], (json!("access"), json!(4)));
    assert_eq!(told[0].0, json!("activity"));
    let verdict = clinic.json("activity verify");
    assert_eq!(heads[0]["hash"], verdict["last_hash"]);
    assert_eq!(heads[1]["hash"], verdict["access_log"]["last_hash"]);
    let platform = clinic.json("activity heads --platform");
    assert_eq!(platform.as_array().map(Vec::len), Some(1));
    assert_eq!(platform[0]["organization"], Value::Null);
}

#[test]
fn a_file_that_says_nothing_of_a_log_is_no_pass() {
    let clinic = read_clinic();
    let home = clinic.cli.home().to_owned();
    let write = |text: &str| {
        let path = home.join("wrong.json");
        std::fs::write(&path, text).expect("a file");
        format!("activity verify --heads {}", path.display())
    };
    for (text, code, what) in [
        ("[]", 6, "there are no heads in it"),
        ("", 6, "there are no heads in it"),
        ("slug,hash\n", 6, "expected"),
        (
            r#"{"organization":null,"organization_id":null,"log":"activity","entries":1,"hash":"00"}"#,
            6,
            "is not a valid head",
        ),
        (
            r#"{"organization":"else","organization_id":"01890a5d-ac96-774b-bcce-b302099a8057","log":"activity","entries":0,"hash":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
            3,
            "nothing was compared",
        ),
    ] {
        let told = clinic.fails(code, &write(text));
        assert!(told.contains(what), "{text}: {told}");
    }
    let kept = save_heads(&clinic, "heads.ndjson");
    let text = std::fs::read_to_string(&kept).expect("heads");
    let more = text.replacen(
        '[',
        r#"[{"organization":"gone","organization_id":"01890a5d-ac96-774b-bcce-b302099a8057","log":"activity","entries":0,"hash":"0000000000000000000000000000000000000000000000000000000000000000"},"#,
        1,
    );
    std::fs::write(&kept, more).expect("a file");
    let told = clinic.fails(
        10,
        &format!("activity verify --all-organizations --heads {kept}"),
    );
    assert!(
        told.contains("organization gone has heads in the file"),
        "{told}"
    );
}

/// Readers of one organization take turns at the head, and none is lost.
#[test]
fn a_hundred_readers_at_once_make_one_chain() {
    let clinic = read_clinic();
    std::thread::scope(|threads| {
        for _ in 0..10 {
            threads.spawn(|| {
                for _ in 0..10 {
                    clinic.ok("patient list");
                }
            });
        }
    });
    let verdict = clinic.json("activity verify");
    assert_eq!(verdict["access_log"]["entries"], 104);
    assert_eq!(verdict["intact"], true);
}

/// What migration 14 seals is what the program verifies.
#[tokio::test]
async fn rows_from_before_the_chain_are_sealed_by_the_migration() {
    let fixture = Fixture::new().await;
    let cli: Cli = fixture.db.cli();
    for organization in ["alpha", "beta"] {
        let id: String = fixture
            .db
            .scalar(&format!(
                "SELECT id::text FROM organizations WHERE slug = '{organization}'"
            ))
            .await;
        fixture
            .db
            .execute(&format!(
                "INSERT INTO access_log (organization_id, id, occurred_at, actor, function, patient_id, request_id, sequence, hash)
                 SELECT '{id}', gen_random_uuid(), now() - n * interval '1.000001 s', 'Zoë ' || n, 'GetPatient',
                        gen_random_uuid(), gen_random_uuid(), n, sha256('')
                   FROM generate_series(100, 2600) n"
            ))
            .await;
    }
    let migration = include_str!("../../migrations/0014_access_chain.sql");
    fixture
        .db
        .execute("DROP TABLE access_chains; ALTER TABLE access_log DROP COLUMN sequence, DROP COLUMN hash")
        .await;
    fixture.db.execute(migration).await;
    let verdicts = cli.json(&["activity", "verify", "--all-organizations"]);
    let links = |slug: &str| {
        let verdicts = verdicts.as_array().expect("a list");
        let found = verdicts
            .iter()
            .find(|verdict| verdict["organization"] == slug);
        let verdict = found.expect("it is listed");
        assert_eq!(verdict["intact"], true, "{verdict}");
        verdict["access_log"]["entries"].as_i64().expect("a number")
    };
    assert_eq!((links("alpha"), links("beta")), (3, 3));
    cli.ok(&["patient", "list", "--org", "alpha"]);
    cli.ok(&["activity", "verify", "--org", "alpha"]);
}
