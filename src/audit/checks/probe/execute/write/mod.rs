//! Write probes: into another tenant, on its rows, and references to them. Every change is undone
//! as soon as its effect was read as the auditor's own role.

mod across;
mod outcome;
mod rows;

pub(super) use outcome::{judge, merge};

use std::collections::BTreeSet;

use serde_json::Value;

use super::{locks::Access, statement::Statement};
use crate::audit::{
    catalog::Relation,
    checks::probe::{
        identity::ProbeIdentity,
        inputs::ProbeInputs,
        judge::change::{self, Change},
        prepare::{
            known::Row,
            row::{self, NewRow},
            survey,
            target::{Target, TenantSource},
        },
    },
    model::Belonging,
    report::{Operation, Verdict},
};

const OPERATIONS: [Operation; 5] = [
    Operation::Insert,
    Operation::Update,
    Operation::Delete,
    Operation::Move,
    Operation::Reference,
];

/// One planned attempt to change rows.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) target: usize,
    pub(super) operation: Operation,
    pub(super) how: How,
}

#[derive(Clone, Debug)]
pub(super) enum How {
    Known(Verdict),
    Run(WriteStatement),
}

#[derive(Clone, Debug)]
pub(super) struct WriteStatement {
    pub(super) statement: Statement,
    /// The statement to paste into psql, without the values that must not be shown.
    shown: String,
    /// `true` if it has no condition: a refusal may be about any row and proves nothing.
    unconditional: bool,
    /// The row that is reached if the statement succeeds.
    row: Option<Value>,
}

impl WriteStatement {
    fn conditional(sql: String, check: Option<String>, row: Option<Value>) -> Self {
        Self {
            shown: sql.clone(),
            statement: Statement::write(sql, check),
            unconditional: false,
            row,
        }
    }

    /// Sets the statement that is shown.
    fn shown_as(self, shown: String) -> Self {
        Self { shown, ..self }
    }

    fn unconditional(sql: String, check: String, row: Option<Value>) -> Self {
        Self {
            unconditional: true,
            ..Self::conditional(sql, Some(check), row)
        }
    }
}

/// Plans the attempts on one target; empty if its rows name no tenant.
pub(super) fn plan(
    inputs: &ProbeInputs<'_>,
    identity: ProbeIdentity<'_>,
    place: usize,
) -> Vec<Planned> {
    let target = &inputs.targets[place];
    let Some(relation) = inputs.model.catalog.relations.get(&target.object) else {
        return Vec::new();
    };
    if target.tenant_source == TenantSource::Values {
        return Vec::new();
    }
    let probe = WriteProbe {
        inputs,
        identity,
        place,
        target,
        relation,
    };
    let operations = OPERATIONS.iter().filter(|operation| {
        identity.has_tenant() || !matches!(operation, Operation::Move | Operation::Reference)
    });
    operations
        .flat_map(|operation| {
            let writes = match probe.statements(*operation) {
                Ok(writes) => writes.into_iter().map(How::Run).collect(),
                Err(verdict) => vec![How::Known(verdict)],
            };
            writes.into_iter().map(|how| Planned {
                target: place,
                operation: *operation,
                how,
            })
        })
        .collect()
}

/// One target, probed by one role in one context.
struct WriteProbe<'a> {
    inputs: &'a ProbeInputs<'a>,
    identity: ProbeIdentity<'a>,
    place: usize,
    target: &'a Target,
    relation: &'a Relation,
}

impl WriteProbe<'_> {
    /// Returns at least one write, or the verdict that is known without one.
    fn statements(&self, operation: Operation) -> Result<Vec<WriteStatement>, Verdict> {
        self.require_possible(operation)?;
        match operation {
            Operation::Own | Operation::Select => Ok(Vec::new()),
            Operation::Insert => self.insert(),
            Operation::Update => self.update(),
            Operation::Delete => self.delete(),
            Operation::Move => self.move_row(),
            Operation::Reference => self.reference(),
        }
    }

    fn require_possible(&self, operation: Operation) -> Result<(), Verdict> {
        let (insert, update, delete) = self.relation.changeable();
        let rights = self
            .inputs
            .model
            .privileges(self.identity.role.oid, self.relation);
        let (changeable, allowed, change) = match operation {
            Operation::Update | Operation::Move => (update, rights.update, Change::Update),
            Operation::Delete => (delete, rights.delete, Change::Delete),
            _ => (insert, rights.insert, Change::Insert),
        };
        if !changeable {
            return Err(not_applicable("it does not support this change"));
        }
        if !allowed {
            let reason = format!(
                "{} has no privilege to {}",
                self.identity.role.name,
                operation.as_str()
            );
            return Err(Verdict::Blocked(reason));
        }
        if let Some(refusal) = self
            .inputs
            .options
            .locks
            .refusal(self.target.object, Access::Write)
        {
            let text = refusal.text(self.inputs.options.show_values);
            return Err(Verdict::Skipped(text));
        }
        match change::side_effect(
            self.inputs.model,
            self.relation,
            change,
            self.identity.role.oid,
        ) {
            Some(reason) if !self.inputs.options.force => {
                Err(Verdict::Skipped(format!("{reason}; use --force to run it")))
            }
            _ => Ok(()),
        }
    }

    fn own_row(&self) -> Result<&Row, Verdict> {
        let row = self.inputs.known[self.place].own_row(self.identity.context);
        row.ok_or_else(|| not_applicable("the tenant has no row here"))
    }

    fn other_row(&self) -> Result<&Row, Verdict> {
        let row = self.inputs.known[self.place].other_row(self.identity.context);
        row.ok_or_else(|| not_applicable("the other tenant has no row here"))
    }

    fn other_tenant(&self) -> &str {
        &self.inputs.pair.other(self.identity.context).user.tenant
    }

    fn may(&self, column: i16, privilege: &str) -> bool {
        let rights = &self.inputs.model.catalog.rights;
        rights.on_column(
            self.identity.role.oid,
            self.target.object,
            column,
            privilege,
        )
    }

    fn insert(&self) -> Result<Vec<WriteStatement>, Verdict> {
        if matches!(
            self.inputs.model.tenancy.of(self.target.object),
            Belonging::Root(_)
        ) {
            return Err(not_applicable("it is the table of tenants"));
        }
        let new = self.copy_of(&self.other_row()?.value)?;
        let belongs = survey::belongs_to(self.inputs.model, self.target, self.other_tenant());
        let check = belongs.and_then(|belongs| new.exists(self.target, &belongs));
        Ok(vec![self.insertion(new, check, &[])])
    }

    /// Returns the insertion. Without `--show-values`, it is shown with only its keys and `keys`.
    fn insertion(&self, new: NewRow, check: Option<String>, keys: &[&str]) -> WriteStatement {
        let shown = if self.inputs.options.show_values {
            new.insert(self.target)
        } else {
            let mut kept = self.key_names();
            kept.extend(keys);
            new.with_only(self.inputs.model, self.target, &kept)
                .insert(self.target)
        };
        WriteStatement::conditional(new.insert(self.target), check, Some(new.value)).shown_as(shown)
    }

    /// Returns the columns that identify the row and its tenant.
    fn key_names(&self) -> BTreeSet<&str> {
        let model = self.inputs.model;
        let tenant = match model.tenancy.of(self.target.object) {
            Belonging::Child(link) => link.columns.clone(),
            _ => model.tenancy.key(self.target.object).into_iter().collect(),
        };
        let tenant = tenant
            .into_iter()
            .map(|number| model.column_name(self.target.object, number));
        let id = self.target.id.iter().map(|one| one.name.as_str());
        id.chain(tenant).collect()
    }

    fn copy_of(&self, row: &Value) -> Result<NewRow, Verdict> {
        let force = self.inputs.options.force;
        row::copy(
            self.inputs.model,
            self.target,
            self.identity.role,
            row,
            force,
        )
    }
}

fn not_applicable(reason: &str) -> Verdict {
    Verdict::NotApplicable(reason.to_owned())
}
