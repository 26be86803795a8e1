"""Stand-ins: the programs that a host's script runs in, in memory, so that the shipped scripts can be run unchanged."""
