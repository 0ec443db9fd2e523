//! Supported syntax, and statements that are reported as not supported.

use super::{analyse, fine, schema};

#[test]
fn what_is_no_statement_is_reported() {
    for text in [
        "BEGIN UPDATE notes SET body = 'x'; RETURN 1; END",
        "DECLARE n int; BEGIN SELECT count(*) INTO n FROM notes; END",
        "<<outer>> BEGIN NULL; END",
        "DO $$ BEGIN DELETE FROM notes; END $$",
        "IF $1 THEN DELETE FROM notes; END IF",
        "RETURN QUERY SELECT * FROM notes",
        "END LOOP",
        "SELCT * FROM notes",
    ] {
        assert!(analyse(&schema(), text).is_err(), "{text}");
    }
    fine(&[
        "BEGIN; COMMIT",
        "BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY; END WORK",
        "BEGIN WORK; END AND CHAIN",
        "begin read only; rollback to savepoint a; release a; end",
        "SECURITY LABEL ON TABLE notes IS 'x'",
        "GRANT SELECT ON notes TO app",
    ]);
}

#[test]
fn statements_of_postgresql_are_understood() {
    fine(&[
        "SELECT * FROM notes WHERE org_id = $1 FOR NO KEY UPDATE",
        "SELECT * FROM notes n WHERE org_id = $1 FOR KEY SHARE OF n, n SKIP LOCKED",
        "SELECT DISTINCT ON (id) * FROM notes WHERE org_id = $1 ORDER BY id, at DESC NULLS LAST FETCH FIRST 3 ROWS WITH TIES",
        "SELECT count(*) FILTER (WHERE body ~* 'x') OVER w FROM notes WHERE org_id = $1 WINDOW w AS (PARTITION BY id)",
        "SELECT body -> 'a' ->> 'b', body @> '{}', body ? 'k', body #>> '{a,b}' FROM notes WHERE org_id = $1",
        "SELECT * FROM notes TABLESAMPLE SYSTEM (1) WHERE org_id = $1",
        "SELECT at AT TIME ZONE 'UTC', interval '1 day', E'a\\'b', $$x$$, B'1', U&'x' FROM notes WHERE org_id = $1",
        "SELECT * FROM notes WHERE org_id = $1 AND id IN (VALUES ($2), ($3))",
        "SELECT * FROM generate_series(1, 10) WITH ORDINALITY AS g (n, i)",
        "SELECT * FROM json_to_recordset($1) AS x (org uuid, id int) JOIN notes n ON n.org_id = x.org",
        "SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS t",
        "INSERT INTO notes (org_id, id) OVERRIDING SYSTEM VALUE VALUES ($1, $2)",
        "SELECT * FROM notes WHERE org_id = $1 AND (at, at) OVERLAPS ($2, $3)",
        "SELECT array_agg(body ORDER BY at) FROM notes WHERE org_id = $1 GROUP BY GROUPING SETS ((id), ())",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY at) FROM notes WHERE org_id = $1",
        "SELECT * FROM notes WHERE org_id IN ($1 /*, ... */)",
        "UPDATE notes SET body[1] = $2 WHERE org_id = $1",
        "SELECT * FROM notes n JOIN members m USING (org_id) AS j WHERE n.org_id = $1",
        "SELECT (n).body, n.* FROM notes n WHERE org_id = $1",
        "SELECT extract(epoch FROM at * 2) FROM notes * WHERE org_id = $1",
        "DELETE FROM ONLY (notes) WHERE org_id = $1",
        "CREATE TABLE x AS SELECT * FROM notes",
        "SET LOCAL search_path = public",
        "BEGIN; SELECT 1; COMMIT",
        "",
    ]);
    assert!(analyse(&schema(), "SELECT FROM FROM WHERE").is_err());
    assert!(analyse(&schema(), "SELECT 'open").is_err());
}

#[test]
fn a_very_long_statement_is_refused_or_read_but_never_overflows() {
    let list = vec!["$1::uuid"; 20_000].join(", ");
    fine(&[&format!("SELECT * FROM notes WHERE org_id IN ({list})")]);
    let chain = "org_id = $1 OR ".repeat(900);
    fine(&[&format!("SELECT * FROM notes WHERE {chain} org_id = $2")]);
    let chain = "SELECT 1 UNION ALL ".repeat(900);
    fine(&[&format!("{chain} SELECT 2")]);
    let chain = "SELECT 1 || ".to_owned() + &"'a' || ".repeat(900);
    fine(&[&format!("{chain} 'b'")]);
    let chain = "1 + ".repeat(50_000);
    assert!(analyse(&schema(), &format!("SELECT {chain} 1")).is_err());
    let nested = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(analyse(&schema(), &nested).is_err());
    let nested = format!("SELECT {}1{}", "(SELECT ".repeat(20), ")".repeat(20));
    fine(&[&nested]);
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "SELECT", "*", "FROM", "notes", "n", "WHERE", "org_id", "=", "$1", "(", ")", ",",
                "JOIN", "LEFT", "ON", "USING", "UNION", "WITH", "AS", "INSERT INTO", "VALUES",
                "UPDATE", "SET", "DELETE", "RETURNING", "EXISTS", "IN", "AND", "OR", "NOT", ".",
                "ON CONFLICT", "DO", "MERGE", "WHEN", "MATCHED", "THEN", "COPY", "TO", "FOR", "?",
                "TABLE", "ONLY", "LATERAL", "RECURSIVE", "comments", "EXPLAIN", "'a'", "$$", "é",
            ]),
            0..25,
        ),
    ) {
        let _ = analyse(&schema(), &words.join(" "));
    }
}
