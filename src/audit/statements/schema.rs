//! What the analysis must know of the schema.

use std::collections::HashMap;

/// A schema and a name, as the catalog has them.
pub type TableName = (String, String);

/// The tables whose rows belong to tenants; views over them may be given as tables.
#[derive(Clone, Debug, Default)]
pub struct TenantTables {
    tables: HashMap<TableName, TenantTable>,
    shared: HashMap<TableName, SharedTable>,
    /// Where names without a schema are looked up, in order.
    search_path: Vec<String>,
}

/// A table whose rows belong to tenants.
#[derive(Clone, Debug)]
pub struct TenantTable {
    pub schema: String,
    pub name: String,
    pub key: TenantKey,
    /// All columns in their order: it resolves names without a table, `*`, and INSERT without a
    /// list of columns.
    pub columns: Vec<String>,
    /// Whether an INSERT may leave the key out, because its default names the tenant.
    pub key_has_default: bool,
    /// The foreign keys between this table and other tenant tables.
    pub references: Vec<Reference>,
    /// The columns that name a user, where the table says which users belong to which tenant: who
    /// reads the rows of one user reads the tenants of that user.
    pub identity: Vec<String>,
}

/// A table whose rows belong to no one tenant, such as users, sessions or plans.
#[derive(Clone, Debug)]
pub struct SharedTable {
    pub schema: String,
    pub name: String,
    pub columns: Vec<String>,
    /// The sets of columns of which no two rows have the same values.
    pub unique: Vec<Vec<String>>,
}

/// How the rows of a table name their tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantKey {
    /// A column of their own.
    Column(String),
    /// They are the tenants: the primary key, and the other unique keys that pick one tenant.
    Root {
        column: String,
        alternates: Vec<Vec<String>>,
    },
    /// The row that they refer to names it.
    Parent(Reference),
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub columns: Vec<String>,
    pub table: TableName,
    /// The columns over there, in the same order.
    pub referenced: Vec<String>,
}

impl TenantKey {
    /// The columns that a statement must compare or fill in.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(column) | Self::Root { column, .. } => vec![column],
            Self::Parent(reference) => reference.columns.iter().map(String::as_str).collect(),
        }
    }
}

impl TenantTable {
    /// As `schema.name`.
    pub fn object(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl TenantTables {
    /// The `tables` of a database in which names without a schema are looked up in `search_path`.
    pub fn new(
        tables: impl IntoIterator<Item = TenantTable>,
        search_path: impl IntoIterator<Item = String>,
    ) -> Self {
        let named = |table: TenantTable| ((table.schema.clone(), table.name.clone()), table);
        Self {
            tables: tables.into_iter().map(named).collect(),
            shared: HashMap::new(),
            search_path: search_path.into_iter().collect(),
        }
    }

    /// Adds what is known of the other tables. Of one that is not known, no column is unique.
    #[must_use]
    pub fn with_shared(mut self, shared: impl IntoIterator<Item = SharedTable>) -> Self {
        let named = |table: SharedTable| ((table.schema.clone(), table.name.clone()), table);
        self.shared = shared.into_iter().map(named).collect();
        self
    }

    /// The tenant table of that name, if it is one.
    pub fn find(&self, schema: Option<&str>, name: &str) -> Option<&TenantTable> {
        self.look_up(&self.tables, schema, name)
    }

    /// The table of that name that is known and no tenant table.
    pub fn find_shared(&self, schema: Option<&str>, name: &str) -> Option<&SharedTable> {
        self.look_up(&self.shared, schema, name)
    }

    fn look_up<'a, T>(
        &'a self,
        tables: &'a HashMap<TableName, T>,
        schema: Option<&str>,
        name: &str,
    ) -> Option<&'a T> {
        let within = |schema: &str| tables.get(&(schema.to_owned(), name.to_owned()));
        match schema {
            Some(schema) => within(schema),
            None => self.search_path.iter().find_map(|schema| within(schema)),
        }
    }
}
