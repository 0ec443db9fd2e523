//! Statements that protect a table: enabling row-level security, and the policy that the other
//! tables have.

use std::collections::BTreeMap;

use super::wording::listed;
use crate::{
    audit::{
        catalog::{Oid, Policy, PolicyCommand, Relation},
        expression::{Expr, relations, row_columns},
        model::Model,
        report::{Fix, Phase},
    },
    quoting::identifier,
};

/// `ALTER TABLE … ENABLE ROW LEVEL SECURITY`, with FORCE if it must apply to the owner too.
pub(super) fn enable(relation: &Relation, force: bool) -> Vec<String> {
    let table = relation.quoted();
    let mut sql = vec![format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")];
    if force {
        sql.push(self::force(relation));
    }
    sql
}

/// `ALTER TABLE … FORCE ROW LEVEL SECURITY`.
pub(super) fn force(relation: &Relation) -> String {
    format!("ALTER TABLE {} FORCE ROW LEVEL SECURITY", relation.quoted())
}

/// `true` if row-level security must be forced to apply to the application because one of its roles
/// acts as the owner.
pub(super) fn needs_force(model: &Model, relation: &Relation) -> bool {
    model
        .app_roles
        .roles
        .iter()
        .any(|role| acts_as_owner(model, role.oid, relation))
}

/// `true` if row-level security applies to a role only when it is forced.
pub(super) fn acts_as_owner(model: &Model, role: Oid, relation: &Relation) -> bool {
    let above = model
        .catalog
        .roles
        .get(&role)
        .is_none_or(|role| role.above_rls());
    !above && model.catalog.rights.acts_as(role, relation.owner)
}

/// The database's convention for the tenant of the session: the expression that most policies
/// compare the tenant key with.
pub(super) struct Convention {
    policy: String,
    roles: Vec<Oid>,
    /// An SQL expression for the session's tenant.
    session: String,
}

impl Convention {
    /// Returns the expression that most policies of the form `key = session` use; `None` if there
    /// are no such policies.
    pub(super) fn of(model: &Model) -> Option<Self> {
        let mut seen: BTreeMap<String, (usize, &Policy)> = BTreeMap::new();
        for relation in model.tenant_tables().filter(|relation| relation.rls) {
            let Some(key) = model.tenancy.key(relation.oid) else {
                continue;
            };
            for policy in model.catalog.policies_of(relation.oid) {
                if let Some(tenant) = compared(model, relation, key, policy) {
                    seen.entry(tenant).or_insert((0, policy)).0 += 1;
                }
            }
        }
        let (session, (_, policy)) = seen.into_iter().max_by_key(|(_, (count, _))| *count)?;
        Some(Self {
            policy: policy.name.clone(),
            roles: policy.roles.clone(),
            session,
        })
    }

    /// Returns the condition that the row called `alias` belongs to the session's tenant.
    pub(super) fn condition(&self, model: &Model, relation: Oid, alias: &str) -> Option<String> {
        let tenant = model
            .tenancy
            .tenant_of_row(&model.catalog, relation, alias)?;
        Some(format!("{tenant} = {}", self.session))
    }

    /// `CREATE POLICY` for a table that has none.
    fn policy(&self, model: &Model, relation: &Relation) -> Option<String> {
        let condition = self.condition(model, relation.oid, &identifier(&relation.name))?;
        let roles: Vec<String> = self
            .roles
            .iter()
            .filter(|role| **role != Oid::PUBLIC)
            .map(|role| identifier(model.catalog.role_name(*role)))
            .collect();
        let to = if roles.len() == self.roles.len() && !roles.is_empty() {
            format!(" TO {}", roles.join(", "))
        } else {
            String::new()
        };
        Some(format!(
            "CREATE POLICY {} ON {}{to} USING ({condition}) WITH CHECK ({condition})",
            identifier(&self.policy),
            relation.quoted()
        ))
    }
}

/// Returns the expression that a permissive policy for all commands compares the tenant key with,
/// if its condition is exactly `key = session` and its check is the same.
fn compared(model: &Model, relation: &Relation, key: i16, policy: &Policy) -> Option<String> {
    let text = policy.using_text.as_deref()?;
    let same_check = policy
        .check_text
        .as_deref()
        .is_none_or(|check| check == text);
    if !policy.permissive || policy.command != PolicyCommand::All || !same_check {
        return None;
    }
    let condition = model.meaning.policy(policy.oid)?.using.as_deref()?;
    let Expr::Operator { operator, .. } = condition else {
        return None;
    };
    let equality = model.catalog.equalities.contains(&Oid(*operator));
    let of_session = !model.meaning.sources(condition).is_empty()
        && relations(condition).is_empty()
        && row_columns(condition).into_iter().eq([key]);
    if !equality || !of_session {
        return None;
    }
    let name = model.column_name(relation.oid, key);
    other_side(text, name)
        .or_else(|| other_side(text, &identifier(name)))
        .map(str::to_owned)
}

/// Returns `b` of `(a = b)` or `(b = a)`, the form in which the server prints such a condition.
fn other_side<'t>(condition: &'t str, column: &str) -> Option<&'t str> {
    let inner = condition.strip_prefix('(')?.strip_suffix(')')?;
    inner
        .strip_prefix(column)
        .and_then(|rest| rest.strip_prefix(" = "))
        .or_else(|| {
            inner
                .strip_suffix(column)
                .and_then(|rest| rest.strip_suffix(" = "))
        })
}

/// Enables row-level security on a table without policies and adds the policy that the other tables
/// have; only advice if there is no policy to copy.
pub(super) fn protect(model: &Model, convention: Option<&Convention>, relation: &Relation) -> Fix {
    let name = relation.display();
    let policy = convention.and_then(|convention| convention.policy(model, relation));
    let Some(policy) = policy else {
        return Fix::advice(
            Phase::Security,
            format!(
                "enable row-level security on {name} and add a policy that compares the row's \
                 tenant with the session's: without a policy only the owner sees rows"
            ),
        );
    };
    let mut sql = vec![policy];
    sql.extend(enable(relation, needs_force(model, relation)));
    Fix::proposal(
        Phase::Security,
        format!("add the policy of the other tables to {name} and enable row-level security"),
        sql,
    )
}

/// Returns the statements that revoke a relation from the application: REVOKE from every role
/// through which its roles have privileges, including PUBLIC.
pub(super) fn revoke_all(model: &Model, relation: &Relation) -> Vec<String> {
    let rights = &model.catalog.rights;
    let grantees = rights
        .direct_grantees(relation.oid)
        .into_iter()
        .filter(|grantee| {
            let mut roles = model.app_roles.roles.iter();
            *grantee == Oid::PUBLIC
                || roles.any(|role| rights.inherited(role.oid).any(|one| one == *grantee))
        });
    grantees
        .map(|grantee| {
            format!(
                "REVOKE ALL ON {} FROM {}",
                relation.quoted(),
                grantee_name(model, grantee)
            )
        })
        .collect()
}

/// Returns a role name for statements: quoted, or the keyword PUBLIC.
pub(super) fn grantee_name(model: &Model, role: Oid) -> String {
    if role == Oid::PUBLIC {
        "PUBLIC".to_owned()
    } else {
        identifier(model.catalog.role_name(role))
    }
}

/// Fix for relations that cannot have policies: revokes the privileges and creates a view that
/// shows each tenant its own rows. The view is a security barrier so that a cheap function in the
/// caller's WHERE does not see rows before the filter (manual, 41.5).
pub(super) fn filtered_view(
    model: &Model,
    convention: Option<&Convention>,
    relation: &Relation,
) -> Fix {
    let name = relation.display();
    let mut sql = revoke_all(model, relation);
    let condition =
        convention.and_then(|convention| convention.condition(model, relation.oid, "source"));
    let Some(condition) = condition else {
        return Fix::proposal(
            Phase::Views,
            format!(
                "revoke the application's privileges on {name} and give it a security-barrier \
                 view that filters by the session's tenant"
            ),
            sql,
        );
    };
    let view = format!(
        "{}.{}",
        identifier(&relation.schema),
        identifier(&format!("{}_of_tenant", relation.name))
    );
    sql.push(format!(
        "CREATE VIEW {view} WITH (security_barrier = true) AS SELECT source.* FROM {} source WHERE {condition}",
        relation.quoted()
    ));
    let readers: Vec<String> = model
        .roles_on(relation)
        .iter()
        .filter(|role| !acts_as_owner(model, role.oid, relation))
        .map(|role| identifier(&role.name))
        .collect();
    if !readers.is_empty() {
        sql.push(format!("GRANT SELECT ON {view} TO {}", readers.join(", ")));
    }
    Fix::proposal(
        Phase::Views,
        format!("give the application a view of {name} that filters by the session's tenant"),
        sql,
    )
}

/// Describes the privileges of the application's roles on a relation.
pub(super) fn rights_fact(model: &Model, relation: &Relation) -> String {
    let roles = model.roles_on(relation).into_iter().map(|role| {
        let may = model.privileges(role.oid, relation);
        let names: Vec<&str> = [
            ("SELECT", may.select),
            ("INSERT", may.insert),
            ("UPDATE", may.update),
            ("DELETE", may.delete),
        ]
        .into_iter()
        .filter_map(|(name, held)| held.then_some(name))
        .collect();
        format!("{} may {}", role.name, listed(&names))
    });
    roles.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_side_of_an_equality_is_the_session() {
        let session = Some("app_tenant()");
        assert_eq!(other_side("(org_id = app_tenant())", "org_id"), session);
        assert_eq!(other_side("(app_tenant() = org_id)", "org_id"), session);
        assert_eq!(
            other_side("((org_id)::text = app_tenant())", "org_id"),
            None
        );
    }
}
