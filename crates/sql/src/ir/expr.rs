//! Unresolved expressions.

use super::{Literal, Name, Origin, Relation};
use crate::types::DataType;

/// An expression and where it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub node: ExprNode,
    pub origin: Origin,
}

impl Expr {
    /// An expression that came from no text.
    pub fn new(node: ExprNode) -> Self {
        Self { node, origin: None }
    }
    /// An expression at a place of the text.
    pub fn at(node: ExprNode, origin: Origin) -> Self {
        Self { node, origin }
    }
    /// A call of `name` on `args`, without DISTINCT or other clauses.
    pub fn call(name: &str, args: Vec<Expr>) -> Self {
        Self::new(ExprNode::Function(FunctionCall::new(name, args)))
    }
    /// A reference to a column by its parts.
    pub fn column(parts: &[&str]) -> Self {
        let name = parts.iter().map(|p| (*p).to_owned()).collect();
        Self::new(ExprNode::Attribute { name, plan_id: None })
    }
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprNode {
    Literal(Literal),
    /// A column by name; `plan_id` pins it to the relation of that id (`df["x"]`).
    Attribute {
        name: Name,
        plan_id: Option<i64>,
    },
    /// `*`, `t.*`, `s.*`; `except` lists the columns left out.
    Star {
        target: Option<Name>,
        plan_id: Option<i64>,
        except: Vec<Name>,
    },
    /// Columns whose name matches a regular expression (`df.colRegex`).
    Regex {
        pattern: String,
        plan_id: Option<i64>,
    },
    Function(FunctionCall),
    /// A call with a window: `func` is a `Function`.
    Window(Box<WindowCall>),
    Cast {
        expr: Box<Expr>,
        to: DataType,
        mode: CastMode,
    },
    /// One name, or several for a generator.
    Alias {
        expr: Box<Expr>,
        names: Vec<String>,
        metadata: Option<String>,
    },
    /// `name => value` in a call.
    NamedArgument {
        name: String,
        value: Box<Expr>,
    },
    Lambda {
        parameters: Vec<String>,
        body: Box<Expr>,
    },
    LambdaVariable(String),
    /// `child[extraction]` or `child.field` where the child is no plain name.
    Extract {
        child: Box<Expr>,
        extraction: Box<Expr>,
    },
    /// `withField` (value is some) and `dropFields` (value is none).
    UpdateField {
        child: Box<Expr>,
        field: String,
        value: Option<Box<Expr>>,
    },
    /// A subquery; correlated where its names resolve only outside.
    Subquery {
        kind: SubqueryKind,
        relation: Box<Relation>,
    },
    /// A subquery of the DataFrame API: the relation is found by plan id under `WithRelations`.
    SubqueryReference {
        kind: SubqueryKind,
        plan_id: i64,
    },
    /// `GROUPING SETS`/`ROLLUP`/`CUBE` inside GROUP BY stay in `Aggregate::grouping`; a `?` or `:name` marker.
    Parameter(Option<String>),
}

/// The call of a CASE with an operand: the operand, then as `when` each value it is compared with and what that
/// gives. No function that a user can name is called so.
pub const CASE_OF: &str = "case of";

/// A call of a function by name.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCall {
    /// Spark's name as the user wrote it, or an operator's.
    pub name: Name,
    pub args: Vec<Expr>,
    pub distinct: bool,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Box<Expr>>,
    /// `WITHIN GROUP (ORDER BY …)`.
    pub order_within: Vec<SortOrder>,
    /// `IGNORE NULLS` (true), `RESPECT NULLS` (false).
    pub ignore_nulls: Option<bool>,
}

impl FunctionCall {
    /// A plain call.
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
    pub function: Expr,
    pub partition: Vec<Expr>,
    pub order: Vec<SortOrder>,
    pub frame: Option<WindowFrame>,
}

/// `ROWS` or `RANGE BETWEEN lower AND upper`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowFrame {
    pub rows: bool,
    pub lower: FrameBound,
    pub upper: FrameBound,
}

/// One end of a window frame.
#[derive(Debug, Clone, PartialEq)]
pub enum FrameBound {
    CurrentRow,
    UnboundedPreceding,
    UnboundedFollowing,
    /// An offset: negative is preceding.
    Value(Box<Expr>),
}

/// One key of an ordering. `nulls_first` none means Spark's default: first if ascending, last if descending.
#[derive(Debug, Clone, PartialEq)]
pub struct SortOrder {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: Option<bool>,
}

/// How a cast treats a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CastMode {
    /// `CAST`: ANSI, raises.
    Ansi,
    /// `TRY_CAST`: null.
    Try,
}

/// What a subquery stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum SubqueryKind {
    Scalar,
    Exists,
    /// `values IN (subquery)`; negation is `not` around it.
    In {
        values: Vec<Expr>,
    },
}
