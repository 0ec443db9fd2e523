//! What holds of every table, whatever is wrong with it.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{counts, import};
use crate::common::{Clinic, block_on};

/// How a row is damaged, and mended again.
const DAMAGES: [(&str, &str); 4] = [
    ("1980-02-03", "1980-02-33"),
    ("+41443643532", "12"),
    ("Keller", ""),
    ("x@mail.example", "x@"),
];

fn table() -> impl Strategy<Value = Vec<(u8, Option<usize>)>> {
    proptest::collection::vec(
        (0_u8..40, proptest::option::weighted(0.3, 0..DAMAGES.len())),
        1..40,
    )
}

fn text(rows: &[(u8, Option<usize>)], is_damaged: bool) -> String {
    let mut text = String::from("external_id,first_name,last_name,birth_date,phone,email\n");
    for (key, damage) in rows {
        let mut row = format!("P{key},Ana{key},Keller,1980-02-03,+41443643532,x@mail.example");
        if let Some(damage) = damage.filter(|_| is_damaged) {
            let (good, bad) = DAMAGES[damage];
            row = row.replace(good, bad);
        }
        text.push_str(&row);
        text.push('\n');
    }
    text
}

fn patients(clinic: &Clinic, slug: &str) -> String {
    let sql = format!(
        "SELECT coalesce(string_agg(concat_ws(',', external_id, first_name, last_name, birth_date, phone, p.email), ';'
                                    ORDER BY external_id), '')
           FROM patients p JOIN organizations o ON o.id = p.organization_id WHERE o.slug = '{slug}'"
    );
    block_on(|| async move { clinic.db.scalar::<String>(&sql).await })
}

/// Imported and rejected rows are all rows; and the good ones with the mended others are what the
/// clean table makes.
#[test]
fn what_is_rejected_and_mended_ends_as_if_it_had_been_right() {
    let clinic = Clinic::new();
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&table(), |rows| {
        number.set(number.get() + 1);
        let [damaged, clean] = ["damaged", "clean"].map(|name| format!("{name}-{}", number.get()));
        for slug in [&damaged, &clean] {
            clinic.ok(&format!("org create {slug} --slug {slug}"));
        }
        let first = import(
            &clinic,
            "patients",
            &text(&rows, true),
            &format!("--org {damaged} --partial --reject-file bad.csv --overwrite"),
        );
        let [new, changed, unchanged, skipped, rejected] = counts(&first);
        prop_assert_eq!(
            new + changed + unchanged + skipped + rejected,
            rows.len() as u64
        );
        prop_assert_eq!(first.code, if rejected > 0 { 6 } else { 0 });

        // Without rejected rows there is no file, and nothing to fix.
        let path = super::printed(&first)["reject_file"].clone();
        prop_assert!(path.is_string() || rejected == 0);
        let mut mended = match path.as_str() {
            Some(path) => std::fs::read_to_string(path).unwrap(),
            None => text(&[], true),
        };
        for (good, bad) in DAMAGES {
            let (good, bad) = (format!(",{good}"), format!(",{bad}"));
            mended = mended
                .lines()
                .map(|line| {
                    // An empty last name stands between two commas.
                    let line = line.replace(",,1980", ",Keller,1980");
                    let ends = line.ends_with(&bad);
                    let line = line.replace(&format!("{bad},"), &format!("{good},"));
                    let line = if ends {
                        line[..line.len() - bad.len()].to_owned() + &good
                    } else {
                        line
                    };
                    line + "\n"
                })
                .collect();
        }
        // A key that was twice stays twice: the second is rejected again.
        import(
            &clinic,
            "patients",
            &mended,
            &format!("--org {damaged} --partial --reject-file again.csv --overwrite"),
        );
        import(
            &clinic,
            "patients",
            &text(&rows, false),
            &format!("--org {clean} --partial --reject-file clean.csv --overwrite"),
        );
        prop_assert_eq!(patients(&clinic, &damaged), patients(&clinic, &clean));
        Ok(())
    });
    outcome.unwrap();
}

/// Two imports of one file into one organization at once: each row is there once.
#[test]
fn two_imports_at_once_take_turns() {
    let clinic = Clinic::new();
    let rows: Vec<(u8, Option<usize>)> = (0..40).map(|key| (key, None)).collect();
    let path = super::file(&clinic, "p.csv", text(&rows, false))
        .display()
        .to_string();
    let outcomes: Vec<[u64; 5]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| counts(&clinic.run(&format!("import patients {path} -o json"))))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let new: u64 = outcomes.iter().map(|[new, ..]| new).sum();
    let unchanged: u64 = outcomes.iter().map(|[_, _, unchanged, ..]| unchanged).sum();
    assert_eq!((new, unchanged), (40, 120), "{outcomes:?}");
}
