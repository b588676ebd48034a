//! Generates the reference page of the settings from their table.

use super::table::{Effect, SettingEntry, TABLES};

const HEAD: &str = "\
# Settings of a session

Generated from the table in `crates/engine/src/settings/`; a test proves it fresh.

A program sets them with `spark.conf.set(key, value)`, `SparkSession.builder.config(key, value)`, or SQL's
`SET key = value`; `RESET key` and `spark.conf.unset(key)` restore the default, and `SET -v` lists them all.
Every setting has its effect, is accepted with a warning, or is refused by name: none is stored and ignored.

- A key under `spark.` that is not here is refused with the nearest names.
- A key outside `spark.` is your own variable: it is stored and returned.
- A builder's options are set when the session starts: one that cannot be set is a warning, as in Spark,
  except those that would change results, which stop the program.
- Values are checked as Spark checks them (`INVALID_CONF_VALUE`). A name that ends in `.*` is the entry of all keys below it.

What the server itself reads is [configuration](configuration.md).
";

/// Generates the reference page `docs/settings.md`.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for table in TABLES {
        let Some(first) = table.first() else { continue };
        page.push_str(&format!("\n## {}\n\n{}\n\n", title(first.effect), description(first.effect)));
        page.push_str("| key | value | default | |\n|---|---|---|---|\n");
        table.iter().for_each(|setting| page.push_str(&row(setting)));
    }
    page
}

fn row(setting: &SettingEntry) -> String {
    let default = match setting.default {
        Some("") => "empty".to_owned(),
        Some(default) => format!("`{default}`"),
        None => "none".to_owned(),
    };
    format!("| `{}` | {} | {default} | {} |\n", setting.key, setting.kind.shown(), setting.help)
}

fn title(effect: Effect) -> &'static str {
    match effect {
        Effect::Works => "Settings that work",
        Effect::Client => "Settings for the client",
        Effect::Fixed => "Settings of which only the default is built",
        Effect::Hint => "Settings without effect",
        Effect::Server | Effect::Cluster => "Settings of a server's start",
    }
}

fn description(effect: Effect) -> &'static str {
    match effect {
        Effect::Works => "They have the effect that their description states.",
        Effect::Client => "The client reads them back and acts on them itself.",
        Effect::Fixed => {
            "They could change a result. Any other value than Spark's default is refused \
             (`INVALID_CONF_VALUE.REQUIREMENT`)."
        }
        Effect::Hint => {
            "They affect Spark's performance only and have no effect here. They are accepted with a warning \
             (in SQL: in the log), and cannot change a result."
        }
        Effect::Server | Effect::Cluster => {
            "No session can change them (`CANNOT_MODIFY_STATIC_CONFIG`, `CANNOT_MODIFY_CONFIG`)."
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_reference_page_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, reference(), "write it anew: UPDATE_EXPECT=1 cargo test -p thalweg-engine");
    }
}
