//! INSERT, UPDATE, DELETE, MERGE, COPY.

use super::{super::Problem::*, expect, fine};

#[test]
fn a_row_of_a_cursor_has_the_tenant_of_the_cursor() {
    fine(&["UPDATE notes SET body = $1 WHERE CURRENT OF c"]);
    expect(&[
        (
            "DECLARE c CURSOR FOR SELECT * FROM notes FOR UPDATE",
            &[("notes", UnfilteredRead)],
        ),
        (
            "UPDATE notes SET org_id = $1 WHERE CURRENT OF c",
            &[("notes", SetsKey)],
        ),
    ]);
}

#[test]
fn writes() {
    fine(&[
        "UPDATE notes SET body = $2 WHERE org_id = $1 RETURNING *",
        "UPDATE notes n SET body = m.name FROM members m WHERE m.org_id = n.org_id AND n.org_id = $1",
        "UPDATE notes SET org_id = $1, body = $2 WHERE org_id = $1 AND id = $3",
        "UPDATE notes SET (body, at) = ($2, now()) WHERE org_id = $1",
        "DELETE FROM notes n USING members m WHERE m.org_id = n.org_id AND m.org_id = $1",
        "INSERT INTO notes (org_id, id) VALUES ($1, $2)",
        "INSERT INTO notes VALUES ($1, $2)",
        "INSERT INTO drafts (body) VALUES ($1)",
        "INSERT INTO comments (id, note_id) VALUES ($1, $2)",
        "INSERT INTO orgs (slug) VALUES ($1)",
        "INSERT INTO notes (org_id, id) SELECT org_id, id FROM drafts WHERE org_id = $1",
        "INSERT INTO notes (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, id) DO UPDATE SET body = excluded.body",
        "INSERT INTO notes (org_id, id) VALUES ($1, $2) ON CONFLICT (org_id, lower(body)) WHERE at IS NULL DO UPDATE SET org_id = excluded.org_id",
        "INSERT INTO notes AS n (org_id, id) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = 'x' WHERE n.org_id = excluded.org_id",
        "INSERT INTO notes (org_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        "MERGE INTO notes n USING (VALUES ($1, $2)) AS s (org, id) ON n.org_id = s.org AND n.id = s.id WHEN MATCHED THEN UPDATE SET body = 'x' WHEN NOT MATCHED THEN INSERT (org_id, id) VALUES (s.org, s.id)",
        "MERGE INTO notes n USING src s ON n.id = s.id WHEN MATCHED AND n.org_id = $1 THEN DELETE",
        "COPY notes (org_id, id) FROM STDIN",
    ]);
    expect(&[
        ("UPDATE notes SET body = $1", &[("notes", UnfilteredUpdate)]),
        (
            "UPDATE ONLY notes SET body = $1 WHERE id = $2",
            &[("notes", UnfilteredUpdate)],
        ),
        (
            "UPDATE notes SET org_id = $2 WHERE org_id = $1",
            &[("notes", SetsKey)],
        ),
        (
            "UPDATE notes SET (body, org_id) = ($2, $3) WHERE org_id = $1",
            &[("notes", SetsKey)],
        ),
        (
            "UPDATE notes n SET body = m.name FROM members m WHERE m.id = n.author_id AND n.org_id = $1",
            &[("m", JoinWithoutKey)],
        ),
        ("DELETE FROM notes", &[("notes", UnfilteredDelete)]),
        ("TRUNCATE notes", &[("notes", UnfilteredDelete)]),
        (
            "DELETE FROM notes n USING users u WHERE u.id = n.author_id AND u.email = $1",
            &[("n", UnfilteredDelete)],
        ),
        (
            "INSERT INTO notes (id) VALUES ($1)",
            &[("notes", InsertWithoutKey)],
        ),
        (
            "INSERT INTO notes (org_id, id) VALUES (DEFAULT, $1)",
            &[("notes", InsertWithoutKey)],
        ),
        (
            "INSERT INTO notes DEFAULT VALUES",
            &[("notes", InsertWithoutKey)],
        ),
        (
            "INSERT INTO comments (id) VALUES ($1)",
            &[("comments", InsertWithoutKey)],
        ),
        (
            "INSERT INTO notes (org_id, id) SELECT $1, id FROM drafts",
            &[("drafts", UnfilteredRead)],
        ),
        (
            "INSERT INTO notes (org_id, id) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            &[("notes", UnfilteredUpdate)],
        ),
        (
            "MERGE INTO notes n USING src s ON n.id = s.id WHEN MATCHED THEN UPDATE SET body = s.body WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
            &[("n", UnfilteredUpdate), ("n", InsertWithoutKey)],
        ),
        ("COPY notes (id) FROM STDIN", &[("notes", InsertWithoutKey)]),
    ]);
}
