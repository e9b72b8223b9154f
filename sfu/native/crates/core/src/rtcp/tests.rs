//! Tests of RTCP parsing and writing.
