//! Conversion of the server's notation to the typed model.

use super::{
    datum::datum,
    expr::{
        BooleanTest, Command, ConstValue, Cte, Expr, From, Grouping, JoinKind, ParamKind, Query,
        RangeEntry, SetOperation, SqlValue, SubKind, Target,
    },
    tree::{Node, Value, parse},
};
use crate::error::{Error, Result};

/// Reads the expression of a policy, constraint, index or default.
pub fn expression(text: &str) -> Result<Expr> {
    match parse(text)? {
        Value::Node(node) => Ok(expr(&node)),
        // A list of conditions joined by AND (`pg_index.indpred`).
        Value::List(values) => Ok(Expr::And(exprs(&values))),
        _ => Err(Error::failure("the server's expression tree has no node")),
    }
}

/// Reads the queries of a rule (`pg_rewrite.ev_action`). A view has one.
pub fn queries(text: &str) -> Result<Vec<Query>> {
    let mut found = Vec::new();
    collect_queries(&parse(text)?, &mut found);
    Ok(found)
}

/// Reads `pg_proc.prosqlbody`, if the function is a single expression or a single query.
pub fn body(text: &str) -> Result<Option<Expr>> {
    let mut statements = queries(text)?;
    let Some(last) = statements.pop().filter(|_| statements.is_empty()) else {
        return Ok(None);
    };
    if last.command != Command::Select {
        return Ok(None);
    }
    Ok(Some(match last.only_expression() {
        Some(only) => only.clone(),
        None => Expr::Sub {
            kind: SubKind::Expr,
            test: None,
            query: Box::new(last),
        },
    }))
}

fn collect_queries(value: &Value<'_>, found: &mut Vec<Query>) {
    match value {
        Value::Node(node) if node.tag == "QUERY" => found.push(query(node)),
        Value::List(values) => values.iter().for_each(|one| collect_queries(one, found)),
        _ => {}
    }
}

fn exprs(values: &[Value<'_>]) -> Vec<Expr> {
    values.iter().filter_map(Value::as_node).map(expr).collect()
}

fn args(node: &Node<'_>) -> Vec<Expr> {
    exprs(node.list("args"))
}

fn child(node: &Node<'_>, field: &str) -> Option<Box<Expr>> {
    node.node(field).map(|inner| Box::new(expr(inner)))
}

/// Converts a node. An unknown node becomes [`Expr::Other`], so that nothing below it is missed.
fn expr(node: &Node<'_>) -> Expr {
    known(node).unwrap_or_else(|| Expr::Other {
        tag: node.tag.to_owned(),
        children: node
            .fields
            .iter()
            .flat_map(|(_, value)| below(value))
            .collect(),
    })
}

fn below(value: &Value<'_>) -> Vec<Expr> {
    match value {
        Value::Node(node) => vec![expr(node)],
        Value::List(values) => values.iter().flat_map(below).collect(),
        _ => Vec::new(),
    }
}

fn known(node: &Node<'_>) -> Option<Expr> {
    Some(match node.tag {
        "VAR" => Expr::Column {
            level: node.number("varlevelsup"),
            relation: node.number("varno"),
            number: node.number("varattno"),
        },
        "CONST" => constant(node),
        "PARAM" => Expr::Param {
            kind: match node.number::<u32>("paramkind") {
                0 => ParamKind::Argument,
                2 => ParamKind::SubColumn,
                _ => ParamKind::Other,
            },
            number: node.number("paramid"),
        },
        "FUNCEXPR" => call(node),
        "AGGREF" => Expr::Call {
            function: node.number("aggfnoid"),
            args: args(node),
        },
        "WINDOWFUNC" => Expr::Call {
            function: node.number("winfnoid"),
            args: args(node),
        },
        "TARGETENTRY" => *child(node, "expr")?,
        "OPEXPR" | "DISTINCTEXPR" | "NULLIFEXPR" | "SCALARARRAYOPEXPR" => operator(node),
        "BOOLEXPR" => boolean(node)?,
        "NULLTEST" => {
            let arg = child(node, "arg")?;
            match node.number::<u32>("nulltesttype") {
                0 => Expr::IsNull(arg),
                _ => Expr::IsNotNull(arg),
            }
        }
        "BOOLEANTEST" => Expr::BooleanTest {
            kind: match node.number::<u32>("booltesttype") {
                0 => BooleanTest::True,
                1 => BooleanTest::NotTrue,
                2 => BooleanTest::False,
                3 => BooleanTest::NotFalse,
                4 => BooleanTest::Unknown,
                _ => BooleanTest::NotUnknown,
            },
            arg: child(node, "arg")?,
        },
        "COALESCEEXPR" => Expr::Coalesce(args(node)),
        "CASEEXPR" => case(node),
        "RELABELTYPE" | "COERCEVIAIO" | "ARRAYCOERCEEXPR" | "COERCETODOMAIN"
        | "CONVERTROWTYPEEXPR" => Expr::Cast {
            to: node.number("resulttype"),
            function: None,
            arg: child(node, "arg")?,
        },
        // A collation does not change the type: 0.
        "COLLATEEXPR" => Expr::Cast {
            to: 0,
            function: None,
            arg: child(node, "arg")?,
        },
        "SUBLINK" => Expr::Sub {
            kind: match node.number::<u32>("subLinkType") {
                0 => SubKind::Exists,
                1 => SubKind::All,
                2 => SubKind::Any,
                3 => SubKind::RowCompare,
                4 => SubKind::Expr,
                6 => SubKind::Array,
                _ => SubKind::Other,
            },
            test: child(node, "testexpr"),
            query: Box::new(query(node.node("subselect")?)),
        },
        "SQLVALUEFUNCTION" => Expr::SqlValue(match node.number::<u32>("op") {
            9..=11 => SqlValue::CurrentUser,
            12 => SqlValue::SessionUser,
            _ => SqlValue::Other,
        }),
        "ARRAYEXPR" | "ARRAY" => Expr::Array(exprs(node.list("elements"))),
        "ROWEXPR" | "ROW" => Expr::Row(args(node)),
        _ => return None,
    })
}

/// Converts a function call. For a cast, the value is the first argument, followed by constants
/// (`CoercionForm` in primnodes.h).
fn call(node: &Node<'_>) -> Expr {
    let function = node.number("funcid");
    let mut args = args(node);
    let is_cast = matches!(node.number::<u32>("funcformat"), 1 | 2) && !args.is_empty();
    if is_cast {
        Expr::Cast {
            to: node.number("funcresulttype"),
            function: Some(function),
            arg: Box::new(args.swap_remove(0)),
        }
    } else {
        Expr::Call { function, args }
    }
}

fn operator(node: &Node<'_>) -> Expr {
    let operator = node.number("opno");
    let function = node.number("opfuncid");
    let args = args(node);
    match node.tag {
        "OPEXPR" => Expr::Operator {
            operator,
            function,
            args,
        },
        "DISTINCTEXPR" => Expr::Distinct {
            operator,
            function,
            args,
        },
        "NULLIFEXPR" => Expr::NullIf {
            operator,
            function,
            args,
        },
        _ => Expr::AnyOf {
            operator,
            function,
            use_or: node.flag("useOr"),
            args,
        },
    }
}

fn boolean(node: &Node<'_>) -> Option<Expr> {
    let mut args = args(node);
    match node.token("boolop")? {
        "and" => Some(Expr::And(args)),
        "or" => Some(Expr::Or(args)),
        "not" => Some(Expr::Not(Box::new(args.pop()?))),
        _ => None,
    }
}

fn case(node: &Node<'_>) -> Expr {
    let whens = node.list("args").iter().filter_map(Value::as_node);
    Expr::Case {
        subject: child(node, "arg"),
        arms: whens
            .filter_map(|when| Some((*child(when, "expr")?, *child(when, "result")?)))
            .collect(),
        otherwise: child(node, "defresult"),
    }
}

fn constant(node: &Node<'_>) -> Expr {
    let type_oid = node.number("consttype");
    let value = match node.field("constvalue") {
        Some(Value::Datum(bytes)) if !node.flag("constisnull") => datum(type_oid, bytes),
        _ => ConstValue::Null,
    };
    Expr::Const { type_oid, value }
}

fn query(node: &Node<'_>) -> Query {
    let jointree = node.node("jointree");
    let entries = |field| node.list(field).iter().filter_map(Value::as_node);
    Query {
        command: match node.number::<u32>("commandType") {
            1 => Command::Select,
            2 => Command::Update,
            3 => Command::Insert,
            4 => Command::Delete,
            _ => Command::Other,
        },
        ctes: entries("cteList").filter_map(cte).collect(),
        tables: entries("rtable").map(range_entry).collect(),
        from: jointree.map(from_list).unwrap_or_default(),
        filter: jointree.and_then(|tree| tree.node("quals")).map(expr),
        targets: entries("targetList").filter_map(target).collect(),
        set_operation: node.node("setOperations").and_then(set_operation),
        grouping: grouping(node),
        others: ["havingQual", "limitOffset", "limitCount"]
            .iter()
            .filter_map(|field| node.node(field).map(expr))
            .collect(),
    }
}

fn grouping(node: &Node<'_>) -> Grouping {
    let aggregates = node.flag("hasAggs") || node.node("havingQual").is_some();
    if !node.list("groupingSets").is_empty() {
        Grouping::Sets
    } else if aggregates && node.list("groupClause").is_empty() {
        Grouping::Aggregates
    } else {
        Grouping::Rows
    }
}

fn target(node: &Node<'_>) -> Option<Target> {
    Some(Target {
        name: node.token("resname").map(str::to_owned),
        expr: *child(node, "expr")?,
        junk: node.flag("resjunk"),
    })
}

fn cte(node: &Node<'_>) -> Option<Cte> {
    Some(Cte {
        name: node.token("ctename")?.to_owned(),
        recursive: node.flag("cterecursive"),
        query: query(node.node("ctequery")?),
    })
}

/// Converts an entry of the range table (`RTEKind` in parsenodes.h).
fn range_entry(node: &Node<'_>) -> RangeEntry {
    match node.number::<u32>("rtekind") {
        0 => RangeEntry::Relation {
            oid: node.number("relid"),
            alias: node
                .node("eref")
                .and_then(|names| names.token("aliasname"))
                .unwrap_or_default()
                .to_owned(),
            inherits: node.flag("inh"),
        },
        1 => match node.node("subquery") {
            Some(inner) => RangeEntry::Subquery {
                query: Box::new(query(inner)),
                security_barrier: node.flag("security_barrier"),
            },
            None => RangeEntry::Other,
        },
        2 => RangeEntry::Join(exprs(node.list("joinaliasvars"))),
        3 => RangeEntry::Function(
            node.list("functions")
                .iter()
                .filter_map(Value::as_node)
                .filter_map(|function| child(function, "funcexpr").map(|inner| *inner))
                .collect(),
        ),
        5 => RangeEntry::Values(node.list("values_lists").iter().flat_map(below).collect()),
        6 => RangeEntry::Cte {
            name: node.token("ctename").unwrap_or_default().to_owned(),
            level: node.number("ctelevelsup"),
        },
        9 => RangeEntry::Group(exprs(node.list("groupexprs"))),
        _ => RangeEntry::Other,
    }
}

fn from_list(tree: &Node<'_>) -> Vec<From> {
    let items = tree.list("fromlist").iter().filter_map(Value::as_node);
    items.filter_map(from_item).collect()
}

fn from_item(node: &Node<'_>) -> Option<From> {
    match node.tag {
        "RANGETBLREF" => Some(From::Table(node.number("rtindex"))),
        "JOINEXPR" => Some(From::Join {
            kind: match node.number::<u32>("jointype") {
                0 => JoinKind::Inner,
                1 => JoinKind::Left,
                2 => JoinKind::Full,
                _ => JoinKind::Right,
            },
            left: Box::new(from_item(node.node("larg")?)?),
            right: Box::new(from_item(node.node("rarg")?)?),
            on: node.node("quals").map(expr),
        }),
        _ => None,
    }
}

/// Converts a set operation (`SetOperation` in parsenodes.h).
fn set_operation(node: &Node<'_>) -> Option<SetOperation> {
    if node.tag == "RANGETBLREF" {
        return Some(SetOperation::Table(node.number("rtindex")));
    }
    let left = Box::new(set_operation(node.node("larg")?)?);
    let right = Box::new(set_operation(node.node("rarg")?)?);
    Some(match node.number::<u32>("op") {
        1 => SetOperation::Union(left, right),
        2 => SetOperation::Intersect(left, right),
        _ => SetOperation::Except(left, right),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `EXISTS (SELECT FROM relation 9 WHERE its column 1 = the row's column 3)`, as written by
    /// PostgreSQL 15.
    const EXISTS: &str = "{SUBLINK :subLinkType 0 :subLinkId 0 :testexpr <> :operName <> :subselect {QUERY :commandType 1 :hasAggs false :cteList <> :rtable ({RANGETBLENTRY :alias <> :eref {ALIAS :aliasname p :colnames (\"id\")} :rtekind 0 :relid 9 :relkind r :inh true}) :jointree {FROMEXPR :fromlist ({RANGETBLREF :rtindex 1}) :quals {OPEXPR :opno 2972 :opfuncid 2956 :args ({VAR :varno 1 :varattno 1 :varlevelsup 0} {VAR :varno 1 :varattno 3 :varlevelsup 1})}} :targetList <>}}";

    #[test]
    fn a_subselect_keeps_its_tables_and_levels() {
        let Expr::Sub { kind, query, .. } = expression(EXISTS).expect("a tree") else {
            panic!("a sub-select");
        };
        assert_eq!(kind, SubKind::Exists);
        assert_eq!(query.from, [From::Table(1)]);
        assert!(matches!(
            query.tables[0],
            RangeEntry::Relation { oid: 9, .. }
        ));
        let Some(Expr::Operator { args, .. }) = query.filter else {
            panic!("a comparison");
        };
        assert_eq!(
            args[1],
            Expr::Column {
                level: 1,
                relation: 1,
                number: 3
            }
        );
    }

    #[test]
    fn constants_are_decoded() {
        let constant = |text: &str| match expression(text).expect("a tree") {
            Expr::Const { value, .. } => value,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            constant(
                "{CONST :consttype 25 :constisnull false :constvalue 7 [ 28 0 0 0 97 46 98 ]}"
            ),
            ConstValue::Text("a.b".to_owned())
        );
        assert_eq!(
            constant("{CONST :consttype 16 :constisnull true :constvalue <>}"),
            ConstValue::Null
        );
        assert_eq!(
            constant(
                "{CONST :consttype 23 :constisnull false :constvalue 4 [ -2 -1 -1 -1 -1 -1 -1 -1 ]}"
            ),
            ConstValue::Int(-2)
        );
    }

    #[test]
    fn what_the_model_lacks_keeps_what_is_below() {
        let read = expression(
            "{MINMAXEXPR :args ({VAR :varno 1 :varattno 2} {XYZ :a ({VAR :varno 1 :varattno 4})})}",
        );
        let columns = super::super::visit::row_columns(&read.expect("a tree"));
        assert_eq!(columns.into_iter().collect::<Vec<_>>(), [2, 4]);
    }

    proptest! {
        #[test]
        fn a_tampered_tree_never_panics(
            at in 0..EXISTS.len(),
            length in 0usize..40,
            put in "[{}() :<>\\[\\]a-z0-9-]{0,8}",
        ) {
            let end = (at + length).min(EXISTS.len());
            let text = format!("{}{put}{}", &EXISTS[..at], &EXISTS[end..]);
            let _ = expression(&text);
            let _ = body(&text);
        }
    }
}
