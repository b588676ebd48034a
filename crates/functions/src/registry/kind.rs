//! Defines the kinds of functions, and the forms within a kind that a resolver handles in ways of their own.
//!
//! Every enum is matched exhaustively: a new form does not compile until the resolver says what becomes of it.

/// What a function does with rows, and how its calls are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value per row, of resolved arguments.
    Scalar,
    /// One value per group.
    Aggregate(AggregateForm),
    /// One value per row, from the rows around it.
    Window(WindowForm),
    /// Several rows per row (`explode`).
    Generator(Generator),
    /// A relation (`range`).
    Table(TableForm),
    /// Applies lambdas to the elements of arrays or the entries of maps.
    Lambda(LambdaForm),
    /// One value per row, of arguments that the resolver reads before they are resolved.
    Special(SpecialForm),
}

/// How an aggregate's arguments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateForm {
    /// As those of any function.
    Plain,
    /// `count`: a star stands for no argument.
    Count,
    /// The ordered value comes from `WITHIN GROUP (ORDER BY value)`.
    InverseDistribution,
    /// `median`: over a window it takes neither ORDER BY nor a frame.
    WholePartition,
}

/// What a window function depends on, which its frame and the name of its column show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowForm {
    /// The number of the row (`row_number`, `ntile`).
    Number,
    /// The number of the row, where equal rows share one (`rank`): it is shown in capitals.
    Rank,
    /// A row some places before the current one.
    Lag,
    /// A row some places after the current one.
    Lead,
    /// The rows of a frame.
    Frame,
}

/// A generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generator {
    /// What it expands.
    pub form: GeneratorForm,
    /// Whether a row without elements is kept once, with nulls.
    pub outer: bool,
}

/// What a generator expands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorForm {
    /// The elements of an array or the entries of a map.
    Explode,
    /// The same with their positions.
    PosExplode,
    /// The structs of an array, a column for each field.
    Inline,
    /// Its arguments, laid out in rows.
    Stack,
    /// The fields of a JSON object, a column for each name.
    JsonTuple,
}

/// A function that stands for a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// The numbers from a start to an end.
    Range,
}

/// What `IGNORE NULLS` and `RESPECT NULLS` do to a function. Spark takes `RESPECT NULLS` after every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullClause {
    /// `IGNORE NULLS` is refused.
    Refused,
    /// Both are taken and not shown (`first`).
    Hidden,
    /// `IGNORE NULLS` is taken and shown, also where the third argument says so (`nth_value`).
    ShownIfIgnored,
    /// Nulls are ignored unless the call says `RESPECT NULLS`, which is shown (`collect_list`).
    ShownIfRespected,
}

/// A function over lambdas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LambdaForm {
    /// `transform(array, x -> …)` or `(x, i) -> …`.
    Transform,
    /// `filter(array, x -> …)` or `(x, i) -> …`.
    Filter,
    /// `exists(array, x -> …)`.
    Exists,
    /// `forall(array, x -> …)`.
    ForAll,
    /// `aggregate(array, start, (acc, x) -> … [, acc -> …])`.
    Fold,
    /// `zip_with(left, right, (x, y) -> …)`.
    ZipWith,
    /// `map_filter(map, (k, v) -> …)`.
    MapFilter,
    /// `transform_keys(map, (k, v) -> …)`.
    TransformKeys,
    /// `transform_values(map, (k, v) -> …)`.
    TransformValues,
}

/// A function whose calls the resolver reads itself, for some number of arguments; with another number such a call
/// is resolved as a scalar one, which reports what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialForm {
    /// The right side is evaluated only where the left one is not false.
    And,
    /// The right side is evaluated only where the left one is not true.
    Or,
    /// NOT moves inward, to IN over a subquery.
    Not,
    /// `… = false` over a subquery is a NOT.
    Equal,
    /// An upper bound that can raise is evaluated only where the lower one holds.
    Between,
    /// `CASE value WHEN …`: the value is evaluated once.
    CaseOf,
    /// `CAST(value AS type)`, which the parser reads.
    Cast,
    /// `typeof`: the type as Spark names it, of which Arrow's knows less.
    TypeOf,
    /// `window`: the event-time windows of a row.
    Window,
    /// `window_time`: the last instant of a window, an event time.
    WindowTime,
    /// `grouping`: whether a key is left out of a grouping set.
    Grouping,
    /// `grouping_id`: which keys are left out of a grouping set.
    GroupingId,
    /// `struct`: the fields are named as columns would be.
    Struct,
    /// `arrays_zip`: the fields are named as columns would be.
    ArraysZip,
    /// `from_json`: the schema is a constant text.
    FromJson,
    /// `from_csv`: the schema is a constant text.
    FromCsv,
}

/// Which fields the intervals in a result have, and how intervals among the arguments are read.
///
/// Arrow has one type for all fields of an interval; Spark tells `INTERVAL DAY` from `INTERVAL DAY TO SECOND`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervals {
    /// The widest fields of the arguments that have the result's type or hold it.
    Widest,
    /// All fields.
    AllFields,
    /// The fields of the first argument.
    First,
    /// As `Widest`; a date plus days is a date.
    Sum,
    /// As `Sum`; the difference of dates has days.
    Difference,
    /// The widest fields of every second argument: keys and values of a map.
    Map,
    /// The fields of every second argument: the values of a struct.
    Struct,
    /// Intervals are read as texts.
    Texts,
    /// Intervals are read as texts, arrays of them as they are.
    TextsOutsideArrays,
}
