"""Files that ship with the daemon."""
