//! A real node on a port of its own, spoken to over the network.

// A test stops at whatever it does not expect.
#![allow(clippy::unwrap_used)]

mod authorization_matrix;
mod bad_sources;
mod client;
mod clocks;
mod cluster;
mod dropped;
mod ended;
mod fair_share;
mod fake_library;
mod formats;
mod garbage;
mod grant_keys;
mod harness;
mod http;
mod large_chunks;
mod library;
#[cfg(unix)]
mod library_away;
mod library_files;
mod library_sent;
mod library_support;
mod main_server;
mod nodes;
mod per_connection;
mod polling;
mod proxy;
mod publishing;
mod python;
mod recording;
mod relay;
mod relay_failover;
mod relay_keyframes;
mod relay_lookup;
mod relay_support;
mod renewal;
mod several_main_servers;
mod slow_viewer;
mod tls_links;
mod watching;
mod window;
mod ws;
mod ws_client;
mod ws_garbage;
mod ws_slow;
