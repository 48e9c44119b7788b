"""What is no line item, but typed by the same rules: invoices' headers, balances, links.

Sources: the pages of the API on Invoice, InvoiceSummary and EstimateLink.
"""

from __future__ import annotations

from invoicekit.frames.schema import Kind, columns

# A row of the list of invoices.
INVOICE = Kind(
    "Invoice",
    columns(
        """
    text: id=invoice_id
    day: invoiceDate billingPeriodStartDate=billing_period_start
    day: billingPeriodEndDate=billing_period_end
    billed: totalCharges paidAmount
    text: currencyCode=currency documentType invoiceType currencySymbol pdfDownloadLink
    json: taxReceipts invoiceDetails amendments
    text: amendsOf state
    json: links attributes"""
    ),
    roles={"total": "total_charges"},
)

# What is owed in a currency: a row of the account's balances.
SUMMARY = Kind(
    "InvoiceSummary",
    columns(
        """
    text: currencyCode=currency
    billed: balanceAmount lastPaymentAmount
    day: lastPaymentDate latestInvoiceDate firstInvoiceCreationDate=first_invoice_date
    instant: accountingDate
    text: currencySymbol
    json: details links attributes"""
    ),
    roles={"total": "balance_amount"},
)

# A link to what is not billed yet: a row of the links to estimates.
ESTIMATE_LINK = Kind(
    "EstimateLink",
    columns(
        """
    text: type title description period
    json: link"""
    ),
)
