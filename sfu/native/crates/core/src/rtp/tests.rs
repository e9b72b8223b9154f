//! Tests of RTP parsing and writing.
