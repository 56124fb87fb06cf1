//! The sample user service: who buys in the shop.
#![forbid(unsafe_code)]

mod server;
pub mod store;

use std::process::ExitCode;
use std::sync::Arc;

use kit::server::{Running, Service, StartError};
use kit::settings::{Defaults, Environment, Settings};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

/// The code that `proto/shop/user/v1/user.proto` compiles to.
pub mod pb {
    #![allow(missing_docs, clippy::all, unused_qualifications, reason = "generated code")]
    tonic::include_proto!("shop.user.v1");
}

/// The full name of the service.
pub const NAME: &str = "shop.user.v1.UserService";

const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
const DEFAULTS: Defaults = Defaults { listen: "0.0.0.0:50051", database_url: "sqlite:data/user.db" };

/// The program `user-service`: reads the environment, serves until a signal.
#[must_use]
pub fn run() -> ExitCode {
    run_with(std::env::args().skip(1))
}

/// The same, with these arguments (after the program's name).
#[must_use]
pub fn run_with(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    kit::program::run("user-service", arguments, DEFAULTS, |settings, _| start_with(settings))
}

/// Starts the service inside this process, with these variables alone.
///
/// # Errors
/// A setting cannot be used.
pub async fn start(environment: &Environment) -> Result<Running, StartError> {
    start_with(Settings::read(environment, DEFAULTS)?).await
}

async fn start_with(settings: Settings) -> Result<Running, StartError> {
    // The port first: two services never migrate the same file only to find that one of them cannot serve.
    let listener = kit::server::bind(&settings).await?;
    let store = store::open(&settings.database_url).await?;
    let users = server::Users::new(Arc::clone(&store));
    let service = Service {
        name: NAME,
        routes: Routes::new(pb::user_service_server::UserServiceServer::new(users)),
        descriptors: DESCRIPTORS,
        probe: Arc::new(store::StoreProbe(store)),
    };
    kit::server::start(&settings, listener, service, CancellationToken::new()).await
}
