//! Tests of payload formats.
