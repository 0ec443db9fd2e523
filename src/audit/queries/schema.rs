//! The parts of the schema that the analysis needs.

use std::collections::HashMap;

/// A schema and a name, as in the catalog.
pub type TableName = (String, String);

/// Tables with rows that belong to tenants; views over them may be included as tables.
#[derive(Clone, Debug, Default)]
pub struct TenantTables {
    tables: HashMap<TableName, TenantTable>,
    shared: HashMap<TableName, SharedTable>,
    /// Schemas in which unqualified names are looked up, in order.
    search_path: Vec<String>,
}

/// A table with rows that belong to tenants.
#[derive(Clone, Debug)]
pub struct TenantTable {
    pub schema: String,
    pub name: String,
    pub key: TenantKey,
    /// All columns in order. Used to resolve unqualified names, `*`, and INSERT without a column
    /// list.
    pub columns: Vec<String>,
    /// `true` if an INSERT may omit the key because its default names the tenant.
    pub key_has_default: bool,
    /// The foreign keys between this table and other tenant tables.
    pub references: Vec<Reference>,
    /// Columns that name a user, if the table assigns users to tenants: a statement that reads the
    /// rows of a user reads the tenants of that user.
    pub identity: Vec<String>,
}

/// A table with rows that do not belong to a single tenant, such as users, sessions or plans.
#[derive(Clone, Debug)]
pub struct SharedTable {
    pub schema: String,
    pub name: String,
    pub columns: Vec<String>,
    /// Column sets of the unique keys.
    pub unique: Vec<Vec<String>>,
}

/// Relation of the rows of a table to their tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantKey {
    /// A column of the table.
    Column(String),
    /// The rows are the tenants: the primary key, and the other unique keys that identify a tenant.
    Root {
        column: String,
        alternates: Vec<Vec<String>>,
    },
    /// The referenced parent row names the tenant.
    Parent(Reference),
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub columns: Vec<String>,
    pub table: TableName,
    /// The referenced columns, in the same order.
    pub referenced: Vec<String>,
}

impl TenantKey {
    /// Returns the columns that a statement must compare or insert.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(column) | Self::Root { column, .. } => vec![column],
            Self::Parent(reference) => reference.columns.iter().map(String::as_str).collect(),
        }
    }
}

impl TenantTable {
    /// Returns the name in the form `schema.name`.
    pub fn object(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

impl TenantTables {
    /// Creates the `tables` of a database with `search_path` for unqualified names.
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

    /// Adds the other known tables. An unknown table is assumed to have no unique columns.
    #[must_use]
    pub fn with_shared(mut self, shared: impl IntoIterator<Item = SharedTable>) -> Self {
        let named = |table: SharedTable| ((table.schema.clone(), table.name.clone()), table);
        self.shared = shared.into_iter().map(named).collect();
        self
    }

    /// Returns the tenant table of that name, if it is one.
    pub fn find(&self, schema: Option<&str>, name: &str) -> Option<&TenantTable> {
        self.look_up(&self.tables, schema, name)
    }

    /// Returns the known table of that name that is not a tenant table.
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
