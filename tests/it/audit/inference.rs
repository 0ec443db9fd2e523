//! What is found out unaided: tenant key and root, who the application is, how a session names its
//! tenant; and that telling it wins.

use tenantctl::{
    audit::{
        Options,
        report::{Report, Scope},
    },
    error::ErrorKind,
};

use super::lab::Lab;

/// The catalog alone: what is inferred does not depend on rows.
fn inferred(lab: &Lab, change: impl FnOnce(&mut Options)) -> Report {
    lab.audit_with(|options| {
        options.selection.only = vec!["rls-disabled".to_owned()];
        options.probe.mode = tenantctl::audit::checks::probe::ProbeMode::Off;
        change(options);
    })
}

#[track_caller]
fn assert_key(report: &Report, root: Option<&str>, key: &str, key_type: &str) {
    let table = report.tenant.root.as_ref().map(|root| root.table.as_str());
    assert_eq!(table, root);
    assert_eq!(report.tenant.key.as_deref(), Some(key));
    assert_eq!(report.tenant.key_type.as_deref(), Some(key_type));
}

fn scopes(report: &Report) -> Vec<(&str, Scope)> {
    let tables = report.tenant.tables.iter();
    tables.map(|one| (one.table.as_str(), one.scope)).collect()
}

#[test]
fn the_key_that_most_tables_share_and_that_refers_to_one_table() {
    let lab = Lab::new(
        "CREATE TABLE accounts (id bigint PRIMARY KEY);
         CREATE TABLE projects (id bigint PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts);
         CREATE TABLE tasks (id bigint PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts,
                             project_id bigint NOT NULL REFERENCES projects);
         CREATE TABLE comments (id bigint PRIMARY KEY, task_id bigint NOT NULL REFERENCES tasks);
         CREATE TABLE colours (id bigint PRIMARY KEY);
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {app};",
    );
    let report = inferred(&lab, |_| {});
    assert_key(&report, Some("public.accounts"), "account_id", "bigint");
    assert_eq!(
        scopes(&report),
        [
            ("public.accounts", Scope::Root),
            ("public.colours", Scope::Reference),
            ("public.comments", Scope::Child),
            ("public.projects", Scope::Keyed),
            ("public.tasks", Scope::Keyed),
        ]
    );
    let by = report
        .tenant
        .tables
        .iter()
        .find(|one| one.table == "public.comments");
    assert_eq!(
        by.and_then(|one| one.by.as_deref()),
        Some("task_id → tasks.account_id")
    );
}

/// A team inside an organization is no tenant.
#[test]
fn what_is_inside_a_tenant_is_none() {
    let lab = Lab::new(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);
         CREATE TABLE teams (id uuid PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
         CREATE TABLE posts (id uuid PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations,
                             team_id uuid NOT NULL REFERENCES teams);
         CREATE TABLE likes (id uuid PRIMARY KEY, team_id uuid NOT NULL REFERENCES teams);",
    );
    assert_key(
        &inferred(&lab, |_| {}),
        Some("public.organizations"),
        "organization_id",
        "uuid",
    );
}

#[test]
fn a_key_without_foreign_keys_is_found_by_its_name() {
    let lab = Lab::new(
        "CREATE TABLE tenants (id text PRIMARY KEY);
         CREATE TABLE a (id int PRIMARY KEY, tenant_id text NOT NULL);
         CREATE TABLE b (id int PRIMARY KEY, tenant_id text NOT NULL);",
    );
    assert_key(
        &inferred(&lab, |_| {}),
        Some("public.tenants"),
        "tenant_id",
        "text",
    );
}

#[test]
fn a_key_without_a_table_of_tenants() {
    let lab = Lab::new(
        "CREATE TABLE a (id int PRIMARY KEY, workspace_id uuid NOT NULL);
         CREATE TABLE b (id int PRIMARY KEY, workspace_id uuid NOT NULL);",
    );
    assert_key(&inferred(&lab, |_| {}), None, "workspace_id", "uuid");
}

/// Nothing speaks for an unusual name but the policies: that is enough.
#[test]
fn an_unusual_name_is_found_by_the_policies() {
    let lab = Lab::new(
        "CREATE TABLE boats (nr int PRIMARY KEY);
         CREATE TABLE cargo (id int PRIMARY KEY, boat int NOT NULL REFERENCES boats);
         CREATE TABLE crew (id int PRIMARY KEY, boat int NOT NULL REFERENCES boats);
         ALTER TABLE cargo ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON cargo USING (boat = current_setting('app.boat')::int);",
    );
    assert_key(
        &inferred(&lab, |_| {}),
        Some("public.boats"),
        "boat",
        "integer",
    );
}

/// Where every row belongs to a person, the person is the tenant.
#[test]
fn the_user_where_there_is_nothing_else() {
    let lab = Lab::new(
        "CREATE TABLE users (id uuid PRIMARY KEY);
         CREATE TABLE diaries (id uuid PRIMARY KEY, user_id uuid NOT NULL REFERENCES users);
         ALTER TABLE diaries ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON diaries USING (user_id = current_setting('app.user')::uuid);",
    );
    assert_key(
        &inferred(&lab, |_| {}),
        Some("public.users"),
        "user_id",
        "uuid",
    );
}

#[test]
fn another_name_for_the_key_is_found_by_its_foreign_key() {
    let lab = Lab::new(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);
         CREATE TABLE a (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
         CREATE TABLE b (id int PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
         CREATE TABLE c (id int PRIMARY KEY, owned_by uuid NOT NULL REFERENCES organizations);",
    );
    let report = inferred(&lab, |_| {});
    let c = report
        .tenant
        .tables
        .iter()
        .find(|one| one.table == "public.c")
        .expect("c");
    assert_eq!((c.scope, c.by.as_deref()), (Scope::Keyed, Some("owned_by")));
}

#[test]
fn users_belong_to_no_one_tenant() {
    let lab = Lab::new(
        "CREATE TABLE organizations (id uuid PRIMARY KEY);
         CREATE TABLE people (id uuid PRIMARY KEY, last_seen_in uuid REFERENCES organizations);
         CREATE TABLE organization_members (organization_id uuid NOT NULL REFERENCES organizations,
                                            person_id uuid NOT NULL REFERENCES people,
                                            PRIMARY KEY (organization_id, person_id));
         CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations);
         CREATE TABLE person_settings (person_id uuid PRIMARY KEY REFERENCES people);",
    );
    let report = inferred(&lab, |_| {});
    for table in ["public.people", "public.person_settings"] {
        let found = report
            .tenant
            .tables
            .iter()
            .find(|one| one.table == table)
            .expect(table);
        assert_eq!(found.scope, Scope::Global, "{table}");
    }
}

#[test]
fn the_application_is_whoever_has_rights_and_owns_nothing() {
    let schema = "CREATE TABLE tenants (id int PRIMARY KEY);
         CREATE TABLE a (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);";
    let granted = Lab::new(&format!("{schema} GRANT SELECT ON a TO {{app}};"));
    let roles = inferred(&granted, |_| {}).tenant.roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].role, granted.named("{app}"));

    // Nobody else has any right: then the application connects as the owner.
    let owned = Lab::new(schema);
    let roles = inferred(&owned, |_| {}).tenant.roles;
    assert_eq!(roles.len(), 1);
    assert_eq!(roles[0].role, owned.named("{owner}"));
    assert!(roles[0].why.contains("owns"), "{}", roles[0].why);
}

/// Who was not taken for the application, and why; from the report as it is printed.
fn left_out(report: &Report) -> Vec<(String, String)> {
    let json = serde_json::to_value(report).expect("a report");
    let roles = json["tenant"]["roles_left_out"].as_array();
    let roles = roles.expect("roles that were left out").iter();
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    roles
        .map(|one| (text(&one["role"]), text(&one["why"])))
        .collect()
}

#[track_caller]
fn assert_left_out(report: &Report, role: &str, why: &str) {
    let found = left_out(report);
    let mut roles = found.iter();
    assert!(
        roles.any(|(name, reason)| name == role && reason.contains(why)),
        "{found:?}"
    );
}

fn role_names(report: &Report) -> Vec<&str> {
    let roles = report.tenant.roles.iter();
    roles.map(|one| one.role.as_str()).collect()
}

const TWO: &str = "CREATE TABLE tenants (id int PRIMARY KEY);
    CREATE TABLE a (id int PRIMARY KEY, tenant_id int NOT NULL REFERENCES tenants);
    INSERT INTO tenants VALUES (1), (2); INSERT INTO a VALUES (1, 1), (2, 2);";

#[test]
fn who_is_taken_for_an_administrator_is_named() {
    let lab = Lab::new(&format!(
        "{TWO} GRANT SELECT, INSERT ON a TO {{app}}, {{other}}; RESET ROLE;
         ALTER ROLE {{other}} BYPASSRLS; ALTER ROLE {{owner}} LOGIN;"
    ));
    let (other, owner) = (lab.named("{other}"), lab.named("{owner}"));
    let report = inferred(&lab, |_| {});
    assert_eq!(role_names(&report), [lab.named("{app}")]);
    assert_left_out(&report, &other, "BYPASSRLS");
    assert_left_out(&report, &owner, "owner");
    let page = lab.cli().run(&["audit", "--only", "rls-disabled"]).stdout;
    let told = format!("if the application connects as it: --app-role {other}");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&told), "{page}");

    // Who says so is believed.
    let report = inferred(&lab, |options| {
        options.overrides.roles = vec![other.clone()];
    });
    assert_eq!(role_names(&report), [other.as_str()]);
    assert!(left_out(&report).is_empty());

    // Who cannot log in, or has no rights here, does nothing.
    lab.run("ALTER ROLE {other} NOLOGIN");
    let found = left_out(&inferred(&lab, |_| {}));
    assert!(found.iter().all(|(name, _)| *name != other), "{found:?}");
    lab.run("ALTER ROLE {other} LOGIN; REVOKE ALL ON a FROM {other}");
    let found = left_out(&inferred(&lab, |_| {}));
    assert!(found.iter().all(|(name, _)| *name != other), "{found:?}");
    // By a group it has them again.
    lab.run("GRANT {app} TO {other}");
    assert_left_out(&inferred(&lab, |_| {}), &other, "BYPASSRLS");
}

/// Whoever audits with rights to read of its own is no user of the application, where somebody
/// else writes.
#[test]
fn the_auditors_own_role_is_left_out() {
    let lab = Lab::new(&format!(
        "{TWO} GRANT SELECT ON ALL TABLES IN SCHEMA public TO {{other}};
         GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {{app}};"
    ));
    let other = lab.named("{other}");
    let audit = || {
        lab.audit_as("{other}", |options| {
            options.selection.only = vec!["rls-disabled".to_owned(), "probe".to_owned()];
        })
    };
    let report = audit();
    assert_eq!(role_names(&report), [lab.named("{app}")]);
    assert_left_out(&report, &other, "auditor");
    // It may become nobody else: that is told, and no pass.
    assert!(report.skipped.iter().any(|one| one.check == "probe"));
    let report = lab.audit_as("{other}", |options| {
        options.overrides.roles = vec![other.clone()];
    });
    assert_eq!(role_names(&report), [other.as_str()]);
    assert!(
        report
            .findings
            .iter()
            .any(|one| one.check == "probe-read" || one.check == "rls-disabled")
    );

    // For who audits as a superuser it is a role as any other, and so is one that writes.
    assert_eq!(role_names(&inferred(&lab, |_| {})).len(), 2);
    lab.run("GRANT DELETE ON a TO {other}");
    assert_eq!(role_names(&audit()).len(), 2);
    lab.run(
        "REVOKE DELETE ON a FROM {other}; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {app}",
    );
    assert_eq!(role_names(&audit()), [other.as_str()]);
}

/// Where PUBLIC alone has rights, somebody attacks who has nothing else.
#[test]
fn everybody_is_attacked_as_somebody_who_has_nothing_else() {
    let lab = Lab::new(&format!(
        "{TWO} GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
         RESET ROLE; CREATE SCHEMA inner_one; CREATE TABLE inner_one.t (id int);
         GRANT SELECT ON inner_one.t TO {{other}}; ALTER ROLE {{owner}} LOGIN;"
    ));
    let report = lab.audit();
    let role = report.tenant.roles[0].role.clone();
    assert_eq!(role_names(&report), [lab.named("{app}")]);
    assert_left_out(&report, &lab.named("{owner}"), "owner");
    let mut findings = report.findings.iter();
    let leak = findings.find(|one| one.object == "public.a" && !one.evidence.rows.is_empty());
    let leak = leak.unwrap_or_else(|| panic!("{:#?}", report.findings));
    let statements = &leak.evidence.statements;
    assert!(
        statements.iter().any(|one| one.contains(&role)),
        "{statements:?}"
    );
    let finding = lab.assert_fires("grant-public", "public.a");
    let stand_in_gets_it = finding.fix.sql.iter().any(|one| one.contains("GRANT"));
    assert!(!stand_in_gets_it && !finding.fix.mechanical, "{finding:#?}");

    // Bound by a policy nobody gets through, the owner's being there or not.
    lab.run(
        "ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON a USING (tenant_id = nullif(current_setting('app.tenant', true), '')::int);
         CREATE POLICY own ON tenants USING (id = nullif(current_setting('app.tenant', true), '')::int);",
    );
    let report = lab.audit();
    let checks: Vec<&str> = report
        .findings
        .iter()
        .map(|one| one.check.as_str())
        .collect();
    assert!(
        !checks
            .iter()
            .any(|one| one.starts_with("probe") || one.starts_with("rls")),
        "{checks:?}"
    );
    assert!(report.matrix.iter().all(|cell| cell.role == role));

    // A table that everybody does not reach is somebody's: the owner's.
    lab.run("REVOKE ALL ON tenants FROM PUBLIC");
    assert_eq!(role_names(&lab.audit()), [role, lab.named("{owner}")]);
    // What everybody has is revoked: nobody is left but the owner.
    lab.run("REVOKE ALL ON a FROM PUBLIC");
    lab.assert_silent("grant-public");
    assert_eq!(role_names(&inferred(&lab, |_| {})), [lab.named("{owner}")]);
}

/// Nobody of one's own is there: a predefined role without rights in the database attacks.
#[test]
fn everybody_is_a_predefined_role_where_there_is_no_other() {
    let lab = Lab::new(&format!(
        "{TWO} GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC; RESET ROLE;
         CREATE TABLE more (id int); GRANT SELECT ON more TO {{app}}, {{other}};"
    ));
    let report = lab.audit();
    let [role] = report.tenant.roles.as_slice() else {
        panic!("{:?}", report.tenant.roles)
    };
    let own = [
        lab.named("{app}"),
        lab.named("{other}"),
        lab.named("{owner}"),
    ];
    assert!(!own.contains(&role.role), "{role:?}");
    assert!(
        report
            .findings
            .iter()
            .any(|one| one.object == "public.a" && !one.evidence.rows.is_empty())
    );
}

#[test]
fn what_is_told_wins() {
    let lab = Lab::new(
        "CREATE TABLE accounts (id int PRIMARY KEY);
         CREATE TABLE regions (id int PRIMARY KEY);
         CREATE TABLE a (id int PRIMARY KEY, account_id int NOT NULL REFERENCES accounts,
                         region_id int NOT NULL REFERENCES regions);
         CREATE TABLE b (id int PRIMARY KEY, account_id int NOT NULL REFERENCES accounts);
         GRANT SELECT ON a TO {app}, {other};",
    );
    let report = inferred(&lab, |options| {
        options.overrides.tenant_table = Some("regions".to_owned());
        options.overrides.roles = vec![lab.named("{other}")];
        options.overrides.reference_tables = vec!["public.b".to_owned()];
        options.overrides.session = Some("SET LOCAL x.y = {tenant}".to_owned());
    });
    assert_key(&report, Some("public.regions"), "region_id", "integer");
    assert!(report.tenant.specified);
    assert_eq!(report.tenant.roles[0].role, lab.named("{other}"));
    assert_eq!(report.tenant.context.expect("a context").style, "template");
    let b = report
        .tenant
        .tables
        .iter()
        .find(|one| one.table == "public.b")
        .expect("b");
    assert_eq!(b.scope, Scope::Reference);
}

#[test]
fn a_name_that_two_schemas_have_needs_its_schema() {
    let lab = Lab::new(
        "RESET ROLE; CREATE SCHEMA other;
         CREATE TABLE tenants (id int PRIMARY KEY); CREATE TABLE other.tenants (id int PRIMARY KEY);
         CREATE TABLE a (tenant_id int REFERENCES tenants);",
    );
    let error = lab
        .try_audit(None, |options| {
            options.overrides.tenant_table = Some("tenants".to_owned())
        })
        .expect_err("two tables have that name");
    assert_eq!(error.kind(), ErrorKind::Usage);
    lab.audit_with(|options| options.overrides.tenant_table = Some("other.tenants".to_owned()));
}

/// One schema for each part of the application, all in one audit; flags narrow it down.
#[test]
fn a_hundred_schemas() {
    let mut schema = "RESET ROLE; CREATE TABLE tenants (id uuid PRIMARY KEY);".to_owned();
    for number in 0..100 {
        schema.push_str(&format!(
            "CREATE SCHEMA s{number};
             CREATE TABLE s{number}.a (tenant_id uuid NOT NULL REFERENCES public.tenants, id int,
                                       PRIMARY KEY (tenant_id, id));
             GRANT USAGE ON SCHEMA s{number} TO {{app}}; GRANT SELECT ON s{number}.a TO {{app}};"
        ));
    }
    let lab = Lab::new(&schema);
    let report = inferred(&lab, |_| {});
    let fired = report
        .findings
        .iter()
        .filter(|one| one.object.starts_with('s'))
        .count();
    assert_eq!(fired, 100, "{:#?}", report.findings.first());

    let report = inferred(&lab, |options| {
        options.overrides.schemas = vec!["s7".to_owned()]
    });
    assert_eq!(scopes(&report), [("s7.a", Scope::Keyed)]);
    let report = inferred(&lab, |options| {
        options.overrides.excluded_schemas = vec!["s7".to_owned()];
    });
    assert_eq!(report.tenant.tables.len(), 100);
}

/// Every name is hostile; every statement of the audit and every remedy still runs.
#[test]
fn names_that_need_quoting() {
    let lab = Lab::new(
        r#"RESET ROLE;
         CREATE SCHEMA "My Schema";
         GRANT USAGE, CREATE ON SCHEMA "My Schema" TO {owner};
         GRANT USAGE ON SCHEMA "My Schema" TO {app};
         SET ROLE {owner};
         CREATE TABLE "My Schema"."Org's" ("Id" uuid PRIMARY KEY);
         CREATE TABLE "My Schema"."a""; DROP TABLE x; --" ("Tenant Id" uuid NOT NULL REFERENCES "My Schema"."Org's",
             "select" int NOT NULL, "b""c" text, PRIMARY KEY ("select"));
         INSERT INTO "My Schema"."Org's" SELECT gen_random_uuid() FROM generate_series(1, 2);
         INSERT INTO "My Schema"."a""; DROP TABLE x; --"
             SELECT "Id", row_number() OVER (), 'it''s \ odd' FROM "My Schema"."Org's";
         CREATE POLICY "p ""q""" ON "My Schema"."a""; DROP TABLE x; --"
             USING ("Tenant Id" = current_setting('app.tenant')::uuid);
         GRANT SELECT, INSERT, UPDATE, DELETE ON "My Schema"."a""; DROP TABLE x; --" TO {app};"#,
    );
    let report = lab.audit_with(|options| {
        options.probe.mode = tenantctl::audit::checks::probe::ProbeMode::Full;
        options.overrides.tenant_key = Some("Tenant Id".to_owned());
    });
    let object = "My Schema.a\"; DROP TABLE x; --";
    let dormant = report
        .findings
        .iter()
        .find(|one| one.check == "policy-dormant");
    assert_eq!(
        dormant.map(|one| one.object.as_str()),
        Some(object),
        "{:#?}",
        report.findings
    );
    let fixes: Vec<String> = report
        .findings
        .iter()
        .filter(|one| one.fix.mechanical)
        .flat_map(|one| one.fix.sql.clone())
        .collect();
    lab.run(&fixes.join(";\n"));
    let proof = dormant
        .map(|one| one.evidence.statements.clone())
        .unwrap_or_default();
    let proof: Vec<&str> = proof.iter().map(String::as_str).collect();
    assert!(!proof.is_empty());
    assert!(lab.rows_of(&proof).is_empty(), "mended: {proof:?}");
}
