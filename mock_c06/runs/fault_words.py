"""What each kind of misbehaviour does, in a line for who plans one (docs/mock-faults.md says it at length)."""

from collections.abc import Mapping

from mock_c06.runs.faults import Kind

DOES: Mapping[Kind, str] = {
    Kind.LATENCY: "answers rightly, late: delay_ms (2000), or drawn from a distribution",
    Kind.HANG: "gives no answer, and cuts after delay_ms (an hour)",
    Kind.RESET: "cuts the connection before the answer, mid its body or after it (at)",
    Kind.UNAVAILABLE: "503",
    Kind.MAINTENANCE: "503 with Retry-After: what is left of the window, or delay_ms",
    Kind.HTML_ERROR: "502 with a page of HTML",
    Kind.SOAP_FAULT: "a fault of the server, without a code",
    Kind.UNAUTHORISED_ONCE: "401, once",
    Kind.TOKEN_EXPIRES_EARLY: "a token that dies after delay_ms (0), whatever it says of itself",
    Kind.THROTTLE: "429 with Retry-After from delay_ms (1000)",
    Kind.TRUNCATED: "half of the answer's text",
    Kind.GARBLED: "bytes that are no XML or JSON",
    Kind.WRONG_ENCODING: "Latin-1 that is called UTF-8",
    Kind.WRONG_NAMESPACE: "an answer in an older endpoint's namespace",
    Kind.EMPTY: "nobody, for a person who is there",
    Kind.TWO_PEOPLE: "two people for one number",
    Kind.WRONG_PERSON: "another person's record",
    Kind.SWAPPED_FIELDS: "ethnicity and religion in each other's place",
    Kind.OVERSIZED: "16 MiB of a well-formed answer",
    Kind.TRICKLE: "one byte at a time, delay_ms (1000) between two",
    Kind.DUPLICATE_REFUSED: "007, although the code is new",
}
