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
        "Does as `explode`, and keeps a row without elements.",
        &["SELECT explode_outer(CAST(array() AS ARRAY<INT>))"],
    ),
    Entry::generator(&["posexplode"], 1, 1, GeneratorForm::PosExplode, false).doc(
        "collection",
        "Does as `explode`, with the position of each element, from 0.",
        &["SELECT posexplode(array('a', 'b'))"],
    ),
    Entry::generator(&["posexplode_outer"], 1, 1, GeneratorForm::PosExplode, true).doc(
        "collection",
        "Does as `posexplode`, and keeps a row without elements.",
        &["SELECT posexplode_outer(map('k', 1))"],
    ),
    Entry::generator(&["inline"], 1, 1, GeneratorForm::Inline, false).doc(
        "array",
        "Makes a row of each struct of an array.",
        &["SELECT inline(array(struct(1, 'a'), struct(2, 'b')))"],
    ),
    Entry::generator(&["inline_outer"], 1, 1, GeneratorForm::Inline, true).doc(
        "array",
        "Does as `inline`, and keeps a row without structs.",
        &["SELECT inline_outer(array(struct(1, 'a')))"],
    ),
    Entry::generator(&["stack"], 2, MANY, GeneratorForm::Stack, false).doc(
        "count, value, ...",
        "Lays values out in so many rows.",
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
