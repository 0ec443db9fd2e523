//! Tenant of the rows of a table, derived from its keys and foreign keys once some columns are
//! constrained.

use std::collections::{BTreeSet, HashMap};

use super::{
    super::schema::{Reference, SharedTable, TenantKey, TenantTable},
    Graph, Key, Kind, NodeId, RelationId,
};

impl Graph<'_> {
    /// Adds the rules by which the columns of a tenant table determine the tenant of its rows.
    pub(super) fn know_table(&mut self, id: RelationId, table: &TenantTable) {
        let tenant = self.keyed(id, Key::Tenant);
        let linked = self.keyed(id, Key::Linked);
        self.passes(tenant, linked);
        match &table.key {
            TenantKey::Column(column) => {
                let key = self.column(id, column);
                self.passes(key, tenant);
            }
            TenantKey::Root { column, alternates } => {
                let key = self.column(id, column);
                for alternate in alternates {
                    self.follows(id, alternate, key);
                }
                self.passes(key, tenant);
            }
            // If the caller identified the parent by id, this statement does not check its tenant.
            TenantKey::Parent(reference) => self.follows(id, &reference.columns, linked),
        }
    }

    /// Adds the rules by which the unique keys of a shared table identify its rows.
    pub(super) fn know_shared(&mut self, id: RelationId, table: &SharedTable) {
        let row = self.keyed(id, Key::Row);
        for unique in &table.unique {
            self.follows(id, unique, row);
        }
    }

    /// Adds the rule that a user named in a membership table determines the tenants of that user.
    /// Valid for reads only: a change to all memberships of a user is a change in every tenant.
    pub(in crate::audit::queries) fn know_identity(&mut self, id: RelationId, table: &TenantTable) {
        let TenantKey::Column(key) = &table.key else {
            return;
        };
        let key = self.column(id, key);
        for column in &table.identity {
            self.follows(id, std::slice::from_ref(column), key);
        }
    }

    fn follows(&mut self, id: RelationId, columns: &[String], then: NodeId) {
        let columns: Vec<NodeId> = columns.iter().map(|name| self.column(id, name)).collect();
        let all = self.computed(&columns);
        self.passes(all, then);
    }

    /// Marks the rows of a table as belonging to a tenant that the statement named.
    pub(in crate::audit::queries) fn confine(&mut self, relation: RelationId, table: &TenantTable) {
        for column in table.key.columns() {
            let node = self.column(relation, column);
            self.flow.fact(self.nodes[node].strong);
        }
        let tenant = self.keyed(relation, Key::Tenant);
        self.flow.fact(self.nodes[tenant].strong);
    }

    /// Returns `true` if the returned rows of a tenant table belong to a named tenant.
    pub(in crate::audit::queries) fn confined(&mut self, relation: RelationId) -> bool {
        let node = self.keyed(relation, Key::Tenant);
        self.flow.holds(self.nodes[node].weak)
    }

    /// Returns `true` if foreign keys tie the returned rows to rows of a named tenant.
    pub(in crate::audit::queries) fn linked(&mut self, relation: RelationId) -> bool {
        let node = self.keyed(relation, Key::Linked);
        self.flow.holds(self.nodes[node].weak)
    }

    /// Adds the rule that two rows share a tenant if the pairs of equal columns form a foreign key.
    pub(in crate::audit::queries) fn companions(
        &mut self,
        pairs: &[(NodeId, NodeId)],
    ) -> Vec<(NodeId, NodeId)> {
        let mut by_tables: HashMap<(RelationId, RelationId), Vec<(NodeId, NodeId)>> =
            HashMap::new();
        for (one, other) in pairs.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]) {
            let relation = |node| self.nodes[self.base(node)].relation;
            if let (Some(from), Some(to)) = (relation(one), relation(other)) {
                by_tables.entry((from, to)).or_default().push((one, other));
            }
        }
        let mut found = Vec::new();
        for ((from, to), pairs) in by_tables {
            let (Kind::Tenant(child), Kind::Tenant(parent)) =
                (self.relations[from].kind, self.relations[to].kind)
            else {
                continue;
            };
            let names: BTreeSet<(&str, &str)> = pairs
                .iter()
                .filter_map(|(a, b)| Some((self.name(*a)?, self.name(*b)?)))
                .collect();
            let joined = |reference: &Reference| covers(reference, parent, &names);
            let owned = matches!(&child.key, TenantKey::Parent(reference) if joined(reference));
            let linked = owned || child.references.iter().any(joined);
            let (one, other) = pairs[0];
            if owned {
                found.push((
                    self.companion(one, Key::Tenant),
                    self.companion(other, Key::Tenant),
                ));
            }
            if linked {
                found.push((
                    self.companion(one, Key::Linked),
                    self.companion(other, Key::Linked),
                ));
            }
        }
        found
    }

    fn base(&self, mut node: NodeId) -> NodeId {
        while let Some(origin) = self.nodes[node].origin {
            node = origin;
        }
        node
    }

    fn name(&self, node: NodeId) -> Option<&str> {
        self.names.get(&self.base(node)).map(String::as_str)
    }

    /// Returns the `key` node of the row that contains the column `node`, in the query of `node`.
    fn companion(&mut self, node: NodeId, key: Key) -> NodeId {
        match (self.nodes[node].relation, self.nodes[node].origin) {
            (Some(relation), Some(origin)) => {
                let inner = self.companion(origin, key);
                self.export(relation, inner)
            }
            (Some(relation), None) => self.keyed(relation, key),
            (None, _) => self.unknown(),
        }
    }
}

fn covers(reference: &Reference, parent: &TenantTable, pairs: &BTreeSet<(&str, &str)>) -> bool {
    let (schema, name) = &reference.table;
    let columns = reference.columns.iter().zip(&reference.referenced);
    parent.schema == *schema
        && parent.name == *name
        && !reference.columns.is_empty()
        && columns
            .into_iter()
            .all(|(here, there)| pairs.contains(&(here.as_str(), there.as_str())))
}
