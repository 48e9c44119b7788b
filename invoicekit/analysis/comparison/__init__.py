"""What changed from one invoice, month or estimate to another."""
