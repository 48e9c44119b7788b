"""What is odd about an invoice or about line items."""
