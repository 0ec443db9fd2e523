//! A report for tests, with hostile names.

use chrono::{DateTime, NaiveDate};
use serde_json::json;

use crate::audit::report::{
    Attempt, Check, Class, Confidence, ContextKind, DatabaseSummary, Finding, Fix, Location,
    Operation, Phase, Report, RoleSummary, Root, Scope, SessionContext, Severity, Skipped, Summary,
    Suppressed, TableSummary, TenantSummary, Verdict,
};

/// HTML, Markdown, workflow commands, SARIF links, terminals, XML and text direction.
pub(super) const NASTY: &str = "\"; <script>alert('x')</script>\r\n::error::x|`y` \x1b[2J\u{202e}\
    \u{fffe}]]>&amp;[a](http://evil.example)@team #1 %0A,:😀{0}\0";

const fn check(id: &'static str, class: Class, severity: Severity) -> Check {
    Check {
        id,
        class,
        severity,
        confidence: Confidence::High,
        title: "something is open",
        page: "# Something is open\n\nWhy, an example and `the fix`.\n",
    }
}

pub(super) const CHECKS: [Check; 5] = [
    check("rls-disabled", Class::Catalog, Severity::High),
    check("read-across", Class::Probe, Severity::Critical),
    check("no-predicate", Class::Query, Severity::Low),
    check("no-index", Class::Catalog, Severity::Low),
    check("orphan-rows", Class::Data, Severity::Medium),
];

fn fix() -> Fix {
    let sql = format!("ALTER TABLE \"{NASTY}\" ENABLE ROW LEVEL SECURITY");
    Fix::mechanical(Phase::Security, format!("enable it on {NASTY}"), [sql])
}

pub(super) fn finding(object: &str, severity: Severity) -> Finding {
    let message = format!("row-level security is off on {object}");
    Finding::new(&CHECKS[0], object, message, fix()).severity(severity)
}

/// A report with many findings of one check, all of high severity.
pub(super) fn many(number: usize) -> Report {
    let mut report = empty();
    report.findings = (0..number)
        .map(|index| finding(&format!("public.t{index}"), Severity::High))
        .collect();
    report.tally();
    report
}

/// A report without findings, skips and attempts.
pub(super) fn empty() -> Report {
    let mut report = Report {
        database: DatabaseSummary {
            name: NASTY.to_owned(),
            server_version: "15.18".to_owned(),
            role: NASTY.to_owned(),
            probe_role: NASTY.to_owned(),
            audited_at: DateTime::from_timestamp(1_795_442_760, 0).unwrap(),
        },
        tenant: tenant(),
        summary: Summary {
            checks_run: 4,
            seconds: 0.5,
            ..Summary::default()
        },
        findings: Vec::new(),
        skipped: Vec::new(),
        suppressed: Vec::new(),
        notes: Vec::new(),
        matrix: Vec::new(),
    };
    report.tally();
    report
}

fn tenant() -> TenantSummary {
    let table = |name: &str, scope| TableSummary {
        table: format!("public.{name}"),
        scope,
        by: Some("organization_id".to_owned()),
    };
    TenantSummary {
        root: Some(Root {
            table: "public.organizations".to_owned(),
            column: "id".to_owned(),
        }),
        key: Some("organization_id".to_owned()),
        key_type: Some("uuid".to_owned()),
        specified: false,
        tables: vec![
            table("organizations", Scope::Root),
            table("notes", Scope::Keyed),
            table(NASTY, Scope::Keyed),
        ],
        roles: vec![RoleSummary {
            role: NASTY.to_owned(),
            why: format!("has rights on {NASTY}"),
        }],
        roles_left_out: vec![RoleSummary {
            role: NASTY.to_owned(),
            why: format!("owns {NASTY}"),
        }],
        context: Some(SessionContext {
            style: "setting".to_owned(),
            description: format!("the setting {NASTY}"),
        }),
        tenants: vec!["11111111".to_owned(), NASTY.to_owned()],
    }
}

/// A report with every kind of entry, and hostile text wherever text can occur.
pub(super) fn report() -> Report {
    let mut report = empty();
    let object = format!("public.{NASTY}");
    let mut leak = Finding::new(&CHECKS[1], &object, format!("{NASTY} lets pass"), fix())
        .column(NASTY)
        .part(NASTY)
        .confidence(Confidence::Proven)
        .fact(format!("USING ({NASTY})"));
    leak.evidence.statements = vec!["BEGIN".to_owned(), format!("SELECT '{NASTY}'\nFROM x")];
    leak.evidence.rows = vec![json!({ NASTY: NASTY })];
    leak.evidence.count = Some(1204);
    let query = Finding::new(&CHECKS[2], "src/a b.sql:7", NASTY, fix()).location(Location {
        file: "src/a b.sql".to_owned(),
        line: 7,
    });
    report.findings = vec![leak, finding("public.notes", Severity::High), query];
    report.suppressed = vec![Suppressed {
        finding: finding("public.archive", Severity::Medium),
        reason: NASTY.to_owned(),
        owner: "kim".to_owned(),
        expires: NaiveDate::from_ymd_opt(2027, 1, 31).unwrap(),
    }];
    let skip = |check: &str, object: Option<&str>| Skipped {
        check: check.to_owned(),
        object: object.map(str::to_owned),
        reason: format!("no right: {NASTY}"),
    };
    report.skipped = vec![
        skip("data", None),
        skip("rls-disabled", Some("public.locked")),
        skip("rls-disabled", Some(NASTY)),
    ];
    report.notes = vec![format!("baseline: {NASTY} expired")];
    report.matrix = matrix(&object);
    report.tally();
    report
}

fn matrix(object: &str) -> Vec<Attempt> {
    let attempt = |object: &str, operation, context, verdict| Attempt {
        object: object.to_owned(),
        role: NASTY.to_owned(),
        operation,
        context,
        verdict,
    };
    let text = || NASTY.to_owned();
    vec![
        attempt(object, Operation::Own, ContextKind::A, Verdict::Allowed),
        attempt(
            object,
            Operation::Select,
            ContextKind::A,
            Verdict::Leak(text()),
        ),
        attempt(
            object,
            Operation::Select,
            ContextKind::B,
            Verdict::Blocked(text()),
        ),
        attempt(
            "public.notes",
            Operation::Select,
            ContextKind::None,
            Verdict::Blocked(text()),
        ),
        attempt(
            "public.notes",
            Operation::Select,
            ContextKind::A,
            Verdict::Skipped(text()),
        ),
        attempt(
            "public.notes",
            Operation::Own,
            ContextKind::A,
            Verdict::NotApplicable(text()),
        ),
    ]
}
