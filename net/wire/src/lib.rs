//! The binary protocol: frames, envelopes, handshake. Pure.
