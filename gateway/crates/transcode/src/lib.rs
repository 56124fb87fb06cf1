//! JSON to protobuf wire and back, by plans compiled from descriptors.
