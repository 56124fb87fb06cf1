//! A declarative gateway between REST clients and gRPC services.
