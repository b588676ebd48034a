//! The verbs of the command line: one file each, with its flags, its help and what it does.
//!
//! To add one: a file with an `Args` struct and `run`, and a line in [`Verb`].

pub mod demo;
pub mod serve;
pub mod sql;

use crate::report::Failure;
use thalweg_common::Result;
use thalweg_common::config::{Configuration, ValueOrigin};
use thalweg_engine::EngineConfig;

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    Demo(demo::Args),
    Serve(serve::Args),
    Sql(sql::Args),
}

impl Verb {
    /// Puts the flags that are settings over the settings.
    pub fn prepare(&self, mut settings: Configuration) -> Result<Configuration> {
        let flags: Vec<(&str, Option<String>)> = match self {
            Verb::Demo(_) => vec![],
            Verb::Serve(args) => args.settings(),
            Verb::Sql(args) => args.settings(),
        };
        for (key, value) in flags {
            if let Some(value) = value {
                settings.set(key, &value, ValueOrigin::Flag)?;
            }
        }
        Ok(settings)
    }

    /// Does it.
    pub async fn run(self, settings: Configuration) -> std::result::Result<(), Failure> {
        match self {
            Verb::Demo(args) => Ok(demo::run(args).await?),
            Verb::Serve(_) => Ok(serve::run(&settings).await?),
            Verb::Sql(args) => sql::run(args, &settings).await,
        }
    }
}

/// How to open an engine with these settings.
fn engine_config(settings: &Configuration) -> EngineConfig {
    let mut config = EngineConfig::new(settings.path("data.dir"));
    config.workers = settings.count("engine.workers");
    config.memory_limit = settings.bytes("engine.memory_limit");
    config
}
