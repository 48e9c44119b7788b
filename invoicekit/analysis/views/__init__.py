"""Small frames that analysts ask for, by name."""
