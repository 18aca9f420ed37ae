"""What portals were promised, written down a second time: services, codes, roles, least forms."""

SERVICES = {
    1: ("xac-nhan-cmnd", "G01-CA01", ("requester",)),
    2: ("cap-doi-cccd", "G01-CA02", ("requester",)),
    3: ("dang-ky-thuong-tru", "G01-CA03", ("requester", "household_head")),
    4: ("dang-ky-tam-tru", "G01-CA04", ("requester", "household_head")),
    5: ("khai-bao-tam-vang", "G01-CA05", ("requester",)),
    6: ("thong-bao-luu-tru", "G01-CA06", ("requester", "guest")),
    7: ("dang-ky-xe-may", "G01-CA07", ("requester",)),
    8: ("nop-phat-giao-thong", "G01-CA08", ("requester",)),
    9: ("khai-sinh", "G15-TP110", ("requester", "father", "mother")),
    10: ("khai-tu", "G15-TP111", ("requester", "deceased")),
    11: ("ket-hon", "G15-TP112", ("requester", "husband", "wife")),
    12: ("ho-chieu", "G01-CA09", ("requester",)),
    13: ("con-dau-moi", "G01-CA10", ("requester",)),
    14: ("con-dau-thu-nho", "G01-CA11", ("requester",)),
    15: ("lien-thong-khai-sinh", "G15-TP113", ("requester", "father", "mother")),
    16: ("lien-thong-khai-tu", "G15-TP114", ("requester", "deceased")),
    17: ("giam-tru-bhyt", "G24-BH01", ("requester", "household_head")),
    18: ("dang-ky-thue", "G12-TC01", ("requester",)),
    19: ("bien-dong-dat-dai", "G13-TN01", ("requester",)),
    20: ("doi-giay-phep-lai-xe", "G09-GT01", ("requester",)),
    21: ("thi-tot-nghiep", "G22-GD01", ("requester",)),
    22: ("ly-lich-tu-phap", "G15-TP115", ("requester",)),
    23: ("tro-cap-that-nghiep", "G14-LD01", ("requester",)),
    24: ("cap-dien-moi", "G04-CT01", ("requester",)),
    25: ("doi-chu-hop-dong-dien", "G04-CT02", ("requester",)),
}

CODES = {
    "xac-nhan-cmnd": ("1.012566",),
    "cap-doi-cccd": ("1.014063", "2.001195", "1.000889", "1.014064", "2.001194", "1.000757"),
    "dang-ky-thuong-tru": ("1.004222",),
    "dang-ky-tam-tru": ("1.004194", "1.002755"),
    "khai-bao-tam-vang": ("1.003677",),
    "thong-bao-luu-tru": ("2.001159",),
    "dang-ky-xe-may": ("1.012575", "1.013067"),
    "khai-sinh": ("1.001193",),
    "khai-tu": ("1.000656",),
    "ket-hon": ("1.000894",),
    "ho-chieu": ("1.001456", "1.001471"),
    "con-dau-moi": ("2.001403",),
    "lien-thong-khai-sinh": ("2.000986", "2.002621"),
    "lien-thong-khai-tu": ("2.002622",),
    "dang-ky-thue": ("1.008498", "1.008503"),
    "bien-dong-dat-dai": ("1.013833",),
    "doi-giay-phep-lai-xe": ("3.000347", "3.000348"),
    "ly-lich-tu-phap": ("2.000488", "3.000333", "3.000330"),
    "tro-cap-that-nghiep": ("1.001978", "1.014748"),
}

REQUESTER = "full_name birth_date gender citizen_id current_residence permanent_residence nationality"
_PARENT = "full_name birth_year ethnicity nationality current_residence"
_SPOUSE = "full_name birth_date ethnicity nationality current_residence permanent_residence citizen_id marital_status"

HO_TICH_BY_REGISTRY = {
    ("khai-sinh", "requester"): REQUESTER,
    ("khai-sinh", "father"): _PARENT,
    ("khai-sinh", "mother"): _PARENT,
    ("khai-tu", "requester"): REQUESTER,
    (
        "khai-tu",
        "deceased",
    ): "full_name birth_date gender ethnicity nationality citizen_id permanent_residence",
    ("ket-hon", "requester"): REQUESTER,
    ("ket-hon", "husband"): _SPOUSE,
    ("ket-hon", "wife"): _SPOUSE,
}

HO_TICH_BY_CITIZEN = {
    "khai-sinh": "child_full_name child_gender child_birth_date child_birth_place child_native_place"
    " child_ethnicity child_nationality relation_to_child",
    "khai-tu": "death_date death_place death_cause relation_to_deceased death_notice_number",
    "ket-hon": "marriage_count_husband marriage_count_wife registration_date_wanted",
}
