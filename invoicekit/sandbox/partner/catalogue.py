"""What the partner sells: products of new commerce, offers and meters of old; prices invented."""

from __future__ import annotations

from typing import NamedTuple

from invoicekit.sandbox.partner.ids import guid


class Product(NamedTuple):
    """A product and sku of new commerce; `price` in US cents for one unit and one month."""

    product_id: str
    sku_id: str
    name: str
    sku: str
    price: int
    term: str = "One-Year commitment for monthly/yearly billing"
    unit: str = ""
    category: str = "License"
    publisher: str = "Microsoft Corporation"
    qualifiers: tuple[str, ...] = ()


SEATS = (
    Product("SBX7TTC0LH01", "0001", "Microsoft 365 Business Basic", "Business Basic", 600),
    Product("SBX7TTC0LH02", "0001", "Microsoft 365 Business Standard", "Business Standard", 1250),
    Product("SBX7TTC0LH03", "0002", "Microsoft 365 Business Premium", "Business Premium", 2200),
    Product("SBX7TTC0LH04", "0001", "Microsoft 365 E3", "Microsoft 365 E3", 3600),
    Product("SBX7TTC0LH05", "0001", "Microsoft 365 E5", "Microsoft 365 E5", 5700),
    Product("SBX7TTC0LH06", "000D", "Exchange Online (Plan 1)", "Plan 1", 400),
    Product("SBX7TTC0LH07", "0003", "Microsoft Defender for Business", "Defender", 300,
            qualifiers=("AddOn",)),
    Product("SBX7TTC0LH08", "0009", "Power BI Pro", "Power BI Pro", 1000),
    Product("SBX7TTC0LH09", "0001", "Visio Plan 2", "Visio Plan 2", 1500),
    Product("SBX7TTC0LH10", "0004", "Teams Phone Standard", "Teams Phone", 800,
            qualifiers=("AddOn", "Trial")),
    Product("SBX7TTC0LH11", "0001", "Dynamics 365 Sales Enterprise", "Sales Enterprise", 9500),
    Product("SBX7TTC0LH12", "0001", "Project Plan 3", "Project Plan 3", 3000,
            term="1 Month, Monthly"),
)  # fmt: skip

AZURE_PLAN = Product(
    "DZH3SBX0PLAN", "0001", "Azure plan", "Azure plan", 0,
    term="", unit="1 Hour", category="Azure",
)  # fmt: skip

ONE_OFF = (
    Product("DZH3SBX0RI01", "001F", "Reserved VM Instance, Standard_D2s_v5, EU West, 1 Year",
            "Ddsv5 Series", 4300, term="1 Year", category="Azure"),
    Product("DZH3SBX0RI02", "003K", "Reserved VM Instance, Standard_E4s_v5, US East, 3 Years",
            "Esv5 Series", 9150, term="3 Years", category="Azure"),
    Product("DG7SBX0SW001", "0002", "Windows Server 2022 Standard - 16 Core License Pack",
            "16 Core", 17600, term="Perpetual", category="Software"),
    Product("SBXSAAS00001", "0B01", "Pretend Backup for Microsoft 365", "Per mailbox", 275,
            publisher="Imaginary Backup Works", term="1 Month", category="SaaS"),
)  # fmt: skip

ADJUSTMENT = Product("SBXADJUST001", "0000", "Partner adjustment", "Adjustment", 0, term="")


class Meter(NamedTuple):
    """An Azure meter; `price` in 10**-10 US dollars a unit."""

    category: str
    sub_category: str
    name: str
    unit: str
    service: str
    price: int

    @property
    def id(self) -> str:
        """The meter's own GUID."""
        return guid("meter", *self)


METERS = (
    Meter("Virtual Machines", "Dsv5 Series", "D2s v5", "1 Hour", "Microsoft.Compute", 960000000),
    Meter("Virtual Machines", "Esv5 Series", "E4s v5", "1 Hour", "Microsoft.Compute", 2520000000),
    Meter("Storage", "Standard SSD Managed Disks", "E10 LRS Disk", "1/Month",
          "Microsoft.Compute", 96000000000),
    Meter("Storage", "Tables", "LRS Data Stored", "1 GB/Month", "Microsoft.Storage", 450000000),
    Meter("Bandwidth", "", "Standard Data Transfer Out", "1 GB", "Microsoft.Network", 870000000),
    Meter("SQL Database", "General Purpose", "vCore", "1 Hour", "Microsoft.Sql", 2018110000),
    Meter("Azure App Service", "Premium v3 Plan", "P1 v3 App", "1 Hour", "Microsoft.Web",
          1700000000),
    Meter("Log Analytics", "", "Pay-as-you-go Data Ingestion", "1 GB",
          "Microsoft.OperationalInsights", 27600000000),
    Meter("Key Vault", "", "Operations", "10K", "Microsoft.KeyVault", 300000000),
    Meter("Azure DNS", "Public", "Public Zone", "1/Month", "Microsoft.Network", 5000000000),
    Meter("Functions", "", "Execution Time", "1 GB Second", "Microsoft.Web", 160003),
)  # fmt: skip

REGIONS = (("EU West", "westeurope"), ("US East", "eastus"), ("JP East", "japaneast"))


class Offer(NamedTuple):
    """A licence of the legacy programme; `price` in cents a month."""

    name: str
    price: int


OFFERS = (
    Offer("EXCHANGE ONLINE (PLAN 2)", 800),
    Offer("SHAREPOINT ONLINE (PLAN 2)", 1000),
    Offer("OFFICE 365 E1", 800),
    Offer("OFFICE 365 E3", 2000),
    Offer("ENTERPRISE MOBILITY + SECURITY E3", 874),
    Offer("PROJECT ONLINE ESSENTIALS", 700),
    Offer("VISIO ONLINE PLAN 1", 500),
)


class Resource(NamedTuple):
    """A legacy Azure resource; `price` in 10**-4 US dollars a unit."""

    service: str
    type: str
    name: str
    unit: str
    sku: str
    price: int


RESOURCES = (
    Resource("Virtual Machines", "Standard_D2 VM", "Compute Hours", "Hours", "7UD-00001", 1540),
    Resource("Storage", "", "Standard IO - Page Blob/Disk (GB)", "GB", "N7H-00002", 500),
    Resource("Data Management", "", "Data Transfer Out (GB)", "GB", "N9H-00402", 870),
    Resource("SQL Database", "Standard", "S2 Secondary DTUs", "Days", "N7H-00003", 24190),
    Resource("Backup", "Protected Instances", "Protected Instance", "Instances", "N7H-00004",
             100000),
)  # fmt: skip
