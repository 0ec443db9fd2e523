//! Typed model of an expression and of a query inside one.

/// An expression with resolved names.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A column of the query `level` levels up. The row of a policy is relation 1 of the outermost
    /// level. Number 0 is the whole row.
    Column {
        level: u32,
        relation: u32,
        number: i16,
    },
    Const {
        type_oid: u32,
        value: ConstValue,
    },
    Param {
        kind: ParamKind,
        number: u32,
    },
    /// A function, an aggregate or a window function.
    Call {
        function: u32,
        args: Vec<Expr>,
    },
    Operator {
        operator: u32,
        function: u32,
        args: Vec<Expr>,
    },
    /// `x = ANY (array)`, or `ALL` where `use_or` is false.
    AnyOf {
        operator: u32,
        function: u32,
        use_or: bool,
        args: Vec<Expr>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>),
    IsNotNull(Box<Expr>),
    BooleanTest {
        kind: BooleanTest,
        arg: Box<Expr>,
    },
    /// `IS DISTINCT FROM`, with the equality operator that it negates.
    Distinct {
        operator: u32,
        function: u32,
        args: Vec<Expr>,
    },
    NullIf {
        operator: u32,
        function: u32,
        args: Vec<Expr>,
    },
    Coalesce(Vec<Expr>),
    Case {
        subject: Option<Box<Expr>>,
        arms: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    /// A change of type, with its function if there is one, or of collation.
    Cast {
        to: u32,
        function: Option<u32>,
        arg: Box<Expr>,
    },
    Sub {
        kind: SubKind,
        test: Option<Box<Expr>>,
        query: Box<Query>,
    },
    SqlValue(SqlValue),
    Array(Vec<Expr>),
    Row(Vec<Expr>),
    /// A node that the model does not represent, with the expressions below it.
    Other {
        tag: String,
        children: Vec<Expr>,
    },
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstValue {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    /// An array of text without NULLs, such as a JSON path.
    Texts(Vec<String>),
    /// The bytes of any other type.
    Other(Vec<u8>),
}

/// Source of a parameter's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// An argument of the function with this body, from 1.
    Argument,
    /// A column of the subquery with this test expression, from 1.
    SubColumn,
    Other,
}

/// `IS TRUE` and similar tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BooleanTest {
    True,
    NotTrue,
    False,
    NotFalse,
    Unknown,
    NotUnknown,
}

/// Kind of a subquery (`SubLinkType` in primnodes.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubKind {
    Exists,
    All,
    Any,
    RowCompare,
    /// A subquery used as a value.
    Expr,
    Array,
    Other,
}

/// Functions with a special syntax (`SQLValueFunctionOp` in primnodes.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlValue {
    /// `CURRENT_USER`, `USER` and `CURRENT_ROLE`.
    CurrentUser,
    SessionUser,
    /// Date and time, catalog and schema.
    Other,
}

/// A query inside an expression, or the body of a view.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Query {
    pub command: Command,
    pub ctes: Vec<Cte>,
    /// The range table. Columns refer to its entries by number, from 1.
    pub tables: Vec<RangeEntry>,
    pub from: Vec<From>,
    pub filter: Option<Expr>,
    pub targets: Vec<Target>,
    pub set_operation: Option<SetOperation>,
    pub grouping: Grouping,
    /// `HAVING`, `LIMIT` and `OFFSET`.
    pub others: Vec<Expr>,
}

/// The command of a query (`CmdType` in nodes/nodes.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Command {
    #[default]
    Select,
    Update,
    Insert,
    Delete,
    Other,
}

/// Number of rows that a query returns for the rows it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Grouping {
    /// One row for each row read, for each distinct row, or for each group.
    #[default]
    Rows,
    /// Aggregates without GROUP BY: one row, even if no row was read.
    Aggregates,
    /// Grouping sets, which may include the empty one.
    Sets,
}

/// A common table expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    pub name: String,
    pub recursive: bool,
    pub query: Query,
}

/// An output column.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub name: Option<String>,
    pub expr: Expr,
    /// `true` if it is only used for sorting.
    pub junk: bool,
}

/// An entry of the range table.
#[derive(Clone, Debug, PartialEq)]
pub enum RangeEntry {
    Relation {
        oid: u32,
        alias: String,
        /// `true` if inheritance children and partitions are also read.
        inherits: bool,
    },
    Subquery {
        query: Box<Query>,
        security_barrier: bool,
    },
    /// The columns of a join, as expressions over its sides.
    Join(Vec<Expr>),
    Function(Vec<Expr>),
    Values(Vec<Expr>),
    Cte {
        name: String,
        /// Number of levels up to the query that defines it.
        level: u32,
    },
    /// The grouped expressions (PostgreSQL 18).
    Group(Vec<Expr>),
    Other,
}

/// An item of `FROM`.
#[derive(Clone, Debug, PartialEq)]
pub enum From {
    /// An entry of the range table, from 1.
    Table(u32),
    Join {
        kind: JoinKind,
        left: Box<From>,
        right: Box<From>,
        on: Option<Expr>,
    },
}

/// The kind of a join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Full,
    Right,
}

/// A tree of UNION, INTERSECT and EXCEPT over subqueries in the range table.
#[derive(Clone, Debug, PartialEq)]
pub enum SetOperation {
    Table(u32),
    Union(Box<SetOperation>, Box<SetOperation>),
    Intersect(Box<SetOperation>, Box<SetOperation>),
    Except(Box<SetOperation>, Box<SetOperation>),
}

impl Expr {
    /// Returns the expression without casts.
    pub fn uncast(&self) -> &Self {
        match self {
            Self::Cast { arg, .. } => arg.uncast(),
            other => other,
        }
    }
}

impl Query {
    /// Returns the visible output columns.
    pub fn columns(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter().filter(|target| !target.junk)
    }

    /// `true` if it has no FROM and therefore only returns its output expressions.
    pub fn is_from_less(&self) -> bool {
        self.from.is_empty() && self.set_operation.is_none() && self.filter.is_none()
    }

    /// Returns the only output expression of a query without FROM.
    pub fn only_expression(&self) -> Option<&Expr> {
        match self.targets.as_slice() {
            [only] if self.is_from_less() && self.grouping == Grouping::Rows => Some(&only.expr),
            _ => None,
        }
    }
}
