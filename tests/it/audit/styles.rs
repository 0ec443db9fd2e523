//! Correct schemas, in the styles in which people write them: nothing may be found, whatever the
//! severity, and no attack may get through.

use tenantctl::audit::{
    checks::probe::ProbeMode,
    report::{Report, Scope, Skipped, Verdict},
};

use super::lab::Lab;
use crate::common::TestDb;

/// Rows for two tenants come with each schema, so that every attack has something to reach.
const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";

#[track_caller]
fn assert_clean(lab: &Lab) -> Report {
    let report = lab.audit_with(|options| options.probe.mode = ProbeMode::Full);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    let leaks: Vec<_> = report
        .matrix
        .iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Leak(_)))
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert!(
        report.summary.blocked > 0,
        "nothing was attacked: {report:#?}"
    );
    let unnamed: Vec<_> = report
        .skipped
        .iter()
        .filter(|one| !is_our_server(one))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    report
}

/// The audit says of which role it makes no attacks: in our schema the one that reads the queues of all
/// organizations, by policies of its own. `tests/it/isolation.rs` attacks as that role.
fn is_our_server(skipped: &Skipped) -> bool {
    skipped.object.as_deref() == Some("tenant_server") && skipped.check == "policy-always-true"
}

#[track_caller]
fn scope(report: &Report, table: &str) -> Scope {
    let found = report.tenant.tables.iter().find(|one| one.table == table);
    found
        .unwrap_or_else(|| panic!("{table} was not looked at"))
        .scope
}

/// The table of tenants with two rows, seen through its own policy.
fn tenants(setting: &str) -> String {
    format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON organizations USING (id = {setting});
         GRANT SELECT ON organizations TO {{app}};"
    )
}

const SETTING: &str = "nullif(current_setting('app.tenant', true), '')::uuid";

/// A keyed table with composite keys, one row a tenant, and one policy.
fn table(name: &str, setting: &str) -> String {
    format!(
        "CREATE TABLE {name} (organization_id uuid NOT NULL REFERENCES organizations,
                              id uuid NOT NULL DEFAULT gen_random_uuid(), body text,
                              PRIMARY KEY (organization_id, id));
         INSERT INTO {name} (organization_id, body) VALUES ('{A}', 'a'), ('{B}', 'b');
         ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;
         ALTER TABLE {name} FORCE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON {name}
             USING (organization_id = {setting}) WITH CHECK (organization_id = {setting});
         GRANT SELECT, INSERT, UPDATE (body), DELETE ON {name} TO {{app}};"
    )
}

#[test]
fn one_setting() {
    let lab = Lab::new(&(tenants(SETTING) + &table("notes", SETTING)));
    let report = assert_clean(&lab);
    assert_eq!(scope(&report, "public.organizations"), Scope::Root);
    assert_eq!(scope(&report, "public.notes"), Scope::Keyed);
    assert_eq!(report.tenant.key.as_deref(), Some("organization_id"));
    assert_eq!(report.tenant.key_type.as_deref(), Some("uuid"));
    assert_eq!(report.tenant.roles.len(), 1);
    let context = report.tenant.context.expect("a way to name the tenant");
    assert_eq!(
        (context.style.as_str(), context.description.as_str()),
        ("setting", "app.tenant")
    );
}

#[test]
fn one_setting_without_with_check_and_without_force() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + "DROP POLICY tenant ON notes;
               CREATE POLICY tenant ON notes USING (organization_id = current_setting('app.tenant')::uuid);
               ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;"),
    );
    assert_clean(&lab);
}

#[test]
fn a_bigint_key_behind_a_function() {
    let lab = Lab::new(
        "CREATE FUNCTION current_account() RETURNS bigint LANGUAGE sql STABLE
             AS $$ SELECT nullif(current_setting('my.account_id', true), '')::bigint $$;
         CREATE TABLE accounts (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text);
         INSERT INTO accounts (name) VALUES ('A'), ('B');
         CREATE TABLE invoices (account_id bigint NOT NULL REFERENCES accounts,
                                id bigint GENERATED ALWAYS AS IDENTITY, total numeric NOT NULL,
                                PRIMARY KEY (account_id, id));
         INSERT INTO invoices (account_id, total) VALUES (1, 10), (2, 20);
         ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
         ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON accounts FOR SELECT USING (id = current_account());
         CREATE POLICY own ON invoices USING (account_id = current_account());
         GRANT SELECT ON accounts TO {app};
         GRANT SELECT, INSERT, DELETE ON invoices TO {app};
         GRANT UPDATE (total) ON invoices TO {app};",
    );
    let report = assert_clean(&lab);
    assert_eq!(report.tenant.key_type.as_deref(), Some("bigint"));
}

/// Supabase: `auth.uid()` from the token, memberships in a table, a definer function that looks
/// them up without running into their own policy.
#[test]
fn jwt_with_membership() {
    let lab = Lab::new(&format!(
        "RESET ROLE;
         CREATE SCHEMA auth;
         CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
             SELECT (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::uuid
         $$;
         CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
         INSERT INTO auth.users VALUES ('{A}', 'a@example.com'), ('{B}', 'b@example.com');
         GRANT USAGE ON SCHEMA auth TO {{app}}, {{owner}};
         GRANT REFERENCES, SELECT ON auth.users TO {{owner}};
         CREATE SCHEMA private AUTHORIZATION {{owner}};
         SET ROLE {{owner}};
         CREATE TABLE teams (id uuid PRIMARY KEY, name text);
         CREATE TABLE team_members (team_id uuid NOT NULL REFERENCES teams,
                                    user_id uuid NOT NULL REFERENCES auth.users,
                                    PRIMARY KEY (team_id, user_id));
         CREATE INDEX ON team_members (user_id);
         CREATE TABLE documents (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                                 team_id uuid NOT NULL REFERENCES teams, title text);
         CREATE INDEX ON documents (team_id);
         INSERT INTO teams VALUES ('{A}', 'A'), ('{B}', 'B');
         INSERT INTO team_members VALUES ('{A}', '{A}'), ('{B}', '{B}');
         INSERT INTO documents (team_id, title) VALUES ('{A}', 'a'), ('{B}', 'b');
         CREATE FUNCTION private.my_teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
             SET search_path = ''
             AS $$ SELECT team_id FROM public.team_members WHERE user_id = (SELECT auth.uid()) $$;
         REVOKE EXECUTE ON FUNCTION private.my_teams() FROM PUBLIC;
         GRANT USAGE ON SCHEMA private TO {{app}};
         GRANT EXECUTE ON FUNCTION private.my_teams() TO {{app}};
         ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
         ALTER TABLE team_members ENABLE ROW LEVEL SECURITY;
         ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
         CREATE POLICY mine ON teams FOR SELECT USING (id IN (SELECT private.my_teams()));
         CREATE POLICY mine ON team_members FOR SELECT USING (team_id IN (SELECT private.my_teams()));
         CREATE POLICY mine ON documents USING (team_id IN (SELECT private.my_teams()))
             WITH CHECK (team_id IN (SELECT private.my_teams()));
         GRANT SELECT ON teams, team_members TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO {{app}};"
    ));
    let report = assert_clean(&lab);
    assert_eq!(
        report.tenant.context.expect("a context").style,
        "membership"
    );
}

#[test]
fn a_claim_in_the_token() {
    let claim =
        "(nullif(current_setting('request.jwt.claims', true), '')::json ->> 'org_id')::uuid";
    let lab = Lab::new(&(tenants(claim) + &table("notes", claim)));
    let report = assert_clean(&lab);
    assert_eq!(report.tenant.context.expect("a context").style, "jwt_claim");
}

/// The token holds every organization of its user.
#[test]
fn an_array_in_the_token() {
    let orgs = "SELECT jsonb_array_elements_text(
        nullif(current_setting('request.jwt.claims', true), '')::jsonb -> 'orgs')";
    let lab = Lab::new(&format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id int, body text,
                             PRIMARY KEY (organization_id, id));
         INSERT INTO notes VALUES ('{A}', 1, 'a'), ('{B}', 2, 'b');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON organizations USING (id::text IN ({orgs}));
         CREATE POLICY own ON notes USING (organization_id::text IN ({orgs}));
         GRANT SELECT ON organizations TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}};"
    ));
    assert_attacked_as_somebody(&assert_clean(&lab));
}

/// A function takes the claim that its caller names.
#[test]
fn a_claim_behind_a_function() {
    let read = "nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> k";
    for body in [format!("AS $$ SELECT {read} $$"), format!("RETURN {read}")] {
        let lab = Lab::new(&format!(
            "CREATE FUNCTION claim(k text) RETURNS text LANGUAGE sql STABLE {body};
             {} {}",
            tenants("claim('org_id')::uuid"),
            table("notes", "claim('org_id')::uuid"),
        ));
        let report = assert_clean(&lab);
        assert_attacked_as_somebody(&report);
        assert_eq!(report.tenant.context.expect("a context").style, "jwt_claim");
    }
}

/// What is shared is addressed to a second organization, which reads that it is.
#[test]
fn rows_that_are_addressed_to_another_tenant() {
    let setting = "nullif(current_setting('app.tenant', true), '')::uuid";
    let lab = Lab::new(&format!(
        "{} {}
         CREATE TABLE transfers (organization_id uuid NOT NULL REFERENCES organizations, id int,
             recipient_id uuid NOT NULL REFERENCES organizations, PRIMARY KEY (organization_id, id));
         CREATE INDEX ON transfers (recipient_id);
         ALTER TABLE transfers ENABLE ROW LEVEL SECURITY; ALTER TABLE transfers FORCE ROW LEVEL SECURITY;
         CREATE POLICY own ON transfers USING (organization_id = {setting});
         CREATE POLICY addressed ON transfers FOR SELECT USING (recipient_id = {setting});
         GRANT SELECT, INSERT, DELETE ON transfers TO {{app}};",
        tenants(setting),
        table("notes", setting),
    ));
    lab.assert_silent("policy-wrong-column");
    // Alone it takes the recipient for the tenant, and for writing it is no address.
    lab.run("DROP POLICY own ON transfers");
    lab.assert_fires("policy-wrong-column", "public.transfers");
    lab.run(&format!(
        "CREATE POLICY own ON transfers USING (organization_id = {setting});
         DROP POLICY addressed ON transfers;
         CREATE POLICY addressed ON transfers FOR DELETE USING (recipient_id = {setting})"
    ));
    lab.assert_fires("policy-wrong-column", "public.transfers");
}

/// The key is computed from the rest of the row.
#[test]
fn a_generated_key() {
    let setting = "nullif(current_setting('app.tenant', true), '')::uuid";
    let lab = Lab::new(&format!(
        "{} {}
         CREATE TABLE events (id int PRIMARY KEY, data jsonb NOT NULL, organization_id uuid NOT NULL
             GENERATED ALWAYS AS ((data->>'org')::uuid) STORED REFERENCES organizations);
         CREATE INDEX ON events (organization_id);
         INSERT INTO events VALUES (1, jsonb_build_object('org', '{A}')), (2, jsonb_build_object('org', '{B}'));
         ALTER TABLE events ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON events USING (organization_id = {setting});
         GRANT SELECT, INSERT, UPDATE, DELETE ON events TO {{app}};",
        tenants(setting),
        table("notes", setting),
    ));
    assert_attacked_as_somebody(&assert_clean(&lab));
}

#[test]
fn child_through_parent() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &format!(
                "CREATE TABLE orders (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
                                      organization_id uuid NOT NULL REFERENCES organizations);
                 CREATE INDEX ON orders (organization_id);
                 CREATE TABLE order_lines (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
                                           order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
                                           article text NOT NULL);
                 CREATE INDEX ON order_lines (order_id);
                 INSERT INTO orders (organization_id) VALUES ('{A}'), ('{B}');
                 INSERT INTO order_lines (order_id, article) VALUES (1, 'a'), (2, 'b');
                 ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
                 ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON orders USING (organization_id = {SETTING});
                 CREATE POLICY tenant ON order_lines USING (EXISTS (
                     SELECT FROM orders o WHERE o.id = order_lines.order_id
                                            AND o.organization_id = {SETTING}));
                 GRANT SELECT, INSERT, UPDATE, DELETE ON order_lines TO {{app}};
                 GRANT SELECT, INSERT, DELETE ON orders TO {{app}};"
            )),
    );
    let report = assert_clean(&lab);
    assert_eq!(scope(&report, "public.order_lines"), Scope::Child);
}

#[test]
fn a_restrictive_floor_with_permissive_policies() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + &format!(
                "ALTER TABLE notes ADD public boolean NOT NULL DEFAULT false;
                 DROP POLICY tenant ON notes;
                 CREATE POLICY floor ON notes AS RESTRICTIVE
                     USING (organization_id = {SETTING}) WITH CHECK (organization_id = {SETTING});
                 CREATE POLICY readers ON notes FOR SELECT USING (true);
                 CREATE POLICY writers ON notes USING (NOT public) WITH CHECK (true);"
            )),
    );
    assert_clean(&lab);
}

#[test]
fn partitions_with_policies() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &format!(
                "CREATE TABLE events (organization_id uuid NOT NULL REFERENCES organizations,
                                      at date NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
                                      PRIMARY KEY (organization_id, at, id)) PARTITION BY RANGE (at);
                 CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
                 CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
                 INSERT INTO events (organization_id, at) VALUES
                     ('{A}', '2025-05-05'), ('{B}', '2025-05-05'), ('{A}', '2026-05-05'), ('{B}', '2026-05-05');
                 ALTER TABLE events ENABLE ROW LEVEL SECURITY;
                 ALTER TABLE events_2025 ENABLE ROW LEVEL SECURITY;
                 ALTER TABLE events_2026 ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON events USING (organization_id = {SETTING});
                 CREATE POLICY tenant ON events_2025 USING (organization_id = {SETTING});
                 CREATE POLICY tenant ON events_2026 USING (organization_id = {SETTING});
                 GRANT SELECT, INSERT, DELETE ON events, events_2025, events_2026 TO {{app}};"
            )),
    );
    assert_clean(&lab);
}

/// The parent alone is granted and protected: nobody reaches the partitions but through it.
#[test]
fn partitions_that_nobody_is_granted() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &format!(
                "CREATE TABLE events (organization_id uuid NOT NULL REFERENCES organizations,
                                      at date NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
                                      PRIMARY KEY (organization_id, at, id)) PARTITION BY RANGE (at);
                 CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
                 INSERT INTO events (organization_id, at) VALUES ('{A}', '2026-05-05'), ('{B}', '2026-05-05');
                 ALTER TABLE events ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON events USING (organization_id = {SETTING});
                 GRANT SELECT, INSERT, DELETE ON events TO {{app}};"
            )),
    );
    assert_clean(&lab);
}

#[test]
fn security_invoker_views() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + "CREATE VIEW recent_notes WITH (security_invoker = true) AS
                   SELECT organization_id, id, body FROM notes;
               CREATE VIEW note_counts WITH (security_invoker = on) AS
                   SELECT count(*) AS notes FROM notes;
               GRANT SELECT ON recent_notes, note_counts TO {app};"),
    );
    assert_clean(&lab);
}

#[test]
fn composite_foreign_keys() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("patients", SETTING)
            + &format!(
                "CREATE TABLE visits (organization_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
                                      patient_id uuid NOT NULL, PRIMARY KEY (organization_id, id),
                                      FOREIGN KEY (organization_id, patient_id)
                                          REFERENCES patients (organization_id, id));
                 CREATE INDEX ON visits (organization_id, patient_id);
                 INSERT INTO visits (organization_id, patient_id) SELECT organization_id, id FROM patients;
                 ALTER TABLE visits ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON visits USING (organization_id = {SETTING});
                 GRANT SELECT, INSERT, DELETE ON visits TO {{app}};"
            )),
    );
    assert_clean(&lab);
}

#[test]
fn read_only_reference_tables() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + "CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);
               INSERT INTO countries VALUES ('ch', 'Switzerland');
               ALTER TABLE notes ADD country text REFERENCES countries;
               GRANT SELECT ON countries TO PUBLIC;"),
    );
    let report = assert_clean(&lab);
    assert_eq!(scope(&report, "public.countries"), Scope::Reference);
}

#[test]
fn filtered_definer_functions() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + &format!(
                "CREATE FUNCTION note_bodies() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
                     SET search_path = pg_catalog, public, pg_temp
                     AS $$ SELECT body FROM public.notes WHERE organization_id = {SETTING} $$;
                 CREATE FUNCTION parsed_bodies() RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER
                     BEGIN ATOMIC SELECT body FROM notes WHERE organization_id = {SETTING}; END;
                 REVOKE EXECUTE ON FUNCTION note_bodies(), parsed_bodies() FROM PUBLIC;
                 GRANT EXECUTE ON FUNCTION note_bodies(), parsed_bodies() TO {{app}};"
            )),
    );
    assert_clean(&lab);
}

/// Backups, maintenance and analytics go past row-level security on purpose.
#[test]
fn an_administrator_beside_the_application() {
    let lab = Lab::new(
        &(tenants(SETTING)
            + &table("notes", SETTING)
            + "RESET ROLE; ALTER ROLE {other} BYPASSRLS;
               GRANT SELECT ON organizations, notes TO {other};"),
    );
    assert_clean(&lab);
}

#[test]
fn each_tenant_has_a_role_of_its_own() {
    let lab = Lab::new(
        "RESET ROLE; CREATE ROLE {app}_group; GRANT {app}_group TO {app}, {other};
         GRANT USAGE ON SCHEMA public TO {app}_group; SET ROLE {owner};
         CREATE TABLE tenants (name text PRIMARY KEY);
         INSERT INTO tenants VALUES ('{app}'), ('{other}');
         CREATE TABLE notes (tenant text NOT NULL REFERENCES tenants, id bigint GENERATED ALWAYS AS IDENTITY,
                             body text, PRIMARY KEY (tenant, id));
         INSERT INTO notes (tenant, body) VALUES ('{app}', 'a'), ('{other}', 'b');
         ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON tenants FOR SELECT USING (name = current_user);
         CREATE POLICY own ON notes USING (tenant = current_user);
         GRANT SELECT ON tenants TO {app}_group;
         GRANT SELECT, INSERT, DELETE ON notes TO {app}_group;",
    );
    let report = assert_clean(&lab);
    assert_eq!(
        report.tenant.context.expect("a context").style,
        "current_user"
    );
}

/// A table says whose each role is: no session is ever without a name.
#[test]
fn a_table_maps_roles_to_tenants() {
    let lab = Lab::new(&format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE logins (role name PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
         CREATE INDEX ON logins (organization_id);
         INSERT INTO logins VALUES ('{{app}}', '{A}'), ('{{other}}', '{B}');
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id int, body text,
                             PRIMARY KEY (organization_id, id));
         INSERT INTO notes VALUES ('{A}', 1, 'a'), ('{B}', 2, 'b');
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE logins ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON logins FOR SELECT USING (role = current_user);
         CREATE POLICY own ON organizations FOR SELECT
             USING (id IN (SELECT organization_id FROM logins WHERE role = current_user));
         CREATE POLICY own ON notes
             USING (organization_id IN (SELECT organization_id FROM logins WHERE role = current_user));
         GRANT SELECT ON organizations, logins TO {{app}}, {{other}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}}, {{other}};"
    ));
    let report = assert_clean(&lab);
    assert_attacked_as_somebody(&report);
    // A way from one tenant's role to the other's is found by attacking as it.
    lab.run(
        "DROP POLICY own ON notes; GRANT {other} TO {app};
         CREATE POLICY own ON notes USING (organization_id IN (SELECT organization_id FROM logins
             WHERE pg_has_role(current_user, role, 'USAGE')));
         ALTER POLICY own ON logins USING (pg_has_role(current_user, role, 'USAGE'));",
    );
    let report = lab.audit();
    let leaks = report
        .matrix
        .iter()
        .filter(|cell| cell.object == "public.notes" && matches!(cell.verdict, Verdict::Leak(_)));
    assert!(leaks.count() > 0, "{:#?}", report.matrix);
}

/// Each tenant reads rows of its own somewhere: without that, nothing is proven.
#[track_caller]
fn assert_attacked_as_somebody(report: &Report) {
    use tenantctl::audit::report::{ContextKind, Operation};
    for tenant in [ContextKind::A, ContextKind::B] {
        let mut own = report.matrix.iter().filter(|cell| {
            cell.operation == Operation::Own
                && cell.context == tenant
                && cell.verdict == Verdict::Allowed
        });
        assert!(own.next().is_some(), "{tenant:?} is nobody");
    }
}

/// The session names a user, and each user is of one tenant.
fn of_users(look_up: &str) -> Lab {
    Lab::new(&format!(
        "CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
         INSERT INTO organizations VALUES ('{A}', 'A'), ('{B}', 'B');
         CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text,
                             organization_id uuid NOT NULL REFERENCES organizations);
         INSERT INTO users (organization_id) VALUES ('{A}'), ('{B}');
         CREATE INDEX ON users (organization_id);
         CREATE TABLE notes (organization_id uuid NOT NULL REFERENCES organizations, id int, body text,
                             PRIMARY KEY (organization_id, id));
         INSERT INTO notes VALUES ('{A}', 1, 'a'), ('{B}', 2, 'b');
         {look_up}
         ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
         ALTER TABLE users ENABLE ROW LEVEL SECURITY;
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         GRANT SELECT ON organizations, users TO {{app}};
         GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {{app}};"
    ))
}

#[test]
fn the_tenant_of_a_user() {
    for look_up in [
        "CREATE FUNCTION mine() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
             SET search_path = pg_catalog, public, pg_temp AS $$
             SELECT organization_id FROM public.users
              WHERE id = nullif(current_setting('app.current_user_id', true), '')::uuid $$;
         CREATE POLICY own ON users FOR SELECT USING (organization_id = mine());
         CREATE POLICY own ON organizations FOR SELECT USING (id = mine());
         CREATE POLICY own ON notes USING (organization_id = mine());",
        "CREATE POLICY own ON users FOR SELECT
             USING (id = nullif(current_setting('app.me', true), '')::uuid);
         CREATE POLICY own ON organizations FOR SELECT USING (id = (SELECT u.organization_id FROM users u
             WHERE u.id = nullif(current_setting('app.me', true), '')::uuid));
         CREATE POLICY own ON notes USING (organization_id = (SELECT u.organization_id FROM users u
             WHERE u.id = nullif(current_setting('app.me', true), '')::uuid));",
    ] {
        let report = assert_clean(&of_users(look_up));
        assert_attacked_as_somebody(&report);
    }
}

/// Where nobody's rows are read, what is blocked is no pass: it may be blocked for everybody.
#[test]
fn a_session_that_is_not_understood_proves_nothing() {
    let lab = of_users(
        "CREATE TABLE tickets (ticket text PRIMARY KEY, o uuid);
         INSERT INTO tickets SELECT md5(id::text), id FROM organizations;
         CREATE FUNCTION mine() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
             SET search_path = pg_catalog, public, pg_temp AS $$
             SELECT o FROM public.tickets WHERE ticket = current_setting('app.ticket', true) $$;
         CREATE POLICY own ON users FOR SELECT USING (organization_id = mine());
         CREATE POLICY own ON organizations FOR SELECT USING (id = mine());
         CREATE POLICY own ON notes USING (organization_id = mine());",
    );
    let report = lab.audit_with(|options| options.probe.mode = ProbeMode::Full);
    let told = report
        .skipped
        .iter()
        .any(|one| one.reason.contains("--session"));
    assert!(told, "{:#?}", report.skipped);
    let in_a_name = report.matrix.iter().filter(|cell| {
        use tenantctl::audit::report::ContextKind;
        cell.object == "public.notes" && matches!(cell.context, ContextKind::A | ContextKind::B)
    });
    for cell in in_a_name {
        assert!(!matches!(cell.verdict, Verdict::Blocked(_)), "{cell:?}");
    }
    // Who says how it is done is believed, and then it is proven.
    let report = lab.audit_with(|options| {
        options.overrides.session =
            Some("SELECT set_config('app.ticket', md5({tenant}), true)".to_owned());
    });
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
    assert_attacked_as_somebody(&report);
}

/// Our own schema, with no suppression.
#[test]
fn our_own_schema() {
    let lab = Lab::ours();
    let report = assert_clean(&lab);
    assert_eq!(report.tenant.roles[0].role, "tenant_app");
    assert_eq!(scope(&report, "public.users"), Scope::Global);
    assert_eq!(
        scope(&report, "public.channel_configurations"),
        Scope::Keyed
    );
}

/// Without a single row there is nothing to read: what is said is that it was not tried.
#[test]
fn our_own_schema_without_rows() {
    let lab = Lab::on(TestDb::new());
    let report = lab.audit();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert!(
        report
            .skipped
            .iter()
            .any(|one| one.check.starts_with("probe")),
        "{:#?}",
        report.skipped
    );
}
