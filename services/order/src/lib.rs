//! The sample order service: what the users of the shop have bought.
#![forbid(unsafe_code)]

pub mod money;
mod progress;
mod server;
pub mod store;
pub mod users;
pub mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use kit::server::{Running, Service, StartError};
use kit::settings::{Defaults, Environment, Settings};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::users::UserSettings;

/// The code that `proto/shop/order/v1/order.proto` compiles to.
pub mod pb {
    #![allow(missing_docs, clippy::all, unused_qualifications, reason = "generated code")]
    tonic::include_proto!("shop.order.v1");
}

/// The full name of the service.
pub const NAME: &str = "shop.order.v1.OrderService";

const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));
const DEFAULTS: Defaults = Defaults { listen: "0.0.0.0:50052", database_url: "sqlite:data/order.db" };

/// The program `order-service`: reads the environment, serves until a signal.
#[must_use]
pub fn run() -> ExitCode {
    run_with(std::env::args().skip(1))
}

/// The same, with these arguments (after the program's name).
#[must_use]
pub fn run_with(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    kit::program::run("order-service", arguments, DEFAULTS, |settings, environment| async move {
        start_with(settings, &environment).await
    })
}

/// Starts the service inside this process, with these variables alone.
///
/// # Errors
/// A setting cannot be used.
pub async fn start(environment: &Environment) -> Result<Running, StartError> {
    start_with(Settings::read(environment, DEFAULTS)?, environment).await
}

async fn start_with(settings: Settings, environment: &Environment) -> Result<Running, StartError> {
    let users = users::Users::new(&UserSettings::read(environment)?)?;
    // The port first: two services never migrate the same file only to find that one of them cannot serve.
    let listener = kit::server::bind(&settings).await?;
    let store = store::open(&settings.database_url).await?;
    let stop = CancellationToken::new();
    let orders = server::Orders::new(Arc::clone(&store), users, stop.clone());
    let service = Service {
        name: NAME,
        routes: Routes::new(pb::order_service_server::OrderServiceServer::new(orders)),
        descriptors: DESCRIPTORS,
        probe: Arc::new(store::StoreProbe(store)),
    };
    kit::server::start(&settings, listener, service, stop).await
}
