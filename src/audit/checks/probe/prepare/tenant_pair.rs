//! The two tenants that the probes run between, and a user of each.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    audit::{
        checks::probe::execute::{batch, locks::Locks, statement::Statement},
        model::{Belonging, MembershipTable, Model, TenantUser},
        report::ContextKind,
        session::Session,
        spelling,
    },
    error::Result,
    quoting::{identifier, literal},
};

/// Number of tables that are searched for keys, of rows that are read in each, and of keys that are
/// taken from each.
const TABLES: usize = 50;
const ROWS: usize = 1000;
const KEYS: usize = 8;

/// One tenant, and the user who acts for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProbeTenant {
    pub(crate) user: TenantUser,
    /// Every tenant that the user is a member of: their rows do not belong to another tenant.
    pub(crate) tenants: Vec<String>,
}

/// Both tenants.
#[derive(Clone, Debug, Default)]
pub(crate) struct TenantPair {
    pub(crate) a: ProbeTenant,
    pub(crate) b: ProbeTenant,
}

impl TenantPair {
    /// Returns the tenant of a context; A if the context has no tenant.
    pub(crate) fn own(&self, context: ContextKind) -> &ProbeTenant {
        match context {
            ContextKind::B => &self.b,
            _ => &self.a,
        }
    }

    /// Returns the tenant that is probed in a context.
    pub(crate) fn other(&self, context: ContextKind) -> &ProbeTenant {
        match context {
            ContextKind::B => &self.a,
            _ => &self.b,
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        [&self.a, &self.b]
            .map(|tenant| tenant.user.tenant.clone())
            .to_vec()
    }
}

/// Chooses two tenants: the specified ones, otherwise the two that are in most tables. Returns
/// `None` if there are fewer than two.
pub(crate) async fn choose(
    model: &Model,
    locks: &Locks,
    connection: &mut Session,
) -> Result<Option<TenantPair>> {
    let specified = &model.overrides.tenants;
    let candidates = if specified.len() >= 2 {
        specified.clone()
    } else {
        let found = by_occurrence(model, locks, connection).await?;
        let rest = found.into_iter().filter(|key| !specified.contains(key));
        specified.iter().cloned().chain(rest).collect()
    };
    let users = match &model.session.membership {
        Some(membership) if model.session.needs_user() => {
            users(model, membership, locks, connection, &candidates).await?
        }
        _ => BTreeMap::new(),
    };
    let tenants: Vec<ProbeTenant> = candidates
        .iter()
        .filter_map(|tenant| with_user(model, tenant, &users))
        .collect();
    Ok(pair(&tenants))
}

/// Returns the first two tenants such that neither user is a member of the other tenant.
fn pair(tenants: &[ProbeTenant]) -> Option<TenantPair> {
    tenants.iter().enumerate().find_map(|(place, a)| {
        let apart =
            |one: &ProbeTenant, other: &ProbeTenant| !one.tenants.contains(&other.user.tenant);
        let mut others = tenants[place + 1..].iter();
        let b = others.find(|b| apart(a, b) && apart(b, a))?;
        Some(TenantPair {
            a: a.clone(),
            b: b.clone(),
        })
    })
}

fn with_user(model: &Model, tenant: &str, users: &BTreeMap<String, User>) -> Option<ProbeTenant> {
    let by_itself = || ProbeTenant {
        user: TenantUser {
            tenant: tenant.to_owned(),
            id: None,
        },
        tenants: vec![tenant.to_owned()],
    };
    if !model.session.needs_user() {
        return Some(by_itself());
    }
    if model.session.membership.is_none() {
        // Each user is a tenant.
        let mut found = by_itself();
        found.user.id = Some(tenant.to_owned());
        return Some(found);
    }
    let user = users.get(tenant)?;
    Some(ProbeTenant {
        user: TenantUser {
            tenant: tenant.to_owned(),
            id: Some(user.name.clone()),
        },
        tenants: user.tenants.clone(),
    })
}

/// Returns the existing keys, those in most tables first, then in the order of the keys.
async fn by_occurrence(
    model: &Model,
    locks: &Locks,
    connection: &mut Session,
) -> Result<Vec<String>> {
    let tables = model.tenant_tables().filter(|table| !table.partition);
    let is_root = |oid| matches!(model.tenancy.of(oid), Belonging::Root(_));
    let mut keyed: Vec<_> = tables
        .filter_map(|table| Some((table, model.tenancy.key(table.oid)?)))
        .collect();
    keyed.sort_by_key(|(table, _)| !is_root(table.oid));
    let statements: Vec<Statement> = keyed
        .into_iter()
        .take(TABLES)
        .map(|(table, key)| {
            let column = model.catalog.column(table.oid, key);
            let text = column.map_or_else(String::new, |column| {
                spelling::text(&identifier(&column.name), column.base_type)
            });
            let key = identifier(model.column_name(table.oid, key));
            // A sample: the first rows, and both ends, which an index on the key finds at once.
            let end = |order: &str| {
                format!(
                    "(SELECT {text} FROM {from} WHERE {key} IS NOT NULL \
                     ORDER BY {key} {order} LIMIT 1)",
                    from = table.quoted()
                )
            };
            let led = model.catalog.indexes_of(table.oid).iter().any(|index| {
                index.method == "btree"
                    && index.keys.first() == model.tenancy.key(table.oid).as_ref()
            });
            let ends = if led {
                format!(" UNION {} UNION {}", end("ASC"), end("DESC"))
            } else {
                String::new()
            };
            Statement::scan(format!(
                "SELECT pg_catalog.jsonb_agg(s.key) FROM ((SELECT DISTINCT f.key FROM (\
                 SELECT {text} AS key FROM {from} WHERE {key} IS NOT NULL LIMIT {ROWS}) f \
                 ORDER BY f.key LIMIT {KEYS}){ends}) s",
                from = table.quoted()
            ))
            .on(table.oid)
        })
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reply in batch::run(connection, locks, &statements).await? {
        for key in texts(reply.value.as_ref()) {
            *counts.entry(key).or_default() += 1;
        }
    }
    let mut keys: Vec<(String, usize)> = counts.into_iter().collect();
    keys.sort_by(|(one, often), (other, seldom)| seldom.cmp(often).then(one.cmp(other)));
    Ok(keys.into_iter().map(|(key, _)| key).collect())
}

/// A user of a tenant, with all tenants that the user is a member of.
struct User {
    name: String,
    tenants: Vec<String>,
}

/// Returns the member with the fewest memberships for each tenant.
async fn users(
    model: &Model,
    membership: &MembershipTable,
    locks: &Locks,
    connection: &mut Session,
    tenants: &[String],
) -> Result<BTreeMap<String, User>> {
    let Some(table) = model.catalog.relations.get(&membership.relation) else {
        return Ok(BTreeMap::new());
    };
    let column = |number| identifier(model.column_name(table.oid, number));
    let text = |expression: &str, number| {
        let column = model.catalog.column(table.oid, number);
        column.map_or_else(String::new, |column| {
            spelling::text(expression, column.base_type)
        })
    };
    let equals = model
        .catalog
        .column(table.oid, membership.user)
        .map_or_else(
            || spelling::operator("="),
            |column| spelling::operator_of("=", &column.type_kind, &column.type_name),
        );
    let (tenant, user, from) = (
        column(membership.tenant),
        column(membership.user),
        table.quoted(),
    );
    let member = text("m.member", membership.user);
    let of_other = text(&format!("o.{tenant}"), membership.tenant);
    let of_row = text(&tenant, membership.tenant);
    let statements: Vec<Statement> = tenants
        .iter()
        .map(|key| {
            Statement::scan(format!(
                "SELECT pg_catalog.jsonb_build_object('user', {member}, 'tenants', \
                 pg_catalog.jsonb_agg(DISTINCT {of_other})) \
                 FROM (SELECT {user} AS member FROM {from} \
                 WHERE {of_row} OPERATOR(pg_catalog.=) {key} \
                 AND {user} IS NOT NULL LIMIT {ROWS}) m JOIN {from} o ON o.{user} {equals} m.member \
                 GROUP BY m.member ORDER BY pg_catalog.count(DISTINCT o.{tenant}), {member} \
                 LIMIT 1",
                key = literal(key)
            ))
            .on(table.oid)
        })
        .collect();
    let replies = batch::run(connection, locks, &statements).await?;
    let found = tenants.iter().zip(replies).filter_map(|(tenant, reply)| {
        let value = reply.value?;
        let mut own: BTreeSet<String> = texts(value.get("tenants")).into_iter().collect();
        own.insert(tenant.clone());
        let user = User {
            name: value.get("user")?.as_str()?.to_owned(),
            tenants: own.into_iter().collect(),
        };
        Some((tenant.clone(), user))
    });
    Ok(found.collect())
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant_with(tenant: &str, tenants: &[&str]) -> ProbeTenant {
        ProbeTenant {
            user: TenantUser {
                tenant: tenant.to_owned(),
                id: None,
            },
            tenants: tenants.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn a_user_of_both_tenants_is_not_chosen() {
        let tenants = [
            tenant_with("1", &["1", "2"]),
            tenant_with("2", &["2"]),
            tenant_with("3", &["3"]),
        ];
        assert_eq!(pair(&tenants).unwrap().names(), ["1", "3"]);
        assert!(pair(&tenants[..2]).is_none());
    }
}
