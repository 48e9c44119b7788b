"""`python -m invoicekit` is the command line."""

from invoicekit.cli import main

main()
