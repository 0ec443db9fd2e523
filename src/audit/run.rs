//! One audit, from the connection to the report.

use std::time::Instant;

use super::{
    checks::{
        data::{self, DataOptions},
        policy,
        probe::{self, ProbeMode, ProbeOptions, Probed},
    },
    confirm,
    connections::{Connections, Limits, Sessions, Watch},
    findings::Findings,
    model::{Model, Overrides},
    registry,
    selection::Selection,
    session::Stop,
};
use crate::{
    audit::report::{
        DatabaseSummary, Report, RoleSummary, Root, Summary, TableSummary, TenantSummary,
    },
    error::{Error, Result},
    hint::Hint,
    run,
};

/// Options of an audit.
#[derive(Clone, Debug)]
pub struct Options {
    pub overrides: Overrides,
    pub selection: Selection,
    pub limits: Limits,
    /// Largest number of connections in use at the same time.
    pub jobs: usize,
    pub data: DataOptions,
    pub probe: ProbeOptions,
}

/// Audits one database without changing it: all writes are rolled back.
///
/// # Errors
/// `Unavailable` if the database cannot be reached, `Refused` for a server that is too old,
/// `NotFound` if no tenant key was found or a specified object does not exist.
pub async fn run(
    sessions: impl Into<Sessions>,
    options: &Options,
    watch: &dyn Watch,
) -> Result<Report> {
    let begun = Instant::now();
    registry::validate(&options.selection)?;
    watch.phase("reading the catalog", None);
    let mut connections = Connections::open(sessions, options.limits, options.jobs).await?;
    let mut catalog = connections.catalog().await?;
    catalog.probe_role = connections.probe_role().await?;
    let mut model = Model::infer(catalog, options.overrides.clone())?;
    model.guards = connections.guards(&model, model.catalog.probe_role).await?;
    let model = model;
    let mut findings = Findings::default();
    let mut checks_run = 0;
    let mut probed = Probed::default();
    if require_tenants(&model, &mut findings)? {
        checks_run += read_catalog(&model, &options.selection, &connections, &mut findings);
        policy::planned::run(&model, &options.selection, &connections, &mut findings).await?;
        data::run(
            &model,
            &options.selection,
            &connections,
            &options.data,
            watch,
            &mut findings,
        )
        .await?;
        if options.probe.mode != ProbeMode::Off {
            probed = probe::run(
                &model,
                &options.selection,
                &mut connections,
                &options.probe,
                watch,
                &mut findings,
            )
            .await?;
        }
        checks_run += count_active(options);
        if checks_run == 0 {
            return Err(Error::usage("no check is selected").hint(
                Hint::from("the checks of class query are those of `")
                    .then(run!["audit", "queries"])
                    .then("`; attacks need --probe"),
            ));
        }
    }
    probed.notices.extend(running(&connections).await);
    let mut report = Report {
        database: database(&model),
        tenant: tenant(&model, &probed),
        summary: Summary {
            checks_run,
            seconds: begun.elapsed().as_secs_f64(),
            ..Summary::default()
        },
        findings: confirm::merge(findings.found, &probed),
        skipped: findings.skipped,
        suppressed: Vec::new(),
        notes: probed.notices,
        matrix: probed
            .attempts
            .into_iter()
            .map(|(_, _, attempt)| attempt)
            .collect(),
    };
    report.tally();
    Ok(report)
}

/// Returns a note about statements that the audit could not end.
pub(super) async fn running(connections: &Connections) -> Option<String> {
    let pids = connections.still_running().await;
    let list: Vec<String> = pids.iter().map(i32::to_string).collect();
    let (noun, verb) = match pids.len() {
        0 => return None,
        1 => ("process", "runs"),
        _ => ("processes", "run"),
    };
    Some(format!(
        "server {noun} {} still {verb} a statement of the audit that could not be ended: end it \
         as a superuser with SELECT pg_terminate_backend(pid)",
        list.join(", ")
    ))
}

/// `true` if there is anything to audit. A database without tables is reported as skipped. Tables
/// without a tenant key are an error, so that a pipeline does not count them as a pass.
fn require_tenants(model: &Model, findings: &mut Findings) -> Result<bool> {
    if model.tenancy.key_name.is_none() && model.relations().next().is_none() {
        findings.skip("catalog", None, "there are no tables to check");
        return Ok(false);
    }
    model.require_tenants()?;
    Ok(true)
}

fn read_catalog(
    model: &Model,
    selection: &Selection,
    connections: &Connections,
    findings: &mut Findings,
) -> u64 {
    for relation in model.relations() {
        for policy in model.catalog.policies_of(relation.oid) {
            let read = model.meaning.policy(policy.oid);
            if let Some(reason) = read.and_then(|read| read.unread.as_ref()) {
                let object = format!("{} ({})", relation.display(), policy.name);
                findings.skip(
                    "policy",
                    Some(object),
                    format!("could not be read: {reason}"),
                );
            }
        }
    }
    let mut run = 0;
    for rule in registry::rules().filter(|rule| selection.wants(&rule.check)) {
        if connections.is_over() {
            findings.skip(rule.check.id, None, Stop::Deadline.to_string());
        } else {
            (rule.run)(model, &rule.check, findings);
        }
        run += 1;
    }
    run
}

fn count_active(options: &Options) -> u64 {
    let probes: &[_] = match options.probe.mode {
        ProbeMode::Off => &[],
        ProbeMode::Read | ProbeMode::Full => probe::CHECKS,
    };
    let active = data::CHECKS
        .iter()
        .chain(probes)
        .chain(policy::planned::CHECKS);
    active
        .filter(|check| options.selection.wants(check))
        .count() as u64
}

pub(super) fn database(model: &Model) -> DatabaseSummary {
    let server = &model.catalog.server;
    DatabaseSummary {
        name: server.database.clone(),
        server_version: server.version.clone(),
        role: model.catalog.auditor().name.clone(),
        probe_role: model.catalog.probe_role().name.clone(),
        audited_at: server.now,
    }
}

pub(super) fn tenant(model: &Model, probed: &Probed) -> TenantSummary {
    let tenancy = &model.tenancy;
    let root = tenancy.root.and_then(|(root, key)| {
        let table = model.catalog.relations.get(&root)?;
        Some(Root {
            table: table.display(),
            column: model.column_name(root, key).to_owned(),
        })
    });
    TenantSummary {
        root,
        key: tenancy.key_name.clone(),
        key_type: tenancy.key_type.as_ref().map(|(_, name)| name.clone()),
        specified: tenancy.specified,
        tables: model
            .relations()
            .map(|relation| TableSummary {
                table: relation.display(),
                scope: tenancy.of(relation.oid).scope(),
                by: model.path_to_tenant(relation.oid),
            })
            .collect(),
        roles: model
            .app_roles
            .roles
            .iter()
            .map(|role| RoleSummary {
                role: role.name.clone(),
                why: role.why.clone(),
            })
            .collect(),
        roles_left_out: model
            .app_roles
            .left_out
            .iter()
            .map(|role| RoleSummary {
                role: role.name.clone(),
                why: role.why.clone(),
            })
            .collect(),
        context: model.session.summary(&model.catalog),
        tenants: probed.tenants.clone(),
    }
}
