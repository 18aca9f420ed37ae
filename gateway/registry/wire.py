"""C06's element names, in one table. `dialects.py` writes and `records.py` reads the elements.

Source: QCVN 109:2017/BTTTT for the answer's namespace, specification of the NDXP services §4.3 and public clients for
the rest; the parity ledger lists the guesses.
"""

from typing import Final

SOAP_NAMESPACE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
REQUEST_NAMESPACE: Final = "http://dancuquocgia.bca"
ANSWER_NAMESPACE: Final = "http://www.mic.gov.vn/dancu/1.0"

# A request, in the order that C06 requires.
REQUEST_CODE: Final = "MaYeuCau"
SERVICE_CODE: Final = "MaDVC"
INTEGRATION_CODE: Final = "MaTichHop"
OFFICER: Final = "MaCanBo"
AGENCY: Final = "MaDonVi"
CITIZEN_ID: Final = "SoDinhDanh"
ID_CARD_NUMBER: Final = "SoCMND"
FULL_NAME: Final = "HoVaTen"
BIRTH: Final = "NgayThangNamSinh"
BIRTH_DATE: Final = "NgayThangNam"
BIRTH_YEAR: Final = "Nam"
CAMEL_BIRTH: Final = "ngayThangNam"

# A verdict: three forms are known.
VERDICT: Final = "XacThucThongTinCongDanResponse"
VERDICT_COUNT: Final = "SoLuongCongDan"
VERDICT_RESULT: Final = "KetQuaXacThuc"
VERDICT_EXISTS: Final = "TonTai"

# A record.
COLLECTION: Final = "CongdanCollection"
COLLECTION_COUNT: Final = "SoCongDan"
COLLECTION_AS_OF: Final = "ThoiDiemDuLieu"
COLLECTION_NOTE: Final = "GhiChu"
CITIZEN: Final = "CongDan"
FAMILY_NAME: Final = "Ho"
MIDDLE_NAME: Final = "ChuDem"
GIVEN_NAME: Final = "Ten"
GENDER: Final = "GioiTinh"
ETHNICITY: Final = "DanToc"
RELIGION: Final = "TonGiao"
MARITAL_STATUS: Final = "TinhTrangHonNhan"
BLOOD_TYPE: Final = "NhomMau"
NATIONALITY: Final = "QuocTich"
BIRTH_REGISTRATION: Final = "NoiDangKyKhaiSinh"
NATIVE_PLACE: Final = "QueQuan"
PERMANENT_RESIDENCE: Final = "ThuongTru"
CURRENT_RESIDENCE: Final = "NoiOHienTai"
PROVINCE: Final = "MaTinhThanh"
DISTRICT: Final = "MaQuanHuyen"
WARD: Final = "MaPhuongXa"
ADDRESS_DETAIL: Final = "ChiTiet"
COUNTRY: Final = "QuocGia"
FATHER: Final = "Cha"
MOTHER: Final = "Me"
SPOUSE: Final = "VoChong"
REPRESENTATIVE: Final = "NguoiDaiDien"
HOUSEHOLD_HEAD: Final = "ChuHo"
HOUSEHOLD_MEMBER: Final = "ThanhVien"
HOUSEHOLD_LIST: Final = "DanhSachThanhVien"
RELATION: Final = "QuanHe"
LIFE_STATUS: Final = "TrangThai"

REPEATABLE: Final = frozenset({CITIZEN, HOUSEHOLD_MEMBER})

# A refusal.
FAULT: Final = "Fault"
FAULT_CODE: Final = "faultcode"
FAULT_DETAIL: Final = "detail"
REFUSAL_CODE: Final = "MaLoi"
