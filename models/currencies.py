"""The currencies of ISO 4217 and how many decimals each one has.

CLDR (and so babel) answers another question, how many decimals people print: it says 0 for RSD or IQD, which
banks and tax offices keep with 2 and 3. Amounts are stored by ISO 4217, so its table stands here. Metals,
bond units and test codes (XAU, XBA, XTS ...) have no minor unit and are left out. ANG and BGN were withdrawn
in 2025 and 2026; older documents still carry them.
"""

from types import MappingProxyType

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF
    CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD
    HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR
    SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU
    UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
"""
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DECIMALS = "CLF UYW"

DECIMALS = MappingProxyType(
    {
        code: decimals
        for decimals, codes in (
            (0, _NO_DECIMALS),
            (2, _TWO_DECIMALS),
            (3, _THREE_DECIMALS),
            (4, _FOUR_DECIMALS),
        )
        for code in codes.split()
    }
)
"""Currency code -> decimals of its minor unit."""
