"""Knows HTTP, the cache and secrets; never rows or polars."""
