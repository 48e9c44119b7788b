"""Invoices of Microsoft CSP partners as exact frames, proof of totals, and reports."""
