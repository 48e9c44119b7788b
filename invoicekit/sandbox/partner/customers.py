"""The partner's customers: all invented, some with names that test whoever shows them."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from invoicekit.sandbox.partner.ids import guid

PARTNER_ID = guid("partner")
PARTNER_NAME = "Invoicekit Sandbox Partner"
PARTNER_MPN = 4870137
RESELLER_MPN = 4649221

# Tax per country in basis points.
TAX = {
    "US": 825, "GB": 2000, "JP": 1000, "DE": 1900, "FR": 2000, "NL": 2100, "CA": 1300, "AU": 1000,
}  # fmt: skip

# Four are traps on purpose: another script, quotes, markup, a spreadsheet formula; none of them is
# what a table begins with. Two are the same name for different customers. Names bear numbers so
# that nobody takes them for a company.
NAMES = (
    ("Crumb and Cog Repairs 01", "US"),
    ("株式会社さくら架空商店 02", "JP"),
    ("Orange Umbrella Clinic 03", "US"),
    ('Quill "Q" \\ Sons 04', "GB"),
    ("Harbour Kites 05", "US"),
    ("Nimbus Dairy 06", "US"),
    ("Copper Otter Bakery 07", "US"),
    ("Tin Lantern Theatre 08", "GB"),
    ("Moss & Marble Tiles 09", "US"),
    ("Blaue Gießkanne GmbH 10", "DE"),
    ("Paper Comet School 11", "US"),
    ("Velvet Anchor Ferries 12", "CA"),
    ("<script>alert(1)</script>", "US"),
    ("Quiet Thunder Radio 14", "AU"),
    ("Café Hérisson Imaginaire 15", "FR"),
    ("Seven Spoons Catering 16", "US"),
    ("Glass Beetle Optics 17", "US"),
    ("Woolly Compass Tours 18", "GB"),
    ("Pickle Barrel Books 19", "US"),
    ("De Denkbeeldige Fiets 20", "NL"),
    ("=SUM(1,2)", "US"),
    ("Snowdrift Cannery 22", "CA"),
    ("Lucky Turnip Farms 23", "US"),
    ("Brass Walrus Plumbing 24", "US"),
    ("架空おりがみ工房 25", "JP"),
    ("Hollow Oak Archive 26", "GB"),
    ("Salted Pear Studio 27", "US"),
    ("Meadow Robot Works 28", "US"),
    ("Wunschwolke Logistik 29", "DE"),
    ("Pocket Volcano Toys 30", "US"),
    ("Silver Thimble Tailors 31", "US"),
    ("Driftwood Piano Hire 32", "AU"),
    ("Gentle Gear Cycles 33", "US"),
    ("Twelve Geese Hotel 34", "GB"),
    ("Maple Rocket Gym 35", "CA"),
    ("Twin Name Trading 36", "US"),
    ("Twin Name Trading 36", "US"),
    ("Foggy Bridge Council 38", "GB"),
    ("Starling Post Couriers 39", "US"),
    ("Empty Chair Museum 40", "US"),
)


class Customer(NamedTuple):
    """One customer; `id` is bare and lower case, whatever the rows make of it."""

    number: int
    id: str
    name: str
    country: str
    domain: str


CUSTOMERS = tuple(
    Customer(
        number, guid("customer", number), name, country, f"customer{number:02}.sandbox.example"
    )
    for number, (name, country) in enumerate(NAMES, start=1)
)

# One customer changed its name in the middle of the newest billing period.
RENAMED = CUSTOMERS[4]
RENAMED_ON = date(2026, 10, 16)
RENAMED_TO = "Harbour Kites & Sails 05"


def name_on(customer: Customer, day: date) -> str:
    """What `customer` was called on `day`."""
    return RENAMED_TO if customer is RENAMED and day >= RENAMED_ON else customer.name


def taxed(subtotal: int, customer: Customer | None) -> int:
    """The tax on `subtotal` in minor units, rounded half away from zero."""
    points = TAX[customer.country] if customer else 0
    tax = (abs(subtotal) * points + 5_000) // 10_000
    return -tax if subtotal < 0 else tax
