//! Reads and changes a session's settings.

use crate::convert::required;
use spark_connect_proto as pb;
use spark_connect_proto::KeyValue;
use spark_connect_proto::config_request::operation::OpType;
use spark_connect_proto::config_request::{
    Get, GetAll, GetOption, GetWithDefault, IsModifiable, Operation, Set, Unset,
};
use thalweg_common::Result;
use thalweg_engine::SessionConfig;

/// The settings that were read, and warnings for the client.
#[derive(Debug, Default)]
pub(super) struct ConfigReply {
    pub pairs: Vec<KeyValue>,
    pub warnings: Vec<String>,
}

/// Executes an operation on the settings.
pub(super) fn answer(config: &SessionConfig, operation: Option<Operation>) -> Result<ConfigReply> {
    let Operation { op_type } = required(operation, "ConfigRequest.operation")?;
    match required(op_type, "Operation.op_type")? {
        OpType::Set(Set { pairs, silent }) => set(config, pairs, silent.unwrap_or(false)),
        // Only `get` fails for a key that is not known: PySpark's `conf.get(key)` raises an exception, and
        // `conf.get(key, default)` returns the default.
        OpType::Get(Get { keys }) => each(keys, |key| config.lookup(key)),
        OpType::GetWithDefault(GetWithDefault { pairs }) => {
            let value = |KeyValue { key, value }| KeyValue { value: config.get_option(&key).or(value), key };
            Ok(ConfigReply { pairs: pairs.into_iter().map(value).collect(), warnings: vec![] })
        }
        OpType::GetOption(GetOption { keys }) => each(keys, |key| Ok(config.get_option(key))),
        OpType::GetAll(GetAll { prefix }) => Ok(all(config, prefix.as_deref())),
        OpType::Unset(Unset { keys }) => each(keys, |key| config.unset(key).map(|()| None)),
        OpType::IsModifiable(IsModifiable { keys }) => {
            each(keys, |key| Ok(Some(config.is_modifiable(key).to_string())))
        }
    }
}

fn each(keys: Vec<String>, mut value: impl FnMut(&str) -> Result<Option<String>>) -> Result<ConfigReply> {
    let pair = |key: String| Ok(KeyValue { value: value(&key)?, key });
    let pairs = keys.into_iter().map(pair).collect::<Result<_>>()?;
    Ok(ConfigReply { pairs, warnings: vec![] })
}

fn set(config: &SessionConfig, pairs: Vec<pb::KeyValue>, silent: bool) -> Result<ConfigReply> {
    let mut warnings = vec![];
    for KeyValue { key, value } in pairs {
        let value = required(value, "KeyValue.value")?;
        warnings.extend(if silent {
            config.set_silently(&key, &value)?
        } else {
            config.set(&key, &value)?
        });
    }
    Ok(ConfigReply { pairs: vec![], warnings })
}

/// Returns all settings under a prefix, which the returned keys do not contain, as in Spark.
fn all(config: &SessionConfig, prefix: Option<&str>) -> ConfigReply {
    let pair = |(key, value): (String, String)| {
        let short = prefix.and_then(|p| key.strip_prefix(p)).map(str::to_owned);
        KeyValue { key: short.unwrap_or(key), value: Some(value) }
    };
    ConfigReply { pairs: config.get_all(prefix).into_iter().map(pair).collect(), warnings: vec![] }
}
