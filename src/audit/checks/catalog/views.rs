//! Views that read with the privileges of their owner (PostgreSQL manual, CREATE VIEW and 41.5): if
//! row-level security does not apply to the owner, it does not restrict readers of the view either.

use std::collections::BTreeSet;

use super::{
    check, policies,
    reads::Sources,
    wording::{listed, relation_name, role_names},
};
use crate::{
    audit::{
        catalog::{Catalog, Oid, Relation, RelationKind},
        findings::{Claim, Findings, Rule},
        model::{AppRole, Model},
        report::{Check, Confidence, Finding, Fix, Phase, Severity},
    },
    quoting::identifier,
};

pub(super) const NOT_INVOKER: Rule = Rule {
    check: check(
        "view-not-invoker",
        (Severity::High, Confidence::High),
        "a view reads tenant tables with the privileges of its owner, bypassing row-level security",
        include_str!("../../../../docs/audit/view-not-invoker.md"),
    ),
    run: not_invoker,
};

fn not_invoker(model: &Model, check: &Check, findings: &mut Findings) {
    let mut sources = Sources::new(model);
    for view in model
        .relations()
        .filter(|relation| relation.kind == RelationKind::View)
    {
        let roles = model.roles_on(view);
        if roles.is_empty() || is_invoker(view) {
            continue;
        }
        let mut search = Search {
            model,
            sources: &mut sources,
            seen: BTreeSet::new(),
            found: Vec::new(),
        };
        search.view(view, false);
        let exposed = search.found;
        let (filtered, open): (Vec<&ExposedRelation<'_>>, Vec<&ExposedRelation<'_>>) =
            exposed.iter().partition(|one| one.filtered);
        if !open.is_empty() {
            let finding = unfiltered(model, check, view, &roles, &open);
            findings.suspect(finding, vec![Claim::reads(view.oid)]);
        } else if filtered
            .iter()
            .any(|one| !one.through.has_option("security_barrier"))
        {
            findings.push(no_barrier(check, view, &filtered));
        }
    }
}

/// A relation with tenant rows that a view reads without row-level security.
struct ExposedRelation<'m> {
    /// The view that reads it with its owner's privileges: the checked view, or one that it reads.
    through: &'m Relation,
    read: &'m Relation,
    /// `true` if a view on the path filters by the session.
    filtered: bool,
}

struct Search<'m, 's> {
    model: &'m Model,
    sources: &'s mut Sources<'m>,
    seen: BTreeSet<Oid>,
    found: Vec<ExposedRelation<'m>>,
}

impl<'m> Search<'m, '_> {
    fn view(&mut self, view: &'m Relation, filtered: bool) {
        let Some(rule) = self.model.catalog.view_rule(view.oid) else {
            return;
        };
        if !self.seen.insert(view.oid) {
            return;
        }
        let filtered = filtered || self.model.meaning.filters_by_session(&rule.tree);
        let reads = rule
            .reads
            .iter()
            .filter_map(|read| self.model.catalog.relations.get(read));
        for read in reads {
            if read.kind == RelationKind::View {
                self.view(read, filtered);
            } else if !is_invoker(view) && self.exposes_rows(view.owner, read) {
                self.found.push(ExposedRelation {
                    through: view,
                    read,
                    filtered,
                });
            }
        }
    }

    /// `true` if reading a relation as the owner returns rows of more than one tenant. Only tables
    /// can have policies.
    fn exposes_rows(&mut self, owner: Oid, read: &Relation) -> bool {
        if self.sources.of(read.oid).is_empty() {
            return false;
        }
        !read.is_table()
            || !self.model.is_bound(owner, read)
            || policies::sees_everything(self.model, owner, read)
    }
}

fn is_invoker(view: &Relation) -> bool {
    view.has_option("security_invoker")
}

fn unfiltered(
    model: &Model,
    check: &Check,
    view: &Relation,
    roles: &[&AppRole],
    exposed: &[&ExposedRelation<'_>],
) -> Finding {
    let name = view.display();
    let mut through: Vec<&Relation> = exposed.iter().map(|one| one.through).collect();
    through.dedup_by_key(|view| view.oid);
    let by_way = if through.iter().any(|one| one.oid != view.oid) {
        let names: Vec<String> = through.iter().map(|one| one.display()).collect();
        format!(" (through {})", listed(&names))
    } else {
        String::new()
    };
    let read: BTreeSet<String> = exposed.iter().map(|one| one.read.display()).collect();
    let read: Vec<String> = read.into_iter().collect();
    let owners: BTreeSet<&str> = through
        .iter()
        .map(|one| model.catalog.role_name(one.owner))
        .collect();
    let owners: Vec<&str> = owners.into_iter().collect();
    let message = format!(
        "view {name}{by_way} reads {} with the privileges of {}, which row-level security does \
         not restrict there: {} can reach every tenant's rows through it",
        listed(&read),
        listed(&owners),
        role_names(roles)
    );
    let mut finding = Finding::new(check, &name, message, invoker(model, view, roles, &through));
    if let Some(rule) = model.catalog.view_rule(view.oid) {
        finding = finding.fact(rule.definition.trim());
    }
    finding
}

/// Makes the views read with the caller's privileges, and grants the callers the privileges that
/// they then need.
fn invoker(model: &Model, view: &Relation, roles: &[&AppRole], through: &[&Relation]) -> Fix {
    let mut sql: Vec<String> = through
        .iter()
        .map(|one| format!("ALTER VIEW {} SET (security_invoker = true)", one.quoted()))
        .collect();
    let summary = format!("make {} read with the caller's privileges", view.display());
    let read: BTreeSet<Oid> = through
        .iter()
        .flat_map(|one| direct_reads(&model.catalog, one.oid))
        .copied()
        .collect();
    let mut missing = Vec::new();
    for relation in read
        .iter()
        .filter_map(|oid| model.catalog.relations.get(oid))
    {
        for role in roles
            .iter()
            .filter(|role| !model.privileges(role.oid, relation).select)
        {
            missing.push((relation, role));
        }
    }
    // A relation that cannot have policies shows all its rows to every reader.
    let confined = |relation: &Relation| {
        relation.rls || !model.tenancy.is_tenants(relation.oid) && relation.is_table()
    };
    if missing.is_empty() {
        return Fix::mechanical(Phase::Views, summary, sql);
    }
    let grantable = missing.iter().all(|(relation, _)| confined(relation));
    if grantable {
        sql.extend(missing.iter().map(|(relation, role)| {
            format!(
                "GRANT SELECT ON {} TO {}",
                relation.quoted(),
                identifier(&role.name)
            )
        }));
    }
    let names: BTreeSet<String> = missing
        .iter()
        .map(|(relation, _)| relation_name(&model.catalog, relation.oid))
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let summary = format!(
        "{summary}; the caller then needs SELECT on {}",
        listed(&names)
    );
    Fix::proposal(Phase::Views, summary, sql)
}

fn direct_reads(catalog: &Catalog, view: Oid) -> &[Oid] {
    catalog
        .view_rule(view)
        .map_or(&[], |rule| rule.reads.as_slice())
}

/// Finding for a view that filters by the session but is not a security barrier, without which a
/// function may be evaluated before the filter (manual, 41.5).
fn no_barrier(check: &Check, view: &Relation, exposed: &[&ExposedRelation<'_>]) -> Finding {
    let name = view.display();
    let message = format!(
        "view {name} bypasses row-level security and filters by the session itself, but is not a \
         security barrier: a function in a reader's WHERE clause may see rows before the filter"
    );
    let mut views: Vec<&Relation> = exposed.iter().map(|one| one.through).collect();
    views.dedup_by_key(|view| view.oid);
    let sql: Vec<String> = views
        .into_iter()
        .filter(|view| !view.has_option("security_barrier"))
        .map(|view| format!("ALTER VIEW {} SET (security_barrier = true)", view.quoted()))
        .collect();
    let fix = Fix::mechanical(Phase::Views, format!("make {name} a security barrier"), sql);
    Finding::new(check, &name, message, fix)
        .severity(Severity::Low)
        .confidence(Confidence::Low)
}
