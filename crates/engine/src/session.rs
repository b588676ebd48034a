//! Defines a user's session: its settings and names, and the execution of its statements.

use crate::batch::{self, PlanOptions};
use crate::catalog::{CatalogSnapshot, SessionCatalog};
use crate::engine::Engine;
use crate::persisted::{Persisted, StorageLevel};
use crate::settings::SessionConfig;
use crate::statement;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::sync::{Arc, RwLock, Weak};
use thalweg_common::clock::{Clock, SystemClock};
use thalweg_common::lock::{read, write};
use thalweg_common::{Error, ErrorKind, Result};
use thalweg_functions::{Entry, FunctionRegistry};
use thalweg_resolver::{Context, ResolvedQuery};
use thalweg_sql::ir;
use thalweg_sql::types::StructType;
use thalweg_values::types::struct_fields;

/// The deepest nesting of views.
// The default of Spark's `spark.sql.view.maxNestedViewDepth`.
pub(crate) const VIEWS_DEEP_MAX: usize = 100;

/// The result of a statement.
pub struct Output {
    /// The columns with the users' names.
    pub schema: StructType,
    /// The rows; dropping the stream cancels the query.
    pub rows: BoxStream<'static, Result<RecordBatch>>,
    /// The streaming query that the statement started.
    pub query: Option<StreamingQueryInfo>,
}

impl Output {
    /// Creates the result of a statement without rows.
    pub fn nothing() -> Self {
        Self { schema: StructType::default(), rows: futures::stream::empty().boxed(), query: None }
    }

    /// Creates the result of these columns, whose types are those of the schema.
    pub(crate) fn of_columns(schema: StructType, columns: Vec<ArrayRef>) -> Result<Self> {
        let arrow = Arc::new(Schema::new(struct_fields(&schema)));
        // Callers write columns and schema side by side, so a difference is a bug of the caller.
        let batch = RecordBatch::try_new(arrow, columns)
            .map_err(|e| Error::internal(format!("the rows of a command: {e}")))?;
        Ok(Self { schema, rows: futures::stream::iter([Ok(batch)]).boxed(), query: None })
    }

    /// Collects all rows, or returns the first error: some operators repeat their error without end.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.rows.try_collect().await
    }
}

/// A streaming query that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingQueryInfo {
    /// The id of the query, which its checkpoint keeps.
    pub id: String,
    /// The id of this run.
    pub run_id: String,
    /// The name that the user gave.
    pub name: Option<String>,
}

/// The properties of a query that are known without running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Analyzed {
    /// The schema.
    pub schema: StructType,
    /// Whether an input is unbounded.
    pub streaming: bool,
    /// Whether the request contains its rows.
    pub is_local: bool,
}

/// A user's session.
///
/// ```
/// use thalweg_connectors_all::standard_registry;
/// use thalweg_engine::{Engine, EngineConfig};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let engine = Engine::open(EngineConfig::new(folder.path()), standard_registry()?).await?;
/// let session = engine.new_session("ada", "1");
/// session.config().set("spark.sql.session.timeZone", "Europe/Berlin")?;
/// let outputs = session.sql("SELECT 1 AS a; SELECT 2 AS b").await?;
/// assert_eq!(outputs.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    engine: Weak<Engine>,
    pub(crate) catalog: SessionCatalog,
    /// The functions that it can call: the built-in ones, and those that it registered.
    functions: RwLock<Arc<FunctionRegistry>>,
    user: String,
    id: String,
    persisted: Persisted,
}

impl Session {
    pub(crate) fn new(engine: Weak<Engine>, shared: &Engine, user: &str, id: &str) -> Self {
        let catalog = SessionCatalog {
            store: shared.store.clone(),
            claims: shared.claims.clone(),
            registry: shared.registry.clone(),
            config: Arc::new(SessionConfig::new(format!("file:{}", shared.warehouse().display()))),
            opened: Default::default(),
            views: Default::default(),
            global_views: shared.global_views.clone(),
            database: RwLock::new(crate::catalog::store::DEFAULT_DATABASE.to_owned()),
        };
        let (user, id) = (user.to_owned(), id.to_owned());
        Self { engine, catalog, functions: RwLock::default(), user, id, persisted: Persisted::default() }
    }

    /// Returns the session's settings.
    pub fn config(&self) -> &SessionConfig {
        &self.catalog.config
    }
    /// Returns the id that the client sent.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// Returns the user that the client sent.
    pub fn user(&self) -> &str {
        &self.user
    }
    /// Returns the database of unqualified names.
    pub fn current_database(&self) -> String {
        self.catalog.database()
    }

    /// Returns the functions that its statements can call from now on.
    pub fn functions(&self) -> Arc<FunctionRegistry> {
        Arc::clone(&read(&self.functions))
    }

    /// Adds a temporary function, which statements that start later can call. A built-in function of the same name comes
    /// before it, as in Spark: it is then called as `session.name`.
    ///
    /// # Errors
    /// `ROUTINE_ALREADY_EXISTS` if the session has a function of that name.
    pub fn register_function(&self, entry: Entry) -> Result<()> {
        let mut functions = write(&self.functions);
        Arc::make_mut(&mut functions).register(entry)
    }

    /// Returns the planning options of this session's queries.
    pub(crate) fn plan_options(&self, optimize: bool) -> PlanOptions {
        PlanOptions { optimize, partitions: self.config().partitions() }
    }

    pub(crate) fn engine(&self) -> Result<Arc<Engine>> {
        self.engine.upgrade().ok_or_else(|| {
            Error::new(ErrorKind::Runtime, "ENGINE_STOPPED", "57P01", "The engine of this session has ended.")
                .hint("Connect again when the server is running.")
        })
    }

    /// Runs one statement. The rows of a query are computed as they are read; a command has run when this returns.
    pub async fn execute(&self, statement: ir::Statement, text: Option<Arc<str>>) -> Result<Output> {
        match statement {
            ir::Statement::Query(relation) => self.query(&relation, text).await,
            ir::Statement::Command(command) => statement::run(self, command, text).await,
        }
    }

    /// Parses and runs `text`, statement after statement; stops at the first error.
    pub async fn sql(&self, text: &str) -> Result<Vec<Output>> {
        let mut outputs = vec![];
        for parsed in thalweg_sql::parse(text)? {
            // One after another: a statement may use what the one before has created.
            outputs.push(self.execute(parsed.statement, Some(parsed.text.into())).await?);
        }
        Ok(outputs)
    }

    /// Starts a query.
    pub async fn query(&self, relation: &ir::Relation, text: Option<Arc<str>>) -> Result<Output> {
        self.query_with(relation, text, true).await
    }

    /// Starts a query with or without the optimizer: both return the same rows.
    pub async fn query_with(
        &self,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
        optimize: bool,
    ) -> Result<Output> {
        // `df.show()` is a relation of the protocol: the server draws the table, and the result is one text.
        if let ir::RelationNode::ShowString { input, rows, truncate, vertical, html } = &relation.node {
            let style = crate::show_string::ShowStyle {
                rows: *rows,
                truncate: *truncate,
                vertical: *vertical,
                html: *html,
            };
            return crate::show_string::show(self, input, text, style).await;
        }
        let resolved = self.resolve(relation, text).await?;
        if resolved.streaming {
            // A stream has no last row, so its rows cannot be returned.
            return Err(crate::catalog::unbounded::must_be_started());
        }
        let rows = self.engine()?.runtime.run(&resolved.plan, self.plan_options(optimize)).await?;
        let rows = batch::named(rows, batch::named_schema(&resolved));
        Ok(Output { schema: resolved.schema(), rows, query: None })
    }

    /// The properties of a query that are known without running it.
    pub async fn analyze(&self, relation: &ir::Relation, text: Option<Arc<str>>) -> Result<Analyzed> {
        if let ir::RelationNode::ShowString { .. } = &relation.node {
            let schema = crate::show_string::schema();
            return Ok(Analyzed { schema, streaming: false, is_local: false });
        }
        let resolved = self.resolve(relation, text).await?;
        let is_local = is_local(relation);
        let streaming = resolved.streaming;
        Ok(Analyzed { schema: resolved.schema(), streaming, is_local })
    }

    /// Returns the files that a query reads, as URIs, each once.
    ///
    /// # Errors
    /// As [`Self::analyze`]; `UNSUPPORTED_FEATURE` for a stream.
    pub async fn input_files(&self, relation: &ir::Relation) -> Result<Vec<String>> {
        statement::explain::input_files(&self.resolve(relation, None).await?, &self.catalog.registry)
    }

    /// Marks a plan as persisted; an existing mark keeps its level.
    pub fn persist(&self, relation: &ir::Relation, level: StorageLevel) -> Result<()> {
        self.persisted.mark(&self.behind_views(relation), level)
    }

    /// Removes the mark of a plan.
    pub fn unpersist(&self, relation: &ir::Relation) {
        self.persisted.unmark(&self.behind_views(relation));
    }

    /// Removes all marks.
    pub fn unpersist_all(&self) {
        self.persisted.clear();
    }

    /// Returns the level of a plan, if it is marked.
    pub fn storage_level(&self, relation: &ir::Relation) -> Option<StorageLevel> {
        self.persisted.level(&self.behind_views(relation))
    }

    /// Replaces a temporary view by its plan; returns other relations as they are.
    fn behind_views(&self, relation: &ir::Relation) -> ir::Relation {
        let mut relation = relation.clone();
        for _ in 0..VIEWS_DEEP_MAX {
            // A view of a view is the same plan, and the number of them is bounded as in the resolver.
            relation = match relation.node {
                ir::RelationNode::View { plan, .. } => *plan,
                ir::RelationNode::Table { ref name, .. } => match self.catalog.temporary(name) {
                    Some(view) => view.plan,
                    None => break,
                },
                _ => break,
            };
        }
        relation
    }

    /// Returns the plan of a query as text.
    pub async fn explain(&self, relation: &ir::Relation, mode: ir::ExplainMode) -> Result<String> {
        statement::explain::text(self, relation, mode, None).await
    }

    pub(crate) async fn resolve(
        &self,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
    ) -> Result<ResolvedQuery> {
        thalweg_resolver::resolve(relation, &self.catalog, &self.context(text)?).await
    }

    /// Resolves one of the queries of a statement. All of them see the tables of the snapshot.
    pub(crate) async fn resolve_in(
        &self,
        snapshot: &CatalogSnapshot<'_>,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
    ) -> Result<ResolvedQuery> {
        thalweg_resolver::resolve(relation, snapshot, &self.context(text)?).await
    }

    /// Resolves a query that runs as a stream: its current time is that of each epoch.
    pub(crate) async fn resolve_stream(
        &self,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
    ) -> Result<ResolvedQuery> {
        let context = Context { now_micros: None, ..self.context(text)? };
        thalweg_resolver::resolve(relation, &self.catalog, &context).await
    }

    pub(crate) fn context(&self, text: Option<Arc<str>>) -> Result<Context> {
        Ok(Context {
            time_zone: self.config().time_zone(),
            // Read once, so that current_timestamp has one value in the whole statement.
            now_micros: Some(SystemClock::default().now_micros()),
            current_database: self.current_database(),
            user: self.user.clone(),
            functions: self.functions(),
            text,
        })
    }
}

/// Returns whether a relation contains its rows: local data and VALUES, and SQL text that is one of them.
fn is_local(relation: &ir::Relation) -> bool {
    match &relation.node {
        ir::RelationNode::Local { .. } | ir::RelationNode::Values { .. } => true,
        ir::RelationNode::SqlQuery { query, .. } => is_local(query),
        ir::RelationNode::Table { .. }
        | ir::RelationNode::View { .. }
        | ir::RelationNode::DataSource(_)
        | ir::RelationNode::Range { .. }
        | ir::RelationNode::OneRow
        | ir::RelationNode::Project { .. }
        | ir::RelationNode::Filter { .. }
        | ir::RelationNode::Aggregate(_)
        | ir::RelationNode::Having { .. }
        | ir::RelationNode::Qualify { .. }
        | ir::RelationNode::Join(_)
        | ir::RelationNode::SetOperation(_)
        | ir::RelationNode::Sort { .. }
        | ir::RelationNode::Limit { .. }
        | ir::RelationNode::Offset { .. }
        | ir::RelationNode::Tail { .. }
        | ir::RelationNode::Deduplicate { .. }
        | ir::RelationNode::Alias { .. }
        | ir::RelationNode::With { .. }
        | ir::RelationNode::WithRelations { .. }
        | ir::RelationNode::WithWatermark { .. }
        | ir::RelationNode::WithColumns { .. }
        | ir::RelationNode::WithColumnsRenamed { .. }
        | ir::RelationNode::Drop { .. }
        | ir::RelationNode::ToDf { .. }
        | ir::RelationNode::ToSchema { .. }
        | ir::RelationNode::Repartition { .. }
        | ir::RelationNode::Sample { .. }
        | ir::RelationNode::FillNa { .. }
        | ir::RelationNode::DropNa { .. }
        | ir::RelationNode::Replace { .. }
        | ir::RelationNode::Unpivot(_)
        | ir::RelationNode::Hint { .. }
        | ir::RelationNode::LateralView(_)
        | ir::RelationNode::TableFunction { .. }
        | ir::RelationNode::Describe { .. }
        | ir::RelationNode::ShowString { .. } => false,
    }
}
