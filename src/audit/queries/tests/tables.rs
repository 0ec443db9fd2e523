//! Facts derived from the tables: memberships, unique keys, parents.

use super::{
    super::Problem::{self, *},
    expect, fine,
};

#[test]
fn a_user_has_the_tenants_that_a_membership_table_says() {
    fine(&[
        "SELECT * FROM notes WHERE org_id IN (SELECT org_id FROM members WHERE user_id = $1)",
        "SELECT * FROM notes n JOIN members m ON m.org_id = n.org_id WHERE m.user_id = $1",
        "SELECT * FROM notes n WHERE EXISTS (SELECT FROM members m WHERE m.org_id = n.org_id AND m.user_id = app_user())",
        "SELECT * FROM orgs o JOIN members m ON m.org_id = o.id JOIN users u ON u.id = m.user_id WHERE u.email = $1",
        "SELECT org_id, role FROM members WHERE user_id = $1",
    ]);
    expect(&[
        // drafts is not a membership table.
        (
            "SELECT * FROM notes WHERE org_id IN (SELECT org_id FROM drafts WHERE user_id = $1)",
            &[("drafts", UnfilteredRead), ("notes", UnfilteredRead)],
        ),
        (
            "SELECT * FROM notes n JOIN drafts d ON d.org_id = n.org_id WHERE d.body = $1",
            &[("d", UnfilteredRead), ("n", UnfilteredRead)],
        ),
        // Other columns of a membership table do not identify a user,
        (
            "SELECT * FROM notes WHERE org_id IN (SELECT org_id FROM members WHERE role = $1)",
            &[("members", UnfilteredRead), ("notes", UnfilteredRead)],
        ),
        // nor does a user that the statement does not name,
        (
            "SELECT * FROM members m JOIN users u ON u.id = m.user_id WHERE u.name = $1",
            &[("m", UnfilteredRead)],
        ),
        // nor a join that other rows pass too,
        (
            "SELECT * FROM notes n LEFT JOIN members m ON m.org_id = n.org_id AND m.user_id = $1",
            &[("n", UnfilteredRead)],
        ),
        // nor a change to all memberships of a user.
        (
            "UPDATE members SET role = 'owner' WHERE user_id = $1",
            &[("members", UnfilteredUpdate)],
        ),
        (
            "DELETE FROM members WHERE user_id = $1",
            &[("members", UnfilteredDelete)],
        ),
    ]);
}

#[test]
fn tables_of_no_tenant_pick_one_by_a_unique_key() {
    fine(&[
        "SELECT * FROM sessions s JOIN notes n ON n.org_id = s.org WHERE s.token = $1",
        "SELECT * FROM notes WHERE org_id = (SELECT org FROM sessions WHERE token = $1)",
        "SELECT * FROM notes JOIN plans p ON p.org = org_id WHERE p.org = $1 AND p.status = 'active'",
        "SELECT * FROM notes n JOIN keys k ON k.org = n.org_id WHERE k.app = $1 AND k.number = $2",
        "SELECT * FROM notes WHERE org_id = (SELECT org FROM staging WHERE org = $1)",
        "WITH s AS (UPDATE sessions SET at = now() WHERE token = $1 RETURNING org) SELECT * FROM notes n JOIN s ON s.org = n.org_id",
        "WITH s AS (INSERT INTO staging (org) VALUES ($1) RETURNING org) SELECT * FROM notes n JOIN s ON s.org = n.org_id",
        // A name that is not a column is a parameter of the function.
        "SELECT * FROM notes n JOIN plans p ON p.org = n.org_id WHERE n.org_id = p_org",
    ]);
    let read: &[(&str, Problem)] = &[("n", UnfilteredRead)];
    expect(&[
        (
            "SELECT * FROM notes n JOIN plans p ON p.org = n.org_id WHERE p.status = 'active'",
            read,
        ),
        (
            "SELECT * FROM notes n JOIN keys k ON k.org = n.org_id WHERE k.app = $1",
            read,
        ),
        (
            "SELECT * FROM notes n JOIN staging s ON s.org = n.org_id WHERE s.batch = $1",
            read,
        ),
        (
            "SELECT * FROM notes n WHERE EXISTS (SELECT FROM plans p WHERE p.org = n.org_id AND p.status = $1)",
            read,
        ),
        (
            "WITH s AS (SELECT * FROM plans) SELECT * FROM notes n JOIN s ON s.org = n.org_id WHERE s.status = $1",
            read,
        ),
        (
            "SELECT * FROM notes n LEFT JOIN sessions s ON n.org_id = s.org AND s.token = $1",
            read,
        ),
    ]);
}

#[test]
fn children_reach_the_tenant_through_their_parent() {
    fine(&[
        "SELECT c.* FROM comments c JOIN notes n ON n.id = c.note_id WHERE n.org_id = $1",
        "SELECT * FROM comments WHERE note_id IN (SELECT id FROM notes WHERE org_id = $1)",
        "SELECT * FROM comments c WHERE EXISTS (SELECT FROM notes n WHERE n.id = c.note_id AND n.org_id = $1)",
        "SELECT c.* FROM (SELECT * FROM notes WHERE org_id = $1) n JOIN comments c ON c.note_id = n.id",
        "SELECT * FROM notes n LEFT JOIN comments c ON c.note_id = n.id WHERE n.org_id = $1",
    ]);
    expect(&[
        ("SELECT * FROM comments", &[("comments", UnfilteredRead)]),
        (
            "SELECT * FROM comments WHERE id = $1",
            &[("comments", UnfilteredRead)],
        ),
        (
            "SELECT * FROM comments WHERE note_id = $1",
            &[("comments", JoinWithoutKey)],
        ),
        (
            "SELECT * FROM comments c LEFT JOIN notes n ON n.id = c.note_id AND n.org_id = $1",
            &[("c", UnfilteredRead)],
        ),
    ]);
}
