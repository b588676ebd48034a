//! Checks that the crates depend only on the crates that the map in ARCHITECTURE.md allows.

use super::File;

/// A crate and the crates of ours that it may depend on. Every crate may use `common`, and every other one `values`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("common", &[]),
    ("values", &[]),
    ("sql", &[]),
    ("logical", &[]),
    ("functions", &["logical"]),
    ("storage", &[]),
    ("connectors", &["storage"]),
    ("connector-files", &["connectors", "storage"]),
    ("connector-delta", &["connectors", "connector-files", "storage"]),
    ("connector-testing", &["connectors"]),
    ("connectors-all", &["connectors", "connector-files", "connector-delta"]),
    ("physical", &["logical"]),
    ("resolver", &["sql", "functions", "logical"]),
    ("stream", &["connectors", "storage"]),
    ("engine", &["resolver", "physical", "logical", "functions", "sql", "stream", "connectors", "storage"]),
    ("server", &["engine", "sql"]),
    ("thalweg", &["server", "engine", "connectors-all"]),
];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    let manifests = files.iter().filter_map(|f| {
        let name = f.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        Some((name, f))
    });
    manifests.flat_map(|(name, f)| complaints(name, f)).collect()
}

fn complaints(name: &str, manifest: &File) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(n, _)| *n == name) else {
        return vec![format!("{}: crate {name} is not on the map in xtask/src/tidy/edges.rs", manifest.path)];
    };
    let used = dependencies(&manifest.text);
    let shared = |used: &str| used == "common" || (used == "values" && name != "common");
    let forbidden = used.into_iter().filter(|u| !shared(u) && !allowed.contains(u));
    forbidden.map(|u| format!("{}: {name} may not depend on {u}", manifest.path)).collect()
}

/// Returns the workspace's crates in the normal and build dependencies. Tests may use any crate.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut counts = false;
    // The standard library has no parser for TOML, and one line per dependency is enough here.
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = matches!(line.trim(), "[dependencies]" | "[build-dependencies]");
        } else if counts && let Some(rest) = line.strip_prefix("thalweg-") {
            found.extend(rest.split([' ', '.', '=']).next());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn an_arrow_that_is_not_on_the_map_is_named() {
        let manifest = "[dependencies]\nthalweg-common = { workspace = true }\nthalweg-resolver.workspace = true\n\
                        thalweg-values = { workspace = true }\n\
                        [dev-dependencies]\nthalweg-engine = { workspace = true }\n";
        let cases = [("engine", 0), ("sql", 1), ("common", 2), ("unknown", 1)];
        for (name, expected) in cases {
            let files = [file(&format!("crates/{name}/Cargo.toml"), manifest)];
            assert_eq!(super::check(&files).len(), expected, "{name}");
        }
    }
}
