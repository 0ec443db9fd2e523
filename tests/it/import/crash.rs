//! Cut off at whatever moment: nothing is half done, and what is resumed ends like what was never
//! cut off.

use std::{io::Write as _, process::Stdio, thread, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tenantctl::local::EphemeralCluster;

use super::file;
use crate::common::{Cli, Clinic, TestDb, block_on, cluster_options};

/// Rows of a file, each twentieth of them wrong.
fn rows(count: usize) -> String {
    let mut text = String::from("external_id,first_name,last_name,birth_date\n");
    for n in 0..count {
        let month = if n % 20 == 7 { 13 } else { n % 12 + 1 };
        text.push_str(&format!("{n},Ana{n},Keller,1980-{month:02}-01\n"));
    }
    text
}

/// Everything of the patients that does not differ between two runs.
fn patients(db: &TestDb, slug: &str) -> String {
    block_on(|| {
        let sql = format!(
            "SELECT coalesce(string_agg(concat_ws(',', p.external_id, p.first_name, p.birth_date, n.parts), ';'
                                        ORDER BY p.external_id), '')
               FROM organizations o JOIN patients p ON p.organization_id = o.id
               JOIN LATERAL (SELECT string_agg(part, ' ' ORDER BY part) AS parts FROM patient_name_parts n
                              WHERE (n.organization_id, n.patient_id) = (p.organization_id, p.id)) n ON true
              WHERE o.slug = '{slug}'"
        );
        async move { db.scalar::<String>(&sql).await }
    })
}

fn count(db: &TestDb, sql: &str) -> i64 {
    block_on(|| async { db.scalar::<i64>(sql).await })
}

fn jobs(clinic: &Clinic, slug: &str) -> Vec<serde_json::Value> {
    let jobs = clinic.json(&format!("import jobs --org {slug} --all"));
    jobs.as_array().unwrap().clone()
}

#[test]
fn an_import_in_steps_that_is_killed_goes_on_exactly_where_it_stands() {
    let clinic = Clinic::new();
    clinic.ok("org create Calm --slug calm");
    let path = file(&clinic, "p.csv", rows(1200));
    let path = path.display().to_string();
    let (calm, stormy) = (
        path.replace("p.csv", "calm.csv"),
        path.replace("p.csv", "stormy.csv"),
    );
    let begin = |org: &str, reject: &str| -> Vec<String> {
        let line = format!(
            "import patients {path} --org {org} --partial --batch 100 --reject-file {reject}"
        );
        line.split(' ').map(str::to_owned).collect()
    };
    let args = begin("calm", &calm);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    clinic.cli.fails(6, &args);

    let args = begin("harbor-clinic", &stormy);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut delay = 120;
    // Cut off before its job is there, it has to be begun again.
    while jobs(&clinic, "harbor-clinic").is_empty() {
        clinic.cli.kill_after(&args, Duration::from_millis(delay));
        delay += 10;
    }
    let job = jobs(&clinic, "harbor-clinic")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let resume = [
        "import",
        "patients",
        &path,
        "--org",
        "harbor-clinic",
        "--resume",
        &job,
    ];
    let other = [
        "import",
        "providers",
        &path,
        "--org",
        "harbor-clinic",
        "--resume",
        &job,
    ];
    assert!(
        clinic
            .cli
            .fails(4, &other)
            .contains("an import of patients")
    );
    for round in 0..8 {
        clinic
            .cli
            .kill_after(&resume, Duration::from_millis(60 + 23 * round));
        let now = &jobs(&clinic, "harbor-clinic")[0];
        let stored = count(
            &clinic.db,
            "SELECT count(*) FROM patients p JOIN organizations o ON o.id = p.organization_id WHERE o.slug = 'harbor-clinic'",
        );
        assert_eq!(now["counts"]["new"], stored, "the job says what is there");
        let dealt =
            now["counts"]["new"].as_i64().unwrap() + now["counts"]["rejected"].as_i64().unwrap();
        assert_eq!(now["records"], dealt, "no row twice, none missing");
        if now["status"] != "done" && now["counts"]["rejected"] != 0 {
            // As a step that was cut off before its commit leaves it.
            let rejects = std::fs::OpenOptions::new().append(true).open(&stormy);
            rejects.unwrap().write_all(b"of no step,1,2,3,4\n").unwrap();
        }
    }
    let last = clinic.cli.run(&resume);
    // It may have come to its end before.
    assert!([4, 6].contains(&last.code), "{last:?}");
    let done = &jobs(&clinic, "harbor-clinic")[0];
    assert_eq!(done["status"], "done");
    assert_eq!(done["records"], 1200);
    assert_eq!(
        patients(&clinic.db, "harbor-clinic"),
        patients(&clinic.db, "calm")
    );
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(
        read(&stormy),
        read(&calm),
        "the reject file is the same, too"
    );
    assert_eq!(read(&calm).lines().count(), 61);
    clinic.ok("activity verify --org harbor-clinic");

    let told = clinic.cli.fails(4, &resume);
    assert!(told.contains("is done"), "{told}");
}

#[test]
fn an_import_that_is_killed_leaves_all_of_it_or_nothing() {
    let clinic = Clinic::new();
    let text = rows(1000).replace("-13-", "-12-");
    let path = file(&clinic, "p.csv", text).display().to_string();
    for round in 0..10 {
        let slug = format!("org-{round}");
        clinic.ok(&format!("org create {slug} --slug {slug}"));
        let args = ["import", "patients", &path, "--org", &slug];
        clinic
            .cli
            .kill_after(&args, Duration::from_millis(40 + 35 * round));
        let of = |table: &str| {
            count(
                &clinic.db,
                &format!(
                    "SELECT count(*) FROM {table} t JOIN organizations o ON o.id = t.organization_id WHERE o.slug = '{slug}'"
                ),
            )
        };
        let (there, parts) = (of("patients"), of("patient_name_parts"));
        assert!(
            [(0, 0), (1000, 2000)].contains(&(there, parts)),
            "{there} {parts}"
        );
        let entries = of("activity_log");
        assert_eq!(entries, 1 + i64::from(there > 0), "a change has its entry");
        assert_eq!(jobs(&clinic, &slug).len() as i64, i64::from(there > 0));
        // The next one makes it whole.
        clinic.ok(&format!("import patients {path} --org {slug}"));
        assert_eq!(of("patients"), 1000);
    }
}

#[test]
fn ctrl_c_rolls_back() {
    let clinic = Clinic::new();
    let path = file(&clinic, "p.csv", rows(60_000).replace("-13-", "-12-"))
        .display()
        .to_string();
    let mut child = clinic.cli.begin(&["import", "patients", &path]);
    wait_for_work(&clinic.db);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(patients(&clinic.db, "harbor-clinic"), "");
    assert!(jobs(&clinic, "harbor-clinic").is_empty());
}

/// Waits until the server works for an import.
fn wait_for_work(db: &TestDb) {
    let busy = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()
                   AND (query LIKE 'COPY import_rows%' OR query LIKE 'INSERT INTO patients%')";
    for _ in 0..1000 {
        if count(db, busy) > 0 {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the import never began");
}

#[test]
fn a_server_that_stops_amid_the_copying_is_told_and_nothing_is_there() {
    let cluster = block_on(|| EphemeralCluster::start_with(cluster_options())).unwrap();
    let url = cluster.admin_url("postgres");
    let cli = Cli::new().env("TENANTCTL_DATABASE_URL", &url);
    cli.ok(&["db", "migrate"]);
    cli.ok(&["org", "create", "Harbor", "--slug", "harbor"]);
    let path = cli.home().join("p.csv");
    std::fs::write(&path, rows(200_000).replace("-13-", "-12-")).unwrap();
    let args = [
        "import",
        "patients",
        path.to_str().unwrap(),
        "--org",
        "harbor",
        "--batch",
        "150000",
    ];
    let child = cli
        .command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_copy(&url);
    block_on(|| cluster.stop()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(7), "{told}");
    assert!(told.contains("--resume"), "{told}");
    block_on(|| cluster.restart()).unwrap();
    assert_eq!(
        cli.json(&["patient", "list", "--org", "harbor"]),
        serde_json::json!([])
    );
    let job = cli.json(&["import", "jobs"])[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    cli.ok(&[
        "import",
        "patients",
        path.to_str().unwrap(),
        "--org",
        "harbor",
        "--resume",
        &job,
    ]);
    let jobs = cli.json(&["import", "jobs"]);
    assert_eq!(jobs[0]["counts"]["new"], 200_000);
}

fn wait_for_copy(url: &str) {
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY import_rows%'";
    for _ in 0..1000 {
        let count: i64 = block_on(|| async {
            use sqlx::Connection as _;
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::query_scalar(busy)
                .fetch_one(&mut connection)
                .await
                .unwrap()
        });
        if count > 0 {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("the copying never began");
}
