//! Joins, subqueries, common table expressions.

use super::{super::Problem::*, expect, fine};

#[test]
fn joins() {
    fine(&[
        "SELECT * FROM notes n JOIN members m ON m.org_id = n.org_id AND m.id = n.author_id WHERE n.org_id = $1",
        "SELECT * FROM notes n JOIN members m USING (org_id) WHERE m.org_id = $1",
        "SELECT * FROM notes JOIN drafts USING (org_id) WHERE org_id = $1",
        "SELECT * FROM notes NATURAL JOIN members WHERE org_id = $1",
        "SELECT * FROM notes n, members m WHERE m.org_id = n.org_id AND n.org_id = $1",
        "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = n.org_id WHERE n.org_id = $1",
        "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = $1 WHERE n.org_id = $1",
        "SELECT * FROM members m RIGHT JOIN notes n ON m.org_id = n.org_id WHERE n.org_id = $1",
        "SELECT * FROM members m FULL JOIN notes n ON m.org_id = n.org_id WHERE n.org_id = $1",
        "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = n.org_id WHERE m.org_id = $1",
        "SELECT * FROM notes n LEFT JOIN (members m JOIN drafts d ON d.org_id = m.org_id) ON m.org_id = n.org_id WHERE n.org_id = $1",
        "SELECT * FROM notes n CROSS JOIN LATERAL (SELECT * FROM members m WHERE m.org_id = n.org_id) x WHERE n.org_id = $1",
        "SELECT * FROM unnest($1::uuid[]) AS ids (org) JOIN notes n ON n.org_id = ids.org",
        "SELECT * FROM (VALUES ($1, $2)) AS v (org, id) JOIN notes n ON n.org_id = v.org AND n.id = v.id",
        "SELECT * FROM sessions s JOIN notes n ON n.org_id = s.org WHERE s.token = $1",
    ]);
    expect(&[
        (
            "SELECT * FROM notes n JOIN members m ON m.name = n.body WHERE n.org_id = $1",
            &[("m", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n JOIN members m ON m.id = n.author_id WHERE n.org_id = $1",
            &[("m", JoinWithoutKey)],
        ),
        (
            "SELECT * FROM notes n LEFT JOIN members m ON m.id = n.author_id WHERE n.org_id = $1",
            &[("m", JoinWithoutKey)],
        ),
        (
            "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = n.org_id AND n.org_id = $1",
            &[("n", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = n.org_id AND m.org_id = $1",
            &[("n", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n FULL JOIN members m ON m.org_id = n.org_id AND m.org_id = $1",
            &[("m", UnfilteredRead), ("n", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n RIGHT JOIN members m ON m.org_id = n.org_id AND n.org_id = $1",
            &[("m", UnfilteredRead)],
        ),
        (
            "SELECT * FROM (SELECT * FROM notes WHERE org_id = $1) n RIGHT JOIN members m ON m.org_id = n.org_id",
            &[("m", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n, members m WHERE n.org_id = $1",
            &[("m", UnfilteredRead)],
        ),
        (
            "SELECT * FROM sessions s JOIN notes n ON n.org_id = s.org",
            &[("n", UnfilteredRead)],
        ),
    ]);
}

#[test]
fn sub_selects() {
    fine(&[
        "SELECT * FROM (SELECT * FROM notes) n WHERE n.org_id = $1",
        "SELECT * FROM (SELECT org_id AS o, count(*) FROM notes GROUP BY 1) n WHERE o = $1",
        "SELECT * FROM (SELECT * FROM notes WHERE org_id = $1) n JOIN members m ON m.org_id = n.org_id",
        "SELECT (SELECT count(*) FROM members m WHERE m.org_id = n.org_id) FROM notes n WHERE n.org_id = $1",
        "SELECT * FROM notes n WHERE org_id = $1 AND NOT EXISTS (SELECT FROM members m WHERE m.org_id = n.org_id)",
        "SELECT * FROM notes n WHERE EXISTS (SELECT FROM members m WHERE m.org_id = n.org_id AND m.org_id = $1)",
        "SELECT * FROM notes WHERE org_id IN (SELECT org_id FROM members WHERE org_id = $1)",
        "SELECT * FROM notes WHERE (org_id, author_id) IN (SELECT org_id, id FROM members WHERE org_id = $1)",
        "SELECT ARRAY(SELECT body FROM notes WHERE org_id = $1)",
        "SELECT * FROM notes WHERE org_id = $1 UNION ALL SELECT * FROM notes WHERE org_id = $1",
        "SELECT * FROM (SELECT org_id FROM notes UNION SELECT org_id FROM members) u WHERE org_id = $1",
    ]);
    expect(&[
        (
            "SELECT * FROM notes n WHERE NOT EXISTS (SELECT FROM members m WHERE m.org_id = n.org_id AND m.org_id = $1)",
            &[("n", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n WHERE $2 OR EXISTS (SELECT FROM members m WHERE m.org_id = n.org_id AND m.org_id = $1)",
            &[("n", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n WHERE org_id = $1 AND EXISTS (SELECT FROM members WHERE org_id = org_id)",
            &[("members", UnfilteredRead)],
        ),
        (
            "SELECT (SELECT count(*) FROM members) FROM notes n WHERE n.org_id = $1",
            &[("members", UnfilteredRead)],
        ),
        (
            "SELECT 1 FROM users ORDER BY (SELECT max(at) FROM notes)",
            &[("notes", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes WHERE org_id = $1 UNION ALL SELECT * FROM notes",
            &[("notes", UnfilteredRead)],
        ),
        (
            "SELECT * FROM (SELECT id, body FROM notes) n WHERE org_id = $1",
            &[("notes", UnfilteredRead)],
        ),
    ]);
}

#[test]
fn common_table_expressions() {
    fine(&[
        "WITH n AS (SELECT * FROM notes WHERE org_id = $1) SELECT * FROM n",
        "WITH n AS (SELECT * FROM notes) SELECT * FROM n WHERE org_id = $1",
        "WITH n (o) AS (SELECT org_id FROM notes) SELECT * FROM n WHERE o = $1",
        "WITH notes AS (SELECT 1 AS id) SELECT * FROM notes",
        "WITH n AS MATERIALIZED (SELECT * FROM notes) SELECT * FROM n a JOIN n b ON a.org_id = b.org_id WHERE a.org_id = $1",
        "WITH x AS (SELECT $1::uuid AS org) SELECT * FROM notes JOIN x ON x.org = org_id",
        "WITH RECURSIVE t AS (SELECT org_id, id FROM notes WHERE org_id = $1 UNION ALL SELECT n.org_id, n.id FROM notes n JOIN t ON t.id = n.author_id AND t.org_id = n.org_id) SELECT * FROM t",
        "WITH d AS (DELETE FROM notes WHERE org_id = $1 RETURNING *) INSERT INTO drafts (org_id, body) SELECT org_id, body FROM d",
        "WITH i AS (INSERT INTO notes (org_id, id) VALUES ($1, $2) RETURNING org_id, id) SELECT * FROM i JOIN members m ON m.org_id = i.org_id",
    ]);
    expect(&[
        (
            "WITH n AS (SELECT * FROM notes) SELECT * FROM n a JOIN n b ON a.id = b.id WHERE a.org_id = $1",
            &[("notes", UnfilteredRead)],
        ),
        (
            "WITH RECURSIVE t AS (SELECT org_id, id FROM notes WHERE org_id = $1 UNION ALL SELECT n.org_id, n.id FROM notes n JOIN t ON t.id = n.at) SELECT * FROM t",
            &[("n", UnfilteredRead)],
        ),
        (
            "WITH d AS (DELETE FROM notes RETURNING *) SELECT 1",
            &[("notes", UnfilteredDelete)],
        ),
    ]);
}
