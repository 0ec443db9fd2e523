//! Predicates on one table.

use super::{
    super::Problem::{self, *},
    expect, fine,
};

#[test]
fn predicates_on_the_key() {
    fine(&[
        "SELECT * FROM notes WHERE org_id = $1",
        "SELECT * FROM notes n WHERE $1 = n.org_id AND n.body = 'x'",
        "SELECT * FROM public.notes WHERE public.notes.org_id = $1::uuid",
        "SELECT * FROM notes WHERE org_id::text = current_setting('app.org')",
        "SELECT * FROM notes WHERE org_id = app_org()",
        "SELECT * FROM notes WHERE org_id = (SELECT app_org())",
        "SELECT * FROM notes WHERE org_id = nullif((SELECT current_setting('a', true)), '')::uuid",
        "SELECT * FROM notes WHERE org_id IN ($1, $2)",
        "SELECT * FROM notes WHERE org_id = ANY($1)",
        "SELECT * FROM notes WHERE org_id = ANY (ARRAY[$1, $2]::uuid[])",
        "SELECT * FROM notes WHERE (org_id, id) = ($1, $2)",
        "SELECT * FROM notes WHERE (org_id, id) IN (($1, $2), ($1, $3))",
        "SELECT * FROM notes WHERE org_id IS NOT DISTINCT FROM $1",
        "SELECT * FROM notes WHERE (org_id = $1) IS TRUE",
        "SELECT * FROM notes WHERE org_id = :org AND id = ?",
        "SELECT * FROM notes WHERE org_id=? AND id=?",
        "SELECT * FROM notes WHERE org_id = @org_id",
        "SELECT * FROM notes WHERE org_id OPERATOR(pg_catalog.=) $1",
        "SELECT * FROM notes WHERE org_id = $1 OR (org_id = $2 AND id = $3)",
        "SELECT * FROM notes WHERE \"org_id\" = $1 AND ORG_ID = $1",
        "SELECT org_id, count(*) FROM notes GROUP BY org_id HAVING org_id = $1",
        "SELECT * FROM \"Odd Name\" WHERE org_id = $1",
        "SELECT * FROM other.notes",
        "SELECT * FROM users",
    ]);
    let read: &[(&str, Problem)] = &[("notes", UnfilteredRead)];
    expect(&[
        ("SELECT * FROM notes", read),
        ("TABLE notes", read),
        ("SELECT * FROM ONLY notes", read),
        ("SELECT * FROM ONLY (notes)", read),
        (
            "SELECT * FROM ONLY (public.notes) AS notes WHERE id = $1",
            read,
        ),
        ("SELECT * FROM public.notes *", read),
        ("SELECT * FROM users, notes * WHERE notes.id = $1", read),
        ("SELECT * FROM notes WHERE id = $1", read),
        ("SELECT * FROM notes WHERE org_id = org_id", read),
        ("SELECT * FROM notes WHERE org_id <> $1", read),
        ("SELECT * FROM notes WHERE org_id IS NOT NULL", read),
        ("SELECT * FROM notes WHERE NOT org_id = $1", read),
        ("SELECT * FROM notes WHERE org_id NOT IN ($1)", read),
        ("SELECT * FROM notes WHERE org_id = $1 OR id = $2", read),
        ("SELECT * FROM notes WHERE $1 IS NULL OR org_id = $1", read),
        (
            "SELECT * FROM notes WHERE org_id = coalesce($1, org_id)",
            read,
        ),
        ("SELECT * FROM notes WHERE org_id = author_id", read),
        ("SELECT org_id = $1 FROM notes", read),
        (
            "SELECT * FROM notes WHERE CASE WHEN $2 THEN org_id = $1 ELSE true END",
            read,
        ),
        ("EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM notes", read),
        ("PREPARE p (int) AS SELECT * FROM notes", read),
        ("DECLARE c CURSOR FOR SELECT * FROM notes", read),
        ("COPY notes TO STDOUT WITH (FORMAT csv)", read),
        ("COPY (SELECT * FROM notes) TO STDOUT", read),
        (
            "SELECT * FROM \"Odd Name\"",
            &[("Odd Name", UnfilteredRead)],
        ),
    ]);
}

#[test]
fn the_root_is_named_by_any_unique_key() {
    fine(&[
        "SELECT * FROM orgs WHERE slug = $1",
        "SELECT n.* FROM notes n JOIN orgs o ON o.id = n.org_id WHERE o.slug = $1",
    ]);
    expect(&[
        (
            "SELECT * FROM orgs WHERE status = 'active'",
            &[("orgs", UnfilteredRead)],
        ),
        (
            "SELECT n.* FROM notes n JOIN orgs o ON o.id = n.org_id WHERE o.status = $1",
            &[("n", UnfilteredRead), ("o", UnfilteredRead)],
        ),
    ]);
}

#[test]
fn what_can_give_out_no_row_reads_none() {
    fine(&[
        "SELECT * FROM notes WHERE false",
        "SELECT * FROM (SELECT * FROM notes) q WHERE 1 = 0 AND id = $1",
        "SELECT * FROM notes LIMIT 0",
        "SELECT * FROM notes FETCH FIRST 0 ROWS ONLY",
        "WITH n AS (SELECT * FROM notes) SELECT * FROM n LIMIT 0",
        "DELETE FROM notes WHERE false",
        "UPDATE notes SET body = 'x' WHERE id = $1 AND 1 = 2",
    ]);
    let read: &[(&str, Problem)] = &[("notes", UnfilteredRead)];
    expect(&[
        ("SELECT * FROM notes WHERE 1 = 1", read),
        ("SELECT * FROM notes WHERE true", read),
        ("SELECT * FROM notes WHERE NOT false", read),
        ("SELECT * FROM notes WHERE false OR id = $1", read),
        ("SELECT * FROM notes WHERE id = 0", read),
        ("SELECT * FROM notes LIMIT 1", read),
        ("SELECT * FROM notes OFFSET 0", read),
        (
            "SELECT (SELECT body FROM notes LIMIT 1), count(*) FROM orgs WHERE false",
            read,
        ),
        (
            "SELECT * FROM notes WHERE false UNION ALL SELECT * FROM notes",
            read,
        ),
        (
            "WITH d AS (DELETE FROM notes RETURNING *) SELECT * FROM d LIMIT 0",
            &[("notes", UnfilteredDelete)],
        ),
    ]);
}
