"""The made-up partner: whom it sells what, month by month; money as integers, no wire format."""
