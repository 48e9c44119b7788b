"""A line item as JSON: the fields of each objectType, in the order the service documents them.

This is the sandbox's own list on purpose: the product's table (`frames/schema.py`) is checked
against rows built from another list than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from invoicekit.sandbox.wire import Row, encoded

NOTHING: Mapping[str, str] = MappingProxyType({})


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIELDS: dict[str, tuple[str, ...]] = {
    "LicenseBasedLineItem": _names(
        """
        partnerId customerId customerName mpnId tier2MpnId orderId subscriptionId
        syndicationPartnerSubscriptionNumber offerId durableOfferId offerName domainName
        billingCycleType subscriptionName subscriptionDescription subscriptionStartDate
        subscriptionEndDate chargeStartDate chargeEndDate chargeType unitPrice quantity amount
        totalOtherDiscount subtotal tax totalForCustomer currency invoiceLineItemType
        billingProvider attributes
        """
    ),
    "UsageBasedLineItem": _names(
        """
        detailLineItemId sku includedQuantity overageQuantity listPrice consumptionPrice
        consumptionDiscount currency pretaxCharges taxAmount postTaxTotal pretaxEffectiveRate
        postTaxEffectiveRate chargeType partnerId partnerName partnerBillableAccountId
        customerId domainName customerCompanyName mpnId tier2MpnId invoiceNumber subscriptionId
        subscriptionName subscriptionDescription billingCycleType orderId serviceName
        serviceType resourceGuid resourceName region consumedQuantity chargeStartDate
        chargeEndDate unit invoiceLineItemType billingProvider attributes
        """
    ),
    "DailyUsageLineItem": _names(
        """
        customerBillableAccount usageDate meteredService meteredServiceType meteredRegion
        project serviceInfo partnerId partnerName partnerBillableAccountId customerId domainName
        customerCompanyName mpnId tier2MpnId invoiceNumber subscriptionId subscriptionName
        subscriptionDescription billingCycleType orderId serviceName serviceType resourceGuid
        resourceName region consumedQuantity chargeStartDate chargeEndDate unit
        invoiceLineItemType billingProvider attributes
        """
    ),
    "OneTimeInvoiceLineItem": _names(
        """
        partnerId customerId customerName customerDomainName customerCountry invoiceNumber mpnId
        resellerMpnId orderId orderDate productId skuId availabilityId productName skuName
        productQualifiers chargeType unitPrice effectiveUnitPrice unitType quantity subtotal
        taxTotal totalForCustomer currency publisherName publisherId subscriptionDescription
        subscriptionId subscriptionStartDate subscriptionEndDate chargeStartDate chargeEndDate
        termAndBillingCycle alternateId referenceId priceAdjustmentDescription discountDetails
        creditReasonCode pricingCurrency pcToBCExchangeRate pcToBCExchangeRateDate
        billableQuantity meterDescription billingFrequency reservationOrderId promotionId
        productCategory invoiceLineItemType billingProvider attributes
        """
    ),
    "DailyRatedUsageLineItem": _names(
        """
        partnerId partnerName customerId customerName customerDomainName customerCountry
        invoiceNumber productId skuId availabilityId skuName productName publisherName
        publisherId subscriptionId subscriptionDescription chargeStartDate chargeEndDate
        usageDate meterType meterCategory meterId meterSubCategory meterName meterRegion
        unitOfMeasure resourceLocation consumedService resourceGroup resourceUri tags
        additionalInfo serviceInfo1 serviceInfo2 mpnId resellerMpnId chargeType unitPrice
        quantity unitType billingPreTaxTotal billingCurrency pricingPreTaxTotal pricingCurrency
        entitlementId entitlementDescription pcToBCExchangeRate pcToBCExchangeRateDate
        effectiveUnitPrice rateOfPartnerEarnedCredit hasPartnerEarnedCredit creditType
        rateOfCredit benefitOrderId benefitId benefitType invoiceLineItemType billingProvider
        attributes
        """
    ),
}


def row(object_type: str, values: Row, extra: Mapping[str, str] = NOTHING) -> bytes:
    """One line item as JSON: the fields of its objectType that `values` has, in wire order.

    What is in `extra` comes after them; it is not documented.
    """
    values["attributes"] = {"objectType": object_type}
    ordered = {name: values[name] for name in FIELDS[object_type] if name in values}
    if len(ordered) != len(values):
        unknown = sorted(values.keys() - ordered.keys())
        raise KeyError(f"{object_type} has no field {', '.join(unknown)}")
    return encoded({**ordered, **extra}).encode()
