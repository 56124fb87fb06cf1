//! The sample order service.
