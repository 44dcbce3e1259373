//! Real models against what Python computed.
