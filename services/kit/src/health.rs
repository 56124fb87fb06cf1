//! The health of a service, as `grpc.health.v1` tells it: it follows the database.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// How often the database is asked.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Something that can be asked whether it works.
#[async_trait::async_trait]
pub trait Probe: Send + Sync + 'static {
    /// Does the smallest real piece of work; the error says why it does not work.
    async fn probe(&self) -> Result<(), String>;
}

/// Keeps the status of one service, and of the server as a whole, as the probe finds it.
pub struct Watch {
    service: &'static str,
    reporter: HealthReporter,
    probe: Arc<dyn Probe>,
}

impl Watch {
    /// A watch over `service`, its full name.
    #[must_use]
    pub fn new(service: &'static str, reporter: HealthReporter, probe: Arc<dyn Probe>) -> Self {
        Self { service, reporter, probe }
    }

    /// Asks once, and reports; the answer is what is wrong, if anything is.
    async fn look(&self) -> Option<String> {
        let problem = match tokio::time::timeout(PATIENCE, self.probe.probe()).await {
            Ok(found) => found.err(),
            Err(_) => Some(format!("no answer within {PATIENCE:?}")),
        };
        let status = if problem.is_none() { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.report(status).await;
        problem
    }

    /// Looks for the first time, so that nobody is told of a health that nobody has seen; then again and again in a
    /// task until `stop`, when it reports NOT_SERVING and lets those go who watch.
    pub async fn start(self, stop: CancellationToken) {
        let mut problem = self.look().await;
        self.log(None, problem.as_ref());
        tokio::spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(INTERVAL)).await.is_some() {
                let found = self.look().await;
                self.log(problem.as_ref(), found.as_ref());
                problem = found;
            }
            self.end().await;
        });
    }

    async fn end(mut self) {
        self.report(ServingStatus::NotServing).await;
        self.reporter.clear_service_status(self.service).await;
        self.reporter.clear_service_status("").await;
    }

    fn log(&self, before: Option<&String>, now: Option<&String>) {
        match (before, now) {
            (None, Some(problem)) => {
                tracing::warn!(service = self.service, %problem, "the database does not work");
            }
            (Some(_), None) => tracing::info!(service = self.service, "the database works again"),
            _ => {}
        }
    }

    async fn report(&self, status: ServingStatus) {
        self.reporter.set_service_status(self.service, status).await;
        self.reporter.set_service_status("", status).await;
    }
}
