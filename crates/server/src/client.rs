//! Implements a small Spark Connect client: SQL text in, Arrow batches out. The demo and the tests use it.
//!
//! It sends the messages of PySpark's `spark.sql(..)`: an SQL command whose result is a relation, which is
//! then executed. It does not reattach: a broken connection is an error.

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use spark_connect_proto as pb;
use spark_connect_proto::execute_plan_response::ResponseType;
use spark_connect_proto::spark_connect_service_client::SparkConnectServiceClient;
use thalweg_common::{Error, ErrorKind, Result};
use tonic::transport::Channel;

/// A session on a server.
#[derive(Debug)]
pub struct Client {
    stub: SparkConnectServiceClient<Channel>,
    session: String,
}

impl Client {
    /// Connects to `sc://host:port`.
    ///
    /// # Errors
    /// `CONNECTION_FAILED` if no server listens there.
    pub async fn connect(url: &str) -> Result<Self> {
        let address = url.strip_prefix("sc://").unwrap_or(url).trim_end_matches('/');
        let stub = SparkConnectServiceClient::connect(format!("http://{address}"))
            .await
            .map_err(|e| broken(&format!("cannot connect to {url}: {e}")))?
            .max_decoding_message_size(crate::MESSAGE_BYTES_MAX);
        Ok(Self { stub, session: uuid::Uuid::new_v4().to_string() })
    }

    /// Runs one statement and returns its rows.
    ///
    /// # Errors
    /// The server's error with its class, or `CONNECTION_FAILED`.
    pub async fn sql(&mut self, text: &str) -> Result<Vec<RecordBatch>> {
        let query = pb::Sql { query: text.to_owned(), ..Default::default() };
        let input = pb::Relation { common: None, rel_type: Some(pb::relation::RelType::Sql(query)) };
        let command = pb::SqlCommand { input: Some(input), ..Default::default() };
        let command = pb::Command { command_type: Some(pb::command::CommandType::SqlCommand(command)) };
        let (relation, _) = self.execute(pb::plan::OpType::Command(command)).await?;
        match relation {
            Some(relation) => Ok(self.execute(pb::plan::OpType::Root(relation)).await?.1),
            None => Ok(vec![]),
        }
    }

    async fn execute(&mut self, plan: pb::plan::OpType) -> Result<(Option<pb::Relation>, Vec<RecordBatch>)> {
        // Without the option to reattach the server sends no `result_complete`: the stream ends with the rows.
        let request = pb::ExecutePlanRequest {
            session_id: self.session.clone(),
            user_context: Some(pb::UserContext { user_id: "thalweg".to_owned(), ..Default::default() }),
            plan: Some(pb::Plan { op_type: Some(plan) }),
            ..Default::default()
        };
        let mut responses = self.stub.execute_plan(request).await.map_err(|s| from_status(&s))?.into_inner();
        let (mut relation, mut batches) = (None, vec![]);
        while let Some(response) = responses.message().await.map_err(|s| from_status(&s))? {
            match response.response_type {
                Some(ResponseType::SqlCommandResult(result)) => relation = result.relation,
                Some(ResponseType::ArrowBatch(batch)) => batches.extend(decode(&batch.data)?),
                _ => {}
            }
        }
        Ok((relation, batches))
    }
}

fn decode(data: &[u8]) -> Result<Vec<RecordBatch>> {
    let unreadable = |e| Error::internal(format!("the server's rows can't be read: {e}"));
    let reader = StreamReader::try_new(data, None).map_err(unreadable)?;
    reader.map(|batch| batch.map_err(unreadable)).collect()
}

/// Converts a status to an error. The server's message begins with its class in square brackets, as in Spark.
fn from_status(status: &tonic::Status) -> Error {
    let text = status.message();
    // Another server, or a proxy, may answer without a class.
    let parts = text.strip_prefix('[').and_then(|t| t.split_once("] "));
    match parts {
        Some((class, message)) => {
            // A position and a hint may follow the five characters of the SQLSTATE.
            let (message, state) = message.rsplit_once(" SQLSTATE: ").unwrap_or((message, "58000"));
            Error::new(ErrorKind::Runtime, class, state.get(..5).unwrap_or("58000"), message)
        }
        None => broken(&format!("{}: {text}", status.code())),
    }
}

fn broken(message: &str) -> Error {
    Error::new(ErrorKind::Runtime, "CONNECTION_FAILED", "08001", message)
}
