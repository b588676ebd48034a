//! Defines the clauses that an expression can stand in.

/// The clause of an expression, which decides what the expression may contain and how errors name its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    /// An expression by itself, such as a limit.
    Expression,
    Select,
    Where,
    /// The condition of an inner join, which may become a filter above it.
    InnerJoin,
    /// The condition of any other join.
    Join,
    GroupBy,
    Having,
    Qualify,
    OrderBy,
    /// The arguments of an aggregate.
    Aggregate,
    /// The arguments of a generator.
    Generator,
    /// The body of a lambda.
    Lambda,
    InlineTable,
    Unpivot,
}

impl Clause {
    /// Returns its name in errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Expression => "expression",
            Self::Select => "SELECT",
            Self::Where => "WHERE",
            Self::InnerJoin | Self::Join => "join condition",
            Self::GroupBy => "GROUP BY",
            Self::Having => "HAVING",
            Self::Qualify => "QUALIFY",
            Self::OrderBy => "ORDER BY",
            Self::Aggregate => "aggregate",
            Self::Generator => "generator",
            Self::Lambda => "a lambda",
            Self::InlineTable => "inline table",
            Self::Unpivot => "UNPIVOT",
        }
    }

    /// Returns Spark's name of the operator of the clause, which its errors use for some of them.
    pub(crate) fn operator(self) -> &'static str {
        match self {
            Self::Where => "Filter",
            Self::InnerJoin | Self::Join => "Join",
            Self::OrderBy => "Sort",
            Self::Expression
            | Self::Select
            | Self::GroupBy
            | Self::Having
            | Self::Qualify
            | Self::Aggregate
            | Self::Generator
            | Self::Lambda
            | Self::InlineTable
            | Self::Unpivot => self.name(),
        }
    }

    /// Returns whether its expressions are predicates of filters, where DataFusion converts EXISTS and IN to joins.
    pub(crate) fn is_filter(self) -> bool {
        match self {
            Self::Where | Self::InnerJoin | Self::Having | Self::Qualify => true,
            Self::Expression
            | Self::Select
            | Self::Join
            | Self::GroupBy
            | Self::OrderBy
            | Self::Aggregate
            | Self::Generator
            | Self::Lambda
            | Self::InlineTable
            | Self::Unpivot => false,
        }
    }

    /// Returns whether its expressions may name columns that the input has left out: see `missing_columns`.
    pub(crate) fn finds_left_out(self) -> bool {
        matches!(self, Self::Where | Self::OrderBy)
    }
}
