//! Write probes: into another tenant, on its rows, and references to them. Every change is undone
//! as soon as its effect was read as the auditor's own role.

mod across;
mod outcome;
mod rows;

pub(super) use outcome::{judge, merge};

use std::collections::BTreeSet;

use serde_json::Value;

use super::{locks::Access, statement::Statement};
use crate::{
    audit::{
        catalog::Relation,
        checks::probe::{
            field::Field,
            judge::evaluated::{self, Change},
            prepare::{
                known::Row,
                row::{self, NewRow},
                survey,
                target::{Target, Whose},
            },
            stand::Stand,
        },
        model::Belonging,
    },
    domain::audit::{Operation, Verdict},
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
    Try(Attack),
}

#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) statement: Statement,
    /// The statement to paste into psql, without the values that must not be shown.
    shown: String,
    /// `true` if it has no condition: a refusal may be about any row and proves nothing.
    blunt: bool,
    /// The row that is reached if the statement succeeds.
    row: Option<Value>,
}

impl Attack {
    fn aimed(sql: String, check: Option<String>, row: Option<Value>) -> Self {
        Self {
            shown: sql.clone(),
            statement: Statement::write(sql, check),
            blunt: false,
            row,
        }
    }

    /// Sets the statement that is shown.
    fn shown_as(self, shown: String) -> Self {
        Self { shown, ..self }
    }

    fn blunt(sql: String, check: String, row: Option<Value>) -> Self {
        Self {
            blunt: true,
            ..Self::aimed(sql, Some(check), row)
        }
    }
}

/// Plans the attempts on one target; empty if its rows name no tenant.
pub(super) fn plan(field: &Field<'_>, stand: Stand<'_>, place: usize) -> Vec<Planned> {
    let target = &field.targets[place];
    let Some(relation) = field.model.catalog.relations.get(&target.object) else {
        return Vec::new();
    };
    if target.whose == Whose::Contents {
        return Vec::new();
    }
    let assault = Assault {
        field,
        stand,
        place,
        target,
        relation,
    };
    let operations = OPERATIONS.iter().filter(|operation| {
        stand.is_named() || !matches!(operation, Operation::Move | Operation::Reference)
    });
    operations
        .flat_map(|operation| {
            let attacks = match assault.attacks(*operation) {
                Ok(attacks) => attacks.into_iter().map(How::Try).collect(),
                Err(verdict) => vec![How::Known(verdict)],
            };
            attacks.into_iter().map(|how| Planned {
                target: place,
                operation: *operation,
                how,
            })
        })
        .collect()
}

/// One target, attacked by one role in one context.
struct Assault<'a> {
    field: &'a Field<'a>,
    stand: Stand<'a>,
    place: usize,
    target: &'a Target,
    relation: &'a Relation,
}

impl Assault<'_> {
    /// Returns at least one attack, or the verdict that is known without one.
    fn attacks(&self, operation: Operation) -> Result<Vec<Attack>, Verdict> {
        self.possible(operation)?;
        match operation {
            Operation::Own | Operation::Select => Ok(Vec::new()),
            Operation::Insert => self.insert(),
            Operation::Update => self.update(),
            Operation::Delete => self.delete(),
            Operation::Move => self.give_away(),
            Operation::Reference => self.refer(),
        }
    }

    fn possible(&self, operation: Operation) -> Result<(), Verdict> {
        let (insert, update, delete) = self.relation.changeable();
        let rights = self
            .field
            .model
            .privileges(self.stand.role.oid, self.relation);
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
                self.stand.role.name,
                operation.as_str()
            );
            return Err(Verdict::Blocked(reason));
        }
        if let Some(refusal) = self
            .field
            .terms
            .locks
            .refusal(self.target.object, Access::Write)
        {
            let said = refusal.said(self.field.terms.show_values);
            return Err(Verdict::Skipped(said));
        }
        match evaluated::of_change(self.field.model, self.relation, change, self.stand.role.oid) {
            Some(reason) if !self.field.terms.force => {
                Err(Verdict::Skipped(format!("{reason}; use --force to run it")))
            }
            _ => Ok(()),
        }
    }

    fn own_row(&self) -> Result<&Row, Verdict> {
        let row = self.field.known[self.place].own_row(self.stand.context);
        row.ok_or_else(|| not_applicable("the tenant has no row here"))
    }

    fn other_row(&self) -> Result<&Row, Verdict> {
        let row = self.field.known[self.place].other_row(self.stand.context);
        row.ok_or_else(|| not_applicable("the other tenant has no row here"))
    }

    fn other_tenant(&self) -> &str {
        &self.field.parties.other(self.stand.context).identity.tenant
    }

    fn may(&self, column: i16, privilege: &str) -> bool {
        let rights = &self.field.model.catalog.rights;
        rights.on_column(self.stand.role.oid, self.target.object, column, privilege)
    }

    fn insert(&self) -> Result<Vec<Attack>, Verdict> {
        if matches!(
            self.field.model.tenancy.of(self.target.object),
            Belonging::Root(_)
        ) {
            return Err(not_applicable("it is the table of tenants"));
        }
        let new = self.copy_of(&self.other_row()?.value)?;
        let belongs = survey::belongs_to(self.field.model, self.target, self.other_tenant());
        let check = belongs.and_then(|belongs| new.exists(self.target, &belongs));
        Ok(vec![self.insertion(new, check, &[])])
    }

    /// Returns the insertion. Without `--show-values`, it is shown with only its keys and `keys`.
    fn insertion(&self, new: NewRow, check: Option<String>, keys: &[&str]) -> Attack {
        let shown = if self.field.terms.show_values {
            new.insert(self.target)
        } else {
            let mut kept = self.key_names();
            kept.extend(keys);
            new.with_only(self.field.model, self.target, &kept)
                .insert(self.target)
        };
        Attack::aimed(new.insert(self.target), check, Some(new.value)).shown_as(shown)
    }

    /// Returns the columns that identify the row and its tenant.
    fn key_names(&self) -> BTreeSet<&str> {
        let model = self.field.model;
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
        let force = self.field.terms.force;
        row::copy(self.field.model, self.target, self.stand.role, row, force)
    }
}

fn not_applicable(reason: &str) -> Verdict {
    Verdict::NotApplicable(reason.to_owned())
}
