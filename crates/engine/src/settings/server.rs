//! Lists the settings of the start of a server or of a Spark cluster, which no session can change.

use super::kind::SettingKind::{self, Bool, Int, Text, Time};
use super::table::{Effect, SettingEntry, entry};

/// Static settings of Spark.
const fn server(key: &'static str, kind: SettingKind, default: Option<&'static str>) -> SettingEntry {
    entry(Effect::Server, key, kind, default, SERVER)
}

/// Settings of Spark's processes.
const fn cluster(key: &'static str) -> SettingEntry {
    entry(Effect::Cluster, key, Text, None, CLUSTER)
}

const SERVER: &str =
    "It is fixed when the server starts: see docs/configuration.md for what can be configured.";
const CLUSTER: &str = "There is no Spark cluster: one process does the work. See docs/configuration.md for its threads and memory.";

#[rustfmt::skip]
pub(super) const SETTINGS: &[SettingEntry] = &[
    server("spark.master", Text, Some("local[*]")),
    server("spark.remote", Text, None),
    server("spark.sql.warehouse.dir", Text, Some("spark-warehouse")),
    server("spark.sql.broadcastExchange.maxThreadThreshold", Int, Some("128")),
    server("spark.sql.cache.serializer", Text, Some("org.apache.spark.sql.execution.columnar.DefaultCachedBatchSerializer")),
    server("spark.sql.catalog.spark_catalog.defaultDatabase", Text, Some("default")),
    server("spark.sql.catalogImplementation", Text, Some("in-memory")),
    server("spark.sql.codegen.cache.maxEntries", Int, Some("100")),
    server("spark.sql.codegen.comments", Bool, Some("false")),
    server("spark.sql.debug", Bool, Some("false")),
    server("spark.sql.defaultUrlStreamHandlerFactory.enabled", Bool, Some("true")),
    server("spark.sql.extensions", Text, None),
    server("spark.sql.extensions.test.loadFromCp", Bool, Some("true")),
    server("spark.sql.filesourceTableRelationCacheSize", Int, Some("1000")),
    server("spark.sql.globalTempDatabase", Text, Some("global_temp")),
    server("spark.sql.legacy.sessionInitWithConfigDefaults", Bool, Some("false")),
    server("spark.sql.metadataCacheTTLSeconds", Time, Some("-1000ms")),
    server("spark.sql.queryExecutionListeners", Text, None),
    server("spark.sql.resultQueryStage.maxThreadThreshold", Int, Some("1024")),
    server("spark.sql.shuffleExchange.maxThreadThreshold", Int, Some("1024")),
    server("spark.sql.sources.disabledJdbcConnProviderList", Text, Some("")),
    server("spark.sql.sources.schemaStringLengthThreshold", Int, Some("4000")),
    server("spark.sql.streaming.streamingQueryListeners", Text, None),
    server("spark.sql.streaming.ui.enabled", Bool, Some("true")),
    server("spark.sql.streaming.ui.enabledCustomMetricList", Text, Some("")),
    server("spark.sql.streaming.ui.retainedProgressUpdates", Int, Some("100")),
    server("spark.sql.streaming.ui.retainedQueries", Int, Some("100")),
    server("spark.sql.subquery.maxThreadThreshold", Int, Some("16")),
    server("spark.sql.ui.retainedExecutions", Int, Some("1000")),
    cluster("spark.acls.*"),
    cluster("spark.admin.*"),
    cluster("spark.archives"),
    cluster("spark.authenticate"),
    cluster("spark.authenticate.*"),
    cluster("spark.barrier.*"),
    cluster("spark.broadcast.*"),
    cluster("spark.buffer.*"),
    cluster("spark.checkpoint.*"),
    cluster("spark.cleaner.*"),
    cluster("spark.connect.*"),
    cluster("spark.cores.max"),
    cluster("spark.decommission.*"),
    cluster("spark.default.parallelism"),
    cluster("spark.deploy.*"),
    cluster("spark.driver.*"),
    cluster("spark.dynamicAllocation.*"),
    cluster("spark.eventLog.*"),
    cluster("spark.excludeOnFailure.*"),
    cluster("spark.executor.*"),
    cluster("spark.extraListeners"),
    cluster("spark.files"),
    cluster("spark.hadoop.*"),
    cluster("spark.history.*"),
    cluster("spark.io.*"),
    cluster("spark.jars"),
    cluster("spark.jars.*"),
    cluster("spark.kryo.*"),
    cluster("spark.kryoserializer.*"),
    cluster("spark.kubernetes.*"),
    cluster("spark.local.dir"),
    cluster("spark.locality.*"),
    cluster("spark.log.*"),
    cluster("spark.logConf"),
    cluster("spark.memory.*"),
    cluster("spark.metrics.*"),
    cluster("spark.network.*"),
    cluster("spark.plugins"),
    cluster("spark.port.*"),
    cluster("spark.pyspark.*"),
    cluster("spark.python.*"),
    cluster("spark.rdd.*"),
    cluster("spark.redaction.*"),
    cluster("spark.reducer.*"),
    cluster("spark.resources.*"),
    cluster("spark.rpc.*"),
    cluster("spark.scheduler.*"),
    cluster("spark.security.*"),
    cluster("spark.serializer"),
    cluster("spark.shuffle.*"),
    cluster("spark.sparkr.*"),
    cluster("spark.speculation"),
    cluster("spark.speculation.*"),
    cluster("spark.ssl.*"),
    cluster("spark.stage.*"),
    cluster("spark.standalone.*"),
    cluster("spark.storage.*"),
    cluster("spark.submit.*"),
    cluster("spark.task.*"),
    cluster("spark.ui.*"),
    cluster("spark.unsafe.*"),
    cluster("spark.worker.*"),
    cluster("spark.yarn.*"),
];
