//! Generates the server side of Spark Connect's service; the messages come from the proto crate.

use tonic_build::manual::{Builder, Method, MethodBuilder, Service};

/// Method, its request and response: the messages of `spark.connect`.
const UNARY: &[(&str, &str, &str)] = &[
    ("Config", "ConfigRequest", "ConfigResponse"),
    ("ArtifactStatus", "ArtifactStatusesRequest", "ArtifactStatusesResponse"),
    ("Interrupt", "InterruptRequest", "InterruptResponse"),
    ("ReleaseExecute", "ReleaseExecuteRequest", "ReleaseExecuteResponse"),
    ("ReleaseSession", "ReleaseSessionRequest", "ReleaseSessionResponse"),
    ("FetchErrorDetails", "FetchErrorDetailsRequest", "FetchErrorDetailsResponse"),
    ("CloneSession", "CloneSessionRequest", "CloneSessionResponse"),
    ("GetStatus", "GetStatusRequest", "GetStatusResponse"),
];

fn method(name: &str, request: &str, response: &str) -> MethodBuilder {
    let snake: String = name
        .char_indices()
        .flat_map(|(i, c)| {
            let separator = (i > 0 && c.is_uppercase()).then_some('_');
            separator.into_iter().chain(c.to_lowercase())
        })
        .collect();
    Method::builder()
        .name(snake)
        .route_name(name)
        .input_type(format!("::spark_connect_proto::{request}"))
        .output_type(format!("::spark_connect_proto::{response}"))
        .codec_path("::tonic_prost::ProstCodec")
}

/// A method whose request carries a plan, which may be deeper than prost decodes.
fn deep(name: &str, request: &str, response: &str) -> MethodBuilder {
    method(name, request, response)
        .input_type(format!("crate::wire::Deep<::spark_connect_proto::{request}>"))
        .codec_path("crate::wire::DeepCodec")
}

fn main() {
    let mut service = Service::builder().name("SparkConnectService").package("spark.connect");
    for (name, request, response) in UNARY {
        service = service.method(method(name, request, response).build());
    }
    let answers = "ExecutePlanResponse";
    for streaming in [
        deep("ExecutePlan", "ExecutePlanRequest", answers),
        method("ReattachExecute", "ReattachExecuteRequest", answers),
    ] {
        service = service.method(streaming.server_streaming().build());
    }
    service = service.method(deep("AnalyzePlan", "AnalyzePlanRequest", "AnalyzePlanResponse").build());
    let upload = method("AddArtifacts", "AddArtifactsRequest", "AddArtifactsResponse").client_streaming();
    Builder::new().build_client(false).compile(&[service.method(upload.build()).build()]);
}
