//! The sample user service.
