"""Draws and writes; never adds up money."""
