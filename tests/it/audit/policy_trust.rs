//! Whom policies trust, and what they cost.

use tenantctl::audit::report::{Report, Severity};

use super::lab::Lab;

const A: &str = "11111111-1111-1111-1111-111111111111";
const B: &str = "22222222-2222-2222-2222-222222222222";

/// A sign-in service, and teams whose documents are found through memberships.
fn schema(more: &str) -> String {
    format!(
        "RESET ROLE;
         CREATE SCHEMA auth;
         CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$
             SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
         CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
             SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
         CREATE TABLE auth.users (id uuid PRIMARY KEY);
         INSERT INTO auth.users VALUES ('{A}'), ('{B}');
         GRANT USAGE ON SCHEMA auth TO {{app}}, {{owner}};
         GRANT REFERENCES, SELECT ON auth.users TO {{owner}};
         SET ROLE {{owner}};
         CREATE TABLE teams (id uuid PRIMARY KEY, name text);
         CREATE TABLE members (team_id uuid NOT NULL REFERENCES teams,
                               user_id uuid NOT NULL REFERENCES auth.users, role text,
                               revoked_at timestamptz, PRIMARY KEY (team_id, user_id));
         CREATE INDEX ON members (user_id);
         CREATE TABLE documents (id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
                                 team_id uuid NOT NULL REFERENCES teams, title text);
         CREATE INDEX ON documents (team_id);
         INSERT INTO teams VALUES ('{A}', 'A'), ('{B}', 'B');
         INSERT INTO members VALUES ('{A}', '{A}'), ('{B}', '{B}');
         INSERT INTO documents (team_id) VALUES ('{A}'), ('{B}');
         ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
         ALTER TABLE members ENABLE ROW LEVEL SECURITY;
         ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON members FOR SELECT USING (user_id = auth.uid());
         GRANT SELECT ON teams, members TO {{app}};
         GRANT SELECT, INSERT, DELETE ON documents TO {{app}};
         {more}"
    )
}

/// Documents and teams of those teams that the user is a member of now.
const MEMBERS: &str = "
    CREATE POLICY member ON teams FOR SELECT USING (id IN (
        SELECT m.team_id FROM members m WHERE m.user_id = auth.uid() AND m.revoked_at IS NULL));
    CREATE POLICY member ON documents USING (team_id IN (
        SELECT m.team_id FROM members m WHERE m.user_id = auth.uid() AND m.revoked_at IS NULL));";

fn policy_findings(lab: &Lab) -> Report {
    lab.audit_with(|options| options.selection.only = vec!["policy".to_owned()])
}

#[test]
fn memberships_that_are_looked_up_well() {
    let report = policy_findings(&Lab::new(&schema(MEMBERS)));
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
}

#[test]
fn users_make_themselves_members() {
    let lab = Lab::new(&schema(MEMBERS));
    lab.assert_silent("policy-self-escalation");
    lab.run(
        "CREATE POLICY join_team ON members FOR INSERT WITH CHECK (user_id = auth.uid());
         GRANT INSERT ON members TO {app};",
    );
    let found = lab.assert_fixable("policy-self-escalation", "public.members");
    assert_eq!(
        (found.part.as_deref(), found.severity),
        (Some("join_team"), Severity::High)
    );
}

#[test]
fn an_invitation_is_asked_for() {
    let lab = Lab::new(&schema(MEMBERS));
    lab.run(
        "SET ROLE {owner};
         CREATE TABLE invitations (team_id uuid NOT NULL REFERENCES teams, user_id uuid NOT NULL,
                                   PRIMARY KEY (team_id, user_id));
         CREATE POLICY join_team ON members FOR INSERT WITH CHECK (user_id = auth.uid() AND EXISTS (
             SELECT FROM invitations i WHERE i.team_id = members.team_id AND i.user_id = auth.uid()));
         GRANT INSERT ON members TO {app}; GRANT SELECT ON invitations TO {app};",
    );
    lab.assert_silent("policy-self-escalation");
}

#[test]
fn users_move_their_membership() {
    let lab = Lab::new(&schema(MEMBERS));
    lab.run(
        "CREATE POLICY edit ON members FOR UPDATE USING (user_id = auth.uid());
         GRANT UPDATE (role) ON members TO {app};",
    );
    lab.assert_silent("policy-self-escalation");
    lab.run("GRANT UPDATE ON members TO {app};");
    lab.assert_fixable("policy-self-escalation", "public.members");
}

/// The tenant is in the user's profile, and users edit their profile.
const PROFILES: &str = "
    CREATE TABLE profiles (id uuid PRIMARY KEY REFERENCES auth.users, name text,
                           team_id uuid NOT NULL REFERENCES teams);
    CREATE INDEX ON profiles (team_id);
    ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON profiles USING (id = auth.uid());
    CREATE POLICY member ON documents USING (team_id = (
        SELECT p.team_id FROM profiles p WHERE p.id = auth.uid()));";

#[test]
fn the_tenant_in_a_profile() {
    let lab = Lab::new(&schema(PROFILES));
    lab.run("GRANT SELECT, UPDATE (name) ON profiles TO {app};");
    let report = policy_findings(&lab);
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
    lab.run("GRANT UPDATE ON profiles TO {app};");
    let found = lab.assert_fixable("policy-user-editable", "public.profiles");
    assert_eq!(found.column.as_deref(), Some("team_id"));
    assert!(
        found.message.contains("policy member on public.documents"),
        "{}",
        found.message
    );
}

#[test]
fn the_tenant_in_what_users_write_into_their_token() {
    let policy = |part: &str| {
        format!(
            "CREATE POLICY member ON documents USING (team_id = (auth.jwt() -> '{part}' ->> 'team_id')::uuid);"
        )
    };
    let lab = Lab::new(&schema(&policy("app_metadata")));
    lab.assert_silent("policy-user-editable");
    let lab = Lab::new(&schema(&policy("user_metadata")));
    let found = lab.assert_fixable("policy-user-editable", "public.documents");
    assert_eq!(found.part.as_deref(), Some("member"));
}

#[test]
fn memberships_that_have_ended() {
    let stale = "CREATE POLICY member ON documents USING (team_id IN (
                     SELECT m.team_id FROM members m WHERE m.user_id = auth.uid()));";
    let lab = Lab::new(&schema(stale));
    let found = lab.assert_fixable("policy-stale-membership", "public.documents");
    assert!(
        found
            .message
            .contains("public.members without checking revoked_at"),
        "{}",
        found.message
    );
    Lab::new(&schema(MEMBERS)).assert_silent("policy-stale-membership");
}

#[test]
fn ended_memberships_behind_a_function() {
    let by = |body: &str| {
        schema(&format!(
            "CREATE FUNCTION my_teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
                 SET search_path = '' AS $$ {body} $$;
             CREATE POLICY member ON documents USING (team_id IN (SELECT my_teams()));
             CREATE POLICY member ON teams FOR SELECT USING (id IN (SELECT my_teams()));"
        ))
    };
    let looks_up = "SELECT team_id FROM public.members WHERE user_id = auth.uid()";
    let lab = Lab::new(&by(looks_up));
    lab.assert_fires("policy-stale-membership", "public.my_teams()");
    let told = lab.findings("policy-stale-membership");
    let told = told
        .iter()
        .filter(|one| one.check == "policy-stale-membership");
    assert_eq!(told.count(), 1, "one function, one finding");
    Lab::new(&by(&format!("{looks_up} AND revoked_at IS NULL")))
        .assert_silent("policy-stale-membership");
}

#[test]
fn a_function_that_promises_not_to_read_the_session() {
    let lab = Lab::new(&schema(
        "CREATE FUNCTION my_team() RETURNS uuid LANGUAGE sql IMMUTABLE
             AS $$ SELECT current_setting('app.team')::uuid $$;
         CREATE FUNCTION double(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 2 * $1 $$;
         CREATE POLICY member ON documents USING (team_id = my_team());",
    ));
    let found = lab.assert_fixable("policy-immutable-session", "public.my_team()");
    assert!(
        found.fix.mechanical && found.severity == Severity::High,
        "{found:#?}"
    );
    assert!(
        found
            .message
            .contains("policy member on public.documents calls it"),
        "{}",
        found.message
    );
}

/// Opaque to the planner; an index takes it as a condition all the same.
const OPAQUE: &str = "
    CREATE FUNCTION my_team() RETURNS uuid LANGUAGE plpgsql STABLE
        AS $$ BEGIN RETURN nullif(current_setting('app.team', true), '')::uuid; END $$;
    CREATE POLICY member ON documents USING (team_id = my_team());";

#[test]
fn a_function_that_is_called_for_each_row() {
    let lab = Lab::new(&schema(OPAQUE));
    lab.assert_silent("policy-per-row");
    lab.run("DROP INDEX documents_team_id_idx;");
    let found = lab.assert_fixable("policy-per-row", "public.documents");
    assert!(
        found
            .message
            .contains("calls public.my_team() once for each row"),
        "{}",
        found.message
    );
    assert_eq!(found.severity, Severity::Low);
}

#[test]
fn a_function_of_the_row_is_called_for_each() {
    let lab = Lab::new(&schema(
        "CREATE FUNCTION is_mine(uuid) RETURNS boolean LANGUAGE plpgsql STABLE
             AS $$ BEGIN RETURN $1 = nullif(current_setting('app.team', true), '')::uuid; END $$;
         CREATE POLICY member ON documents USING (is_mine(team_id));",
    ));
    let found = lab.assert_fires("policy-per-row", "public.documents");
    assert!(found.fix.sql.is_empty(), "{:?}", found.fix);
}

#[test]
fn tables_with_the_same_policy_share_a_plan() {
    let lab = Lab::new(&schema(&format!(
        "{OPAQUE} DROP INDEX documents_team_id_idx;
         CREATE TABLE folders (id uuid PRIMARY KEY, team_id uuid NOT NULL REFERENCES teams);
         ALTER TABLE folders ENABLE ROW LEVEL SECURITY;
         CREATE POLICY member ON folders USING (team_id = my_team());
         GRANT SELECT ON folders TO {{app}};"
    )));
    let found = lab.assert_fixable("policy-per-row", "public.documents");
    assert_eq!(found.fix.sql.len(), 2, "{:?}", found.fix);
}

#[test]
fn who_may_not_become_the_application_plans_nothing() {
    let lab = Lab::new(&schema(OPAQUE));
    let report = lab.audit_as("{other}", |options| {
        options.selection.only = vec!["policy-per-row".to_owned()];
    });
    assert!(
        report
            .skipped
            .iter()
            .any(|one| one.check == "policy-per-row"),
        "{:#?}",
        report.skipped
    );
}
