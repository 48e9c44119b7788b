"""`python -m invoicekit` is the command line."""

from invoicekit.cli.app import main

main()
