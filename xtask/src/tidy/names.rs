//! Checks that a library is named only in the folders that the design allows.

use super::File;
use super::text::blank;

struct Rule {
    /// Paths of the library, as code writes them.
    names: &'static [&'static str],
    /// The only folders that may.
    places: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        names: &["timely::"],
        places: &["crates/stream/src/rt/"],
        why: "only the runtime of streams names timely, so that it can be replaced",
    },
    Rule {
        names: &["tonic::", "spark_connect_proto", "prost::"],
        places: &["crates/server/"],
        why: "only the server knows a wire protocol",
    },
    Rule {
        names: &["datafusion::", "arrow::", "prost::", "tonic::"],
        places: &[
            "crates/connector",
            "crates/engine/",
            "crates/functions/",
            "crates/logical/",
            "crates/physical/",
            "crates/resolver/",
            "crates/server/",
            "crates/stream/",
            "crates/thalweg/",
            "crates/values/",
        ],
        why: "the language and the common crate do not depend on an engine",
    },
    Rule {
        names: &["deltalake_core::"],
        places: &["crates/connector-delta/"],
        why: "a heavy library is a leaf of the build, in a crate of its own",
    },
    Rule {
        names: &["println!", "print!", "stdout()"],
        places: &["crates/thalweg/", "crates/connectors/src/console"],
        why: "only the binary and the console sink print",
    },
];

pub(crate) fn check(files: &[File]) -> Vec<String> {
    // The files of tidy contain the names in order to find them.
    let code = files.iter().filter(|f| f.is_rust() && !f.path.starts_with("xtask/src/tidy/"));
    code.flat_map(|f| complaints(f, &blank(&f.text))).collect()
}

fn complaints(file: &File, blanked: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|r| !r.places.iter().any(|p| file.path.starts_with(p))) {
        for (n, line) in blanked.lines().enumerate() {
            if let Some(name) = rule.names.iter().find(|name| names(line, name)) {
                found.push(format!("{}:{}: `{name}` must not be used here: {}", file.path, n + 1, rule.why));
            }
        }
    }
    found
}

/// Returns whether the line contains `name`, not only as the end of a longer word.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        // `eprintln!` is not `println!`.
        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;

    #[test]
    fn a_library_outside_its_place_is_named() {
        let cases = [
            ("crates/stream/src/rt/worker.rs", "use timely::worker;", 0),
            ("crates/stream/src/ops/map.rs", "use timely::worker;", 1),
            ("crates/stream/src/ops/map.rs", "// timely::worker", 0),
            ("crates/connector-delta/src/a.rs", "use deltalake_core::DeltaTable;", 0),
            ("crates/connector-files/src/a.rs", "use deltalake_core::DeltaTable;", 1),
            ("crates/sql/src/a.rs", "use arrow::array;", 1),
            ("crates/sql/src/a.rs", "use narrow::array;", 0),
            ("crates/resolver/src/a.rs", "eprintln!()", 0),
            ("crates/resolver/src/a.rs", "println!()", 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(super::check(&[file(path, text)]).len(), expected, "{path}: {text}");
        }
    }
}
