//! Tests that each function which the resolver calls by its name is one of the registry.
use std::path::Path;
use thalweg_functions::FunctionRegistry;

/// The calls whose first argument is the name of a function.
const CALLS: [&str; 6] =
    ["self.scalar(", "bind_scalar(", "bind_aggregate(", "bind_window(", "Expr::call(", "FunctionCall::new("];

/// Adds the names in the files of a folder, and the files that have one.
fn add_names(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_names(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for rest in CALLS.iter().flat_map(|call| text.split(call).skip(1)) {
            let Some(literal) = rest.trim_start().strip_prefix('"') else { continue };
            let name = literal.split('"').next().unwrap();
            // A call of no name gets the name of a call in the query.
            if !name.is_empty() {
                found.push((name.to_owned(), path.display().to_string()));
            }
        }
    }
}

#[test]
fn each_function_that_is_called_by_name_is_in_the_registry() {
    let mut names = vec![];
    add_names(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
    assert!(names.len() > 40, "{} calls", names.len());
    names.retain(|(name, _)| FunctionRegistry::built_in(name).is_none());
    assert!(names.is_empty(), "{names:?}");
}
