//! Views, materialized views, rules, foreign tables and publications: each check on a schema where
//! it fires, on the nearest correct one, and after its remedy.

use tenantctl::audit::report::{Confidence, Severity};

use super::lab::Lab;

const NOTES: &str = "
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
    INSERT INTO organizations VALUES ('11111111-1111-1111-1111-111111111111', 'A'),
                                     ('22222222-2222-2222-2222-222222222222', 'B');
    CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations,
                        id uuid NOT NULL DEFAULT gen_random_uuid(), body text,
                        PRIMARY KEY (organization_id, id));
    INSERT INTO notes (organization_id, body) SELECT id, name FROM organizations;
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON notes
        USING (organization_id = nullif(current_setting('app.tenant', true), '')::uuid);
    GRANT SELECT ON notes TO {app};";

fn lab(schema: &str) -> Lab {
    Lab::new(&(NOTES.to_owned() + schema))
}

#[test]
fn a_view_reads_with_the_rights_of_who_asks() {
    let lab = lab("CREATE VIEW recent AS SELECT * FROM notes; GRANT SELECT ON recent TO {app};");
    let finding = lab.assert_fixable("view-not-invoker", "public.recent");
    assert!(finding.severity.at_least(Severity::High), "{finding:?}");
    assert!(finding.fix.mechanical, "{finding:?}");
    lab.run("SET ROLE {app}; DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM recent); END $$");
}

#[test]
fn a_view_whose_owner_is_bound_is_safe() {
    let lab = lab(
        "CREATE VIEW recent AS SELECT * FROM notes; GRANT SELECT ON recent TO {app};
                   ALTER TABLE notes FORCE ROW LEVEL SECURITY;",
    );
    lab.assert_silent("view-not-invoker");
    lab.run("CREATE POLICY maintenance ON notes TO {owner} USING (true)");
    lab.assert_fixable("view-not-invoker", "public.recent");
}

#[test]
fn a_view_that_nobody_reads_is_nobodys_door() {
    let lab = lab("CREATE VIEW recent AS SELECT * FROM notes;
                   CREATE VIEW latest WITH (security_invoker = true) AS SELECT * FROM recent;
                   GRANT SELECT ON latest TO {app};");
    lab.assert_silent("view-not-invoker");
}

#[test]
fn a_view_below_another_is_found() {
    let lab = lab("CREATE VIEW recent AS SELECT * FROM notes;
                   CREATE VIEW latest AS SELECT * FROM recent;
                   GRANT SELECT ON latest TO {app};");
    let finding = lab.assert_fixable("view-not-invoker", "public.latest");
    assert!(
        finding.message.contains("through public.recent"),
        "{finding:?}"
    );
}

#[test]
fn an_invoker_view_below_another_asks_as_the_caller() {
    let lab = lab(
        "CREATE VIEW recent WITH (security_invoker = true) AS SELECT * FROM notes;
                   CREATE VIEW latest AS SELECT * FROM recent;
                   GRANT SELECT ON latest TO {app};",
    );
    lab.assert_silent("view-not-invoker");
    lab.run("SET ROLE {app}; DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM latest); END $$");
}

#[test]
fn a_view_that_filters_needs_a_barrier() {
    let lab = lab("REVOKE ALL ON notes FROM {app};
                   CREATE VIEW own AS SELECT * FROM notes
                    WHERE organization_id = nullif(current_setting('app.tenant', true), '')::uuid;
                   GRANT SELECT ON own TO {app};");
    let finding = lab.assert_fixable("view-not-invoker", "public.own");
    assert_eq!(
        (finding.severity, finding.confidence),
        (Severity::Low, Confidence::Low)
    );
}

#[test]
fn a_view_that_only_shows_the_session_does_not_filter() {
    let lab = lab("CREATE VIEW shown WITH (security_barrier = true) AS
                       SELECT *, current_setting('app.tenant', true) AS mine FROM notes;
                   GRANT SELECT ON shown TO {app};");
    let finding = lab.assert_fixable("view-not-invoker", "public.shown");
    assert!(finding.severity.at_least(Severity::High), "{finding:?}");
}

#[test]
fn a_materialized_view_gives_way_to_a_filtered_view() {
    let lab = lab("CREATE MATERIALIZED VIEW counts AS
                       SELECT organization_id, count(*) FROM notes GROUP BY organization_id;");
    lab.assert_silent("materialized-view-exposed");
    lab.run("GRANT SELECT ON counts TO {app}");
    lab.assert_fixable("materialized-view-exposed", "public.counts");
    lab.assert_silent("view-not-invoker");
    let rows = "SET ROLE {app}; SET app.tenant = '11111111-1111-1111-1111-111111111111';
                DO $$ BEGIN ASSERT (SELECT count(*) FROM counts_of_tenant) = 1; END $$";
    lab.run(rows);
}

#[test]
fn totals_are_a_lesser_finding() {
    let lab = lab(
        "CREATE MATERIALIZED VIEW total AS SELECT count(*) FROM notes;
                   GRANT SELECT ON total TO {app};",
    );
    let finding = lab.assert_fires("materialized-view-exposed", "public.total");
    assert_eq!(
        (finding.severity, finding.confidence),
        (Severity::Medium, Confidence::Low)
    );
}

#[test]
fn a_foreign_table_with_the_key_is_a_door() {
    let lab = lab("");
    lab.run(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE invoices (organization_id uuid, amount numeric)
             SERVER files OPTIONS (filename '/dev/null');
         CREATE FOREIGN TABLE rates (currency text, rate numeric)
             SERVER files OPTIONS (filename '/dev/null');
         GRANT SELECT ON rates TO {app}",
    );
    lab.assert_silent("foreign-table-exposed");
    lab.run("GRANT SELECT ON invoices TO {app}");
    lab.assert_fixable("foreign-table-exposed", "public.invoices");
}

#[test]
fn a_rule_acts_as_the_owner() {
    let lab = lab("CREATE TABLE inbox (organization_id uuid NOT NULL, body text);
                   CREATE RULE deliver AS ON INSERT TO inbox DO INSTEAD
                       INSERT INTO notes (organization_id, body) VALUES (NEW.organization_id, NEW.body);
                   CREATE RULE keep AS ON DELETE TO inbox DO INSTEAD NOTHING;
                   GRANT DELETE ON inbox TO {app};");
    lab.assert_silent("rule-bypass");
    lab.run("GRANT INSERT ON inbox TO {app}");
    let finding = lab.assert_fixable("rule-bypass", "public.inbox");
    assert_eq!(finding.part.as_deref(), Some("deliver"));
}

#[test]
fn a_rule_of_an_owner_who_is_bound_is_safe() {
    let lab = lab("CREATE TABLE inbox (organization_id uuid NOT NULL, body text);
                   CREATE RULE deliver AS ON INSERT TO inbox DO INSTEAD
                       INSERT INTO notes (organization_id, body) VALUES (NEW.organization_id, NEW.body);
                   GRANT INSERT ON inbox TO {app};
                   ALTER TABLE notes FORCE ROW LEVEL SECURITY;");
    lab.assert_silent("rule-bypass");
}

#[test]
fn a_publication_with_a_row_filter_sends_what_it_says() {
    let lab = lab("");
    lab.run(
        "CREATE PUBLICATION filtered FOR TABLE notes
             WHERE (organization_id = '11111111-1111-1111-1111-111111111111')",
    );
    lab.assert_silent("publication-unfiltered");
    lab.run("CREATE PUBLICATION everything FOR ALL TABLES");
    let finding = lab.assert_fires("publication-unfiltered", "everything");
    assert_eq!(finding.severity, Severity::Low);
    lab.run("DROP PUBLICATION everything");
    lab.assert_silent("publication-unfiltered");
}

#[test]
fn realtime_asks_policies_where_row_level_security_is_on() {
    let lab = lab("CREATE TABLE chats (organization_id uuid NOT NULL, body text);");
    lab.run("CREATE PUBLICATION supabase_realtime FOR TABLE notes");
    lab.assert_silent("publication-unfiltered");
    lab.run("ALTER PUBLICATION supabase_realtime ADD TABLE chats");
    let finding = lab.assert_fires("publication-unfiltered", "supabase_realtime");
    assert_eq!(finding.severity, Severity::Medium);
    lab.run("ALTER TABLE chats ENABLE ROW LEVEL SECURITY");
    lab.assert_silent("publication-unfiltered");
}
