//! Finds the streaming query that a statement names: by its id, its name, or the table that it writes.

use super::{JobInfo, Jobs, UnstartedJob};
use crate::catalog::TableName;
use thalweg_common::{Error, ErrorKind, Result};

/// A query that runs or has ended, or one that did not resume.
#[derive(Debug, Clone)]
pub(crate) enum FoundJob {
    Started(JobInfo),
    Unstarted(UnstartedJob),
}

impl FoundJob {
    /// The table that the query writes, as database and name.
    pub(crate) fn table(&self) -> Option<&(String, String)> {
        match self {
            Self::Started(job) => job.table.as_ref(),
            Self::Unstarted(job) => Some(&job.table),
        }
    }

    fn id(&self) -> Option<String> {
        match self {
            Self::Started(job) => Some(job.query.id()),
            Self::Unstarted(_) => None,
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            Self::Started(job) => job.query.name(),
            Self::Unstarted(_) => None,
        }
    }

    fn is_active(&self) -> bool {
        matches!(self, Self::Started(job) if job.query.is_active())
    }

    fn writes(&self, name: &TableName) -> bool {
        self.table().is_some_and(|(database, table)| {
            database.eq_ignore_ascii_case(&name.database) && table.eq_ignore_ascii_case(&name.table)
        })
    }

    fn writes_table(&self, name: &str) -> bool {
        self.table().is_some_and(|(_, table)| table.eq_ignore_ascii_case(name))
    }

    /// Returns whether a user gave the query that name. That of a streaming table is the name of its table.
    fn is_named(&self, name: &str) -> bool {
        self.name().is_some_and(|own| own == name) && !self.writes_table(name)
    }

    /// What the runs of one query, and queries that followed one another, have in common.
    fn subject(&self) -> Option<String> {
        let table = self.table().map(|(database, table)| format!("{database}.{table}").to_lowercase());
        table.or_else(|| self.name())
    }
}

impl std::fmt::Display for FoundJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.table(), self.name()) {
            (Some((database, table)), _) => write!(f, "{database}.{table}")?,
            (None, Some(name)) => f.write_str(&name)?,
            (None, None) => f.write_str("a query without a name")?,
        }
        self.id().map_or(Ok(()), |id| write!(f, " (id {id})"))
    }
}

impl Jobs {
    /// Finds the query with that id or name, or of the table with that name: in the database `current`, or in another one
    /// if `hides_others` is not set. It is set if the current database has such a table, also without a query.
    ///
    /// # Errors
    /// `STREAMING_QUERY_NOT_FOUND`, and `STREAMING_QUERY_AMBIGUOUS` if it may be one of several queries.
    pub(crate) fn find(&self, text: &str, current: &str, hides_others: bool) -> Result<FoundJob> {
        let unstarted = self.unstarted().into_iter().map(FoundJob::Unstarted);
        // The newest run is the one that a user means.
        let all: Vec<_> = self.all().into_iter().rev().map(FoundJob::Started).chain(unstarted).collect();
        if let Some(job) = all.iter().find(|job| job.id().is_some_and(|id| id == text)) {
            return Ok(job.clone());
        }
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        let table = TableName::parse(&parts, current).ok();
        let is_here = |job: &FoundJob| table.as_ref().is_some_and(|t| job.writes(t)) || job.is_named(text);
        let mut found = newest(all.iter().filter(|job| is_here(job)));
        if found.is_empty() && !hides_others {
            found = newest(all.iter().filter(|job| job.writes_table(text)));
        }
        match found.as_slice() {
            [] => Err(not_found(text)),
            [job] => Ok((*job).clone()),
            several => Err(ambiguous(text, several)),
        }
    }
}

/// Leaves out the queries that ended before another one of the same subject.
fn newest<'a>(jobs: impl Iterator<Item = &'a FoundJob>) -> Vec<&'a FoundJob> {
    let mut jobs: Vec<_> = jobs.collect();
    jobs.sort_by_key(|job| !job.is_active());
    let mut newest: Vec<&FoundJob> = vec![];
    for job in jobs {
        if job.is_active() || newest.iter().all(|other| other.subject() != job.subject()) {
            newest.push(job);
        }
    }
    newest
}

/// Returns the error for a query that does not exist.
fn not_found(text: &str) -> Error {
    Error::new(
        ErrorKind::NoSuchElement,
        "STREAMING_QUERY_NOT_FOUND",
        "42704",
        format!("There is no streaming query '{text}'."),
    )
    .hint("SHOW JOBS lists all streaming queries.")
}

fn ambiguous(text: &str, several: &[&FoundJob]) -> Error {
    let candidates: Vec<String> = several.iter().map(ToString::to_string).collect();
    Error::new(
        ErrorKind::IllegalArgument,
        "STREAMING_QUERY_AMBIGUOUS",
        "42704",
        format!("'{text}' may be one of several streaming queries: {}.", candidates.join(", ")),
    )
    .hint("Name the table with its database, or give the id of the query.")
}
