"""Files: our own, private ones, and those that a user asked for."""
