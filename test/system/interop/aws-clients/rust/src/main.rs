//! Asks KMS for 32 bytes, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
//! Without TLS, which would take minutes to compile.
use aws_sdk_kms::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_smithy_http_client::Builder;

async fn ask() {
    let config = aws_config::from_env()
        .http_client(Builder::new().build_http())
        .load()
        .await;
    let mut options = aws_sdk_kms::config::Builder::from(&config);
    if let Some(endpoint) = std::env::args().nth(1) {
        options = options.endpoint_url(endpoint);
    }
    let client = aws_sdk_kms::Client::from_conf(options.build());
    match client.generate_random().number_of_bytes(32).send().await {
        Ok(answer) => println!("ok {}", answer.plaintext().map_or(0, |blob| blob.as_ref().len())),
        Err(error) => match error.code() {
            Some(code) => println!("error {code} {}", error.message().unwrap_or("")),
            None => println!("error other {}", DisplayErrorContext(&error)),
        },
    }
}

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(ask());
}
