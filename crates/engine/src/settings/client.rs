//! Lists the settings that the client reads back and acts on itself: the server stores them, and returns Spark's
//! defaults.

use super::kind::SettingKind::{self, Bool, Int, Long, Text};
use super::table::{Effect, SettingEntry, entry};

const fn client(
    key: &'static str,
    kind: SettingKind,
    default: Option<&'static str>,
    help: &'static str,
) -> SettingEntry {
    entry(Effect::Client, key, kind, default, help)
}

const PANDAS: &str = "How the client makes pandas and Arrow data.";
const ROWS: &str = "How the client infers types of Python data.";
const UPLOADS: &str = "How the client uploads local data.";
const ERRORS: &str = "What the client shows of an error. There is no JVM, so there is no trace of one.";
const SHOWN: &str = "How a notebook shows a DataFrame.";
const PLANS: &str = "When and how the client compresses large plans.";

#[rustfmt::skip]
pub(super) const SETTINGS: &[SettingEntry] = &[
    client("spark.connect.session.planCompression.defaultAlgorithm", Text, Some("ZSTD"), PLANS),
    client("spark.connect.session.planCompression.threshold", Int, Some("10485760"), PLANS),
    client("spark.python.sql.dataFrameDebugging.enabled", Bool, Some("true"), ERRORS),
    client("spark.sql.execution.arrow.pyspark.enabled", Bool, Some("true"), PANDAS),
    client("spark.sql.execution.arrow.pyspark.fallback.enabled", Bool, Some("true"), PANDAS),
    client("spark.sql.execution.arrow.pyspark.selfDestruct.enabled", Bool, Some("false"), PANDAS),
    client("spark.sql.execution.pandas.convertToArrowArraySafely", Bool, Some("true"), PANDAS),
    client("spark.sql.execution.pandas.inferPandasDictAsMap", Bool, Some("false"), PANDAS),
    client("spark.sql.execution.pandas.structHandlingMode", Text, Some("legacy"), PANDAS),
    client("spark.sql.execution.pyspark.binaryAsBytes", Bool, Some("true"), PANDAS),
    client("spark.sql.execution.pythonUDF.arrow.enabled", Bool, Some("true"), "Python functions are refused, whatever its value."),
    client("spark.sql.execution.pythonUDTF.arrow.enabled", Bool, Some("true"), "Python functions are refused, whatever its value."),
    client("spark.sql.pyspark.inferNestedDictAsStruct.enabled", Bool, Some("false"), ROWS),
    client("spark.sql.pyspark.jvmStacktrace.enabled", Bool, Some("false"), ERRORS),
    client("spark.sql.pyspark.legacy.inferArrayTypeFromFirstElement.enabled", Bool, Some("false"), ROWS),
    client("spark.sql.pyspark.legacy.inferMapTypeFromFirstPair.enabled", Bool, Some("false"), ROWS),
    client("spark.sql.pyspark.plotting.max_rows", Int, Some("1000"), SHOWN),
    client("spark.sql.pyspark.toJSON.returnDataFrame", Bool, Some("false"), PANDAS),
    client("spark.sql.repl.eagerEval.enabled", Bool, Some("false"), SHOWN),
    client("spark.sql.repl.eagerEval.maxNumRows", Int, Some("20"), SHOWN),
    client("spark.sql.repl.eagerEval.truncate", Int, Some("20"), SHOWN),
    client("spark.sql.session.localRelationBatchOfChunksSizeBytes", Int, Some("1073741824"), UPLOADS),
    client("spark.sql.session.localRelationCacheThreshold", Int, Some("1048576"), UPLOADS),
    client("spark.sql.session.localRelationChunkSizeBytes", Int, Some("16777216"), UPLOADS),
    client("spark.sql.session.localRelationChunkSizeRows", Int, Some("10000"), UPLOADS),
    client("spark.sql.session.localRelationSizeLimit", Long, Some("3221225472"), UPLOADS),
    client("spark.sql.timeType.enabled", Bool, Some("false"), ROWS),
    client("spark.sql.connect.serverStacktrace.enabled", Bool, Some("false"), ERRORS),
];
