//! Row-level security, partitions, copies: each check on a schema where it fires, on the nearest
//! correct one, and after its remedy.

use tenantctl::audit::report::{Confidence, Severity};

use super::lab::Lab;

/// The table of tenants, with a policy.
const TENANTS: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'B');
    ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON organizations
        USING (id = nullif(current_setting('app.tenant', true), '')::uuid);
    GRANT SELECT ON organizations TO {app};";

/// A table of tenants' rows without any protection.
fn table(name: &str) -> String {
    format!(
        "CREATE TABLE {name} (organization_id uuid NOT NULL REFERENCES organizations,
                              id uuid NOT NULL DEFAULT gen_random_uuid(), body text,
                              PRIMARY KEY (organization_id, id));
         INSERT INTO {name} (organization_id, body) SELECT id, name FROM organizations;"
    )
}

fn policy(table: &str) -> String {
    format!(
        "CREATE POLICY tenant ON {table}
             USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid);"
    )
}

fn enable(table: &str) -> String {
    format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;")
}

fn protected(name: &str) -> String {
    table(name) + &policy(name) + &enable(name)
}

/// As tenant A, the application sees the one row that is A's; as nobody, none.
#[track_caller]
fn assert_sees_own(lab: &Lab, table: &str) {
    lab.run(&format!(
        "SET ROLE {{app}};
         DO $$ BEGIN ASSERT (SELECT count(*) FROM {table}) = 0, 'without a tenant'; END $$;
         SET app.tenant = '11111111-1111-1111-1111-111111111111';
         DO $$ BEGIN ASSERT (SELECT count(*) FROM {table}) = 1, 'as tenant A'; END $$"
    ));
}

#[test]
fn a_table_without_row_level_security_takes_over_the_policy_of_the_others() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("tasks")
            + &table("notes")
            + "GRANT SELECT, INSERT ON tasks, notes TO {app};"),
    );
    let finding = lab.assert_fixable("rls-disabled", "public.notes");
    assert!(finding.severity.at_least(Severity::High), "{finding:?}");
    assert!(finding.message.contains(&lab.named("{app}")), "{finding:?}");
    assert_sees_own(&lab, "notes");
}

#[test]
fn a_child_gets_a_policy_through_its_parent() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("tasks")
            + "CREATE TABLE steps (id bigint PRIMARY KEY, organization uuid NOT NULL, task uuid NOT NULL,
                   FOREIGN KEY (organization, task) REFERENCES tasks ON DELETE CASCADE);
               INSERT INTO steps SELECT row_number() OVER (), organization_id, id FROM tasks;
               GRANT SELECT ON tasks, steps TO {app};"),
    );
    lab.assert_fixable("rls-disabled", "public.steps");
    assert_sees_own(&lab, "steps");
}

#[test]
fn a_table_that_nobody_reaches_is_a_low_finding() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("tasks")
            + &table("notes")
            + "GRANT SELECT ON tasks TO {app};"),
    );
    let finding = lab.assert_fixable("rls-disabled", "public.notes");
    assert_eq!(finding.severity, Severity::Low);
}

#[test]
fn the_table_of_tenants_may_be_the_operators_alone() {
    let lab = Lab::new(
        &("CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);".to_owned()
            + &protected("tasks")
            + "GRANT SELECT ON tasks TO {app};"),
    );
    lab.assert_silent("rls-disabled");
    lab.run("GRANT SELECT ON organizations TO {app}");
    let finding = lab.assert_fixable("rls-disabled", "public.organizations");
    assert_eq!(finding.severity, Severity::Medium);
}

#[test]
fn policies_sleep_until_row_level_security_is_enabled() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &table("notes")
            + &policy("notes")
            + "GRANT SELECT, INSERT ON notes TO {app};"),
    );
    lab.assert_silent("rls-disabled");
    lab.assert_fixable("policy-dormant", "public.notes");
}

#[test]
fn an_owner_is_bound_by_force_only() {
    let schema = TENANTS.to_owned() + &protected("notes") + "GRANT SELECT ON notes TO {app};";
    let lab = Lab::new(&schema);
    lab.assert_silent("rls-not-forced");
    lab.run("GRANT {owner} TO {app}");
    let finding = lab.assert_fixable("rls-not-forced", "public.notes");
    assert!(
        finding.message.contains(&lab.named("{owner}")),
        "{finding:?}"
    );
}

#[test]
fn without_a_policy_for_the_application_the_table_is_closed() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("tasks")
            + &table("notes")
            + &enable("notes")
            + "GRANT SELECT ON tasks, notes TO {app};"),
    );
    let finding = lab.assert_fixable("rls-no-policy", "public.notes");
    assert_eq!(finding.severity, Severity::Low);
}

#[test]
fn a_table_closed_to_one_of_two_roles_is_meant_so() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &table("notes")
            + "CREATE POLICY tenant ON notes TO {app}
                   USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid);
               GRANT SELECT ON notes TO {app}, {other};"
            + &enable("notes")),
    );
    lab.assert_silent("rls-no-policy");
}

const EVENTS: &str = "
    CREATE TABLE events (organization_id uuid NOT NULL REFERENCES organizations, at date NOT NULL,
                         PRIMARY KEY (organization_id, at)) PARTITION BY RANGE (at);
    CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    INSERT INTO events SELECT id, '2024-02-02' FROM organizations;
    GRANT SELECT, INSERT ON events TO {app};";

#[test]
fn a_partition_is_a_door_of_its_own_once_it_is_granted() {
    let lab = Lab::new(&(TENANTS.to_owned() + EVENTS + &policy("events") + &enable("events")));
    lab.assert_silent("partition-unprotected");
    lab.assert_silent("rls-disabled");
    lab.run("GRANT SELECT ON events_2024 TO {app}");
    let finding = lab.assert_fixable("partition-unprotected", "public.events_2024");
    assert!(
        finding.message.contains("partition of public.events:"),
        "{finding:?}"
    );
    assert_sees_own(&lab, "events");
    lab.run("SET ROLE {app}; DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM events_2024); END $$");
    lab.assert_silent("rls-no-policy");
    lab.assert_silent("tenant-table-copy");
}

#[test]
fn an_inheritance_child_is_as_much_of_a_door() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("notes")
            + "CREATE TABLE old_notes () INHERITS (notes);
               INSERT INTO old_notes SELECT id, gen_random_uuid(), name FROM organizations;
               GRANT SELECT ON notes, old_notes TO {app};"),
    );
    lab.assert_fixable("partition-unprotected", "public.old_notes");
}

#[test]
fn a_copy_is_told_by_its_name_and_columns() {
    let lab = Lab::new(
        &(TENANTS.to_owned()
            + &protected("notes")
            + &table("letters")
            + "GRANT SELECT ON notes, letters TO {app};
               CREATE TABLE notes_backup_2024 AS SELECT * FROM notes;
               GRANT SELECT ON notes_backup_2024 TO {app};"),
    );
    let other = lab.assert_fires("rls-disabled", "public.letters");
    assert!(
        lab.findings("rls-disabled")
            .iter()
            .all(|one| one.object == other.object)
    );
    let finding = lab.assert_fixable("tenant-table-copy", "public.notes_backup_2024");
    assert!(finding.message.contains("public.notes,"), "{finding:?}");
}

#[test]
fn a_copy_in_another_schema_that_nobody_reaches_is_low() {
    let lab =
        Lab::new(&(TENANTS.to_owned() + &protected("notes") + "GRANT SELECT ON notes TO {app};"));
    lab.run("CREATE SCHEMA archive; CREATE TABLE archive.notes AS SELECT * FROM notes");
    let finding = lab.assert_fixable("tenant-table-copy", "archive.notes");
    assert_eq!(finding.severity, Severity::Low);
    assert_eq!(finding.confidence, Confidence::Medium);
}

#[test]
fn our_own_schema_has_no_finding_of_the_catalog() {
    let lab = Lab::ours();
    let report = lab.audit_with(|options| options.selection.only = vec!["catalog".to_owned()]);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn remedies_quote_names() {
    let lab = Lab::new(
        r#"CREATE TABLE organizations (id uuid PRIMARY KEY);
           CREATE TABLE "My ""Parents""" ("organization_id" uuid NOT NULL REFERENCES organizations,
                                          "the id" bigint PRIMARY KEY);
           CREATE TABLE "Notes; --" ("organization_id" uuid NOT NULL, "Id" bigint PRIMARY KEY,
                                     "the ""parent""" bigint REFERENCES "My ""Parents""",
                                     "Sku (x)" text UNIQUE);
           CREATE POLICY "of, tenant" ON "Notes; --" USING (true);
           CREATE VIEW "a view" AS SELECT * FROM "Notes; --";
           GRANT SELECT, INSERT, UPDATE ON "Notes; --", "a view" TO {app};"#,
    );
    for check in [
        "policy-dormant",
        "tenant-key-no-reference",
        "tenant-key-mutable",
        "fk-without-tenant-key",
        "tenant-key-no-index",
        "unique-across-tenants",
    ] {
        lab.assert_fixable(check, "public.Notes; --");
    }
    lab.assert_fixable("view-not-invoker", "public.a view");
}
