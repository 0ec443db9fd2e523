//! Correct schemas as teams have them, after tutorials, starter kits and frameworks: what is
//! reported is right, the tenants are made out without being told, and the attacks are made in
//! their names.

use std::collections::BTreeSet;

use tenantctl::audit::{
    checks::probe::ProbeMode,
    report::{ContextKind, Operation, Report, Severity, Verdict},
};

use super::lab::Lab;

/// What has to be made out, and what is right to report.
struct Expected {
    root: &'static str,
    key: &'static str,
    /// How a session names its tenant, and where.
    context: (&'static str, &'static str),
    /// Check and object.
    findings: &'static [(&'static str, &'static str)],
}

impl Expected {
    const fn clean(
        root: &'static str,
        key: &'static str,
        context: (&'static str, &'static str),
    ) -> Self {
        Self {
            root,
            key,
            context,
            findings: &[],
        }
    }
}

#[track_caller]
fn assert_correct(schema: &str, expected: &Expected) -> Report {
    let lab = Lab::new(schema);
    let report = lab.audit_with(|options| options.probe.mode = ProbeMode::Full);
    let root = report.tenant.root.as_ref().map(|root| root.table.as_str());
    assert_eq!(root, Some(expected.root));
    assert_eq!(report.tenant.key.as_deref(), Some(expected.key));
    let context = report.tenant.context.as_ref().expect("a context");
    assert_eq!(
        (context.style.as_str(), context.description.as_str()),
        expected.context
    );
    let found: BTreeSet<(&str, &str)> = report
        .findings
        .iter()
        .map(|one| (one.check.as_str(), one.object.as_str()))
        .collect();
    let right: BTreeSet<(&str, &str)> = expected.findings.iter().copied().collect();
    assert_eq!(found, right, "{:#?}", report.findings);
    assert_attacked(&report);
    report
}

/// No attack got through, and none was in the name of nobody: where the first tenant's attack on
/// a table was blocked, it reads rows of its own there, or may not read there at all.
#[track_caller]
fn assert_attacked(report: &Report) {
    let leaks: Vec<_> = report
        .matrix
        .iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Leak(_)))
        .collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
    for tenant in [ContextKind::A, ContextKind::B] {
        let reached = report.matrix.iter().filter(|cell| {
            cell.operation == Operation::Own
                && cell.context == tenant
                && cell.verdict == Verdict::Allowed
        });
        assert!(reached.count() > 1, "{tenant:?} reaches no rows of its own");
    }
    assert!(report.summary.blocked > 0, "nothing was attacked");
}

fn roles(report: &Report) -> Vec<&str> {
    let roles = report.tenant.roles.iter();
    roles.map(|one| one.role.as_str()).collect()
}

/// The checks and objects of `policy-per-row`: a function of the row's tenant is called for each
/// row, which is slow and right.
const PER_ROW: &str = "policy-per-row";

/// The platform grants everything to the roles of its API; each right is told once, and not for
/// each table.
#[test]
fn supabase() {
    let report = assert_correct(
        include_str!("correct/supabase.sql"),
        &Expected {
            root: "public.organizations",
            key: "organization_id",
            context: (
                "membership",
                "request.jwt.claims → sub, through public.memberships",
            ),
            findings: &[
                ("default-privileges-open", "public"),
                ("grant-truncate", "public"),
                ("grant-trigger", "public"),
                (PER_ROW, "public.invitations"),
                (PER_ROW, "public.memberships"),
            ],
        },
    );
    assert_eq!(roles(&report), ["anon", "authenticated"]);
    let worst = report.findings.iter().map(|one| one.severity).min();
    assert_eq!(worst, Some(Severity::Medium));
    assert_eq!(report.findings.len(), 8, "{:#?}", report.findings);
}

#[test]
fn basejump() {
    let report = assert_correct(
        include_str!("correct/basejump.sql"),
        &Expected {
            root: "basejump.accounts",
            key: "account_id",
            context: (
                "membership",
                "request.jwt.claims → sub, through basejump.account_user",
            ),
            findings: &[
                (PER_ROW, "basejump.account_user"),
                (PER_ROW, "basejump.accounts"),
                (PER_ROW, "basejump.billing_customers"),
            ],
        },
    );
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
}

#[test]
fn makerkit() {
    let report = assert_correct(
        include_str!("correct/makerkit.sql"),
        &Expected {
            root: "public.accounts",
            key: "account_id",
            context: (
                "membership",
                "request.jwt.claims → sub, through public.accounts_memberships",
            ),
            findings: &[
                (PER_ROW, "public.accounts"),
                (PER_ROW, "public.accounts_memberships"),
                (PER_ROW, "public.invitations"),
                (PER_ROW, "public.notifications"),
                (PER_ROW, "public.subscription_items"),
            ],
        },
    );
    assert!(report.skipped.is_empty(), "{:#?}", report.skipped);
}

/// Policies for it alone let the backup read everything: that is a decision, and is told as one.
#[test]
fn reports_backups_and_workers_beside_the_application() {
    let report = assert_correct(
        include_str!("correct/reporting.sql"),
        &Expected::clean("public.tenants", "tenant_id", ("setting", "app.tenant")),
    );
    assert_eq!(report.tenant.roles.len(), 2, "{:#?}", report.tenant.roles);
    // Its trigger writes a numbered log: the number would outlive the rollback.
    let (told, lasting): (Vec<_>, Vec<_>) = report
        .skipped
        .iter()
        .partition(|one| one.check == "policy-always-true");
    assert!(
        lasting
            .iter()
            .all(|one| one.reason.contains("a sequence of public.events")),
        "{lasting:#?}"
    );
    assert_eq!(told.len(), 1, "{:#?}", report.skipped);
    let role = told[0].object.as_deref().unwrap_or_default();
    assert!(role.ends_with("_backup"), "{role}");
}

macro_rules! clean {
    ($($(#[$about:meta])* $name:ident: $root:literal, $key:literal, $style:literal, $where:literal;)*) => {$(
        $(#[$about])*
        #[test]
        fn $name() {
            assert_correct(
                include_str!(concat!("correct/", stringify!($name), ".sql")),
                &Expected::clean($root, $key, ($style, $where)),
            );
        }
    )*};
}

clean! {
    aws: "public.tenant", "tenant_id", "setting", "app.current_tenant";
    citus: "public.companies", "company_id", "setting", "app.company_id";
    claims: "public.organizations", "organization_id", "jwt_claim",
        "request.jwt.claims → app_metadata.organization_id";
    company: "public.company", "company", "setting", "session.company";
    crunchy: "public.organization", "org_id", "setting", "app.org_id";
    django: "public.tenants_tenant", "tenant_id", "setting", "app.tenant_id";
    hasura: "public.orgs", "org_id", "jwt_claim", "hasura.user → x-hasura-org-id";
    hierarchy: "public.tenants", "tenant_id", "setting", "app.tenant";
    many: "public.clinics", "clinic_id", "setting", "app.clinic_id";
    memberships: "public.teams", "team_id", "membership",
        "app.user_id, through public.team_members";
    nile: "public.tenants", "tenant_id", "membership",
        "nile.tenant_id, nile.user_id, through public.tenant_users";
    partitions: "public.accounts", "account_id", "setting", "app.account";
    postgrest: "api.firms", "firm_id", "jwt_claim", "request.jwt.claims → firm_id";
    prisma: "public.Company", "companyId", "setting", "app.current_company_id";
    rails: "public.accounts", "account_id", "setting", "rls.account_id";
    role_each: "public.tenant", "tenant_id", "current_user", "current_user";
    /// The pages of two tenants have the same paths: a link stays in its tenant all the same.
    slugs: "public.workspaces", "workspace", "setting", "wiki.workspace";
}

/// A role that writes, or the only one there is, is the application's whatever its policies say.
#[test]
fn an_open_policy_is_no_decision_where_the_role_is_the_applications() {
    let schema = |grants: &str| {
        let lab = Lab::new(&format!(
            "CREATE TABLE tenants (id uuid PRIMARY KEY);
             CREATE TABLE notes (tenant_id uuid NOT NULL REFERENCES tenants, id uuid, PRIMARY KEY (tenant_id, id));
             INSERT INTO tenants VALUES ('aaaaaaaa-0000-0000-0000-00000000000a'), ('bbbbbbbb-0000-0000-0000-00000000000b');
             INSERT INTO notes SELECT id, id FROM tenants;
             ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
             ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON tenants TO {{app}} USING (id = current_setting('app.t')::uuid);
             CREATE POLICY own ON notes TO {{app}} USING (tenant_id = current_setting('app.t')::uuid);
             CREATE POLICY every ON tenants TO {{other}} USING (true);
             CREATE POLICY every ON notes TO {{other}} USING (true);
             {grants}"
        ));
        let found = lab.findings("policy-always-true");
        found.len()
    };
    let application = "GRANT SELECT ON tenants TO {app}; GRANT SELECT, INSERT ON notes TO {app};";
    let reads = format!("{application} GRANT SELECT ON tenants, notes TO {{other}};");
    assert_eq!(schema(&reads), 0);
    assert_eq!(
        schema(&format!("{reads} GRANT DELETE ON notes TO {{other}};")),
        2
    );
    assert_eq!(schema("GRANT SELECT ON tenants, notes TO {other};"), 2);
}
