//! Defines the verbs of the command line: one file each, with its flags, its help and its code.
//!
//! To add one: a file with a struct of its arguments and `run`, and a line in [`Verb`].

pub(crate) mod demo;
pub(crate) mod serve;
pub(crate) mod sql;

use crate::report::Failure;
use thalweg_common::Result;
use thalweg_common::config::{Configuration, ValueOrigin};
use thalweg_engine::EngineConfig;

/// The verbs.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Demo(demo::DemoArgs),
    Serve(serve::ServeArgs),
    Sql(sql::SqlArgs),
}

impl Verb {
    /// Sets the configuration keys that flags give.
    pub(crate) fn prepare(&self, mut settings: Configuration) -> Result<Configuration> {
        let flags: Vec<(&str, Option<String>)> = match self {
            // The demo gives its servers a data directory of its own.
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

    /// Runs the verb.
    pub(crate) async fn run(self, settings: Configuration) -> std::result::Result<(), Failure> {
        match self {
            Verb::Demo(args) => Ok(demo::run(args).await?),
            Verb::Serve(_) => Ok(serve::run(&settings).await?),
            Verb::Sql(args) => sql::run(args, &settings).await,
        }
    }
}

/// Returns the engine's configuration.
fn engine_config(settings: &Configuration) -> EngineConfig {
    let mut config = EngineConfig::new(settings.path("data.dir"));
    config.workers = settings.count("engine.workers");
    config.memory_limit = settings.bytes("engine.memory_limit");
    config
}
