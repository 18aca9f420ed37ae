"""The words of the report in Vietnamese and English."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["vi", "en"]

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Báo cáo tuần: 25 dịch vụ công thiết yếu", "Weekly report: the 25 essential services"),
    "week": ("Tuần", "Week"),
    "as_of": ("Số liệu dịch vụ theo nguồn của tuần", "Services as the sources say for week"),
    "no_source": ("Chưa có nguồn cho tuần này", "No source reports this week"),
    "level_3_or_4": ("Dịch vụ mức độ 3, 4", "Services at level 3 or 4"),
    "march_provided": ("Thời hạn tháng 3/2022: đã cung cấp", "Due in March 2022: provided"),
    "march_connected": ("Đã kết nối CSDLQG về dân cư", "Connected to the population database"),
    "march_waiting": ("Chờ kết nối", "Waiting for the connection"),
    "may_level_4": (
        "Thời hạn tháng 5/2022: đạt mức độ 4 (nguồn không nêu tên)",
        "Due in May 2022: at level 4 (the source names none)",
    ),
    "measured": ("Cổng xác thực ghi nhận trong tuần", "Measured by this gateway in the week"),
    "connected": ("Dịch vụ đã kết nối chính thức", "Services connected on official"),
    "tested": ("Dịch vụ đã chạy thử", "Services tested on sandbox"),
    "asked": ("Câu hỏi gửi CSDLQG về dân cư", "Questions to the population database"),
    "confirmed": ("Trùng khớp", "Confirmed"),
    "not_confirmed": ("Không trùng khớp", "Not confirmed"),
    "failed": ("Không có kết quả", "Failed"),
    "reused": ("Dùng lại kết quả còn hiệu lực", "Reused while valid"),
    "asked_short": ("Câu hỏi", "Questions"),
    "reused_short": ("Dùng lại", "Reused"),
    "prefills": ("Lần điền sẵn", "Prefills"),
    "reuse_share": ("Tỷ lệ dùng lại", "Share of reuse"),
    "questions": ("Câu hỏi không phải gửi lại", "Questions spared"),
    "fields": ("Trường công dân không phải khai lại", "Fields that citizens did not declare again"),
    "latency": ("Thời gian trả lời của CSDLQG (ms): trung vị, 95 %", "Registry's answer (ms): median, 95 %"),
    "failures": ("Lỗi theo loại", "Failures by class"),
    "services": ("25 dịch vụ", "The 25 services"),
    "service": ("Dịch vụ", "Service"),
    "due": ("Thời hạn", "Due"),
    "level": ("Mức độ", "Level"),
    "link": ("Kết nối", "Connection"),
    "by_profile": ("Theo môi trường", "By profile"),
    "by_organisation": ("Theo cơ quan", "By organisation"),
    "by_service": ("Theo dịch vụ", "By service"),
    "chart": ("Câu hỏi và lần dùng lại theo tuần", "Questions and reuses by week"),
    "sources": ("Nguồn", "Sources"),
    "navigation": ("Các tuần", "Weeks"),
    "before": ("Tuần trước", "Week before"),
    "after": ("Tuần sau", "Week after"),
    "other_language": ("English", "Tiếng Việt"),
    "account": ("Tài khoản", "Account"),
    "none": ("không có", "none"),
    "yes": ("đã kết nối", "connected"),
    "waiting": ("chờ", "waiting"),
    "not-needed": ("không cần", "not needed"),
    "unknown": ("chưa rõ", "unknown"),
    "3-or-4": ("3 hoặc 4", "3 or 4"),
    "mot-phan": ("một phần", "partial"),
    "toan-trinh": ("toàn trình", "full"),
}


def word(key: str, language: Language) -> str:
    """Return the word in a language."""
    return WORDS[key][language == "en"]
