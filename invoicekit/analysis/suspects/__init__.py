"""Which lines may be the difference of an invoice that does not tie."""
