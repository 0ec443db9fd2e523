//! Schema in the form that the analysis of SQL statements needs.

use super::{Belonging, Model};
use crate::audit::{
    catalog::{Catalog, Constraint, Oid, Relation},
    queries::{Reference, SharedTable, TableName, TenantKey, TenantTable, TenantTables},
};

impl Model {
    /// Returns the tables and views for [`crate::audit::queries`]: those with rows that belong
    /// to tenants, and the others. Names without a schema are looked up in `search_path`.
    pub fn vocabulary(&self, search_path: impl IntoIterator<Item = String>) -> TenantTables {
        let tables = self
            .relations()
            .filter_map(|relation| self.word(relation))
            .collect::<Vec<_>>();
        let others = self.catalog.relations.values();
        let shared = others
            .filter(|relation| !self.tenancy.is_tenants(relation.oid))
            .map(|relation| SharedTable {
                schema: relation.schema.clone(),
                name: relation.name.clone(),
                columns: self.columns(relation.oid),
                unique: unique_keys(&self.catalog, relation.oid),
            })
            .collect::<Vec<_>>();
        TenantTables::new(tables, search_path).with_shared(shared)
    }

    fn word(&self, relation: &Relation) -> Option<TenantTable> {
        let oid = relation.oid;
        let key = match self.tenancy.of(oid) {
            Belonging::Keyed(key) => TenantKey::Column(self.column_name(oid, *key).to_owned()),
            Belonging::Root(key) => TenantKey::Root {
                column: self.column_name(oid, *key).to_owned(),
                // Each identifies one tenant, such as a slug.
                alternates: unique_keys(&self.catalog, oid),
            },
            Belonging::Child(link) => TenantKey::Parent(Reference {
                columns: names(&self.catalog, oid, &link.columns),
                table: table_name(self.catalog.relations.get(&link.parent)?),
                referenced: names(&self.catalog, link.parent, &link.parent_columns),
            }),
            Belonging::Global | Belonging::Reference => return None,
        };
        let membership = self.tenancy.membership(oid);
        let user = membership.map(|one| self.column_name(oid, one.user).to_owned());
        Some(TenantTable {
            schema: relation.schema.clone(),
            name: relation.name.clone(),
            key,
            columns: self.columns(oid),
            key_has_default: self.key_has_default(oid),
            references: self
                .catalog
                .foreign_keys(oid)
                .filter(|constraint| self.tenancy.is_tenants(constraint.target))
                .filter_map(|constraint| self.reference(constraint))
                .collect(),
            identity: user.into_iter().collect(),
        })
    }

    fn columns(&self, relation: Oid) -> Vec<String> {
        let columns = self.catalog.columns_of(relation).iter();
        columns.map(|column| column.name.clone()).collect()
    }

    fn key_has_default(&self, relation: Oid) -> bool {
        let key = self.tenancy.key(relation);
        key.and_then(|key| self.catalog.column(relation, key))
            .is_some_and(|column| column.default_text.is_some())
    }

    fn reference(&self, constraint: &Constraint) -> Option<Reference> {
        Some(Reference {
            columns: names(&self.catalog, constraint.relation, &constraint.columns),
            table: table_name(self.catalog.relations.get(&constraint.target)?),
            referenced: names(&self.catalog, constraint.target, &constraint.target_columns),
        })
    }
}

/// Returns the sets of columns that identify one row, by constraint or by index. A partial or
/// expression index does not qualify: comparing the column alone does not identify a row.
fn unique_keys(catalog: &Catalog, relation: Oid) -> Vec<Vec<String>> {
    let indexes = catalog.indexes_of(relation).iter();
    indexes
        .filter(|index| index.unique && index.valid && !index.partial && !index.keys.contains(&0))
        .map(|index| names(catalog, relation, &index.keys))
        .collect()
}

fn names(catalog: &Catalog, relation: Oid, numbers: &[i16]) -> Vec<String> {
    let columns = numbers
        .iter()
        .filter_map(|number| catalog.column(relation, *number));
    columns.map(|column| column.name.clone()).collect()
}

fn table_name(relation: &Relation) -> TableName {
    (relation.schema.clone(), relation.name.clone())
}
