"""The shell: one command for each call."""
