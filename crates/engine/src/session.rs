//! One user's session: settings, names, and the way from a statement to its rows.

use crate::batch::{self, Manner};
use crate::catalog::SessionCatalog;
use crate::engine::Engine;
use crate::settings::SessionConfig;
use crate::statement;
use arrow::array::RecordBatch;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::{Arc, RwLock, Weak};
use thalweg_common::clock::{Clock, SystemClock};
use thalweg_common::{Error, Result};
use thalweg_plan::{Context, Resolved};
use thalweg_sql::ir;
use thalweg_sql::types::StructType;

/// What a statement answers.
pub struct Output {
    /// The columns under the users' names.
    pub schema: StructType,
    /// The rows; dropping the stream cancels the query.
    pub rows: BoxStream<'static, Result<RecordBatch>>,
    /// The streaming query that the statement started.
    pub query: Option<StreamingQueryInfo>,
}

impl Output {
    /// A statement without rows.
    pub fn nothing() -> Self {
        Self { schema: StructType::default(), rows: futures::stream::empty().boxed(), query: None }
    }

    /// All rows at once.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        let batches: Vec<Result<RecordBatch>> = self.rows.collect().await;
        batches.into_iter().collect()
    }
}

/// A streaming query that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamingQueryInfo {
    pub id: String,
    pub run_id: String,
    pub name: Option<String>,
}

/// What is known of a query without running it.
#[derive(Debug, Clone, PartialEq)]
pub struct Analyzed {
    pub schema: StructType,
    pub streaming: bool,
    /// Whether it runs without reading anything.
    pub is_local: bool,
}

/// One user's session.
#[derive(Debug)]
pub struct Session {
    engine: Weak<Engine>,
    pub(crate) catalog: SessionCatalog,
    user: String,
    id: String,
}

impl Session {
    pub(crate) fn new(engine: Weak<Engine>, shared: &Engine, user: &str, id: &str) -> Self {
        let catalog = SessionCatalog {
            store: shared.store.clone(),
            registry: shared.registry.clone(),
            config: Arc::new(SessionConfig::new(format!("file:{}", shared.warehouse().display()))),
            views: Default::default(),
            global_views: shared.global_views.clone(),
            database: RwLock::new(crate::catalog::store::DEFAULT_DATABASE.to_owned()),
        };
        Self { engine, catalog, user: user.to_owned(), id: id.to_owned() }
    }

    /// The session's settings.
    pub fn config(&self) -> &SessionConfig {
        &self.catalog.config
    }
    /// The id that the client gave.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// The user that the client gave.
    pub fn user(&self) -> &str {
        &self.user
    }
    /// The database that unqualified names are in.
    pub fn current_database(&self) -> String {
        self.catalog.database()
    }

    /// How the queries of this session are planned.
    pub(crate) fn manner(&self, optimize: bool) -> Manner {
        Manner { optimize, partitions: self.config().partitions() }
    }

    pub(crate) fn engine(&self) -> Result<Arc<Engine>> {
        self.engine.upgrade().ok_or_else(|| Error::internal("the engine is shut down"))
    }

    /// Runs one statement. A query's rows come as they are computed; a command has run when this returns.
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
            outputs.push(self.execute(parsed.statement, Some(parsed.text.into())).await?);
        }
        Ok(outputs)
    }

    /// Starts a query.
    pub async fn query(&self, relation: &ir::Relation, text: Option<Arc<str>>) -> Result<Output> {
        self.query_with(relation, text, true).await
    }

    /// Starts a query with or without the optimizer: both must give the same rows.
    pub async fn query_with(
        &self,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
        optimize: bool,
    ) -> Result<Output> {
        if let ir::RelationNode::ShowString { input, rows, truncate, vertical, html } = &relation.node {
            let style = crate::show_string::Style {
                rows: *rows,
                truncate: *truncate,
                vertical: *vertical,
                html: *html,
            };
            return crate::show_string::show(self, input, text, style).await;
        }
        let resolved = self.resolve(relation, text).await?;
        if resolved.streaming {
            return Err(crate::catalog::streaming_table::must_be_started());
        }
        let rows = self.engine()?.runtime.run(&resolved.plan, self.manner(optimize)).await?;
        let rows = batch::named(rows, batch::named_schema(&resolved));
        Ok(Output { schema: resolved.schema(), rows, query: None })
    }

    /// What is known of a query without running it.
    pub async fn analyze(&self, relation: &ir::Relation, text: Option<Arc<str>>) -> Result<Analyzed> {
        if let ir::RelationNode::ShowString { .. } = &relation.node {
            let schema = crate::show_string::schema();
            return Ok(Analyzed { schema, streaming: false, is_local: false });
        }
        let resolved = self.resolve(relation, text).await?;
        let is_local = !statement::explain::reads_tables(&resolved.plan);
        let streaming = resolved.streaming;
        Ok(Analyzed { schema: resolved.schema(), streaming, is_local })
    }

    /// The plan of a query, as text.
    pub async fn explain(&self, relation: &ir::Relation, mode: ir::ExplainMode) -> Result<String> {
        statement::explain::text(self, relation, mode, None).await
    }

    pub(crate) async fn resolve(&self, relation: &ir::Relation, text: Option<Arc<str>>) -> Result<Resolved> {
        thalweg_plan::resolve(relation, &self.catalog, &self.context(text)?).await
    }

    /// Resolves a query that shall run as a stream: its current time is that of each epoch.
    pub(crate) async fn resolve_stream(
        &self,
        relation: &ir::Relation,
        text: Option<Arc<str>>,
    ) -> Result<Resolved> {
        let context = Context { now_micros: None, ..self.context(text)? };
        thalweg_plan::resolve(relation, &self.catalog, &context).await
    }

    pub(crate) fn context(&self, text: Option<Arc<str>>) -> Result<Context> {
        Ok(Context {
            time_zone: self.config().time_zone(),
            // Read once, so that current_timestamp is one value all through the statement.
            now_micros: Some(SystemClock::default().now_micros()),
            current_database: self.current_database(),
            user: self.user.clone(),
            settings: self.config().get_all(None),
            text,
        })
    }
}
