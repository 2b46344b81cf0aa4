"""What the demo company's customers are called and where they live. All made up: no such people, no such firms.

Telephone numbers are those that regulators keep free for films and books, or lie in ranges nobody is given.
"""

from __future__ import annotations

from dataclasses import dataclass


def listed(names: str) -> tuple[str, ...]:
    return tuple(names.split(", "))


@dataclass(frozen=True, slots=True)
class Place:
    city: str
    postal_code: str
    region: str = ""
    latitude: str = ""
    longitude: str = ""


@dataclass(frozen=True, slots=True)
class Country:
    """How names, addresses and numbers look in a country; `#` in a pattern is any digit."""

    code: str
    language: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    places: tuple[Place, ...]
    streets: tuple[str, ...]
    phones: tuple[str, ...]
    trades: tuple[str, ...]
    forms: tuple[str, ...]
    currency: str = "EUR"
    number_first: bool = False
    others: tuple[tuple[str, str], ...] = ()
    """Given names and family names that go together, of those whose parents came from elsewhere or who speak Irish."""


IRELAND = Country(
    "IE",
    "en",
    listed(
        "Aoife, Saoirse, Ciara, Niamh, Róisín, Gráinne, Orla, Sinéad, Maeve, Bronagh, Eoin, Cillian, Oisín, Pádraig, "
        "Declan, Fionn, Conor, Tadhg, Darragh, Cathal"
    ),
    listed("Kavanagh, Brennan, Doyle, Byrne, Fitzgerald, Redmond, Tierney, Halloran, Quigley, Devlin, Lacey, Molloy"),
    (
        Place("Dublin", "D02 X285", "", "53.3382", "-6.2591"),
        Place("Dublin", "D08 F6P1", "", "53.3356", "-6.2837"),
        Place("Dublin", "D06 K5W9", "", "53.3214", "-6.2659"),
        Place("Cork", "T12 W8KP", "", "51.8979", "-8.4706"),
        Place("Galway", "H91 E2R4", "", "53.2738", "-9.0518"),
        Place("Limerick", "V94 X0H6", "", "52.6647", "-8.6231"),
        Place("Waterford", "X91 C3A7", "", "52.2593", "-7.1101"),
        Place("Dún Laoghaire", "A96 N7Y2", "Co. Dublin", "53.2944", "-6.1339"),
        Place("Wexford", "Y35 P6D1", "Co. Wexford", "52.3342", "-6.4575"),
        Place("Sligo", "F91 T8V5", "Co. Sligo", "54.2697", "-8.4694"),
        Place("Howth", "D13 R2C8", "Co. Dublin", "53.3871", "-6.0654"),
    ),
    ("Harbour Road", "Lower Quay Street", "Chapel Lane", "Main Street", "Sea View Terrace", "Mill Road", "Abbey Court",
     "Pearl Street", "Windmill Hill", "Castle Avenue", "Fishamble Row"),
    ("+353 20 91# ####",),
    ("Bakery", "Print Works", "Boatyard", "Dental Practice", "Design", "Timber Merchants", "Seafood", "Accountants",
     "Engineering", "Coffee Roasters", "Guesthouse", "Veterinary Clinic", "Software", "Brewing", "Pharmacy", "Bikes"),
    ("Ltd", "Ltd", "Ltd", "DAC", "& Daughters Ltd", "& Sons Ltd"),
    number_first=True,
    others=(
        ("Aoife, Gráinne, Sinéad, Caoimhe", "Ní Dhomhnaill, Nic Gearailt, Ní Shúilleabháin"),
        ("Eoin, Tadhg, Cathal, Ruairí", "Ó Súilleabháin, Mac Giolla, Ó Domhnaill"),
        ("Piotr, Agnieszka, Zofia, Wojciech", "Wiśniewski, Kowalczyk, Zając"),
        ("Chidi, Adaeze, Ifeoma", "Okonkwo, Eze, Nwosu"),
        ("Rohan, Priya, Anjali", "Sharma, Nair, Iyer"),
        ("Mehmet, Elif", "Yıldırım, Çelik"),
        ("Oksana, Taras", "Shevchenko, Bondar"),
        ("Lucía, Íñigo", "Fernández Ortega, Núñez"),
    ),
)  # fmt: skip

GERMANY = Country(
    "DE",
    "de",
    listed(
        "Jürgen, Käthe, Lena, Matthias, Sören, Anneliese, Björn, Heike, Florian, Ute, Nils, Dorothea"
    ),
    listed(
        "Großmann, Müller-Brandt, Schäfer, Weiß, Brückner, Hoffmann, Küster, Lindner, Voß, Jäger"
    ),
    (Place("Berlin", "10115"), Place("Hamburg", "20457"), Place("München", "80331"), Place("Köln", "50667"),
     Place("Lübeck", "23552")),
    ("Hafenstraße", "Lindenallee", "Am Alten Markt", "Goethestraße", "Brückenweg"),
    ("+49 30 23125 ###", "+49 40 66969 ###", "+49 89 99998 ###", "+49 221 4710 ###", "+49 176 040690##"),
    ("Werkzeugbau", "Buchhandlung", "Bäckerei", "Architekten", "Optik", "Segelmacherei", "Medien"),
    ("GmbH", "GmbH", "GmbH & Co. KG", "UG (haftungsbeschränkt)", "e. K."),
    others=(("Aylin, Emre, Deniz", "Öztürk, Şahin"),),
)  # fmt: skip

FRANCE = Country(
    "FR",
    "fr",
    listed(
        "Éloïse, Théo, Anaïs, François, Chloé, Jérôme, Maëlys, Benoît, Zoé, Hélène, Gaël, Inès"
    ),
    ("Lefèvre", "Dubois-Morel", "Château", "d'Aubigné", "Le Goff", "Bénard", "Moreau", "Rivière", "Garçon"),
    (Place("Paris", "75011"), Place("Bordeaux", "33000"), Place("Nantes", "44000"), Place("Brest", "29200")),
    ("rue du Port", "quai de la Fosse", "avenue des Tilleuls", "place du Marché", "impasse des Lilas"),
    ("+33 1 99 00 ## ##", "+33 2 61 91 ## ##", "+33 5 36 49 ## ##", "+33 6 39 98 ## ##"),
    ("Vins", "Pâtisserie", "Menuiserie", "Voiles", "Librairie", "Conseil"),
    ("SARL", "SAS", "SARL", "EURL"),
    number_first=True,
)  # fmt: skip

BRITAIN = Country(
    "GB",
    "en",
    listed(
        "Imogen, Rhys, Callum, Ffion, Harriet, Alasdair, Gareth, Eilidh, Tamsin"
    ),
    listed(
        "Pemberton, Llewellyn, MacAllister, Hawthorne, Trevelyan, Ashdown, Whitlock"
    ),
    (Place("London", "SE1 9ZZ"), Place("Bristol", "BS1 4ZZ"), Place("Cardiff", "CF10 1ZZ"),
     Place("Edinburgh", "EH6 6ZZ"), Place("Belfast", "BT1 3ZZ")),
    ("Wharf Road", "Bankside Walk", "Station Parade", "St Mary's Close", "Old Ferry Lane"),
    ("+44 20 7946 0###", "+44 1632 960###", "+44 7700 900###"),
    ("Joinery", "Textiles", "Chandlery", "Studios", "Orchards", "Instruments"),
    ("Ltd", "Ltd", "LLP"),
    currency="GBP",
    number_first=True,
    others=(("Zainab, Imran", "Siddiqui, Rahman"), ("Oluwaseun, Folake", "Adebayo, Okafor")),
)  # fmt: skip

NORWAY = Country(
    "NO",
    "nb",
    listed(
        "Ingrid, Åse, Bjørn, Kåre, Sølvi, Øystein, Torbjørn, Maren, Håkon, Liv"
    ),
    listed(
        "Fjellheim, Østby, Strømsnes, Bråten, Hågensen, Nygård, Vågen, Sjøberg"
    ),
    (Place("Oslo", "0150"), Place("Bergen", "5003"), Place("Tromsø", "9008"), Place("Ålesund", "6002")),
    ("Bryggegata", "Sjøgata", "Fjordveien", "Kirkegata"),
    ("+47 22 55 01 ##", "+47 55 55 01 ##"),
    ("Cykelverksted", "Fiskeri", "Rederi", "Arkitekter", "Ullvarer"),
    ("AS", "AS", "ENK"),
)  # fmt: skip

JAPAN = Country(
    "JP",
    "ja",
    ("美咲", "大輔", "陽菜", "健一", "さくら", "蓮", "花子", "拓海"),
    ("田中", "佐藤", "鈴木", "高橋", "渡辺", "小林", "中村", "森"),
    (Place("東京都港区", "105-0011"), Place("横浜市中区", "231-0001"), Place("大阪市北区", "530-0001"),
     Place("神戸市中央区", "650-0042")),
    ("海岸通", "本町", "桜通", "波止場町"),
    ("+81 3 5550 01##", "+81 45 550 01##"),
    ("商店", "設計事務所", "製作所", "水産"),
    ("株式会社", "合同会社"),
    currency="JPY",
)  # fmt: skip

NETHERLANDS = Country(
    "NL",
    "nl",
    listed("Sanne, Joris, Femke, Thijs, Maaike, Noortje, Bram, Lieke"),
    ("van der Meer", "de Graaf", "Jansen-Bosch", "IJsselstein", "Hoekstra", "ter Haar"),
    (Place("Rotterdam", "3011 ZZ"), Place("Utrecht", "3511 ZZ"), Place("Groningen", "9711 ZZ")),
    ("Havenkade", "Molenweg", "Grote Markt", "Prinsengracht"),
    ("",),
    ("Bloemen", "Scheepsbouw", "Koffie", "Fietsen"),
    ("B.V.", "B.V.", "V.O.F."),
)

COUNTRIES = {IRELAND: 66, GERMANY: 9, FRANCE: 7, BRITAIN: 8, NORWAY: 4, NETHERLANDS: 4, JAPAN: 2}
"""How many customers of a hundred live there."""

ROMAN = dict(
    zip(
        (*JAPAN.given, *JAPAN.family, *JAPAN.trades),
        listed(
            "misaki, daisuke, hina, kenichi, sakura, ren, hanako, takumi, tanaka, sato, suzuki, "
            "takahashi, watanabe, kobayashi, nakamura, mori, shoten, sekkei, seisakusho, suisan"
        ),
        strict=True,
    )
)  # fmt: skip
"""How a Japanese name is written in an e-mail address."""

CLUBS = (
    "Howth Sea Scouts", "Galway Bay Swimmers", "St Brendan's Parish Hall", "Claddagh Chess Club",
    "Skerries Lifeboat Friends", "Liffey Valley Harriers", "Cork Harbour Sailing School", "Naomh Bríd Camogie Club",
    "Dublin Bay Bird Watchers", "Sligo Trad Session Society", "Wexford Community Kitchen",
)  # fmt: skip

ABROAD_AT_HOME = (
    ("محمد الحسن", "m.alhassan"), ("Олена Мельник", "olena.melnyk"), ("Κωνσταντίνος Αλεξίου", "k.alexiou"),
    ("王美玲", "meiling.wang"), ("김서연", "seoyeon.kim"), ("सीमा वर्मा", "seema.varma"), ("דנה לוי", "dana.levi"),
    ("ธนวัฒน์ ศรีสุข", "thanawat"),
)  # fmt: skip
"""People in Ireland who write their name in the script they grew up with, and their e-mail name."""


@dataclass(frozen=True, slots=True)
class Known:
    """A customer whose name is given: those of the pictures, and those with something to show."""

    kind: str
    country: Country
    name: str
    person: str
    handle: str


CAST = (
    Known("firm", IRELAND, "Lindqvist Design Ltd", "Anna Lindqvist", "anna.lindqvist"),
    Known("home", IRELAND, "Aoife Ní Dhomhnaill", "Aoife Ní Dhomhnaill", "aoife.nidhomhnaill"),
    Known("firm", IRELAND, "Brennan & Daughters Ltd", "Orla Brennan", "orla.brennan"),
    Known("firm", FRANCE, "Château Marceau Vins SARL", "Éloïse Marceau", "eloise.marceau"),
    Known("home", IRELAND, "Piotr Wiśniewski", "Piotr Wiśniewski", "piotr.wisniewski"),
    Known("firm", NORWAY, "Oslo Cykelverksted", "Bjørn Østby", "bjorn.ostby"),
    Known("trader", IRELAND, "Dr. Mehmet Yıldırım", "Mehmet Yıldırım", "mehmet.yildirim"),
    Known("club", IRELAND, "Rathmines Rowing Club", "Tadhg Redmond", "treasurer"),
    Known("home", BRITAIN, "Grace Okonkwo", "Grace Okonkwo", "grace.okonkwo"),
    Known(
        "firm",
        IRELAND,
        "Tipperary Timber Merchants and Joinery Co-operative Society",
        "Declan Tierney",
        "declan.tierney",
    ),
    Known("home", JAPAN, "田中 陽菜", "田中 陽菜", "hina.tanaka"),
    Known("firm", NORWAY, "Fjordkraft Consulting AS", "Liv Vågen", "liv.vagen"),
    Known("home", IRELAND, "Saoirse Kavanagh", "Saoirse Kavanagh", "saoirse.kavanagh"),
    Known("firm", IRELAND, "Galway Arts Print Works", "Ciara Lacey", "ciara.lacey"),
)
SWISS = Known("firm", GERMANY, "Café Zürich GmbH", "Heike Lindner", "heike.lindner")
MARTA = Known("home", IRELAND, "Marta Fernández Ortega", "Marta Fernández Ortega", "marta.fernandez")
