//! The relay before the simulated Defender for Endpoint, asked over HTTP.
