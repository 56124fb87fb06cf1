//! Named groups of gRPC servers: discovery, balancing, connections, retries, breakers, health.
