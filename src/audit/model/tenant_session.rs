//! Tenant and user of a session, and the statements that set them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    app_roles::AppRole,
    meaning::{Comparison, Meaning},
    names,
    overrides::Overrides,
    tenancy::{Belonging, MembershipTable, Tenancy},
};
use crate::{
    audit::{
        catalog::{Catalog, Oid},
        expression::SessionSource,
        report::{ContextKind, SessionContext},
    },
    quoting::{identifier, literal},
};

/// A value that is not a valid key of any type that can reject a value.
const MALFORMED: &str = "not-a-key";

/// The subject that a value of the session identifies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Names {
    Tenant,
    User,
}

/// Settings and lookups from which policies read the tenant of a session.
#[derive(Clone, Debug, Default)]
pub struct TenantSession {
    /// Statements with `{tenant}` and `{user}`, as specified by the operator.
    pub template: Option<String>,
    /// Values that the policies read from the session, with the subject of each.
    pub values: BTreeMap<SessionSource, Names>,
    /// The values that are JSON arrays.
    pub lists: BTreeSet<SessionSource>,
    /// The table in which the tenants of a user are looked up.
    pub membership: Option<MembershipTable>,
}

/// The tenant of a session, and the user who acts for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TenantUser {
    /// The tenant's key, as text.
    pub tenant: String,
    /// A user of that tenant, as text; required if [`TenantSession::needs_user`].
    pub id: Option<String>,
}

impl TenantSession {
    /// Infers it from the comparisons of policies with the session.
    pub fn infer(
        catalog: &Catalog,
        overrides: &Overrides,
        tenancy: &Tenancy,
        meaning: &Meaning,
    ) -> Self {
        // A comparison of a looked-up value is weaker evidence than a direct one.
        let mut votes: BTreeMap<SessionSource, [(usize, usize); 2]> = BTreeMap::new();
        for one in &meaning.comparisons {
            for source in &one.sources {
                let both = votes.entry(source.clone()).or_default();
                let plain = one.direct || source.names_user();
                let (tenant, user) = &mut both[usize::from(!plain)];
                match named_by(catalog, tenancy, one, source) {
                    Some(Names::Tenant) => *tenant += 1,
                    Some(Names::User) => *user += 1,
                    None => {}
                }
            }
        }
        let values: BTreeMap<SessionSource, Names> = votes
            .into_iter()
            .filter_map(|(source, both)| {
                let mut counted = both.into_iter();
                Some((source, counted.find(|(tenant, user)| tenant + user > 0)?))
            })
            .map(|(source, (tenant, user))| {
                let names = if tenant >= user {
                    Names::Tenant
                } else {
                    Names::User
                };
                (source, names)
            })
            .collect();
        let used: BTreeSet<Oid> = meaning.comparisons.iter().map(|one| one.relation).collect();
        let memberships = tenancy.memberships.iter();
        let membership = memberships
            .max_by_key(|one| {
                (
                    used.contains(&one.relation),
                    std::cmp::Reverse(one.relation),
                )
            })
            .cloned();
        let membership = look_up(catalog, tenancy, meaning)
            .or(membership)
            .or_else(|| user_table(catalog, tenancy));
        Self {
            template: overrides.session.clone(),
            values,
            lists: meaning.lists(),
            membership,
        }
    }

    /// `true` if the context requires a user of the tenant.
    pub fn needs_user(&self) -> bool {
        match &self.template {
            Some(template) => template.contains("{user}"),
            None => self.values.values().any(|names| *names == Names::User),
        }
    }

    /// Returns the subject that a source identifies; `None` if no policy compares it with a known
    /// column.
    pub fn names(&self, source: &SessionSource) -> Option<Names> {
        self.values.get(source).copied()
    }

    /// Returns the subject that the role itself identifies, if each tenant or user has a separate
    /// role.
    pub fn by_role(&self) -> Option<Names> {
        let of = |source: &SessionSource| self.names(source);
        let settings = self.values.keys().any(|source| {
            matches!(
                source,
                SessionSource::Setting(_) | SessionSource::Claim { .. }
            )
        });
        if settings || self.template.is_some() {
            return None;
        }
        of(&SessionSource::CurrentUser).or_else(|| of(&SessionSource::SessionUser))
    }

    /// Returns the statements that switch an open transaction to that context, the role first. `SET
    /// LOCAL` instead of `set_config`: it can be pasted and takes effect at once.
    pub fn enter(&self, role: &AppRole, user: &TenantUser, context: ContextKind) -> Vec<String> {
        let named = matches!(context, ContextKind::A | ContextKind::B);
        let role_name = match self.by_role() {
            Some(Names::Tenant) if named => user.tenant.as_str(),
            Some(Names::User) if named => user.id.as_deref().unwrap_or(&role.name),
            _ => role.name.as_str(),
        };
        let mut statements = vec![format!("SET LOCAL ROLE {}", identifier(role_name))];
        if let Some(template) = &self.template {
            if named {
                let id = user.id.as_deref().unwrap_or_default();
                statements.push(
                    template
                        .replace("{tenant}", &literal(&user.tenant))
                        .replace("{user}", &literal(id)),
                );
            }
            return statements;
        }
        if context == ContextKind::None {
            return statements;
        }
        for (setting, value) in self.settings(role, user, context) {
            // The name of a setting contains dots: each part is quoted separately.
            let name: Vec<String> = setting.split('.').map(identifier).collect();
            statements.push(format!(
                "SET LOCAL {} = {}",
                name.join("."),
                literal(&value)
            ));
        }
        statements
    }

    /// Returns the values of the settings in a context. Claims of one token are joined.
    fn settings(
        &self,
        role: &AppRole,
        user: &TenantUser,
        context: ContextKind,
    ) -> BTreeMap<String, String> {
        let mut plain = BTreeMap::new();
        let mut tokens: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for (source, names) in &self.values {
            let value = match (context, names) {
                (ContextKind::Empty, _) => String::new(),
                (ContextKind::Malformed, _) => MALFORMED.to_owned(),
                (_, Names::Tenant) => user.tenant.clone(),
                (_, Names::User) => user.id.clone().unwrap_or_default(),
            };
            match source {
                SessionSource::Setting(setting) if setting.contains('.') => {
                    plain.insert(setting.clone(), value);
                }
                SessionSource::Claim { setting, path } => {
                    let token = tokens.entry(setting.clone()).or_default();
                    let value = Value::from(value);
                    let value = match self.lists.contains(source) {
                        true => Value::Array(vec![value]),
                        false => value,
                    };
                    insert(token, path, value);
                }
                _ => {}
            }
        }
        for (setting, mut token) in tokens {
            let value = if context == ContextKind::Empty {
                String::new()
            } else {
                token
                    .entry("role")
                    .or_insert_with(|| role.name.clone().into());
                Value::Object(token).to_string()
            };
            plain.insert(setting, value);
        }
        plain
    }

    fn can_be_said(&self, source: &SessionSource) -> bool {
        match source {
            SessionSource::Setting(setting) => setting.contains('.'),
            SessionSource::Claim { .. } => true,
            SessionSource::CurrentUser | SessionSource::SessionUser => true,
            SessionSource::UserFunction(_) => false,
        }
    }

    /// Returns the summary for the report.
    pub fn summary(&self, catalog: &Catalog) -> Option<SessionContext> {
        let context = |style: &str, description: String| {
            Some(SessionContext {
                style: style.to_owned(),
                description,
            })
        };
        if let Some(template) = &self.template {
            return context("template", template.clone());
        }
        let by_user = self.values.values().any(|names| *names == Names::User);
        let through = self
            .membership
            .as_ref()
            .filter(|_| by_user)
            .map_or(String::new(), |one| {
                let table = catalog.relations.get(&one.relation);
                table.map_or(String::new(), |table| {
                    format!(", through {}", table.display())
                })
            });
        let sources: Vec<String> = self.values.keys().filter_map(described).collect();
        if sources.is_empty() {
            return None;
        }
        let style = match self.values.keys().find(|source| self.can_be_said(source))? {
            _ if !through.is_empty() => "membership",
            SessionSource::Claim { .. } => "jwt_claim",
            SessionSource::Setting(_) => "setting",
            _ => "current_user",
        };
        context(style, format!("{}{through}", sources.join(", ")))
    }
}

fn described(source: &SessionSource) -> Option<String> {
    match source {
        SessionSource::Setting(setting) => Some(setting.clone()),
        SessionSource::Claim { setting, path } => Some(format!("{setting} → {}", path.join("."))),
        SessionSource::CurrentUser => Some("current_user".to_owned()),
        SessionSource::SessionUser => Some("session_user".to_owned()),
        SessionSource::UserFunction(_) => None,
    }
}

/// Returns the keyed table in which policies of other tables look up the tenants of a user: they
/// compare another of its columns with the session.
fn look_up(catalog: &Catalog, tenancy: &Tenancy, meaning: &Meaning) -> Option<MembershipTable> {
    let mut compared = meaning.comparisons.iter().filter(|one| {
        one.direct
            && one.relation != one.table
            && tenancy.membership(one.relation).is_none()
            && !one.sources.is_empty()
    });
    compared.find_map(|one| {
        let Belonging::Keyed(tenant) = tenancy.of(one.relation) else {
            return None;
        };
        // The row of a parent is looked up by its tenant and does not identify a user.
        let own = tenant != &one.column && is_unique(catalog, one.relation, one.column);
        own.then_some(MembershipTable {
            relation: one.relation,
            tenant: *tenant,
            user: one.column,
            users: None,
        })
    })
}

fn is_unique(catalog: &Catalog, relation: Oid, column: i16) -> bool {
    let mut indexes = catalog.indexes_of(relation).iter();
    indexes.any(|index| index.unique && index.keys == [column])
}

/// Returns the keyed table of users, if there are no memberships and each user belongs to one
/// tenant.
fn user_table(catalog: &Catalog, tenancy: &Tenancy) -> Option<MembershipTable> {
    let mut tables = tenancy.tables.iter();
    tables.find_map(|(relation, belonging)| {
        let Belonging::Keyed(tenant) = belonging else {
            return None;
        };
        let known = catalog.relations.get(relation)?;
        let [user] = catalog.primary_key(*relation) else {
            return None;
        };
        let is_user_table = known.is_table() && names::is_user_table(&known.name) && user != tenant;
        is_user_table.then_some(MembershipTable {
            relation: *relation,
            tenant: *tenant,
            user: *user,
            users: None,
        })
    })
}

/// Returns the subject of a source that is compared with a column. If a function looks it up, its
/// comparison is not visible and the name of the source decides.
fn named_by(
    catalog: &Catalog,
    tenancy: &Tenancy,
    compared: &Comparison,
    source: &SessionSource,
) -> Option<Names> {
    let (relation, column) = (compared.relation, compared.column);
    if !compared.direct {
        let by_name = match source {
            SessionSource::Setting(setting) => {
                names::names_user(setting.rsplit('.').next().unwrap_or(setting))
            }
            SessionSource::Claim { path, .. } => {
                source.names_user() || path.last().is_some_and(|last| names::is_user_column(last))
            }
            _ => source.names_user(),
        };
        return if by_name {
            Some(Names::User)
        } else {
            (tenancy.key(relation) == Some(column)).then_some(Names::Tenant)
        };
    }
    if tenancy.key(relation) == Some(column) {
        return Some(Names::Tenant);
    }
    if tenancy
        .membership(relation)
        .is_some_and(|one| one.user == column)
    {
        return Some(Names::User);
    }
    let looked_up = relation != compared.table && is_unique(catalog, relation, column);
    if looked_up && matches!(tenancy.of(relation), Belonging::Keyed(_)) {
        return Some(Names::User);
    }
    let is_users = tenancy
        .memberships
        .iter()
        .any(|one| one.users == Some(relation));
    let by_name = catalog
        .column(relation, column)
        .is_some_and(|column| names::is_user_column(&column.name));
    (is_users || by_name).then_some(Names::User)
}

fn insert(token: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            token.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let below = token
                .entry(first.clone())
                .or_insert_with(|| Map::new().into());
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}
