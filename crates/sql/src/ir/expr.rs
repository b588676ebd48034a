//! Unresolved expressions.

use super::{Literal, Name, Origin, Relation};
use crate::types::DataType;

/// An expression and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// What the expression is.
    pub node: ExprNode,
    /// Its place in the text.
    pub origin: Origin,
}

impl Expr {
    /// Creates an expression that has no place in a text.
    pub fn new(node: ExprNode) -> Self {
        Self { node, origin: None }
    }
    /// Creates an expression with its place in the text.
    pub fn at(node: ExprNode, origin: Origin) -> Self {
        Self { node, origin }
    }
    /// Creates a call of `name` with `args`, without DISTINCT or other clauses.
    pub fn call(name: &str, args: Vec<Expr>) -> Self {
        Self::new(ExprNode::Function(FunctionCall::new(name, args)))
    }
    /// Creates a reference to a column by the parts of its name.
    pub fn column(parts: &[&str]) -> Self {
        let name = parts.iter().map(|p| (*p).to_owned()).collect();
        Self::new(ExprNode::Attribute { name, plan_id: None })
    }
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprNode {
    /// A constant.
    Literal(Literal),
    /// A column by name; `plan_id` restricts it to the relation with this id (`df["x"]`).
    Attribute {
        /// The parts of the name.
        name: Name,
        /// The id of the relation.
        plan_id: Option<i64>,
    },
    /// `*`, `t.*`, `s.*`; `except` lists the columns left out.
    Star {
        /// The qualifier before `.*`.
        target: Option<Name>,
        /// The id of the relation whose columns are meant (`df["*"]`).
        plan_id: Option<i64>,
        /// `EXCEPT (…)`: the columns left out.
        except: Vec<Name>,
    },
    /// Columns whose name matches a regular expression (`df.colRegex`).
    Regex {
        /// The regular expression.
        pattern: String,
        /// The id of the relation whose columns are meant.
        plan_id: Option<i64>,
    },
    /// A call of a function or an operator.
    Function(FunctionCall),
    /// A call with a window: `func` is a `Function`.
    Window(Box<WindowCall>),
    /// A cast.
    Cast {
        /// The value.
        expr: Box<Expr>,
        /// The type to cast to.
        to: DataType,
        /// How a value that does not fit is treated.
        mode: EvalMode,
    },
    /// One name, or several for a generator.
    Alias {
        /// The value.
        expr: Box<Expr>,
        /// Its names.
        names: Vec<String>,
        /// The metadata of the column as JSON.
        metadata: Option<String>,
    },
    /// `name => value` in a call.
    NamedArgument {
        /// The name of the parameter.
        name: String,
        /// The value.
        value: Box<Expr>,
    },
    /// `x -> body` or `(x, y) -> body`.
    Lambda {
        /// The names of the parameters.
        parameters: Vec<String>,
        /// The body.
        body: Box<Expr>,
    },
    /// A parameter of an enclosing lambda.
    LambdaVariable(String),
    /// `child[extraction]`, or `child.field` where the child is not a plain name.
    Extract {
        /// The array, map or struct.
        child: Box<Expr>,
        /// The index, key or field name.
        extraction: Box<Expr>,
    },
    /// `withField` (value is some) and `dropFields` (value is none).
    UpdateField {
        /// The struct.
        child: Box<Expr>,
        /// The name of the field; dots separate the levels of nested structs.
        field: String,
        /// The new value; none drops the field.
        value: Option<Box<Expr>>,
    },
    /// A subquery; it is correlated where its names resolve only outside.
    Subquery {
        /// What the subquery yields.
        kind: SubqueryKind,
        /// The query.
        relation: Box<Relation>,
    },
    /// A subquery of the DataFrame API: the relation is found by plan id under `WithRelations`.
    SubqueryReference {
        /// What the subquery yields.
        kind: SubqueryKind,
        /// The id of the relation.
        plan_id: i64,
    },
    /// A `?` or `:name` marker.
    Parameter(ParameterMarker),
}

/// The argument that a marker stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ParameterMarker {
    /// `:name`.
    Named(String),
    /// `?`, by the number of `?` before it in the statement.
    Positional(usize),
}

/// The name of the function that a CASE with an operand calls. Its arguments are the operand, then for each `WHEN`
/// the value it is compared with and the result, then the `ELSE` result. Users cannot write this name.
pub const CASE_OF: &str = "case of";

/// A call of a function by name.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// Spark's name as the user wrote it, or an operator's.
    pub name: Name,
    /// The arguments.
    pub args: Vec<Expr>,
    /// `DISTINCT`.
    pub distinct: bool,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Box<Expr>>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub order_within: Vec<SortOrder>,
    /// `IGNORE NULLS` (true), `RESPECT NULLS` (false).
    pub ignore_nulls: Option<bool>,
}

impl FunctionCall {
    /// Creates a call without DISTINCT or other clauses.
    pub fn new(name: &str, args: Vec<Expr>) -> Self {
        Self {
            name: vec![name.to_owned()],
            args,
            distinct: false,
            filter: None,
            order_within: vec![],
            ignore_nulls: None,
        }
    }
}

/// A function over a window of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowCall {
    /// The call, an [`ExprNode::Function`].
    pub function: Expr,
    /// `PARTITION BY`.
    pub partition: Vec<Expr>,
    /// `ORDER BY`.
    pub order: Vec<SortOrder>,
    /// The frame; none is Spark's default, which depends on whether there is an order.
    pub frame: Option<WindowFrame>,
}

/// `ROWS` or `RANGE BETWEEN lower AND upper`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    /// Whether the bounds count rows (`ROWS`) instead of comparing values (`RANGE`).
    pub rows: bool,
    /// The first row.
    pub lower: FrameBound,
    /// The last row.
    pub upper: FrameBound,
}

/// One end of a window frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    /// `CURRENT ROW`.
    CurrentRow,
    /// `UNBOUNDED PRECEDING`.
    UnboundedPreceding,
    /// `UNBOUNDED FOLLOWING`.
    UnboundedFollowing,
    /// An offset: negative is preceding.
    Value(Box<Expr>),
}

/// One key of an ordering. `nulls_first` none means Spark's default: first if ascending, last if descending.
#[derive(Debug, Clone, PartialEq)]
pub struct SortOrder {
    /// The key.
    pub expr: Expr,
    /// `DESC`.
    pub descending: bool,
    /// `NULLS FIRST` (true) or `NULLS LAST` (false).
    pub nulls_first: Option<bool>,
}

/// How a cast treats a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalMode {
    /// `CAST`: an error.
    Ansi,
    /// `TRY_CAST`: null.
    Try,
}

/// What a subquery yields.
#[derive(Debug, Clone, PartialEq)]
pub enum SubqueryKind {
    /// One value: the only column of at most one row.
    Scalar,
    /// Whether there is a row (`EXISTS`).
    Exists,
    /// Whether the values are among the rows (`values IN (subquery)`); `NOT IN` is a call of `not` around it.
    In {
        /// The values, as many as the subquery has columns.
        values: Vec<Expr>,
    },
}
