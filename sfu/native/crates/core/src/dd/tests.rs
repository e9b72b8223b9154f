//! Tests of the dependency descriptor.
