//! From `routes.yaml` to the model: text → raw (positions kept) → `GatewayConfig` (references resolved, numbers
//! proven), gathering every finding on the way.

pub mod diagnostic;
