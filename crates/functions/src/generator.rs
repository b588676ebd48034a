//! Lists the generators and the functions in FROM, which the resolver converts to relations.

use crate::registry::{Entry, GeneratorForm, MANY, TableForm};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::generator(&["explode"], 1, 1, GeneratorForm::Explode, false).doc(
        "collection",
        "Makes a row of each element of an array or entry of a map.",
        &["SELECT explode(array('a', 'b'))"],
    ),
    Entry::generator(&["explode_outer"], 1, 1, GeneratorForm::Explode, true).doc(
        "collection",
        "Works like `explode`, but keeps rows without elements.",
        &["SELECT explode_outer(CAST(array() AS ARRAY<INT>))"],
    ),
    Entry::generator(&["posexplode"], 1, 1, GeneratorForm::PosExplode, false).doc(
        "collection",
        "Works like `explode`, and also returns the position of each element, counted from 0.",
        &["SELECT posexplode(array('a', 'b'))"],
    ),
    Entry::generator(&["posexplode_outer"], 1, 1, GeneratorForm::PosExplode, true).doc(
        "collection",
        "Works like `posexplode`, but keeps rows without elements.",
        &["SELECT posexplode_outer(map('k', 1))"],
    ),
    Entry::generator(&["inline"], 1, 1, GeneratorForm::Inline, false).doc(
        "array",
        "Makes a row of each struct of an array.",
        &["SELECT inline(array(struct(1, 'a'), struct(2, 'b')))"],
    ),
    Entry::generator(&["inline_outer"], 1, 1, GeneratorForm::Inline, true).doc(
        "array",
        "Works like `inline`, but keeps rows without structs.",
        &["SELECT inline_outer(array(struct(1, 'a')))"],
    ),
    Entry::generator(&["stack"], 2, MANY, GeneratorForm::Stack, false).doc(
        "count, value, ...",
        "Splits the values into a given number of rows.",
        &["SELECT stack(2, 1, 'a', 2, 'b')"],
    ),
    Entry::generator(&["json_tuple"], 2, MANY, GeneratorForm::JsonTuple, false).doc(
        "text, name, ...",
        "Returns the fields of a JSON object, a column `c0`, `c1`, ... for each name.",
        &["SELECT json_tuple('{\"a\":1,\"b\":[2]}', 'a', 'b', 'z')"],
    ),
    Entry::table(&["range"], 1, 4, TableForm::Range).doc(
        "[start, ]end[, step[, partitions]]",
        "Returns the numbers from a start, by default 0, to before an end.",
        &["SELECT * FROM range(1, 8, 3)"],
    ),
];
