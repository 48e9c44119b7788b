"""The notebook widget that picks invoice and provider."""
