//! Existing rows, as the auditor sees them: without this baseline, an empty result would prove
//! nothing.

use serde_json::Value;

use super::{
    known::{KnownRows, Rows, Sides, read_id, read_row},
    target::{Target, TenantSource, view_filters_by_session},
    tenant_pair::{ProbeTenant, TenantPair},
};
use crate::{
    audit::{
        catalog::Column,
        checks::probe::{
            execute::{
                batch, block,
                statement::{Reply, Statement},
            },
            inputs::ProbeInputs,
        },
        model::Model,
        session::Session,
        spelling,
    },
    error::Result,
    quoting::identifier,
};

/// Number of rows of one tenant that are remembered for targets from which known rows have to be
/// requested.
const SAMPLE: usize = 20;

/// Reads every target. With `whole_rows`, also reads one row of each tenant.
pub(crate) async fn existing_rows(
    inputs: &ProbeInputs<'_>,
    connection: &mut Session,
    whole_rows: bool,
) -> Result<Vec<KnownRows>> {
    let ProbeInputs {
        model,
        pair,
        targets,
        options,
        ..
    } = *inputs;
    let executed: Vec<(usize, TenantExpression)> = targets
        .iter()
        .enumerate()
        .filter_map(|(place, target)| Some((place, TenantExpression::of(model, target)?)))
        .collect();
    let presence: Vec<Statement> = executed
        .iter()
        .map(|(place, tenant)| presence(model, &targets[*place], tenant, pair))
        .collect();
    let mut known = vec![KnownRows::default(); targets.len()];
    let replies = batch::run(connection, options.locks, &presence).await?;
    for ((place, _), reply) in executed.iter().zip(replies) {
        known[*place] = read_presence(reply, options.show_values);
        let known = &mut known[*place];
        let nothing = !known.a.own.exist && !known.b.own.exist;
        if nothing
            && known.unreadable.is_none()
            && view_filters_by_session(model, targets[*place].object)
        {
            known.unreadable = Some("the view filters its rows by the session".to_owned());
        }
    }
    if whole_rows {
        let rows: Vec<Statement> = executed
            .iter()
            .map(|(place, tenant)| whole(model, &targets[*place], tenant, pair))
            .collect();
        let replies = batch::run(connection, options.locks, &rows).await?;
        for ((place, _), reply) in executed.iter().zip(replies) {
            let row = |name: &str| read_row(reply.value.as_ref()?.get(name)?);
            if reply.refusal.is_none() {
                known[*place].rows = Some((row("a"), row("b")));
            }
        }
    }
    Ok(known)
}

/// The tenant of the row called `t`, and its type for comparisons with keys.
pub(crate) struct TenantExpression {
    pub(crate) expression: String,
    type_name: String,
    type_kind: String,
}

impl TenantExpression {
    fn of(model: &Model, target: &Target) -> Option<Self> {
        match target.tenant_source {
            TenantSource::Key(key) => {
                Some(Self::in_column(model.catalog.column(target.object, key)?))
            }
            TenantSource::Child => {
                let tenant =
                    model
                        .tenancy
                        .tenant_text_of_row(&model.catalog, target.object, "t")?;
                Some(Self {
                    expression: tenant,
                    type_name: "pg_catalog.text".to_owned(),
                    type_kind: "b".to_owned(),
                })
            }
            TenantSource::Values => None,
        }
    }

    pub(crate) fn in_column(column: &Column) -> Self {
        Self {
            expression: format!("t.{}", identifier(&column.name)),
            type_name: column.type_name.clone(),
            type_kind: column.type_kind.clone(),
        }
    }

    fn is(&self, key: &str) -> String {
        self.is_one_of(&[key.to_owned()])
    }

    fn operator(&self, symbol: &str) -> String {
        spelling::operator_of(symbol, &self.type_kind, &self.type_name)
    }

    fn typed(&self, keys: &[String]) -> Vec<String> {
        let keys = keys.iter();
        keys.map(|key| spelling::typed(key, &self.type_name))
            .collect()
    }

    pub(crate) fn is_one_of(&self, keys: &[String]) -> String {
        spelling::is_one_of(&self.expression, &self.operator("="), &self.typed(keys))
    }

    /// Returns the condition that the tenant is another one. NULL belongs to no tenant and does not
    /// match.
    pub(crate) fn is_none_of(&self, keys: &[String]) -> String {
        spelling::is_none_of(&self.expression, &self.operator("<>"), &self.typed(keys))
    }
}

/// Returns an SQL condition that the row of the target, called `t`, belongs to the tenant; `None`
/// if the tenant cannot be determined.
pub(crate) fn belongs_to(model: &Model, target: &Target, key: &str) -> Option<String> {
    Some(TenantExpression::of(model, target)?.is(key))
}

/// Returns an SQL condition that the row of the target, called `t`, belongs to a tenant other than
/// these.
pub(crate) fn belongs_to_another(
    model: &Model,
    target: &Target,
    keys: &[String],
) -> Option<String> {
    let tenant = TenantExpression::of(model, target)?;
    Some(match keys {
        [] => format!("{} IS NOT NULL", tenant.expression),
        keys => tenant.is_none_of(keys),
    })
}

/// `true` if some role can only request known rows.
fn needs_samples(model: &Model, target: &Target) -> bool {
    let TenantSource::Key(key) = target.tenant_source else {
        return true;
    };
    let mut roles = model.app_roles.roles.iter();
    roles.any(|role| {
        !model
            .catalog
            .rights
            .on_column(role.oid, target.object, key, "SELECT")
    })
}

fn presence(
    model: &Model,
    target: &Target,
    tenant: &TenantExpression,
    pair: &TenantPair,
) -> Statement {
    let samples = needs_samples(model, target) && !target.id.is_empty();
    let rows = |condition: String| {
        let from = &target.from;
        if samples {
            let id = target.id_of_row();
            format!(
                "(SELECT pg_catalog.jsonb_agg(s.id) FROM (SELECT {id} AS id FROM {from} t \
                 WHERE {condition} LIMIT {SAMPLE}) s)"
            )
        } else {
            format!("EXISTS (SELECT FROM {from} t WHERE {condition})")
        }
    };
    let side = |one: &ProbeTenant| {
        format!(
            "pg_catalog.jsonb_build_object('own', {}, 'other', {})",
            rows(tenant.is(&one.user.tenant)),
            rows(tenant.is_none_of(&one.tenants))
        )
    };
    Statement::scan(format!(
        "SELECT pg_catalog.jsonb_build_object('a', {}, 'b', {})",
        side(&pair.a),
        side(&pair.b)
    ))
    .on(target.object)
}

fn whole(
    model: &Model,
    target: &Target,
    tenant: &TenantExpression,
    pair: &TenantPair,
) -> Statement {
    let row = |one: &ProbeTenant| whole_row(model, target, &tenant.is(&one.user.tenant));
    let (a, b) = (row(&pair.a), row(&pair.b));
    Statement::scan(format!(
        "SELECT pg_catalog.jsonb_build_object('a', {a}, 'b', {b})"
    ))
    .on(target.object)
}

/// Returns an SQL expression for one row of the tenant, without a result if the tenant cannot be
/// determined.
pub(crate) fn one_row(model: &Model, target: &Target, key: &str) -> String {
    let condition = belongs_to(model, target, key).unwrap_or_else(|| "false".to_owned());
    whole_row(model, target, &condition)
}

/// Returns an SQL expression for one row that meets a condition, in the form that [`read_row`]
/// expects.
fn whole_row(model: &Model, target: &Target, condition: &str) -> String {
    let relation = model.catalog.relations.get(&target.object);
    let version = match relation.is_some_and(|relation| relation.is_table()) {
        true => "t.ctid::pg_catalog.text",
        false => "NULL",
    };
    format!(
        "(SELECT pg_catalog.jsonb_build_object('id', r.id, 'row', {fit}, 'version', r.version) \
         FROM (SELECT {id} AS id, {row} AS value, {version} AS version \
         FROM {from} t WHERE {condition} LIMIT 1) r)",
        fit = block::fit("r.value"),
        id = target.id_of_row(),
        row = spelling::row("t", model.catalog.columns_of(target.object)),
        from = target.from,
    )
}

fn read_presence(reply: Reply, show_values: bool) -> KnownRows {
    if let Some(refusal) = reply.refusal {
        return KnownRows {
            unreadable: Some(refusal.text(show_values)),
            ..KnownRows::default()
        };
    }
    let rows = |side: &str, which: &str| -> Rows {
        let value = reply
            .value
            .as_ref()
            .and_then(|value| value.get(side)?.get(which));
        match value {
            Some(Value::Bool(exist)) => Rows {
                exist: *exist,
                ids: Vec::new(),
            },
            Some(Value::Array(ids)) => Rows {
                exist: !ids.is_empty(),
                ids: ids.iter().filter_map(read_id).collect(),
            },
            _ => Rows::default(),
        }
    };
    let sides = |side: &str| Sides {
        own: rows(side, "own"),
        other: rows(side, "other"),
    };
    KnownRows {
        a: sides("a"),
        b: sides("b"),
        ..KnownRows::default()
    }
}
