//! Implements [`CatalogProvider`] for a session. Each method calls the file of its kind of object.

use super::info::{ColumnInfo, DatabaseInfo, FunctionInfo, TableInfo};
use super::provider::CatalogProvider;
use super::{create_table, databases, drop_table, functions, tables, views};
use crate::session::Session;
use async_trait::async_trait;
use std::sync::Arc;
use thalweg_common::Result;
use thalweg_sql::ir::{CreateTable, CreateView};

#[async_trait]
impl CatalogProvider for Session {
    fn current_database(&self) -> String {
        self.catalog.database()
    }
    async fn set_current_database(&self, database: &[String]) -> Result<()> {
        databases::set_current(&self.catalog, database)
    }

    async fn list_databases(&self, pattern: Option<&str>) -> Result<Vec<DatabaseInfo>> {
        Ok(databases::list(&self.catalog, pattern))
    }
    async fn get_database(&self, database: &[String]) -> Result<DatabaseInfo> {
        databases::get(&self.catalog, database)
    }
    async fn create_database(&self, database: &[String], if_not_exists: bool) -> Result<()> {
        databases::create(&self.catalog, database, if_not_exists)
    }
    async fn drop_database(&self, database: &[String], if_exists: bool, cascade: bool) -> Result<()> {
        databases::drop(&self.catalog, database, if_exists, cascade)
    }

    async fn list_tables(
        &self,
        database: Option<&[String]>,
        pattern: Option<&str>,
    ) -> Result<Vec<TableInfo>> {
        tables::list(&self.catalog, database, pattern)
    }
    async fn get_table(&self, table: &[String]) -> Result<TableInfo> {
        tables::get(&self.catalog, table).await
    }
    async fn list_columns(&self, table: &[String]) -> Result<Vec<ColumnInfo>> {
        tables::columns(self, table).await
    }
    async fn create_table(&self, table: CreateTable, text: Option<Arc<str>>) -> Result<()> {
        create_table::create(self, table, text).await
    }
    async fn drop_table(&self, table: &[String], if_exists: bool) -> Result<()> {
        drop_table::drop(self, table, if_exists).await
    }

    async fn create_view(&self, view: CreateView, text: Option<Arc<str>>) -> Result<()> {
        views::create(self, view, text).await
    }
    async fn drop_view(&self, view: &[String], if_exists: bool) -> Result<()> {
        views::drop(&self.catalog, view, if_exists).await
    }
    async fn drop_temporary_view(&self, view: &[String]) -> Result<bool> {
        Ok(views::drop_temporary(&self.catalog, view))
    }

    async fn list_functions(&self, pattern: Option<&str>) -> Result<Vec<FunctionInfo>> {
        Ok(functions::list(&self.functions(), pattern))
    }
    async fn get_function(&self, function: &[String]) -> Result<FunctionInfo> {
        functions::get(&self.functions(), function)
    }
}
