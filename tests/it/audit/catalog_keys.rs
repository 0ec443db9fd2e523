//! Tenant keys, foreign keys, unique keys and indexes: each check on a schema where it fires, on
//! the nearest correct one, and after its remedy.

use tenantctl::audit::report::Severity;

use super::lab::Lab;

const TENANTS: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'B');
    GRANT SELECT ON organizations TO {app};
    CREATE TABLE tasks (organization_id uuid NOT NULL REFERENCES organizations, id uuid NOT NULL,
                        PRIMARY KEY (organization_id, id));
    GRANT SELECT, INSERT ON tasks TO {app};";

/// With a table between the tenants and what the test is about.
fn lab(schema: &str) -> Lab {
    Lab::new(&(TENANTS.to_owned() + schema))
}

const POLICY: &str = "
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON notes
        USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid)";

const NOTES: &str = "
    CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id uuid PRIMARY KEY,
                        body text);
    CREATE INDEX ON notes (organization_id);
    GRANT SELECT ON notes TO {app};";

#[test]
fn what_the_application_writes_is_some_tenants() {
    let drafts = "CREATE TABLE drafts (id bigint PRIMARY KEY, body text);
                  CREATE TABLE schema_migrations (version text PRIMARY KEY);
                  GRANT SELECT ON drafts TO {app}; GRANT ALL ON schema_migrations TO {app};";
    let lab = lab(drafts);
    lab.assert_silent("tenant-key-missing");
    lab.run("GRANT INSERT ON drafts TO {app}");
    lab.assert_fires("tenant-key-missing", "public.drafts");
    let told = lab.audit_with(|options| {
        options.overrides.reference_tables = vec!["drafts".to_owned()];
        options.selection.only = vec!["tenant-key-missing".to_owned()];
    });
    assert!(told.findings.is_empty(), "{:#?}", told.findings);
    lab.run("REVOKE INSERT ON drafts FROM {app}");
    lab.assert_silent("tenant-key-missing");
}

#[test]
fn rows_that_policies_give_to_somebody_need_no_tenant() {
    let lab = lab(
        "CREATE TABLE preferences (login name PRIMARY KEY, theme text);
         ALTER TABLE preferences ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON preferences USING (login = current_user);
         GRANT SELECT, INSERT, UPDATE ON preferences TO {app};",
    );
    lab.assert_silent("tenant-key-missing");
    lab.run("CREATE POLICY anybody ON preferences FOR INSERT WITH CHECK (true)");
    lab.assert_fires("tenant-key-missing", "public.preferences");
}

#[test]
fn a_key_is_never_null() {
    let lab = lab(
        "CREATE TABLE notes (organization_id uuid REFERENCES organizations, id uuid PRIMARY KEY);
         CREATE TABLE checked (organization_id uuid REFERENCES organizations, id uuid PRIMARY KEY,
                               CHECK (organization_id IS NOT NULL));",
    );
    let finding = lab.assert_fixable("tenant-key-nullable", "public.notes");
    assert_eq!(finding.column.as_deref(), Some("organization_id"));
}

#[test]
fn a_key_is_of_the_roots_type() {
    let lab = lab("CREATE DOMAIN organization AS uuid;
         CREATE TABLE letters (organization_id organization NOT NULL, id uuid PRIMARY KEY);
         CREATE TABLE notes (organization_id text NOT NULL, id uuid PRIMARY KEY);");
    let finding = lab.assert_fixable("tenant-key-type", "public.notes");
    assert!(finding.message.contains("text"), "{finding:?}");
}

#[test]
fn a_key_refers_to_a_tenant_or_to_a_row_that_does() {
    let lab = lab(
        "CREATE TABLE steps (organization_id uuid NOT NULL, task uuid NOT NULL, id uuid PRIMARY KEY,
                             FOREIGN KEY (organization_id, task) REFERENCES tasks);
         CREATE TABLE notes (organization_id uuid NOT NULL, id uuid PRIMARY KEY);",
    );
    let found = lab.findings("tenant-key-no-reference");
    assert_eq!(found.len(), 1, "{found:#?}");
    lab.assert_fixable("tenant-key-no-reference", "public.notes");
}

#[test]
fn a_partitioned_table_gets_its_reference_in_one_step() {
    let lab = lab(
        "CREATE TABLE events (organization_id uuid NOT NULL, at date NOT NULL) PARTITION BY RANGE (at);
         CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');",
    );
    lab.assert_fixable("tenant-key-no-reference", "public.events");
}

#[test]
fn a_key_cannot_be_changed_past_a_policy_that_looks_at_it() {
    let lab = lab(&(NOTES.to_owned() + POLICY));
    lab.run("GRANT UPDATE ON notes TO {app}");
    lab.assert_silent("tenant-key-mutable");
    lab.run("ALTER POLICY tenant ON notes WITH CHECK (true)");
    let finding = lab.assert_fixable("tenant-key-mutable", "public.notes");
    assert_eq!(finding.column.as_deref(), Some("organization_id"));
    lab.run("SET ROLE {app}; UPDATE notes SET body = 'still allowed'");
}

#[test]
fn a_restrictive_policy_holds_the_key_too() {
    let lab = lab(&(NOTES.to_owned() + POLICY));
    lab.run(
        "GRANT UPDATE ON notes TO {app};
         ALTER POLICY tenant ON notes WITH CHECK (true);
         CREATE POLICY floor ON notes AS RESTRICTIVE
             USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid)",
    );
    lab.assert_silent("tenant-key-mutable");
}

#[test]
fn without_row_level_security_a_grant_on_the_key_is_enough() {
    let lab = lab(NOTES);
    lab.run("GRANT UPDATE (body) ON notes TO {app}");
    lab.assert_silent("tenant-key-mutable");
    lab.run("GRANT UPDATE (organization_id) ON notes TO PUBLIC");
    lab.assert_fixable("tenant-key-mutable", "public.notes");
}

#[test]
fn foreign_keys_carry_the_tenant() {
    let lab = lab(
        "CREATE TABLE patients (organization_id uuid NOT NULL REFERENCES organizations,
                                id bigint PRIMARY KEY);
         CREATE TABLE visits (
             organization_id uuid NOT NULL REFERENCES organizations, id bigint PRIMARY KEY,
             patient bigint CONSTRAINT of_patient REFERENCES patients ON DELETE SET NULL
                 DEFERRABLE INITIALLY DEFERRED,
             \"seen by\" bigint CONSTRAINT seen REFERENCES patients ON UPDATE CASCADE,
             follows bigint CONSTRAINT after REFERENCES visits ON DELETE CASCADE);
         INSERT INTO patients VALUES ('11111111-1111-1111-1111-111111111111', 1);
         INSERT INTO visits VALUES ('11111111-1111-1111-1111-111111111111', 7, 1, 1, NULL);",
    );
    let found = lab.findings("fk-without-tenant-key");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().all(|one| one.fix.mechanical), "{found:#?}");
    lab.assert_fixable("fk-without-tenant-key", "public.visits");
    lab.assert_silent("unique-across-tenants");
    // The action is the old one, and leaves the tenant key alone.
    lab.run(
        "DELETE FROM patients WHERE false;
         UPDATE visits SET \"seen by\" = NULL; DELETE FROM patients;
         DO $$ BEGIN
             ASSERT (SELECT patient IS NULL AND organization_id IS NOT NULL FROM visits);
         END $$",
    );
}

#[test]
fn a_longer_foreign_key_beside_the_short_one_is_enough() {
    let lab = lab(
        "CREATE TABLE patients (organization_id uuid NOT NULL, id bigint PRIMARY KEY,
                                UNIQUE (organization_id, id));
         CREATE TABLE visits (organization_id uuid NOT NULL, id bigint PRIMARY KEY,
             patient bigint REFERENCES patients,
             FOREIGN KEY (organization_id, patient) REFERENCES patients (organization_id, id));",
    );
    lab.assert_silent("fk-without-tenant-key");
}

#[test]
fn where_the_key_may_be_null_the_old_foreign_key_stays() {
    let lab = lab(
        "CREATE TABLE patients (organization_id uuid NOT NULL, id bigint PRIMARY KEY);
         CREATE TABLE visits (organization_id uuid, id bigint PRIMARY KEY,
                              patient bigint CONSTRAINT of_patient REFERENCES patients);",
    );
    let finding = lab.assert_fixable("fk-without-tenant-key", "public.visits");
    assert!(
        finding.fix.sql.iter().all(|one| !one.contains("DROP")),
        "{finding:?}"
    );
}

#[test]
fn unique_keys_are_the_tenants() {
    let lab = lab("CREATE TABLE customers (
             organization_id uuid NOT NULL REFERENCES organizations, id uuid PRIMARY KEY,
             email text CONSTRAINT one_address UNIQUE, phone text, number int,
             invite_token text UNIQUE, UNIQUE (organization_id, phone));
         CREATE UNIQUE INDEX one_phone ON customers (lower(phone)) WHERE number > 0;
         CREATE TABLE orders (organization_id uuid NOT NULL REFERENCES organizations,
                              id text PRIMARY KEY, customer uuid UNIQUE REFERENCES customers);
         GRANT SELECT, INSERT ON customers, orders TO {app};");
    let found = lab.findings("unique-across-tenants");
    let parts: Vec<&str> = found.iter().filter_map(|one| one.part.as_deref()).collect();
    assert_eq!(parts, ["one_address", "one_phone"], "{found:#?}");
    let finding = lab.assert_fixable("unique-across-tenants", "public.customers");
    assert_eq!(finding.severity, Severity::Medium);
}

#[test]
fn a_childs_unique_key_is_its_parents() {
    let lab = lab(
        "CREATE TABLE orders (organization_id uuid NOT NULL REFERENCES organizations,
                              id bigint PRIMARY KEY);
         CREATE TABLE lines (order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
                             place int, sku text, PRIMARY KEY (order_id, place));
         GRANT SELECT, INSERT ON orders, lines TO {app};",
    );
    lab.assert_silent("unique-across-tenants");
    lab.run("CREATE UNIQUE INDEX one_sku ON lines (sku)");
    lab.assert_fixable("unique-across-tenants", "public.lines");
}

#[test]
fn an_index_begins_with_the_key() {
    let lab = lab(
        "CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                             id uuid PRIMARY KEY, body text);
         CREATE INDEX ON notes (body, organization_id);
         CREATE INDEX ON notes (organization_id) WHERE body IS NULL;
         CREATE TABLE lines (id bigint PRIMARY KEY, task uuid, organization uuid,
                             FOREIGN KEY (organization, task) REFERENCES tasks);
         GRANT SELECT ON notes, lines TO {app};",
    );
    let found = lab.findings("tenant-key-no-index");
    assert_eq!(found.len(), 2, "{found:#?}");
    lab.assert_fixable("tenant-key-no-index", "public.notes");
}

#[test]
fn memberships_may_be_looked_up_by_user() {
    let lab = lab("CREATE TABLE users (id uuid PRIMARY KEY);
         CREATE TABLE members (user_id uuid REFERENCES users, 
                               organization_id uuid NOT NULL REFERENCES organizations,
                               PRIMARY KEY (user_id, organization_id));
         GRANT SELECT ON members TO {app};");
    lab.assert_silent("tenant-key-no-index");
}
