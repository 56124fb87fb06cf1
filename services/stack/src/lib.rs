//! Starts the whole sample with one command.
