//! Roles that the application connects as.

use std::collections::{BTreeMap, BTreeSet};

use super::{left_out, overrides::Overrides, public, tenancy::Tenancy};
use crate::{
    audit::catalog::{Catalog, Oid, PolicyCommand, Relation, Role},
    error::{Error, Result},
    suggest::did_you_mean,
};

/// Roles of hosting platforms that bypass row-level security on purpose, or administer it
/// (Supabase, "Postgres Roles"; Amazon RDS, Google Cloud SQL and Azure have similar ones).
pub(super) const ADMINISTRATORS: &[&str] = &[
    "service_role",
    "dashboard_user",
    "supabase_admin",
    "supabase_auth_admin",
    "supabase_storage_admin",
    "supabase_replication_admin",
    "supabase_read_only_user",
    "supabase_realtime_admin",
    "rdsadmin",
    "rds_superuser",
    "cloudsqladmin",
    "cloudsqlsuperuser",
    "azure_pg_admin",
    "azuresu",
    "neon_superuser",
    "pgbouncer",
];

/// Names of the role for requests without a login (Supabase, PostgREST).
const ANONYMOUS: &[&str] = &["anon", "web_anon"];

/// The roles of an application.
#[derive(Clone, Debug, Default)]
pub struct AppRoles {
    /// The roles to probe as.
    pub roles: Vec<AppRole>,
    /// Roles with privileges on tenant tables that bypass row-level security on purpose.
    pub administrators: BTreeSet<Oid>,
    /// The administrators that read all rows through policies for them alone, such as a backup
    /// role.
    pub readers_of_all: BTreeSet<Oid>,
    /// Roles that might belong to the application but are assumed not to.
    pub left_out: Vec<LeftOut>,
    /// `true` if PUBLIC has privileges on tenant tables, and no role has exactly those of PUBLIC.
    pub public_unmatched: bool,
}

/// A role with privileges on tenant tables that the audit does not probe as.
#[derive(Clone, Debug)]
pub struct LeftOut {
    pub oid: Oid,
    pub name: String,
    pub why: String,
}

/// A role that the application uses.
#[derive(Clone, Debug)]
pub struct AppRole {
    pub oid: Oid,
    pub name: String,
    pub why: String,
    /// `true` if it owns tenant tables and no other role has privileges on them.
    pub owner: bool,
    /// `true` if requests without a login run as it.
    pub anonymous: bool,
    /// `true` if it stands for PUBLIC and has no other privileges on tenant tables.
    pub stands_for_public: bool,
}

impl AppRoles {
    /// Returns the specified roles, otherwise infers them.
    ///
    /// # Errors
    /// `NotFound` if a specified role does not exist.
    pub fn infer(catalog: &Catalog, tenancy: &Tenancy, overrides: &Overrides) -> Result<Self> {
        if !overrides.roles.is_empty() {
            return specified(catalog, tenancy, &overrides.roles);
        }
        let relations: Vec<&Relation> = tenancy
            .tenants_relations()
            .filter_map(|oid| catalog.relations.get(&oid))
            .collect();
        let mut counts: BTreeMap<Oid, usize> = BTreeMap::new();
        for relation in &relations {
            for grantee in catalog.rights.direct_grantees(relation.oid) {
                let rights = catalog.rights.on_relation_or_columns(grantee, relation.oid);
                if rights.any_of_rows() && grantee != relation.owner {
                    *counts.entry(grantee).or_default() += 1;
                }
            }
        }
        let mut app_roles = Self::default();
        let mut above = Vec::new();
        let mut readers = Vec::new();
        for (oid, count) in counts {
            let Some(role) = catalog.roles.get(&oid) else {
                continue; // PUBLIC is not a role that can be probed.
            };
            if role.predefined() || role.superuser {
                continue;
            }
            if ADMINISTRATORS.contains(&role.name.as_str()) {
                app_roles.administrators.insert(oid);
            } else if role.bypass_rls {
                above.push((role, count));
            } else if reads_all(catalog, &relations, role) {
                readers.push((role, count));
            } else {
                app_roles.roles.push(AppRole::granted(role, count));
            }
        }
        if app_roles.roles.is_empty() {
            let granted = above
                .iter()
                .chain(&readers)
                .map(|(role, count)| AppRole::granted(role, *count));
            app_roles.roles.extend(granted);
        } else {
            app_roles
                .administrators
                .extend(above.iter().chain(&readers).map(|(role, _)| role.oid));
            app_roles
                .readers_of_all
                .extend(readers.iter().map(|(role, _)| role.oid));
        }
        let auditor = left_out::auditor(catalog, &relations, &app_roles.roles);
        if let Some(auditor) = &auditor {
            app_roles.roles.retain(|role| role.oid != auditor.oid);
        }
        if app_roles.roles.is_empty() {
            let public = public::find(catalog, &relations);
            app_roles.public_unmatched =
                public.is_some_and(|public| public.equivalent_role.is_none());
            let equivalent_role = public.and_then(|public| public.equivalent_role);
            let reaches_all = public.is_some_and(|public| public.reaches_all);
            if let Some(role) = equivalent_role {
                app_roles.roles.push(AppRole::for_public(role));
            }
            // If PUBLIC reaches every table, the application does not have to be the owner.
            if !(reaches_all && equivalent_role.is_some()) {
                app_roles.roles.extend(owners(catalog, &relations));
            }
        }
        app_roles.left_out = left_out::all(catalog, &relations, &app_roles, auditor);
        Ok(app_roles)
    }

    /// `true` if the application uses that role.
    pub fn contains(&self, role: Oid) -> bool {
        self.roles.iter().any(|one| one.oid == role)
    }
}

impl AppRole {
    fn granted(role: &Role, count: usize) -> Self {
        let (noun, verb) = if count == 1 {
            ("table", "is")
        } else {
            ("tables", "are")
        };
        Self::new(
            role,
            format!("{count} tenant {noun} {verb} granted to it"),
            false,
        )
    }

    fn for_public(role: &Role) -> Self {
        let why = "PUBLIC has privileges on tenant tables, and this role has no others: it stands \
                   for PUBLIC";
        Self {
            stands_for_public: true,
            ..Self::new(role, why.to_owned(), false)
        }
    }

    fn new(role: &Role, why: String, owner: bool) -> Self {
        Self {
            stands_for_public: false,
            oid: role.oid,
            name: role.name.clone(),
            why,
            owner,
            anonymous: ANONYMOUS.contains(&role.name.as_str()),
        }
    }
}

/// `true` if a role only reads, and policies for it alone let it read every row of the tables that
/// it has privileges on, as a backup or a report over all tenants needs. One such table may be a
/// mistake; several are deliberate.
fn reads_all(catalog: &Catalog, relations: &[&Relation], role: &Role) -> bool {
    let rights = |relation: &Relation| {
        catalog
            .rights
            .on_relation_or_columns(role.oid, relation.oid)
    };
    let granted: Vec<&&Relation> = relations
        .iter()
        .filter(|relation| rights(relation).any_of_rows())
        .collect();
    let only_reads = |relation: &Relation| {
        let may = rights(relation);
        !(may.insert || may.update || may.delete)
    };
    let opened = |relation: &Relation| {
        relation.rls
            && catalog.policies_of(relation.oid).iter().any(|policy| {
                policy.permissive
                    && policy.roles == [role.oid]
                    && policy.command.covers(PolicyCommand::Select)
                    && policy.using_text.as_deref() == Some("true")
            })
    };
    !ANONYMOUS.contains(&role.name.as_str())
        && granted.iter().filter(|one| opened(one)).count() > 1
        && granted
            .iter()
            .all(|one| only_reads(one) && (opened(one) || !one.is_table()))
}

fn specified(catalog: &Catalog, tenancy: &Tenancy, names: &[String]) -> Result<AppRoles> {
    let mut app_roles = AppRoles::default();
    for name in names {
        let role = catalog.role_named(name).ok_or_else(|| {
            let error = Error::not_found(format!("role {name} not found"));
            let known = catalog.roles.values().map(|role| role.name.as_str());
            match did_you_mean(name, known) {
                Some(hint) => error.hint(hint),
                None => error.hint("specify the role that the application connects as"),
            }
        })?;
        let owner = tenancy.tenants_relations().any(|oid| {
            let relation = catalog.relations.get(&oid);
            relation.is_some_and(|relation| catalog.rights.acts_as(role.oid, relation.owner))
        });
        let specified = AppRole::new(role, "specified".to_owned(), owner && !role.superuser);
        app_roles.roles.push(specified);
    }
    Ok(app_roles)
}

/// Returns the owners of the tables. If no other role has privileges on them, the application can
/// only be connecting as an owner.
fn owners(catalog: &Catalog, relations: &[&Relation]) -> Vec<AppRole> {
    let mut counts: BTreeMap<Oid, usize> = BTreeMap::new();
    for relation in relations {
        *counts.entry(relation.owner).or_default() += 1;
    }
    let roles = counts.into_iter().filter_map(|(oid, count)| {
        let role = catalog.roles.get(&oid)?;
        let noun = if count == 1 { "table" } else { "tables" };
        let why = format!(
            "it owns {count} tenant {noun}, and no other role is granted privileges on them"
        );
        Some(AppRole::new(role, why, true))
    });
    roles.collect()
}
