"""Make the report card of a run: eight checks, each with its words and its remedy.

It judges what reached the registry and nothing else: why a client asked can't be seen. Retries are told by the
question, so that a client that asks the same twice on purpose after a failure counts as one that retries.
"""

from mock_c06.report.checks import (
    child_never_asked,
    names_folded,
    one_number,
    request_ids,
    timestamps,
    verdict_before_record,
)
from mock_c06.report.model import Card, Check, Found, Text
from mock_c06.report.retries import retries_back_off, retry_after_honoured
from mock_c06.runs.journal import Query
from mock_c06.runs.run import Run

_WORDS = {
    "name_folded": (
        Text(vi="Họ tên viết hoa, không dấu, không khoảng trắng", en="Names come folded: NGUYENVANAN"),
        Text(
            vi="Bỏ dấu (kể cả Đ), khoảng trắng và dấu nháy, viết hoa theo Unicode rồi mới gửi HoVaTen.",
            en="Strip marks (Đ too), spaces and apostrophes, upper-case by Unicode, then send HoVaTen.",
        ),
    ),
    "request_id_unique": (
        Text(vi="Mỗi lần hỏi một MaYeuCau riêng", en="Each question has a MaYeuCau of its own"),
        Text(
            vi="Sinh MaYeuCau từ bộ đếm hoặc số ngẫu nhiên đủ dài, không từ giây đồng hồ.",
            en="Make MaYeuCau out of a counter or a long random number, not out of the clock's seconds.",
        ),
    ),
    "one_number": (
        Text(
            vi="Gửi đúng một trong hai số: SoDinhDanh hoặc SoCMND",
            en="Exactly one of SoDinhDanh and SoCMND is sent",
        ),
        Text(
            vi="12 chữ số thì gửi SoDinhDanh, 9 chữ số thì gửi SoCMND; không gửi phần tử còn lại.",
            en="Send SoDinhDanh for twelve digits, SoCMND for nine, and leave the other element out.",
        ),
    ),
    "timestamp_ms": (
        Text(vi="Timestamp tính bằng mili giây", en="Timestamps count milliseconds"),
        Text(
            vi="Gửi số mili giây từ 1970, cùng chuỗi đã dùng để băm; giây chỉ khi tài khoản quy định.",
            en="Send milliseconds since 1970, as hashed; seconds only where the account says so.",
        ),
    ),
    "retry_backoff": (
        Text(vi="Hỏi lại sau lỗi với khoảng chờ tăng dần", en="Retries back off"),
        Text(
            vi="Chờ rồi mới hỏi lại, mỗi lần lâu hơn, có ngẫu nhiên, và dừng sau vài lần.",
            en="Pause before each retry, longer each time, with jitter, and stop after a few.",
        ),
    ),
    "retry_after_honoured": (
        Text(vi="Tôn trọng Retry-After", en="Retry-After is honoured"),
        Text(
            vi="Khi có Retry-After, không gọi lại trước thời điểm đó, với mọi câu hỏi của tài khoản.",
            en="Where an answer has Retry-After, send nothing of the account before that time.",
        ),
    ),
    "verdict_before_record": (
        Text(vi="Hỏi 003 khi không cần 037", en="003 is asked where 037 isn't needed"),
        Text(
            vi="Xác thực bằng 003 trước; chỉ tra cứu 037 khi cần điền biểu mẫu cho người đã được xác nhận.",
            en="Ask yes or no by 003 first, and the record by 037 only to fill a form of a person so confirmed.",
        ),
    ),
    "child_never_asked": (
        Text(
            vi="Khai sinh không bao giờ hỏi về trẻ", en="A registration of birth never asks about the child"
        ),
        Text(
            vi="Hỏi về cha, mẹ và người yêu cầu; trẻ chưa có số, số là kết quả của thủ tục.",
            en="Ask about father, mother and requester; the child's number is what the procedure gives.",
        ),
    ),
}


def make_card(run: Run, *, account: str | None = None) -> Card:
    """Judge the run's journal, of one account where it is named."""
    entries = [entry for entry in run.journal.entries(Query(account=account)) if entry.seen is not None]
    found: dict[str, Found] = {
        "name_folded": names_folded(entries),
        "request_id_unique": request_ids(entries),
        "one_number": one_number(entries),
        "timestamp_ms": timestamps(entries),
        "retry_backoff": retries_back_off(entries),
        "retry_after_honoured": retry_after_honoured(entries),
        "verdict_before_record": verdict_before_record(entries),
        "child_never_asked": child_never_asked(entries, run.clock.now()),
    }
    checks = tuple(
        Check(id=name, title=_WORDS[name][0], remedy=_WORDS[name][1], found=one)
        for name, one in found.items()
    )
    return Card(run=run.name, account=account, calls=len(entries), checks=checks)
