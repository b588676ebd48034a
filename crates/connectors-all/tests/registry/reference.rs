//! Proves `docs/connectors.md` fresh: it is made from the descriptors.

use std::sync::Arc;
use thalweg_connectors::console::Console;
use thalweg_connectors::descriptor::reference;
use thalweg_connectors_all::standard_registry;

const HEAD: &str = "\
# Connectors and their options

Generated from the descriptors of the connectors; a test proves it fresh.

An option is used or refused by an error that names it; none is ignored. Names are taken in any case. *Refused* marks
options of Spark's that are not built, and those of which one value alone is taken say so. What differs from Spark in
reading and writing files is in [files](files.md).

As in Spark, readers and writers share one map of options: a write takes the options of reading that its format has, and
a read those of writing, where they have no meaning. A format whose tables keep their own columns refuses them.
";

#[test]
fn the_reference_page_is_fresh() {
    let console = Console::new(Arc::new(|_| ()), Arc::new(|_, _| Ok(String::new())));
    let registry = standard_registry().and_then(|all| all.with(Arc::new(console))).unwrap();
    let sections = registry.connectors().map(|connector| reference(connector.descriptor()));
    let wanted = std::iter::once(HEAD.to_owned()).chain(sections).collect::<Vec<_>>().join("\n");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/connectors.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(page, wanted, "write it anew: UPDATE_EXPECT=1 cargo test -p thalweg-connectors-all");
}
