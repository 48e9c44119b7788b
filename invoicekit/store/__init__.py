"""Typed frames kept on disk as Parquet, and how lines get there."""
