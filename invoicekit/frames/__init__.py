"""Knows polars and objectTypes; never HTTP."""
