"""Where line items come from: one room for each billing API."""
