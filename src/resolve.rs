//! Names of hosts, looked up beside the loop.
