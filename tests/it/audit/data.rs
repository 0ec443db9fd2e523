//! The checks of the rows that are there: what fires, the nearest correct rows, and the remedy.

use serde_json::json;
use tenantctl::audit::report::{Class, Confidence, Report, Severity};

use super::lab::Lab;

pub(super) const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";
/// A tenant that does not exist.
pub(super) const GONE: &str = "99999999-9999-9999-9999-999999999999";

const CROSS: &str = "data-cross-tenant-reference";
pub(super) const ORPHAN: &str = "data-orphan-tenant";
pub(super) const NULL: &str = "data-null-key";
const PARENT: &str = "data-child-without-parent";
const MEMBER: &str = "data-member-without-user";

/// Two tenants, each with an order and a product of the same number as its own.
pub(super) fn shop(further: &str) -> Lab {
    let mut schema = format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);
         INSERT INTO organizations VALUES ('{A}'), ('{B}');"
    );
    for table in ["orders", "products"] {
        schema += &format!(
            "CREATE TABLE {table} (id int PRIMARY KEY, secret text DEFAULT 'hush',
                                   organization_id uuid NOT NULL REFERENCES organizations);
             INSERT INTO {table} (id, organization_id) VALUES (1, '{A}'), (2, '{B}');
             GRANT SELECT ON {table} TO {{app}};"
        );
    }
    Lab::new(&(schema + further))
}

/// The data checks alone.
pub(super) fn data(lab: &Lab) -> Report {
    lab.audit_with(|options| options.selection.only = vec![Class::Data.as_str().to_owned()])
}

#[test]
fn a_reference_to_another_tenants_row_is_counted_and_shown_by_its_keys() {
    let lab = shop(&format!(
        "CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, order_id int REFERENCES orders, note text);
         INSERT INTO refunds VALUES (10, '{A}', 1, 'fine'), (11, '{A}', 2, 'private'),
                                    (12, '{A}', NULL, 'fine');"
    ));
    let finding = lab.assert_fires(CROSS, "public.refunds");
    assert_eq!(finding.evidence.count, Some(1));
    assert_eq!(
        (finding.severity, finding.confidence),
        (Severity::High, Confidence::Proven)
    );
    assert_eq!(finding.column.as_deref(), Some("order_id"));
    assert_eq!(
        finding.message,
        "in 1 row of public.refunds, order_id names a row of public.orders that belongs to \
         another tenant"
    );
    let keys = json!({"id": 11, "tenant": A, "referred id": 2, "referred tenant": B});
    assert_eq!(finding.evidence.rows, [keys]);

    lab.run(&format!(
        "UPDATE refunds SET organization_id = '{B}' WHERE id = 11"
    ));
    lab.assert_silent(CROSS);
}

#[test]
fn the_statement_of_the_evidence_lists_every_row() {
    let lab = shop(&format!(
        "CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, order_id int REFERENCES orders);
         INSERT INTO refunds SELECT n, '{A}', 2 FROM generate_series(1, 7) n;"
    ));
    let finding = lab.assert_fires(CROSS, "public.refunds");
    assert_eq!(finding.evidence.count, Some(7));
    assert_eq!(finding.evidence.rows.len(), 3, "as many as were asked for");
    let [statement] = finding.evidence.statements.as_slice() else {
        panic!("{:?}", finding.evidence.statements);
    };
    lab.run(&format!(
        "DO $do$ BEGIN ASSERT (SELECT count(*) FROM ({statement}) listed) = 7; END $do$"
    ));
}

#[test]
fn whole_rows_are_shown_only_where_they_were_asked_for() {
    let lab = shop(&format!(
        "CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, order_id int REFERENCES orders, note text);
         INSERT INTO refunds VALUES (11, '{A}', 2, 'private');"
    ));
    let redacted = format!("{:?}", data(&lab).findings);
    assert!(
        !redacted.contains("private") && !redacted.contains("hush"),
        "{redacted}"
    );
    let report = lab.audit_with(|options| {
        options.selection.only = vec![CROSS.to_owned()];
        options.data.show_values = true;
    });
    assert_eq!(
        report.findings[0].evidence.rows[0]["row"]["note"],
        "private"
    );
}

#[test]
fn the_foreign_key_that_is_proposed_keeps_rows_apart_and_is_believed() {
    let lab = shop(&format!(
        "CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, order_id int REFERENCES orders);
         INSERT INTO refunds VALUES (11, '{A}', 2);"
    ));
    let finding = lab.assert_fires(CROSS, "public.refunds");
    assert!(
        !finding.fix.mechanical,
        "which tenant is wrong, only a person can say"
    );
    lab.run("UPDATE refunds SET order_id = 1");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(CROSS);
    lab.run(&format!(
        "DO $do$ BEGIN
             INSERT INTO refunds VALUES (12, '{A}', 2);
             RAISE 'the row was let in';
         EXCEPTION WHEN foreign_key_violation THEN NULL; END $do$"
    ));
}

#[test]
fn two_parents_of_different_tenants_are_found_without_a_key_of_ones_own() {
    let lab = shop(
        "CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders
             ON DELETE CASCADE, product_id int NOT NULL REFERENCES products);
         INSERT INTO order_items VALUES (1, 1, 1), (2, 2, 2), (3, 1, 2);",
    );
    let finding = lab.assert_fires(CROSS, "public.order_items");
    assert_eq!(finding.column.as_deref(), Some("product_id"));
    assert_eq!(finding.evidence.count, Some(1));
    assert_eq!(finding.evidence.rows[0]["tenant"], A);
    assert_eq!(finding.evidence.rows[0]["referred tenant"], B);
    lab.run("DELETE FROM order_items WHERE id = 3");
    lab.assert_silent(CROSS);
}

#[test]
fn tenants_are_followed_through_two_hops_on_both_sides() {
    let lab = shop(&format!(
        "CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders);
         CREATE TABLE parts (id int PRIMARY KEY, order_item_id int NOT NULL REFERENCES order_items);
         CREATE TABLE repairs (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, part_id int NOT NULL REFERENCES parts);
         INSERT INTO order_items VALUES (1, 1), (2, 2);
         INSERT INTO parts VALUES (1, 1), (2, 2);
         INSERT INTO repairs VALUES (1, '{A}', 1), (2, '{B}', 1);
         ALTER TABLE parts ADD COLUMN replaces int REFERENCES parts;
         UPDATE parts SET replaces = 1;"
    ));
    let repairs = lab.assert_fires(CROSS, "public.repairs");
    assert_eq!(repairs.evidence.rows[0]["id"], 2);
    assert_eq!(repairs.evidence.rows[0]["referred tenant"], A);
    let parts = lab.assert_fires(CROSS, "public.parts");
    assert_eq!(
        parts.evidence.count,
        Some(1),
        "part 1 replaces itself, and that is its own"
    );
}

#[test]
fn a_tenant_whose_row_is_the_tenant_itself_may_refer_to_another_tenants_row() {
    let lab = shop("ALTER TABLE organizations ADD COLUMN showcase int REFERENCES products;");
    lab.run(&format!(
        "UPDATE organizations SET showcase = 1 WHERE id = '{A}'"
    ));
    lab.assert_silent(CROSS);
    lab.run(&format!(
        "UPDATE organizations SET showcase = 1 WHERE id = '{B}'"
    ));
    lab.assert_fires(CROSS, "public.organizations");
}

#[test]
fn a_reference_to_a_tenant_is_not_one_to_its_rows() {
    let lab = shop(&format!(
        "CREATE TABLE transfers (id int PRIMARY KEY,
             organization_id uuid NOT NULL REFERENCES organizations,
             to_organization uuid NOT NULL REFERENCES organizations);
         INSERT INTO transfers VALUES (1, '{A}', '{B}');"
    ));
    lab.assert_silent(CROSS);
}

#[test]
fn a_row_of_everyones_may_be_referred_to() {
    let lab = shop(&format!(
        "CREATE TABLE templates (id int PRIMARY KEY, organization_id uuid REFERENCES organizations);
         CREATE TABLE letters (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, template_id int NOT NULL REFERENCES templates);
         INSERT INTO templates VALUES (1, NULL);
         INSERT INTO letters VALUES (1, '{A}', 1), (2, '{B}', 1);"
    ));
    lab.assert_silent(CROSS);
}

#[test]
fn a_composite_key_is_compared_until_it_is_validated() {
    let lab = shop(&format!(
        "ALTER TABLE orders ADD UNIQUE (organization_id, id);
         CREATE TABLE refunds (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, order_id int);
         INSERT INTO refunds VALUES (1, '{A}', 2);
         ALTER TABLE refunds ADD CONSTRAINT refunds_order FOREIGN KEY (organization_id, order_id)
             REFERENCES orders (organization_id, id) NOT VALID;"
    ));
    let finding = lab.assert_fires(CROSS, "public.refunds");
    assert_eq!(finding.part.as_deref(), Some("refunds_order"));
    lab.run("UPDATE refunds SET order_id = 1");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(CROSS);
}

#[test]
fn a_column_that_is_named_after_a_table_is_a_reference_too() {
    let lab = shop(&format!(
        "CREATE TABLE patients (organization_id uuid NOT NULL REFERENCES organizations,
             id uuid NOT NULL, PRIMARY KEY (organization_id, id));
         CREATE TABLE visits (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, patient_id uuid);
         INSERT INTO patients VALUES ('{A}', '{A}'), ('{B}', '{A}'), ('{B}', '{B}');
         INSERT INTO visits VALUES (1, '{A}', '{A}'), (2, '{B}', '{A}'), (3, '{A}', '{GONE}');"
    ));
    // A copy of a tenant repeats its UUIDs, and a row that is gone is nobody's.
    lab.assert_silent(CROSS);
    lab.run(&format!("INSERT INTO visits VALUES (4, '{A}', '{B}')"));
    let finding = lab.assert_fires(CROSS, "public.visits");
    assert_eq!(finding.evidence.count, Some(1));
    assert_eq!(finding.evidence.rows[0]["id"], 4);
    lab.run("DELETE FROM visits WHERE id = 4");
    lab.run("DELETE FROM visits WHERE id = 3");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(CROSS);
}

#[test]
fn a_user_of_two_tenants_may_be_named_in_both() {
    let lab = shop(&format!(
        "CREATE TABLE users (id int PRIMARY KEY,
                             organization_id uuid NOT NULL REFERENCES organizations);
         CREATE TABLE memberships (organization_id uuid NOT NULL REFERENCES organizations,
             user_id int NOT NULL REFERENCES users, PRIMARY KEY (organization_id, user_id));
         CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES
             organizations, author_id int REFERENCES users);
         INSERT INTO users VALUES (1, '{A}');
         INSERT INTO memberships VALUES ('{A}', 1), ('{B}', 1);
         INSERT INTO notes VALUES (1, '{A}', 1), (2, '{B}', 1);"
    ));
    lab.assert_silent(CROSS);
    lab.run(&format!(
        "DELETE FROM memberships WHERE organization_id = '{B}'"
    ));
    lab.assert_fires(CROSS, "public.notes");
}

#[test]
fn keys_of_tenants_that_do_not_exist() {
    let lab = shop(&format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid);
         INSERT INTO notes VALUES (1, '{A}'), (2, NULL);"
    ));
    lab.assert_silent(ORPHAN);
    lab.run(&format!("INSERT INTO notes VALUES (3, '{GONE}')"));
    let finding = lab.assert_fires(ORPHAN, "public.notes");
    assert_eq!(finding.evidence.count, Some(1));
    assert_eq!(finding.evidence.rows, [json!({"id": 3, "tenant": GONE})]);
    lab.run("DELETE FROM notes WHERE id = 3");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(ORPHAN);
}

#[test]
fn a_foreign_key_that_was_never_validated_is_not_believed() {
    let lab = shop(&format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid NOT NULL);
         INSERT INTO notes VALUES (1, '{GONE}');
         ALTER TABLE notes ADD CONSTRAINT kept FOREIGN KEY (organization_id)
             REFERENCES organizations NOT VALID;"
    ));
    let finding = lab.assert_fires(ORPHAN, "public.notes");
    assert!(
        finding.fix.sql[0].ends_with("VALIDATE CONSTRAINT \"kept\""),
        "{:?}",
        finding.fix
    );
}

#[test]
fn rows_without_a_key() {
    let lab = shop(&format!(
        "CREATE TABLE notes (id int PRIMARY KEY, organization_id uuid REFERENCES organizations);
         INSERT INTO notes VALUES (1, '{A}');"
    ));
    lab.assert_silent(NULL);
    lab.run("INSERT INTO notes VALUES (2, NULL), (3, NULL)");
    let finding = lab.assert_fires(NULL, "public.notes");
    assert_eq!(finding.evidence.count, Some(2));
    lab.run("DELETE FROM notes WHERE id > 1");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(NULL);
}

#[test]
fn children_without_a_parent() {
    let lab = shop(
        "CREATE TABLE order_items (id int PRIMARY KEY, order_id int REFERENCES orders);
         INSERT INTO order_items VALUES (1, 1);",
    );
    lab.assert_silent(PARENT);
    lab.run("INSERT INTO order_items VALUES (2, NULL)");
    let finding = lab.assert_fires(PARENT, "public.order_items");
    assert_eq!(finding.evidence.rows, [json!({"id": 2, "order_id": null})]);
    lab.run("DELETE FROM order_items WHERE id = 2");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(PARENT);
}

#[test]
fn children_whose_parent_is_gone() {
    let lab = shop(
        "CREATE TABLE order_items (id int PRIMARY KEY, order_id int NOT NULL);
         INSERT INTO order_items VALUES (1, 1), (2, 77);
         ALTER TABLE order_items ADD CONSTRAINT item_order FOREIGN KEY (order_id)
             REFERENCES orders NOT VALID;",
    );
    let finding = lab.assert_fires(PARENT, "public.order_items");
    assert_eq!(finding.evidence.rows, [json!({"id": 2, "order_id": 77})]);
    assert_eq!(finding.confidence, Confidence::Proven);
    lab.run("DELETE FROM order_items WHERE id = 2");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(PARENT);
}

#[test]
fn a_child_of_one_of_several_parents_has_an_owner() {
    let lab = shop(
        "CREATE TABLE files (id int PRIMARY KEY, order_id int REFERENCES orders,
                             product_id int REFERENCES products);
         INSERT INTO files VALUES (1, 1, NULL), (2, NULL, 2);",
    );
    lab.assert_silent(PARENT);
    lab.assert_silent(CROSS);
    lab.run("INSERT INTO files VALUES (3, NULL, NULL)");
    assert_eq!(
        lab.assert_fires(PARENT, "public.files").evidence.count,
        Some(1)
    );
}

#[test]
fn members_without_a_user() {
    let lab = shop(&format!(
        "CREATE TABLE users (id int PRIMARY KEY, email text);
         CREATE TABLE members (organization_id uuid NOT NULL REFERENCES organizations,
             user_id int NOT NULL, PRIMARY KEY (organization_id, user_id));
         INSERT INTO users VALUES (1, 'a@a.example');
         INSERT INTO members VALUES ('{A}', 1);"
    ));
    lab.assert_silent(MEMBER);
    lab.run(&format!("INSERT INTO members VALUES ('{B}', 7)"));
    let finding = lab.assert_fires(MEMBER, "public.members");
    assert_eq!(finding.evidence.rows, [json!({"tenant": B, "user_id": 7})]);
    lab.run("DELETE FROM members WHERE user_id = 7");
    lab.run(&finding.fix.sql.join(";"));
    lab.assert_silent(MEMBER);
}

#[test]
fn rows_of_partitions_are_counted_once_with_their_parent() {
    let lab = shop(&format!(
        "CREATE TABLE events (id int, day date NOT NULL, organization_id uuid,
                              order_id int REFERENCES orders) PARTITION BY RANGE (day);
         CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
         CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         INSERT INTO events VALUES (1, '2025-05-05', '{A}', 2), (2, '2026-05-05', '{A}', 2),
                                   (3, '2026-05-05', '{GONE}', NULL), (4, '2025-05-05', NULL, 1);"
    ));
    let report = data(&lab);
    let found: Vec<(&str, &str, Option<u64>)> = report
        .findings
        .iter()
        .map(|one| (one.check.as_str(), one.object.as_str(), one.evidence.count))
        .collect();
    assert_eq!(
        found,
        [
            (CROSS, "public.events", Some(2)),
            (NULL, "public.events", Some(1)),
            (ORPHAN, "public.events", Some(1)),
        ]
    );
}

#[test]
fn names_that_need_quoting_and_types_that_are_unlike() {
    let lab = Lab::new(
        r#"CREATE TABLE "Tenant Table" ("Tenant's Id" uuid PRIMARY KEY);
           CREATE TABLE "a""b" ("Id" int PRIMARY KEY, tenant_id text NOT NULL);
           CREATE TABLE "c.d" ("Id" int PRIMARY KEY, tenant_id uuid NOT NULL
               REFERENCES "Tenant Table", "a""b" int REFERENCES "a""b");
           INSERT INTO "Tenant Table" VALUES (gen_random_uuid()), (gen_random_uuid());
           INSERT INTO "a""b" SELECT 1, min("Tenant's Id"::text) FROM "Tenant Table";
           INSERT INTO "c.d" SELECT row_number() OVER (), "Tenant's Id", 1 FROM "Tenant Table";"#,
    );
    let finding = lab.assert_fires(CROSS, "public.c.d");
    assert_eq!(finding.evidence.count, Some(1));
    lab.assert_silent(ORPHAN);
}

#[test]
fn our_own_schema_has_nothing_to_find() {
    let report = data(&Lab::ours());
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
}
