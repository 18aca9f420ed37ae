"""The lines of a preflight, in a fixed order. A line that was not tried counts as failed: no expected line is absent.

No line has a value of a person or a credential: details name members and codes. See docs/decisions/0055.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.clock import Clock

PARITY = "parity:"
NOT_TRIED = "not tried"
"""The first words in the detail of a line that was not tried."""

BEFORE_LOGIN = {
    "not_the_other_profile": "Không dùng máy chủ, tài khoản của môi trường kia",
    "message": "Thông điệp đúng quy cách",
    "service_codes": "Mã dịch vụ công (MaDVC)",
    "integration_codes": "Mã dịch vụ tích hợp",
    "expiry": "Thời hạn của tài khoản",
    "address_policy": "Địa chỉ được phép kết nối",
    "dns": "Phân giải tên miền",
    "tls": "Chứng thư và kết nối mã hóa",
}
LOGIN = {
    "clock_skew": "Lệch giờ với CSDLQGDC",
    "token": "Mã truy cập của nền tảng tích hợp",
    "login": "Đăng nhập",
    "timestamp_unit": "Đơn vị thời gian khi đăng nhập",
}
QUESTIONS = {
    "operation_003": "Xác thực thông tin công dân",
    "operation_037": "Tra cứu thông tin công dân",
    "operation_038": "Xác minh tình trạng hôn nhân",
    "operation_039": "Xác minh thông tin nhân thân",
    "operation_040": "Cung cấp thông tin hộ gia đình",
    "procedure": "Thủ tục được cấp phép",
    "officer": "Cán bộ được cấp phép",
    "impossible_number": "Số định danh không thể có: không tìm thấy ai",
    "contract": "Kết quả đúng lược đồ",
    "test_identity": "Công dân thử nghiệm",
    "fields_granted": "Dữ liệu mà các thủ tục cần",
}
"""The names of the lines in their order, with their Vietnamese titles."""

_TITLES_VI = BEFORE_LOGIN | LOGIN | QUESTIONS
_TITLE_OF_PARITY_VI = "Cách C06 trả lời, so với dự đoán"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightCheck:
    """One line. `remedy` is empty if there is nothing to do; `ms` is its time, 0 if another line counts it."""

    name: str
    passed: bool
    detail: str
    remedy: str
    ms: int
    title_vi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """The result of a preflight: whether all lines passed, and the lines."""

    passed: bool
    checks: tuple[PreflightCheck, ...]


class Report:
    """Collects the lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, PreflightCheck] = {}
        self._reason: str | None = None

    @property
    def stopped(self) -> bool:
        """Whether the other lines must not be tried."""
        return self._reason is not None

    def stop(self, reason: str) -> None:
        """Stop the preflight: the other lines must not be tried, for this reason. The first reason is kept."""
        self._reason = self._reason or reason

    def passed(self, name: str, detail: str, *, ms: int = 0, remedy: str = "") -> None:
        """Add a line that passed; a remedy here is advice."""
        self._note(name, True, detail, remedy, ms)

    def failed(self, name: str, detail: str, remedy: str, *, ms: int = 0) -> None:
        """Add a line that failed, and what to do."""
        self._note(name, False, detail, remedy, ms)

    def since(self, begun: float) -> int:
        """Return the whole milliseconds since a time of the monotonic clock."""
        return round((self._clock.monotonic() - begun) * 1000)

    def has_passed(self, name: str) -> bool:
        """Return whether a line was tried and passed."""
        return name in self._lines and self._lines[name].passed

    def finish(self, expected: Iterable[str]) -> Preflight:
        """Return all lines: the expected ones in their order, each failed that was not tried, then the others."""
        names = tuple(expected)
        for name in names:
            if name not in self._lines:
                detail = f"{NOT_TRIED}: {self._reason or 'no answer decided it'}"
                self.failed(name, detail, "correct what failed before, then run the preflight again")
        others = [check for name, check in self._lines.items() if name not in names]
        checks = (*(self._lines[name] for name in names), *others)
        return Preflight(passed=all(check.passed for check in checks), checks=checks)

    def _note(self, name: str, passed: bool, detail: str, remedy: str, ms: int) -> None:
        title = _TITLE_OF_PARITY_VI if name.startswith(PARITY) else _TITLES_VI[name]
        self._lines[name] = PreflightCheck(
            name=name, passed=passed, detail=detail, remedy=remedy, ms=ms, title_vi=title
        )
