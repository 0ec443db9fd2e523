//! Rows of the catalog.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::{
    Decode, Postgres, Type,
    error::BoxDynError,
    postgres::{PgTypeInfo, PgValueRef},
};

use super::Oid;
use crate::quoting::identifier;

/// The server and the role that reads.
#[derive(Clone, Debug)]
pub struct Server {
    pub database: String,
    /// Same as `server_version_num`: 150018 is 15.18.
    pub version_number: i32,
    pub version: String,
    /// The role that is connected.
    pub role: Oid,
    pub in_recovery: bool,
    pub extensions: Vec<String>,
    /// `true` if the database has publications.
    pub publishes: bool,
    pub now: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct Schema {
    pub oid: Oid,
    pub name: String,
    pub owner: Oid,
}

/// A relation that can be read like a table.
#[derive(Clone, Debug)]
pub struct Relation {
    pub oid: Oid,
    pub schema: String,
    pub name: String,
    pub kind: RelationKind,
    pub owner: Oid,
    /// `true` if row-level security is enabled.
    pub rls: bool,
    /// `true` if row-level security also applies to the owner.
    pub forced: bool,
    pub partition: bool,
    /// The planner's estimate; -1 if the table was never analyzed.
    pub tuples: f64,
    /// Storage parameters, such as `security_invoker=true`.
    pub options: Vec<String>,
    /// The parents of a partition or an inheritance child.
    pub parents: Vec<Oid>,
    /// The possible changes, as reported by `pg_relation_is_updatable`.
    pub changes: i32,
}

impl Relation {
    /// Returns the unquoted name for display: `schema.name`.
    pub fn display(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Returns the quoted name for statements: `"schema"."name"`.
    pub fn quoted(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }

    /// `true` if it stores rows that policies can protect: a table or a partitioned table.
    pub fn is_table(&self) -> bool {
        matches!(self.kind, RelationKind::Table | RelationKind::Partitioned)
    }

    /// `true` if a boolean storage parameter is on.
    pub fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|option| {
            let (key, value) = option.split_once('=').unwrap_or((option, "true"));
            key == name && matches!(value, "true" | "on" | "yes" | "1" | "t")
        })
    }

    /// Reports whether `INSERT`, `UPDATE` and `DELETE` are possible on it, for any role: the bits
    /// are those of `1 << CmdType` (nodes/nodes.h).
    pub fn changeable(&self) -> (bool, bool, bool) {
        let bit = |place: u32| self.changes & (1 << place) != 0;
        (bit(3), bit(2), bit(4))
    }
}

/// Defines an enum that the catalog stores as one letter; the queries return it as text.
macro_rules! catalog_enum {
    ($(#[$meta:meta])* pub enum $Name:ident { $($Variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
        pub enum $Name { $($Variant,)+ }

        impl Type<Postgres> for $Name {
            fn type_info() -> PgTypeInfo {
                <str as Type<Postgres>>::type_info()
            }

            fn compatible(other: &PgTypeInfo) -> bool {
                <str as Type<Postgres>>::compatible(other)
            }
        }

        impl<'r> Decode<'r, Postgres> for $Name {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                match <&str as Decode<Postgres>>::decode(value)? {
                    $($text => Ok(Self::$Variant),)+
                    other => Err(format!("{other} is no {}", stringify!($Name)).into()),
                }
            }
        }
    };
}

catalog_enum! {
    /// `pg_class.relkind`.
    pub enum RelationKind {
        Table = "r",
        Partitioned = "p",
        View = "v",
        MaterializedView = "m",
        Foreign = "f",
    }
}

catalog_enum! {
    /// `pg_constraint.contype`.
    pub enum ConstraintKind {
        Check = "c",
        Foreign = "f",
        Primary = "p",
        Unique = "u",
        Exclusion = "x",
    }
}

catalog_enum! {
    /// `pg_policy.polcmd`.
    pub enum PolicyCommand {
        All = "*",
        Select = "r",
        Insert = "a",
        Update = "w",
        Delete = "d",
    }
}

catalog_enum! {
    /// The class of an object with grants.
    pub enum GrantClass {
        Column = "column",
        Function = "function",
        Relation = "relation",
        Schema = "schema",
    }
}

impl RelationKind {
    /// Returns the name for display.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Foreign => "foreign table",
        }
    }
}

impl PolicyCommand {
    /// Returns the keyword, as in `CREATE POLICY … FOR`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// `true` if a policy for this command applies to statements of the other.
    pub fn covers(self, command: Self) -> bool {
        self == Self::All || self == command
    }
}

impl Function {
    /// Returns the names and types of its result columns, from OUT and TABLE arguments.
    pub fn returned_columns(&self) -> Vec<(&str, Oid)> {
        let modes = self.argument_modes.iter();
        let all = modes
            .zip(&self.argument_names)
            .zip(&self.all_argument_types);
        all.filter(|((mode, _), _)| matches!(mode.as_str(), "o" | "b" | "t"))
            .map(|((_, name), type_oid)| (name.as_str(), *type_oid))
            .collect()
    }
}

#[derive(Clone, Debug)]
pub struct Column {
    pub relation: Oid,
    /// The number, from 1; dropped columns leave gaps.
    pub number: i16,
    pub name: String,
    pub type_oid: Oid,
    pub type_name: String,
    /// `pg_type.typtype`: b base, c composite, d domain, e enum, r range.
    pub type_kind: String,
    /// The base type of a domain, otherwise the type itself.
    pub base_type: Oid,
    pub not_null: bool,
    /// The default, or the expression of a generated column.
    pub default_text: Option<String>,
    pub identity: bool,
    pub generated: bool,
}

#[derive(Clone, Debug)]
pub struct Constraint {
    pub oid: Oid,
    pub name: String,
    pub relation: Oid,
    pub kind: ConstraintKind,
    pub columns: Vec<i16>,
    /// The referenced table of a foreign key.
    pub target: Oid,
    /// The referenced columns, in the order of `columns`.
    pub target_columns: Vec<i16>,
    /// The index that enforces it; for a foreign key, the index on the referenced table.
    pub index: Oid,
    pub validated: bool,
    /// The action of a foreign key: a no action, r restrict, c cascade, n set null, d set default.
    pub on_delete: String,
    pub deferrable: bool,
    /// `true` if it comes from the parent of a partition.
    pub inherited: bool,
    /// The definition; empty for a primary key.
    pub definition: String,
}

impl Constraint {
    /// Returns the column pairs of a foreign key: the column, and the referenced column.
    pub fn pairs(&self) -> impl Iterator<Item = (i16, i16)> {
        self.columns
            .iter()
            .copied()
            .zip(self.target_columns.iter().copied())
    }
}

#[derive(Clone, Debug)]
pub struct Index {
    pub oid: Oid,
    pub name: String,
    pub relation: Oid,
    pub unique: bool,
    pub primary: bool,
    pub valid: bool,
    /// `true` if it belongs to an exclusion constraint.
    pub exclusion: bool,
    /// The key columns in order; 0 stands for an expression.
    pub keys: Vec<i16>,
    pub partial: bool,
    pub method: String,
    /// The definition of a unique or exclusion index other than the primary key; otherwise empty.
    pub definition: String,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub oid: Oid,
    pub relation: Oid,
    pub name: String,
    pub permissive: bool,
    pub command: PolicyCommand,
    /// [`Oid::PUBLIC`] stands for every role.
    pub roles: Vec<Oid>,
    pub using_text: Option<String>,
    pub check_text: Option<String>,
    /// Same as `pg_node_tree`.
    pub using_tree: Option<String>,
    /// Same as `pg_node_tree`.
    pub check_tree: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Role {
    pub oid: Oid,
    pub name: String,
    pub superuser: bool,
    pub bypass_rls: bool,
    pub login: bool,
    pub inherit: bool,
    pub create_role: bool,
    pub replication: bool,
    pub create_db: bool,
    /// The settings as `name=value`, from `ALTER ROLE … SET` and `ALTER DATABASE … SET`. The first
    /// entry of a name wins.
    pub settings: Vec<String>,
}

impl Role {
    /// `true` if row-level security never applies to it.
    pub fn above_rls(&self) -> bool {
        self.superuser || self.bypass_rls
    }

    /// `true` if PostgreSQL predefines it, such as `pg_read_all_data`.
    pub fn predefined(&self) -> bool {
        self.name.starts_with("pg_")
    }
}

/// The membership of `member` in `role`.
#[derive(Clone, Copy, Debug)]
pub struct Membership {
    pub role: Oid,
    pub member: Oid,
    pub admin: bool,
    /// `true` if the member inherits the privileges of the role.
    pub inherit: bool,
    /// `true` if the member may `SET ROLE` to it.
    pub set: bool,
}

/// Privileges of one grantee on one object.
#[derive(Clone, Debug)]
pub struct Grant {
    pub class: GrantClass,
    pub object: Oid,
    /// The column, or 0 for the whole object.
    pub column: i16,
    /// [`Oid::PUBLIC`] stands for every role.
    pub grantee: Oid,
    /// Shared by the objects with the same access control list.
    pub privileges: Arc<[String]>,
    pub grantable: bool,
}

/// Privileges of one grantee on each object with the same access control list.
pub(super) struct Granted {
    pub(super) class: GrantClass,
    pub(super) objects: Vec<Oid>,
    /// One entry per object.
    pub(super) columns: Vec<i16>,
    pub(super) grantee: Oid,
    pub(super) privileges: Vec<String>,
    pub(super) grantable: bool,
}

impl Granted {
    /// Returns one grant per object.
    pub(super) fn each(self) -> impl Iterator<Item = Grant> {
        let privileges: Arc<[String]> = self.privileges.into();
        let places = self.objects.into_iter().zip(self.columns);
        places.map(move |(object, column)| Grant {
            class: self.class,
            object,
            column,
            grantee: self.grantee,
            privileges: privileges.clone(),
            grantable: self.grantable,
        })
    }
}

/// A privilege that `ALTER DEFAULT PRIVILEGES` grants on future objects.
#[derive(Clone, Debug)]
pub struct DefaultGrant {
    pub creator: Oid,
    /// The schema; `None` for every schema.
    pub schema: Option<String>,
    /// `pg_default_acl.defaclobjtype`: r tables, S sequences, f functions, T types, n schemas.
    pub kind: String,
    pub grantee: Oid,
    pub privileges: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub oid: Oid,
    pub schema: String,
    pub name: String,
    /// The arguments as `DROP FUNCTION` accepts them.
    pub arguments: String,
    pub language: String,
    /// `true` if the language is trusted.
    pub trusted: bool,
    /// `true` if it is SECURITY DEFINER.
    pub definer: bool,
    /// i immutable, s stable, v volatile.
    pub volatility: String,
    pub leakproof: bool,
    /// f function, p procedure, a aggregate, w window function.
    pub kind: String,
    pub returns_set: bool,
    pub return_type: Oid,
    pub return_type_name: String,
    /// The table with the row type that it returns, or 0.
    pub return_relation: Oid,
    /// The number of arguments without a default.
    pub required_arguments: i32,
    pub argument_types: Vec<Oid>,
    pub argument_names: Vec<String>,
    /// Includes the columns of `RETURNS TABLE`; empty if all are inputs.
    pub all_argument_types: Vec<Oid>,
    /// i in, o out, b both, v variadic, t table; empty if all are inputs.
    pub argument_modes: Vec<String>,
    pub owner: Oid,
    /// The settings as `name=value`, from `SET` clauses.
    pub settings: Vec<String>,
    pub source: String,
    /// The parsed body of a function with `RETURN` or `BEGIN ATOMIC`.
    pub body_tree: Option<String>,
    pub of_extension: bool,
}

impl Function {
    /// Returns the name for display: `schema.name(arguments)`.
    pub fn display(&self) -> String {
        format!("{}.{}({})", self.schema, self.name, self.arguments)
    }

    /// Returns the name for statements. The catalog provides the arguments quoted.
    pub fn quoted(&self) -> String {
        let (schema, name) = (identifier(&self.schema), identifier(&self.name));
        format!("{schema}.{name}({})", self.arguments)
    }

    /// Returns the value that a `SET` clause gives to a setting.
    pub fn setting(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter().filter_map(|one| one.split_once('='));
        settings
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// A rule of a table, or the query of a view.
#[derive(Clone, Debug)]
pub struct Rule {
    pub relation: Oid,
    pub name: String,
    /// 1 select, 2 update, 3 insert, 4 delete.
    pub event: String,
    pub instead: bool,
    pub enabled: bool,
    pub definition: String,
    /// Same as `pg_node_tree`: a list of queries.
    pub tree: String,
    /// The relations that it names.
    pub reads: Vec<Oid>,
}

#[derive(Clone, Debug)]
pub struct Trigger {
    pub relation: Oid,
    pub name: String,
    pub function: Oid,
    pub enabled: bool,
    /// `pg_trigger.tgtype`: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate, 64 instead.
    pub bits: i16,
}

impl Trigger {
    /// Bits of `tgtype` (catalog/pg_trigger.h).
    pub const INSERT: i16 = 4;
    pub const DELETE: i16 = 8;
    pub const UPDATE: i16 = 16;
    pub const TRUNCATE: i16 = 32;

    /// `true` if the trigger has one of these bits.
    pub fn watches(&self, bits: i16) -> bool {
        self.bits & bits != 0
    }
}

/// A table in a publication.
#[derive(Clone, Debug)]
pub struct Publication {
    pub name: String,
    pub all_tables: bool,
    pub relation: Oid,
    /// The row filter.
    pub filter: Option<String>,
}
