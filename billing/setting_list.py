"""The list of all settings: what a business person may choose about the whole installation.

To add one, write a `Setting` in the section it belongs to, and read it with ``company.value("its_name")``. That is
all: the Settings pages show it with its sentence and its default, the box above them finds it, `settings.change`
checks it, writes the audit event and refuses a stale form. Nothing needs a column or a migration: what is chosen is
kept in `Company.chosen`; where `Company` has a column of the setting's name, that column holds it instead.

A setting has a kind (`setting_kinds`: Line, Lines, Whole, YesNo, OneOf …), which reads what was typed. The label says
what it is, `about` says in one sentence what it does. Do not write the default into the sentence; the page adds it.
`words` are others that people look for it by. A new section names the group (the page) it stands on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models import PaymentMethod, QuoteBecomes

from .setting_kinds import (
    Country,
    Currency,
    Days,
    Email,
    HelpAddress,
    Hosts,
    Kind,
    Language,
    Line,
    Lines,
    Logo,
    OneOf,
    Prefix,
    Registrations,
    Template,
    TileAddress,
    Website,
    Whole,
    YesNo,
    Zone,
)

NONE: Any = object()
"""The default of what has no sensible one, such as the company's street: the page then speaks of none."""
LARGEST_NUMBER = 999_999_999
LONGEST_VISIT = 240
"""Minutes that staff may stay in a customer's view at the most."""
HOURS = {hour: f"{hour:02d}:00" for hour in range(24)}
TILES, TILE_CREDIT = "https://tile.openstreetmap.org/{z}/{x}/{y}.png", "© OpenStreetMap contributors"


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """One thing to choose. `width` is of twelve; `default` is what holds while nothing was chosen."""

    name: str
    kind: Kind
    default: Any
    label: str
    about: str
    width: int = 12
    words: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Settings that stand together under a heading."""

    key: str
    title: str
    about: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A page of sections. `about` says on the overview what is found there."""

    key: str
    title: str
    icon: str
    about: str
    sections: tuple[Section, ...]

    @property
    def settings(self) -> list[Setting]:
        return [setting for section in self.sections for setting in section.settings]


def _series(kind: str, prefix: str, title: str, about: str, *more: Setting) -> Section:
    """How a kind of document is numbered."""
    shown = f"Shorter numbers get zeros in front, as in {prefix}-00042."
    return Section(f"{kind}-numbers", title, about, (
        Setting(f"{kind}_prefix", Prefix(), prefix, "Prefix", "Begins every number; a new prefix starts a new row.", 4,
                title),
        Setting(f"{kind}_first", Whole(1, LARGEST_NUMBER, "The first number"), 1, "First number",
                "Where counting starts; set it before the first one.", 4, f"start {title}"),
        Setting(f"{kind}_digits", Whole(1, 12, "The number of digits"), 5, "Digits", shown, 4, title),
        Setting(f"{kind}_yearly", YesNo(), False, "Start again each year",
                f"If yes, the year is in the number: {prefix}-2026-00042.", words=title),
        *more,
    ))  # fmt: skip


COMPANY = Group("company", "Company", "building-2", "Who sells: name, address, logo and registration.", (
    Section("company", "Company", "Who sells. Printed on invoices; issued ones keep what they say.", (
        Setting("name", Line(200, "The name", empty=False), NONE, "Name", "Stands on invoices and mails.", 6),
        Setting("legal_name", Line(200, "The legal name"), NONE, "Legal name",
                "As registered; without one the name is used.", 6),
        Setting("street", Line(200, "The street"), NONE, "Street", "Printed on invoices.", 6, "address"),
        Setting("street2", Line(200, "The second line"), NONE, "Street, second line", "Suite, floor or building.", 6),
        Setting("postal_code", Line(24, "The postal code"), NONE, "Postal code", "As written on letters.", 3, "zip"),
        Setting("city", Line(120, "The city"), NONE, "City", "Printed on invoices.", 5),
        Setting("region", Line(120, "The region"), NONE, "Region",
                "State, county or canton, where addresses have one.", 4),
        Setting("country", Country(), NONE, "Country", "Decides which tax customers abroad pay.", 6),
        Setting("registration", Line(200, "The registration"), NONE, "Registration",
                "Register and number, printed at the foot of invoices.", 6),
    )),
    Section("reach", "How to reach you", "Printed at the foot of invoices.", (
        Setting("email", Email(), NONE, "E-mail", "Mails are sent from it, and answers come to it.", 6, "sender from"),
        Setting("phone", Line(40, "The phone number"), NONE, "Phone", "Printed at the foot of invoices.", 6),
        Setting("website", Website(), NONE, "Website", "Printed at the foot of invoices.", 6),
    )),
    Section("logo", "Logo", "On invoices and mails.", (
        Setting("logo", Logo(), NONE, "Logo",
                "PNG or JPEG of at most 1 MB, printed on invoices; e-mails show it up to 256 KB. "
                "Without one the name stands there.", words="picture brand"),
    )),
))  # fmt: skip

INVOICES = Group("invoices", "Invoices and numbers", "receipt-text",
                 "How invoices are numbered, when they are due, what stands on them.", (
    Section("numbers", "Numbers of invoices", "Numbers follow each other without a gap.", (
        Setting("invoice_prefix", Prefix(), "INV", "Prefix", "Begins every number; a new prefix starts a new row.", 4),
        Setting("first_number", Whole(1, LARGEST_NUMBER, "The first number"), 1, "First number",
                "Where counting starts; set it before the first invoice.", 4, "start"),
        Setting("number_digits", Whole(1, 12, "The number of digits"), 5, "Digits",
                "Shorter numbers get zeros in front, as in INV-00042.", 4),
        Setting("yearly_numbers", YesNo(), False, "Start again each year",
                "If yes, the year is in the number: INV-2026-00042."),
    )),
    _series("credit_note", "CN", "Numbers of credit notes", "The prefix of invoices makes them share one row."),
    _series("proforma", "PRO", "Numbers of proformas", "Asked to pay before the invoice is written.", Setting(
        "number_when_paid", YesNo(), False, "Give invoices their number when they are paid",
        "If yes, invoices begin as proformas, which are no debt and no revenue; the first payment makes an invoice of "
        "them.",
        words="proforma",
    )),
    _series("quote", "Q", "Numbers of quotes", "Offers that customers may accept."),
    Section("due", "When they are due", "Groups and customers may differ.", (
        Setting("payment_days", Whole(0, 365, "The time to pay", "days"), 14, "Days to pay",
                "From issue to due day; groups and customers may differ.", 6, "terms net due"),
        Setting("issue_days_ahead", Whole(0, 90, "The number of days", "days"), 0, "Days issued ahead",
                "Renewal invoices are written so many days before the renewal.", 6),
    )),
    Section("printed", "What is printed", "Issued invoices keep what they say.", (
        Setting("invoice_terms", Lines("The text"), "", "Terms", "How and when to pay, below the total."),
        Setting("invoice_note", Lines("The note"), "", "Note", "Printed at the end of every invoice."),
        Setting("bank_details", Lines("The text"), "", "Bank details",
                "One line each, such as “IBAN: IE29 AIBK 9311 5212 3456 78”.", words="iban account"),
        Setting("paper", OneOf({"a4": "A4", "us-letter": "US Letter"}), "a4", "Paper", "Size of every PDF.", 4),
        Setting("invoice_template", Template("document"), "standard", "Template of documents",
                "How PDFs look, unless group, project or customer have another.", 4, "design layout look pdf"),
        Setting("web_template", Template("web"), "standard", "Template of web pages",
                "How invoices look in the portal, likewise.", 4, "design layout look portal"),
    )),
))  # fmt: skip

QUOTES = Group("quotes", "Quotes", "file-check", "How long offers are valid, and what becomes of accepted ones.", (
    Section("quotes", "Quotes", "What holds for new ones. Their numbers are under Invoices and numbers.", (
        Setting("quotes_on", YesNo(), True, "Write quotes",
                "If no, none can be written and the menu has no entry for them; those there are stay as they are.",
                words="estimates offers on off"),
        Setting("quote_days", Whole(1, 366, "The time a quote is valid", "days"), 30, "Days a quote is valid",
                "From the day it is sent; each quote may say another day.", 6, "validity expiry offer"),
        Setting("quote_terms", Lines("The terms"), "", "Terms",
                "Stand on every new quote, and are agreed to with it.", words="conditions offer"),
    )),
    Section("accepted", "Accepted quotes", "What happens when a customer says yes.", (
        Setting("quote_becomes", OneOf({
            QuoteBecomes.INVOICE: "An invoice, issued at once", QuoteBecomes.DRAFT: "A draft of an invoice",
            QuoteBecomes.NOTHING: "Nothing until a person makes the invoice",
        }), QuoteBecomes.INVOICE, "An accepted quote becomes",
                "The services on it start with the invoice.", 6, "convert accept"),
        Setting("notify_email", Email(), "", "Tell this address",
                "Gets a mail when a quote is accepted or declined. Empty: the company’s own address.", 6,
                "notification notice staff order"),
    )),
    Section("quotes-first", "Quotes first", "For those who never bill without an offer.", (
        Setting("quotes_first", YesNo(), False, "New invoices come from quotes only",
                "If yes, invoices are not written by hand: a quote is, and becomes the invoice when it is accepted.",
                words="manual invoice estimate"),
    )),
))  # fmt: skip

PAYMENTS = Group("payments", "Payments", "credit-card", "How customers pay.", (
    Section("paying", "Paying", "What holds where group and customer say nothing else.", (
        Setting("payment_method", OneOf({
            PaymentMethod.INVOICE: "Invoice", PaymentMethod.CARD: "Card", PaymentMethod.FREE: "Free, no invoices",
        }), PaymentMethod.INVOICE, "Customers pay by", "Unless their group or they themselves differ.", 6),
    )),
    Section("cards", "Cards", "Taken on Stripe’s own page; no number of a card comes near this installation.", (
        Setting("cards_on", YesNo(), True, "Take cards",
                "If no, customers are offered no card payment, and no card is charged. Without Stripe’s keys none is "
                "either.", words="stripe gateway credit card online"),
        Setting("card_charge", OneOf({"issued": "As soon as the invoice is issued", "due": "On its due day"}),
                "issued", "Charge saved cards", "For customers who pay by card and have saved one.", 6,
                "automatic charge renewal stripe"),
        Setting("card_retries", Days("The days"), "1, 3, 5", "Try again after days",
                "If a card is declined: so many days after the first try. Empty: never.", 6, "retry declined dunning"),
        Setting("card_hour", OneOf(HOURS), 7, "Hour of charges", "In your time zone.", 6, "stripe automatic"),
        Setting("card_expiring_days", Whole(0, 90, "The time", "days"), 30, "Tell before a card expires, days",
                "Customers whose default card runs out get one mail; 0: none.", 6, "expiry notice"),
    )),
    Section("credit", "Credit", "Money that customers have in hand.", (
        Setting("tell_expired_credit", YesNo(), False, "Tell customers when credit ran out",
                "Mails them on the day after its last, in the words of the template Credit ran out.", words="expiry"),
    )),
    Section("receipts", "Receipts", "What customers get who paid.", (
        Setting("send_receipts", YesNo(), False, "Send a receipt for every payment",
                "If yes, a mail with the receipt as PDF leaves when a payment is recorded; if no, only by hand.",
                words="automatic confirmation"),
    )),
    Section("late", "Late payment", "The dunning plans say what is done when a customer does not pay.", (
        Setting("dunning_on", YesNo(), True, "Follow the dunning plans every day",
                "If no, nobody is reminded and nothing is suspended by itself.", words="reminders overdue automatic"),
        Setting("dunning_hour", OneOf(HOURS), 9, "Hour of reminders", "In your time zone.", 6, "dunning overdue"),
        Setting("late_fee_text", Line(160, "The text", empty=False), "Late fee for {invoice}", "Line of a late fee",
                "Stands on the bill; {invoice} becomes the number of the late invoice.", 6, "dunning overdue"),
    )),
))  # fmt: skip

TAX = Group("tax", "Tax", "percent", "Your registration, rates, categories and the texts the law asks for.", (
    Section("registration", "Registration", "Who you are to the tax office.", (
        Setting("tax_id", Line(40, "The tax number"), NONE, "Tax number",
                "VAT or sales-tax number of your country, printed on invoices.", 6, "vat id"),
        Setting("registrations", Registrations(), "", "Registered abroad",
                "One line each: country and tax number, such as “DE DE136695976”. Customers there pay the rate of "
                "their country, and the number is printed.", words="vat registration"),
        Setting("small_business", YesNo(), False, "Small business without tax",
                "If yes, no tax is charged to anybody, and documents say why.", words="exemption kleinunternehmer"),
    )),
    Section("prices", "Prices", "What a price of a package means.", (
        Setting("charge_tax", YesNo(), True, "Charge tax", "Groups and customers may differ.", words="vat"),
        Setting("prices_include_tax", YesNo(), False, "Prices include tax",
                "If no, tax is added to the price of a package.", words="gross net vat"),
    )),
    Section("abroad", "Customers abroad",
            "Businesses in other EU states with a valid VAT number pay the tax themselves: reverse charge.", (
        Setting("tax_in_eu", OneOf({"theirs": "The rate of their country (OSS)", "ours": "The rate of our country"}),
                "theirs", "Private customers in other EU states pay",
                "Our country’s rate is allowed below the yearly threshold for sales to other states.", 6,
                "oss one-stop shop distance moss"),
        Setting("tax_abroad", OneOf({
            "table": "The rate of their country, if the table has one",
            "registered": "Nothing, unless we are registered there",
        }), "table", "Customers in all other countries pay", "Where nothing is charged, documents say why.", 6,
                "export outside"),
    )),
))  # fmt: skip

CURRENCY = Group("currency", "Currency", "coins", "What your books are kept in, and exchange rates.", (
    Section("currency", "Currency", "What your books are kept in.", (
        Setting("currency", Currency(), NONE, "Currency", "Your books are kept in it; fixed by the first document.",
                6, "money"),
    )),
    Section("rates", "Exchange rates", "Kept on each document with their source.", (
        Setting("fx_feed", YesNo(), False, "Fetch the rates of the European Central Bank",
                "If yes, the scheduler asks the bank’s site for the rates of the last days, every evening.",
                words="ecb feed automatic online eurofxref"),
        Setting("fx_oldest", Whole(0, 365, "The age", "days"), 7, "Warn when a rate is older than",
                "Pages then say so; 0: never.", 6, "age stale fx"),
    )),
))  # fmt: skip

RENEWALS = Group("renewals", "Renewals", "repeat", "When services are billed by themselves.", (
    Section("renewals", "Renewals", "When services are billed by themselves.", (
        Setting("renewals_on", YesNo(), True, "Bill renewals every day",
                "If no, invoices are made only when someone starts a run.", words="automatic"),
        Setting("renewals_hour", OneOf(HOURS), 2, "Hour of the daily run",
                "In your time zone.", 6),
    )),
    Section("package-changes", "Changes of package", "What happens when a service gets another package or period.", (
        Setting("package_change_effect", OneOf({
            "invoice": "With its invoice", "payment": "When its invoice is paid",
        }), "invoice", "A change that costs something takes effect",
                "What costs nothing takes effect at once.", 6, "upgrade wizard plan proration"),
        Setting("change_lapses_after", Whole(0, 90, "The time", "days"), 7, "Unpaid changes lapse after",
                "The invoice of a change that waits to be paid is voided so many days after its due day, at the "
                "latest when the service renews.", 6, "upgrade payment"),
        Setting("downgrade_when", OneOf({
            "now": "At once", "renewal": "With the next renewal",
        }), "now", "A downgrade takes effect",
                "At once gives back what is left of the period.", 6, "proration credit"),
        Setting("shorter_period_when", OneOf({
            "renewal": "With the next renewal", "now": "At once",
        }), "renewal", "A shorter billing period begins",
                "With the renewal, nobody pays a month at the price of a year and gets the rest back.", 6,
                "yearly monthly gaming switch"),
        Setting("change_setup_fee", YesNo(), False, "Charge the set-up fee of the new package",
                "If yes, once for each package a service is changed to.", words="activation upgrade"),
    )),
    Section("own-changes", "What customers change by themselves", "In the portal, with the sums you would see.", (
        Setting("portal_upgrades", YesNo(), True, "Customers upgrade by themselves",
                "To packages that theirs may be changed to, as the settings above say.", words="portal self-service"),
        Setting("portal_downgrades", OneOf({
            "no": "No, they ask you", "renewal": "Yes, with the next renewal", "now": "Yes, at once",
        }), "renewal", "Customers downgrade by themselves",
                "At once gives back what is left of the period.", 6, "portal self-service"),
        Setting("portal_endings", OneOf({
            "no": "No", "ask": "They ask, and you decide", "end": "Yes, at the end of the period",
        }), "ask", "Customers cancel services in the portal",
                "Who asks leaves a note with the customer, and you get a mail.", 6, "portal self-service cancellation"),
        Setting("portal_periods", YesNo(), True, "Customers choose how often they are billed",
                "Among the periods that their package has a price for.", words="portal self-service yearly monthly"),
    )),
))  # fmt: skip

SERVICES = Group("services", "Services", "server", "How services start, and what holds while they are suspended.", (
    Section("services", "Services", "What customers have.", (
        Setting("new_services", OneOf({
            "active": "Active at once", "activation": "Pending, until somebody activates them",
            "payment": "Pending, until their first bill is paid",
        }), "active", "New services start",
                "What the form offers first. A bill that is to be paid first is made at once.", 6,
                "pending activate provisioning"),
        Setting("bill_suspended_days", YesNo(), True, "Days while suspended are billed when it comes back",
                "If no, days paid in advance follow after the suspension, as after a pause.", words="unsuspend"),
    )),
))  # fmt: skip

CUSTOMERS = Group("customers", "Customers", "users", "What holds for customers, and what they are arranged by.", (
    Section("defaults", "What holds by default", "Where group and customer say nothing else.", (
        Setting("notes_shown", YesNo(), False, "New notes may be read by the customer",
                "If yes, the box for it is ticked on every new note.", words="public private notes"),
        Setting("never_suspend", YesNo(), False, "Never suspend for late payment", "Groups and customers may differ.",
                words="overdue"),
    )),
    Section("second-step", "Two-step sign-in", "A code from an app beside the password.", (
        Setting("second_step_for", OneOf({"": "Whoever wants it", "rights": "Those who change settings or staff",
                                          "staff": "All staff"}), "", "Staff who need it",
                "They are asked to set it up when they next sign in. Customers choose for themselves.",
                words="totp 2fa two-factor authenticator"),
    )),
    Section("own-details", "What customers change by themselves", "In the portal; each change is in their history.", (
        Setting("portal_name", YesNo(), False, "Their name",
                "Name and company, as invoices to come print them.", 6, "portal self-service"),
        Setting("portal_address", YesNo(), True, "Their address",
                "With the country, which decides the tax.", 6, "portal self-service"),
        Setting("portal_phone", YesNo(), True, "Contact person and telephone number",
                "Whom you write to and call.", 6, "portal self-service"),
        Setting("portal_tax_id", YesNo(), False, "Tax and registration numbers",
                "A valid number from another country of the EU may turn the tax over to them.", 6,
                "portal self-service vat"),
        Setting("portal_payers", OneOf({
            "see": "See them", "add": "See, add and change them", "choose": "Also choose who is billed",
        }), "choose", "What customers do with their payers",
                "Payers are the names invoices are made out to.", 6, "portal self-service"),
        Setting("portal_logins", YesNo(), True, "Owners let others into the portal",
                "They invite people by mail, choose what each may do, and take them out again.", 6,
                "portal self-service users invite"),
    )),
    Section("visits", "Entering as a customer", "Staff see the portal as the customer does.", (
        Setting("visit_minutes", Whole(5, LONGEST_VISIT, "The number of minutes"), 30, "Minutes in a customer's view",
                "After that many minutes it ends by itself.", 6, "impersonate login as"),
        Setting("visits_shown", YesNo(), True, "Customers see when staff were in their view",
                "If yes, the portal says who of you was there, and when.", 6, "privacy impersonate"),
    )),
))  # fmt: skip

PORTAL = Group("portal", "Portal", "monitor", "What customers see of their account.", (
    Section("portal", "Portal", "Which pages there are beside services, invoices and payments.", (
        Setting("portal_credit", YesNo(), True, "Customers see their credit",
                "If yes, a page tells what credit they have, where it came from and what it was used for.",
                words="credit balance in hand"),
        Setting("portal_top_up", YesNo(), True, "Customers may pay onto their account",
                "If yes, the page of their credit leads to paying money in before anything is billed.",
                words="top-up deposit prepay"),
        Setting("portal_statement", YesNo(), True, "Customers see their statement of account",
                "If yes, they read and print what moved the balance.", words="account balance history"),
        Setting("portal_messages", YesNo(), True, "Customers see what was sent to them",
                "If yes, a page lists the mails and texts they got, except those with a secret link or code.",
                words="mail sms messages history"),
        Setting("portal_service_history", YesNo(), True, "Customers see the history of a service",
                "If yes, the page of a service tells when it began, was suspended, changed or ended.",
                words="timeline"),
    )),
))  # fmt: skip

PLACE = Group("place", "Language, time and help", "globe", "Days, times, words, maps, and where people turn to.", (
    Section("place", "Language and time", "Days, times and words.", (
        Setting("timezone", Zone(), "UTC", "Time zone", "Decides on which day a bill falls.", 6, "clock hour"),
        Setting("locale", Language(), "en", "Language and formats",
                "For documents, and for everybody who has not chosen their own.", 6, "date number format"),
    )),
    Section("help", "Help", "Where people turn to.", (
        Setting("help_url", HelpAddress(), "", "Address of Help and support",
                "Where the link on every page leads: a page, or mailto: with an address. "
                "Empty: the built-in help page."),
    )),
    Section("maps", "Maps", "How the place of a customer is shown.", (
        Setting("map_tiles", YesNo(), False, "Show online maps",
                "If no, a map of our own is shown. If yes, the tile server learns which places are looked at."),
        Setting("map_tile_address", TileAddress(), TILES, "Tile server",
                "With {z}, {x} and {y} in it; read the terms of use of the server.", 6),
        Setting("map_tile_credit", Line(120, "The credit"), TILE_CREDIT, "Credit of the map",
                "Shown below it, as its licence asks for.", 6),
    )),
))  # fmt: skip

DIGEST = Group("digest", "Daily digest", "mail", "The mail that tells staff each morning what happened.", (
    Section("digest", "Daily digest", "Everybody chooses under Your account whether they get it, and what it tells.", (
        Setting("digest_on", YesNo(), True, "Send the daily digest",
                "If no, nobody gets it, whatever they chose.", words="morning mail summary report staff"),
        Setting("digest_hour", OneOf({hour: f"{hour:02d}:00" for hour in range(24)}), 7, "Hour of the digest",
                "In your time zone; it tells of the day before.", 6, "morning mail summary"),
    )),
))  # fmt: skip

ORDERS = Group("orders", "Orders", "shopping-cart", "What holds for every order form.", (
    Section("orders", "Orders", "How long they wait, and where their forms lead.", (
        Setting("order_days", Whole(1, 60, "The number of days", "days"), 7, "Days to confirm an order",
                "Whose e-mail address is not confirmed by then is given up.", 6, "abandoned expire"),
        Setting("order_unpaid_days", Whole(0, 366, "The number of days", "days"), 30, "Days to pay an order",
                "After that its invoice is voided and what waited for the money is called off. 0: never.", 6,
                "abandoned expire unpaid pending cancel"),
        Setting("order_return_hosts", Hosts(), "", "Hosts that a form may lead back to",
                "A line each, such as www.company.example. Only your own: whoever orders is sent there.",
                words="return url address redirect"),
    )),
    Section("order-limits", "Against abuse", "Beyond these, orders are refused or wait for you.", (
        Setting("orders_per_address", Whole(1, 1000, "The number of orders"), 5, "Orders an hour from one address",
                "One more is held. Three times as many are refused.", 6, "spam limit ip"),
        Setting("orders_per_network", Whole(1, 10_000, "The number of orders"), 30, "Orders a day from one network",
                "The addresses around it (IPv4 /24, IPv6 /64). One more is held, three times as many are refused.", 6,
                "spam limit ip"),
        Setting("orders_per_email", Whole(1, 100, "The number of orders"), 3, "Orders a day for one e-mail address",
                "One more is held, and no mail is sent for it.", 6, "spam limit"),
        Setting("order_seconds", Whole(0, 60, "The number of seconds", "seconds"), 3, "Seconds that a person needs",
                "Who fills a form in faster is taken for a machine, and held.", 6, "time trap robot bot"),
    )),
))  # fmt: skip

GROUPS = (
    COMPANY,
    INVOICES,
    QUOTES,
    PAYMENTS,
    TAX,
    CURRENCY,
    RENEWALS,
    SERVICES,
    CUSTOMERS,
    PORTAL,
    ORDERS,
    DIGEST,
    PLACE,
)
"""The pages, in the order of the overview."""
SETTINGS: dict[str, Setting] = {setting.name: setting for group in GROUPS for setting in group.settings}
