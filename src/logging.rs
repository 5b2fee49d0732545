//! Where messages for the admin go: standard error, or syslog once daemonised.
