"""The attributes of Graph's exports, in documented order; those of the basic set bear a star.

This is the sandbox's own list on purpose: the product's table is checked against rows built from
another list than its own. No export has `HasPartnerEarnedCredit`, `DiscountDetails` or what v1 says
of objectType and provider; `ProductCategory` is on every row.
"""

from __future__ import annotations

RECONCILIATION = """
    PartnerId* CustomerId* CustomerName* CustomerDomainName CustomerCountry InvoiceNumber* MpnId
    Tier2MpnId* OrderId* OrderDate* ProductId* SkuId* AvailabilityId* SkuName* ProductName*
    ChargeType* UnitPrice* Quantity Subtotal* TaxTotal* Total* Currency* PriceAdjustmentDescription*
    PublisherName* PublisherId SubscriptionDescription SubscriptionId* ChargeStartDate*
    ChargeEndDate* TermAndBillingCycle* EffectiveUnitPrice* UnitType AlternateId BillableQuantity*
    BillingFrequency PricingCurrency* PCToBCExchangeRate* PCToBCExchangeRateDate MeterDescription
    ReservationOrderId* CreditReasonCode* SubscriptionStartDate* SubscriptionEndDate* ReferenceId*
    ProductQualifiers PromotionId* ProductCategory*
"""
USAGE = """
    PartnerId* PartnerName* CustomerId* CustomerName* CustomerDomainName CustomerCountry MpnId
    Tier2MpnId InvoiceNumber* ProductId* SkuId* AvailabilityId SkuName* ProductName PublisherName*
    PublisherId SubscriptionDescription SubscriptionId* ChargeStartDate* ChargeEndDate* UsageDate*
    MeterType MeterCategory MeterId MeterSubCategory MeterName MeterRegion Unit ResourceLocation
    ConsumedService ResourceGroup ResourceURI* ChargeType* UnitPrice* Quantity* UnitType*
    BillingPreTaxTotal* BillingCurrency* PricingPreTaxTotal* PricingCurrency* ServiceInfo1
    ServiceInfo2 Tags AdditionalInfo* EffectiveUnitPrice* PCToBCExchangeRate* PCToBCExchangeRateDate
    EntitlementId* EntitlementDescription PartnerEarnedCreditPercentage CreditPercentage*
    CreditType* BenefitOrderID* BenefitID BenefitType*
"""


def _sets(text: str) -> dict[str, tuple[str, ...]]:
    names = text.split()
    return {
        "full": tuple(name.rstrip("*") for name in names),
        "basic": tuple(name.rstrip("*") for name in names if name.endswith("*")),
    }


ATTRIBUTES = {"reconciliation": _sets(RECONCILIATION), "usage": _sets(USAGE)}
