"""What the tests share: services on loopback, processes of their own, made-up invoices."""
