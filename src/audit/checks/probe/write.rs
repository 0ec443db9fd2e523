//! Writing: into another tenant, on its rows, and references to them. Every change is undone as
//! soon as what it achieved was looked up in the auditor's own name.

use serde_json::Value;

use super::{
    batch::{Refusal, Reply, Statement},
    field::{Field, Stand, Tried},
    lasting::{self, Change},
    row::{self, NewRow},
    survey::{self, Row},
    target::{Target, Whose, typed},
};
use crate::{
    audit::{
        catalog::{Column, Constraint, Relation},
        model::Belonging,
    },
    domain::audit::{Operation, Verdict},
    quoting::identifier,
};

/// Tables of up to so many rows are also changed without a condition: policies for SELECT, which
/// guard what a condition can name, then do not apply (PostgreSQL manual, CREATE POLICY, table
/// "Policies Applied by Command Type").
const SMALL: f64 = 10_000.0;

const OPERATIONS: [Operation; 5] = [
    Operation::Insert,
    Operation::Update,
    Operation::Delete,
    Operation::Move,
    Operation::Reference,
];

/// One attempt to change something.
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
    /// It has no condition: a refusal may be about any row, and tells nothing.
    blunt: bool,
    /// What is reached if it gets through.
    row: Option<Value>,
}

impl Attack {
    fn aimed(sql: String, check: Option<String>, row: Option<Value>) -> Self {
        Self {
            statement: Statement::write(sql, check),
            blunt: false,
            row,
        }
    }

    fn blunt(sql: String, check: String, row: Option<Value>) -> Self {
        Self {
            blunt: true,
            ..Self::aimed(sql, Some(check), row)
        }
    }
}

/// The attempts on one target: none on what has no tenant of its own.
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

/// One target, attacked from one stand.
struct Assault<'a> {
    field: &'a Field<'a>,
    stand: Stand<'a>,
    place: usize,
    target: &'a Target,
    relation: &'a Relation,
}

impl Assault<'_> {
    /// At least one attack, or what is known without one.
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
            return Err(not_applicable("nothing can be changed through it"));
        }
        if !allowed {
            let reason = format!(
                "{} has no right to {}",
                self.stand.role.name,
                operation.as_str()
            );
            return Err(Verdict::Blocked(reason));
        }
        match lasting::of_change(self.field.model, self.relation, change) {
            Some(reason) if !self.field.force => {
                Err(Verdict::Skipped(format!("{reason}: --force does it")))
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
        Ok(vec![Attack::aimed(new.insert, check, Some(new.value))])
    }

    fn copy_of(&self, row: &Value) -> Result<NewRow, Verdict> {
        let force = self.field.force;
        row::copy(self.field.model, self.target, self.stand.role, row, force)
    }

    fn update(&self) -> Result<Vec<Attack>, Verdict> {
        let row = self.other_row()?;
        let (column, value) = self.updatable(&row.value)?;
        let set = format!("{} = {value}", identifier(&column.name));
        let sql = format!("UPDATE {} t SET {set}", self.target.from);
        // Where the row is not known by a key, any version of it counts.
        let changed = row
            .version
            .as_ref()
            .filter(|_| !self.target.id.is_empty())
            .map(|version| {
                let version = typed(version, "pg_catalog.tid");
                self.is_gone(row, &format!("t.ctid = {version}"))
            });
        self.both(sql, row, changed)
    }

    fn delete(&self) -> Result<Vec<Attack>, Verdict> {
        let row = self.other_row()?;
        let gone = (!self.target.id.is_empty()).then(|| self.is_gone(row, "true"));
        self.both(format!("DELETE FROM {} t", self.target.from), row, gone)
    }

    /// With a condition that names the row, and where the table is small without.
    fn both(&self, sql: String, row: &Row, check: Option<String>) -> Result<Vec<Attack>, Verdict> {
        let shown = Some(row.value.clone());
        let mut attacks = Vec::new();
        if let Some(condition) = self.aim(row, self.other_tenant()) {
            let sql = format!("{sql} WHERE {condition}");
            attacks.push(Attack::aimed(sql, None, shown.clone()));
        }
        if let Some(check) = check.filter(|_| self.is_small()) {
            attacks.push(Attack::blunt(sql, check, shown));
        }
        if attacks.is_empty() {
            let reason = format!("{} reads no column that names a row", self.stand.role.name);
            return Err(Verdict::NotApplicable(reason));
        }
        Ok(attacks)
    }

    fn is_small(&self) -> bool {
        self.relation.is_table() && self.relation.tuples <= SMALL
    }

    /// A condition on one row that the role may write down.
    fn aim(&self, row: &Row, tenant: &str) -> Option<String> {
        if self
            .target
            .id_is_readable(self.field.model, self.stand.role.oid)
        {
            return Some(self.target.is_one_of(std::slice::from_ref(&row.id)));
        }
        match self.target.whose {
            Whose::Key(key) if self.may(key, "SELECT") => {
                survey::belongs_to(self.field.model, self.target, tenant)
            }
            _ => None,
        }
    }

    fn is_gone(&self, row: &Row, version: &str) -> String {
        format!(
            "SELECT pg_catalog.to_jsonb(NOT EXISTS (SELECT FROM {} t WHERE {} AND {version}))",
            self.target.from,
            self.target.is_one_of(std::slice::from_ref(&row.id))
        )
    }

    /// A column that the role may set, and the value that it has: one without key or index before
    /// one with, so that nothing but rights and policies decides.
    fn updatable(&self, row: &Value) -> Result<(&Column, String), Verdict> {
        let catalog = &self.field.model.catalog;
        let oid = self.target.object;
        let columns = catalog.columns_of(oid).iter();
        let mut settable: Vec<(&Column, String)> = columns
            .filter(|column| {
                !column.generated && !column.identity && self.may(column.number, "UPDATE")
            })
            .filter_map(|column| {
                let value = row::constant(row.get(&column.name)?, &column.type_name)?;
                Some((column, value))
            })
            .collect();
        settable.sort_by_key(|(column, _)| {
            let number = column.number;
            let of_key = self.target.whose == Whose::Key(number);
            let in_index = catalog
                .indexes_of(oid)
                .iter()
                .any(|one| one.keys.contains(&number));
            let in_constraint = catalog
                .constraints_of(oid)
                .iter()
                .any(|one| one.columns.contains(&number));
            (of_key, in_index || in_constraint, number)
        });
        let chosen = settable.into_iter().next();
        chosen.ok_or_else(|| Verdict::Blocked("no column may be updated".to_owned()))
    }

    /// Sets what names the tenant: the key, or the foreign key that leads to it.
    fn give_away(&self) -> Result<Vec<Attack>, Verdict> {
        let own = self.own_row()?;
        let (columns, row) = match self.field.model.tenancy.of(self.target.object) {
            Belonging::Keyed(key) => {
                let name = self.field.model.column_name(self.target.object, *key);
                let mut row = own.value.clone();
                row[name] = Value::from(self.other_tenant());
                (vec![*key], row)
            }
            Belonging::Child(link) => {
                let other = self.other_row()?;
                let mut row = own.value.clone();
                for number in &link.columns {
                    let name = self.field.model.column_name(self.target.object, *number);
                    row[name] = other.value.get(name).cloned().unwrap_or_default();
                }
                (link.columns.clone(), row)
            }
            _ => return Err(not_applicable("it is the table of tenants")),
        };
        let mut sets = Vec::new();
        for number in &columns {
            let column = self.field.model.catalog.column(self.target.object, *number);
            let column = column.ok_or_else(|| not_applicable("its key is not known"))?;
            if !self.may(*number, "UPDATE") {
                let reason = format!("{} may not update {}", self.stand.role.name, column.name);
                return Err(Verdict::Blocked(reason));
            }
            let value = row
                .get(&column.name)
                .and_then(|value| row::constant(value, &column.type_name));
            let value = value.ok_or_else(|| not_applicable("its key cannot be written down"))?;
            sets.push(format!("{} = {value}", identifier(&column.name)));
        }
        let sql = format!("UPDATE {} t SET {}", self.target.from, sets.join(", "));
        let check = survey::belongs_to(self.field.model, self.target, self.other_tenant())
            .and_then(|belongs| row::exists(self.target, &row, &belongs));
        let own_tenant = &self.field.parties.own(self.stand.context).identity.tenant;
        let mut attacks = Vec::new();
        if let Some(condition) = self.aim(own, own_tenant) {
            let sql = format!("{sql} WHERE {condition}");
            attacks.push(Attack::aimed(sql, check.clone(), Some(row.clone())));
        }
        if let Some(check) = check.filter(|_| self.is_small()) {
            attacks.push(Attack::blunt(sql, check, Some(row)));
        }
        if attacks.is_empty() {
            let reason = format!("{} reads no column that names a row", self.stand.role.name);
            return Err(Verdict::NotApplicable(reason));
        }
        Ok(attacks)
    }

    /// A row of one's own that points at the other's row, through each foreign key.
    fn refer(&self) -> Result<Vec<Attack>, Verdict> {
        let mut attacks = Vec::new();
        let mut missing = false;
        for constraint in self.field.model.catalog.foreign_keys(self.target.object) {
            let Some(pairs) = self.pointing(constraint) else {
                continue;
            };
            let parent = self
                .field
                .targets
                .iter()
                .position(|one| one.object == constraint.target);
            let parent =
                parent.and_then(|place| self.field.known[place].other_row(self.stand.context));
            let Some(parent) = parent else {
                missing = true;
                continue;
            };
            let mut row = self.own_row()?.value.clone();
            for (here, there) in pairs {
                row[here] = parent.value.get(there).cloned().unwrap_or_default();
            }
            let new = self.copy_of(&row)?;
            attacks.push(Attack::aimed(new.insert, None, Some(new.value)));
        }
        if attacks.is_empty() {
            return Err(not_applicable(if missing {
                "the other tenant has no row to refer to"
            } else {
                "it refers to no other tenant's table"
            }));
        }
        Ok(attacks)
    }

    /// The columns of a foreign key to a table of tenants, without the tenant key: column here,
    /// column there. None for what writing into another tenant tries already.
    fn pointing(&self, constraint: &Constraint) -> Option<Vec<(&str, &str)>> {
        let model = self.field.model;
        let leads = match model.tenancy.of(self.target.object) {
            Belonging::Child(link) => link.constraint == constraint.name,
            _ => false,
        };
        let to_root = matches!(model.tenancy.of(constraint.target), Belonging::Root(_));
        if leads || to_root || !model.tenancy.is_tenants(constraint.target) {
            return None;
        }
        let key = model.tenancy.key(self.target.object);
        let pairs: Vec<(&str, &str)> = constraint
            .pairs()
            .filter(|(here, _)| Some(*here) != key)
            .map(|(here, there)| {
                let here = model.column_name(self.target.object, here);
                (here, model.column_name(constraint.target, there))
            })
            .collect();
        (!pairs.is_empty()).then_some(pairs)
    }
}

fn not_applicable(reason: &str) -> Verdict {
    Verdict::NotApplicable(reason.to_owned())
}

/// What a reply means; none where it tells nothing.
pub(super) fn judge<'a>(
    stand: Stand<'a>,
    planned: Planned,
    reply: Option<Reply>,
) -> Option<Tried<'a>> {
    let tried = |verdict| Tried::new(planned.target, stand, planned.operation, verdict);
    let attack = match planned.how {
        How::Known(verdict) => return Some(tried(verdict)),
        How::Try(attack) => attack,
    };
    let reply = reply.unwrap_or_default();
    let leak = |refused_by| Tried {
        row: attack.row.clone(),
        refused_by,
        ..tried(Verdict::Leak(attack.statement.sql.clone()))
    };
    match reply.refusal {
        None if reply.rows == 0 => Some(tried(Verdict::Blocked("no row is reached".to_owned()))),
        None if reply.value == Some(Value::Bool(false)) => {
            let reason = "it ran, and the other tenant's rows are as they were";
            Some(tried(Verdict::Blocked(reason.to_owned())))
        }
        None => Some(leak(None)),
        Some(_) if attack.blunt => None,
        Some(refusal) => Some(match refused(stand, planned.operation, &refusal) {
            Some(verdict) => tried(verdict),
            None => leak(Some(refusal.message)),
        }),
    }
}

/// What an error means; none where a constraint refused what row-level security had let pass: it
/// is checked first (ExecInsert and ExecUpdate in nodeModifyTable.c).
fn refused(stand: Stand<'_>, operation: Operation, refusal: &Refusal) -> Option<Verdict> {
    let message = refusal.message.clone();
    if stand.is_shut_by(refusal) {
        return Some(Verdict::Blocked(message));
    }
    let by_constraint = refusal.state.starts_with("23") && refusal.constraint.is_some();
    match refusal.state.as_str() {
        "23503" if operation == Operation::Reference => Some(Verdict::Blocked(message)),
        _ if operation == Operation::Reference => Some(Verdict::Skipped(message)),
        _ if by_constraint => None,
        // The relation takes no such change at all.
        "0A000" | "55000" => Some(Verdict::NotApplicable(message)),
        // A trigger may raise what it likes.
        state if state.starts_with("23") => Some(Verdict::Blocked(message)),
        _ => Some(Verdict::Skipped(message)),
    }
}

/// One verdict for each cell, where several attacks were made: the worst one counts.
pub(super) fn merge(tried: Vec<Tried<'_>>) -> Vec<Tried<'_>> {
    let mut merged: Vec<Tried<'_>> = Vec::with_capacity(tried.len());
    for one in tried {
        match merged.last_mut() {
            Some(last) if last.target == one.target && last.operation == one.operation => {
                if rank(&one) < rank(last) {
                    *last = one;
                }
            }
            _ => merged.push(one),
        }
    }
    merged
}

fn rank(tried: &Tried<'_>) -> (u8, bool) {
    let rank = match tried.verdict {
        Verdict::Leak(_) => 0,
        Verdict::Skipped(_) => 1,
        Verdict::Blocked(_) | Verdict::Allowed => 2,
        Verdict::NotApplicable(_) => 3,
    };
    (rank, tried.refused_by.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{catalog::Oid, model::AppRole},
        domain::audit::ContextKind,
    };

    /// What an error means in the name of a tenant.
    fn meaning(operation: Operation, state: &str, constraint: Option<&str>) -> Option<Verdict> {
        let role = AppRole {
            oid: Oid(1),
            name: "app".to_owned(),
            why: String::new(),
            owner: false,
            anonymous: false,
        };
        let stand = Stand {
            role: &role,
            context: ContextKind::A,
        };
        let refusal = Refusal {
            state: state.to_owned(),
            message: "no".to_owned(),
            constraint: constraint.map(str::to_owned),
        };
        refused(stand, operation, &refusal)
    }

    #[test]
    fn a_constraint_comes_after_row_level_security() {
        assert_eq!(
            meaning(Operation::Insert, "23505", Some("notes_pkey")),
            None
        );
        let by_trigger = meaning(Operation::Insert, "23514", None);
        assert!(matches!(by_trigger, Some(Verdict::Blocked(_))));
        let foreign = meaning(Operation::Reference, "23503", Some("notes_fkey"));
        assert!(matches!(foreign, Some(Verdict::Blocked(_))));
    }

    #[test]
    fn what_could_not_be_tried_is_no_pass() {
        assert!(matches!(
            meaning(Operation::Update, "55P03", None),
            Some(Verdict::Skipped(_))
        ));
        assert!(matches!(
            meaning(Operation::Update, "22P02", None),
            Some(Verdict::Skipped(_))
        ));
    }
}
