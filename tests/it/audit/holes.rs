//! Ways from one tenant to another that look like something else: each was missed once.

use tenantctl::audit::report::{Confidence, Severity};

use super::lab::Lab;

/// Tenants by a setting, users in a table of their own, and nothing wrong with either.
const SETTING: &str = "
    CREATE TABLE orgs (id bigint PRIMARY KEY, name text NOT NULL);
    CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);
    CREATE TABLE members (org_id bigint NOT NULL REFERENCES orgs, user_id bigint NOT NULL
        REFERENCES users, PRIMARY KEY (org_id, user_id));
    CREATE TABLE notes (org_id bigint NOT NULL REFERENCES orgs, id bigint, body text,
        PRIMARY KEY (org_id, id));
    INSERT INTO orgs VALUES (1, 'a'), (2, 'b');
    INSERT INTO users VALUES (1, 'a@example.com'), (2, 'b@example.com');
    INSERT INTO members VALUES (1, 1), (2, 2);
    INSERT INTO notes VALUES (1, 1, 'of a'), (2, 2, 'of b');
    CREATE FUNCTION cur_org() RETURNS bigint STABLE LANGUAGE sql
        AS $$ SELECT nullif(current_setting('app.org', true), '')::bigint $$;
    ALTER TABLE orgs ENABLE ROW LEVEL SECURITY;
    ALTER TABLE members ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON orgs USING (id = cur_org());
    CREATE POLICY p ON members USING (org_id = cur_org());
    CREATE POLICY p ON notes USING (org_id = cur_org());
    GRANT SELECT ON orgs, members TO {app};
    GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {app};";

/// Tenants by the memberships of a token's user, and nothing wrong.
const TOKEN: &str = "
    RESET ROLE; CREATE SCHEMA auth; GRANT USAGE ON SCHEMA auth TO {app}, {owner};
    CREATE FUNCTION auth.uid() RETURNS uuid STABLE LANGUAGE sql AS $$
        SELECT nullif(current_setting('request.jwt.claims', true)::json->>'sub', '')::uuid $$;
    SET ROLE {owner};
    CREATE TABLE organizations (id uuid PRIMARY KEY, name text);
    CREATE TABLE profiles (id uuid PRIMARY KEY, email text, is_admin boolean DEFAULT false);
    CREATE TABLE memberships (organization_id uuid NOT NULL REFERENCES organizations,
        user_id uuid NOT NULL REFERENCES profiles, role text NOT NULL DEFAULT 'member',
        PRIMARY KEY (organization_id, user_id));
    CREATE TABLE notes (id uuid PRIMARY KEY,
        organization_id uuid NOT NULL REFERENCES organizations, body text);
    CREATE INDEX ON notes (organization_id);
    INSERT INTO organizations SELECT gen_random_uuid(), name FROM unnest('{a,b}'::text[]) name;
    INSERT INTO profiles SELECT gen_random_uuid(), name || '@example.com' FROM organizations;
    INSERT INTO memberships SELECT o.id, p.id FROM organizations o
        JOIN profiles p ON p.email = o.name || '@example.com';
    INSERT INTO notes SELECT gen_random_uuid(), id, name FROM organizations;
    CREATE FUNCTION my_orgs() RETURNS SETOF uuid STABLE SECURITY DEFINER SET search_path = ''
        LANGUAGE sql AS $$ SELECT organization_id FROM public.memberships
                            WHERE user_id = auth.uid() $$;
    ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
    ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
    ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
    ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON organizations FOR SELECT USING (id IN (SELECT my_orgs()));
    CREATE POLICY p ON memberships FOR SELECT USING (user_id = auth.uid());
    CREATE POLICY own ON profiles FOR SELECT USING (id = auth.uid());
    CREATE POLICY p ON notes USING (organization_id IN (SELECT my_orgs()));
    GRANT SELECT ON organizations, memberships, profiles TO {app};
    GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {app};";

fn setting(further: &str) -> Lab {
    Lab::new(&format!("{SETTING} {further}"))
}

fn token(further: &str) -> Lab {
    Lab::new(&format!("{TOKEN} {further}"))
}

/// A function that runs as who made it.
fn definer(signature: &str, body: &str) -> String {
    format!(
        "CREATE FUNCTION {signature} SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
             AS $f$ {body} $f$;"
    )
}

#[test]
fn the_schemas_to_start_from_are_right() {
    for lab in [setting(""), token("")] {
        let findings = lab.audit().findings;
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

#[test]
fn users_of_every_tenant_are_told() {
    let lab = setting("GRANT SELECT ON users TO {app};");
    let finding = lab.assert_fixable("global-table-exposed", "public.users");
    assert_eq!(finding.severity, Severity::Medium);
}

#[test]
fn users_shown_through_a_view_are_told() {
    let lab = setting(
        "CREATE VIEW people AS SELECT id, email FROM users;
                       GRANT SELECT ON people TO {app};",
    );
    lab.assert_fixable("global-table-exposed", "public.people");
    let lab = token(
        "RESET ROLE; CREATE TABLE auth.users (id uuid, email text);
                     CREATE VIEW people AS SELECT * FROM auth.users;
                     GRANT SELECT ON people TO {app};",
    );
    lab.assert_fires("global-table-exposed", "public.people");
}

#[test]
fn users_that_every_user_sees_are_told() {
    for open in ["true", "auth.uid() IS NOT NULL"] {
        let lab = token(&format!(
            "CREATE POLICY everybody ON profiles FOR SELECT USING ({open});"
        ));
        lab.assert_fixable("global-table-exposed", "public.profiles");
    }
}

#[test]
fn users_of_the_own_tenant_are_not_told() {
    setting(
        "GRANT SELECT ON users TO {app}; ALTER TABLE users ENABLE ROW LEVEL SECURITY;
         CREATE POLICY colleagues ON users USING (EXISTS (SELECT FROM members
             WHERE members.user_id = users.id AND members.org_id = cur_org()));",
    )
    .assert_silent("global-table-exposed");
    setting("GRANT SELECT (id) ON users TO {app};").assert_silent("global-table-exposed");
    setting(
        "CREATE VIEW colleagues WITH (security_barrier) AS SELECT u.email FROM users u
             WHERE u.id = nullif(current_setting('app.user', true), '')::bigint;
         GRANT SELECT ON colleagues TO {app};",
    )
    .assert_silent("global-table-exposed");
}

#[test]
fn a_function_that_reads_through_a_helper_is_told() {
    let helper = "CREATE FUNCTION listed() RETURNS SETOF notes LANGUAGE sql
                      AS $$ SELECT * FROM public.notes $$;
                  REVOKE EXECUTE ON FUNCTION listed() FROM PUBLIC;";
    let list = definer(
        "list(n int) RETURNS SETOF notes LANGUAGE sql",
        "SELECT * FROM public.listed() LIMIT n",
    );
    let lab = setting(&format!("{helper} {list}"));
    lab.assert_fires("definer-unfiltered", "public.list(n integer)");
    let filtered = list.replace("LIMIT", "WHERE org_id = public.cur_org() LIMIT");
    setting(&format!("{helper} {filtered}")).assert_silent("definer-unfiltered");
}

#[test]
fn what_a_caller_puts_into_a_statement_is_told() {
    let signature = "find(term text) RETURNS SETOF json LANGUAGE plpgsql";
    for body in [
        "BEGIN RETURN QUERY EXECUTE format('SELECT row_to_json(t) FROM %I t', term); END",
        "BEGIN RETURN QUERY EXECUTE 'SELECT row_to_json(t) FROM ' || term || ' t'; END",
        "BEGIN RETURN QUERY EXECUTE 'SELECT row_to_json(n) FROM notes n
            WHERE org_id = cur_org() AND body = ''' || term || ''''; END",
        "DECLARE statement text; BEGIN statement := term; RETURN QUERY EXECUTE statement; END",
    ] {
        let lab = setting(&definer(signature, body));
        let finding = lab.assert_fires("definer-unfiltered", "public.find(term text)");
        assert_eq!(finding.severity, Severity::High, "{body}");
    }
    let xml = "SELECT query_to_xml(term, true, true, '')";
    let lab = setting(&definer("find(term text) RETURNS xml LANGUAGE sql", xml));
    lab.assert_fires("definer-unfiltered", "public.find(term text)");
}

#[test]
fn a_statement_with_quoted_values_that_asks_the_session_is_not_told() {
    let body = "BEGIN RETURN QUERY EXECUTE format('SELECT row_to_json(n) FROM notes n
        WHERE org_id = cur_org() AND body = %L', term); END";
    let signature = "find(term text) RETURNS SETOF json LANGUAGE plpgsql";
    setting(&definer(signature, body)).assert_silent("definer-unfiltered");
}

#[test]
fn that_somebody_is_logged_in_is_no_filter() {
    let body = |condition: &str| {
        definer(
            "notes_of(org uuid) RETURNS SETOF notes LANGUAGE plpgsql",
            &format!(
                "BEGIN IF {condition} THEN RAISE EXCEPTION 'no'; END IF;
                 RETURN QUERY SELECT * FROM public.notes WHERE organization_id = org; END"
            ),
        )
    };
    let lab = token(&body("auth.uid() IS NULL"));
    lab.assert_fires("definer-unfiltered", "public.notes_of(org uuid)");
    let lab = token(&body(
        "org NOT IN (SELECT organization_id FROM public.memberships
                               WHERE user_id = auth.uid())",
    ));
    lab.assert_silent("definer-unfiltered");
}

/// Administrators see every note.
const ADMINISTRATORS: &str = "
    CREATE FUNCTION is_admin() RETURNS boolean STABLE SECURITY DEFINER SET search_path = ''
        LANGUAGE sql AS $$ SELECT coalesce((SELECT is_admin FROM public.profiles
                                             WHERE id = auth.uid()), false) $$;
    CREATE POLICY admin ON notes FOR SELECT USING (is_admin());";

#[test]
fn a_flag_that_users_set_themselves_is_told() {
    let inline = "CREATE POLICY admin ON notes FOR SELECT USING (EXISTS (SELECT FROM profiles
        WHERE profiles.id = auth.uid() AND profiles.is_admin));";
    let editing = "CREATE POLICY edit ON profiles FOR UPDATE USING (id = auth.uid());
                   GRANT UPDATE ON profiles TO {app};";
    for policy in [ADMINISTRATORS, inline] {
        let lab = token(&format!("{policy} {editing}"));
        let finding = lab.assert_fixable("policy-user-editable", "public.profiles");
        assert_eq!(finding.column.as_deref(), Some("is_admin"));
        assert_eq!(finding.severity, Severity::High);
    }
}

#[test]
fn a_flag_that_users_cannot_set_is_not_told() {
    token(ADMINISTRATORS).assert_silent("policy-user-editable");
    token(&format!(
        "{ADMINISTRATORS} CREATE POLICY edit ON profiles FOR UPDATE USING (id = auth.uid());
         GRANT UPDATE (email) ON profiles TO {{app}};"
    ))
    .assert_silent("policy-user-editable");
    token(&format!(
        "{ADMINISTRATORS} GRANT UPDATE ON profiles TO {{app}};
         CREATE POLICY edit ON profiles FOR UPDATE USING (id = auth.uid())
             WITH CHECK (id = auth.uid() AND NOT is_admin);"
    ))
    .assert_silent("policy-user-editable");
}

#[test]
fn a_switch_in_a_setting_is_not_refuted_by_attacks_that_leave_it_off() {
    let lab = setting(
        "CREATE POLICY support ON notes USING (current_setting('app.bypass', true) = 'on');",
    );
    let found = lab.audit().findings;
    let finding = found.iter().find(|one| one.check == "policy-undone");
    let finding = finding.expect("a finding");
    assert_eq!(finding.severity, Severity::Medium);
    assert_ne!(finding.confidence, Confidence::Low);
}

#[test]
fn an_administrator_of_any_tenant_is_none_of_this_one() {
    let lab = token(
        "CREATE POLICY admin ON notes FOR SELECT USING (EXISTS (SELECT FROM memberships
             WHERE user_id = auth.uid() AND role = 'admin'));",
    );
    // Nobody is an administrator today: the attacks are blocked.
    let found = lab.audit().findings;
    let finding = found.iter().find(|one| one.object == "public.notes");
    assert_eq!(
        finding.map(|one| one.severity),
        Some(Severity::High),
        "{found:#?}"
    );
}

#[test]
fn updates_that_reach_every_row_are_told() {
    let lab = setting(
        "DROP POLICY p ON notes; CREATE POLICY s ON notes FOR SELECT USING (org_id = cur_org());
         CREATE POLICY u ON notes FOR UPDATE USING (true) WITH CHECK (org_id = cur_org());
         REVOKE INSERT, DELETE ON notes FROM {app};",
    );
    let finding = lab.audit().findings;
    let found = finding.iter().find(|one| one.check == "policy-always-true");
    assert!(
        found.is_some_and(|one| one.severity <= Severity::High),
        "{finding:#?}"
    );
}

#[test]
fn a_helper_that_never_looks_at_its_argument_is_told() {
    let asking = |argument: &str, condition: &str| {
        token(&format!(
            "CREATE FUNCTION is_member({argument} uuid) RETURNS boolean STABLE SECURITY DEFINER
                 SET search_path = '' LANGUAGE sql AS $$ SELECT EXISTS (
                     SELECT FROM public.memberships m WHERE m.user_id = auth.uid() {condition}) $$;
             DROP POLICY p ON notes;
             CREATE POLICY p ON notes USING (is_member(notes.organization_id));"
        ))
    };
    for (argument, condition) in [
        ("org", ""),
        ("organization_id", "AND m.organization_id = organization_id"),
    ] {
        let lab = asking(argument, condition);
        lab.assert_fires("policy-ignores-tenant", "public.notes");
    }
    for (argument, condition) in [
        ("org", "AND m.organization_id = org"),
        ("organization_id", "AND m.organization_id = $1"),
        (
            "organization_id",
            "AND m.organization_id = is_member.organization_id",
        ),
    ] {
        asking(argument, condition).assert_silent("policy-ignores-tenant");
    }
}

#[test]
fn a_role_that_streams_the_database_is_told() {
    let lab = setting("RESET ROLE; ALTER ROLE {app} REPLICATION;");
    let role = lab.named("{app}");
    lab.assert_fixable("role-replication", &role);
}

#[test]
fn what_is_no_equality_is_told_once() {
    for condition in [
        "org_id >= cur_org()",
        "org_id <> cur_org()",
        "org_id::text LIKE current_setting('app.org', true) || '%'",
    ] {
        let lab = setting(&format!(
            "DROP POLICY p ON notes; CREATE POLICY p ON notes USING ({condition});"
        ));
        lab.assert_fires("policy-loose-comparison", "public.notes");
        let proven = lab
            .audit()
            .findings
            .into_iter()
            .find(|one| one.confidence == Confidence::Proven);
        let proven = proven.map(|one| one.check);
        assert_eq!(
            proven.as_deref(),
            Some("policy-loose-comparison"),
            "{condition}"
        );
    }
    setting("").assert_silent("policy-loose-comparison");
}
