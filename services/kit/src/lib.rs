//! What the sample services share: settings, telemetry, health, TLS, shutdown.
