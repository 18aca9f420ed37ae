"""Notes, keys, cosignatures and proofs: the specification's examples, and no text that breaks a parser."""

import base64
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from witness.errors import NoteInvalid
from witness.notes import (
    Algorithm,
    Cosigner,
    Signed,
    VerifierKey,
    find_signed,
    parse_checkpoint,
    parse_key,
    parse_keys,
)
from witness.proofs import parse_proof, verify_proof

# C2SP signed-note, "Verifier keys".
FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
# C2SP tlog-cosignature.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\N{EM DASH} example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\N{EM DASH} witness.example.com/w1 \
jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""
LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS = Cosigner("witness.example", Ed25519PrivateKey.from_private_bytes(b"w" * 32))


def log_key(name: str = "log.example", private: Ed25519PrivateKey = LOG) -> VerifierKey:
    public = private.public_key().public_bytes_raw()
    return VerifierKey(name=name, algorithm=Algorithm.ED25519, public=public)


def signed_note(text: str, key: VerifierKey | None = None, private: Ed25519PrivateKey = LOG) -> str:
    key = key or log_key()
    signature = base64.b64encode(key.id + private.sign(text.encode())).decode()
    return f"{text}\n\N{EM DASH} {key.name} {signature}\n"


def checkpoint_text(size: int = 1, root: bytes = b"r" * 32) -> str:
    return f"log.example\n{size}\n{base64.b64encode(root).decode()}\n"


NOTE = signed_note(checkpoint_text())


def test_the_specifications_key_has_its_name_id_and_content() -> None:
    key = parse_key(FOO)
    assert (key.name, key.algorithm, key.id.hex(), str(key)) == ("example.com/foo", 1, "530d903a", FOO)


def test_the_specifications_cosigned_checkpoint_is_read_with_both_signers() -> None:
    found = parse_checkpoint(COSIGNED)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert [(each.name, each.key_id.hex(), len(each.value)) for each in found.signatures] == [
        ("example.com/behind-the-sofa", "033de0ae", 64),
        ("witness.example.com/w1", "8d66cf3f", 72),
    ]
    assert int.from_bytes(found.signatures[1].value[:8], "big") == 1679315147
    assert find_signed(found, [parse_key(FOO)]) == []


def test_a_cosignature_is_over_the_specifications_message_and_is_found_with_its_time() -> None:
    checkpoint = parse_checkpoint(NOTE)
    cosigned = parse_checkpoint(WITNESS.cosign(checkpoint, log=[log_key()], now=1679315147))
    line = cosigned.signatures[-1]
    message = f"cosignature/v1\ntime 1679315147\n{checkpoint_text()}"
    public = Ed25519PrivateKey.from_private_bytes(b"w" * 32).public_key()
    public.verify(line.value[8:], message.encode())
    assert find_signed(cosigned, [log_key(), WITNESS.key]) == [
        Signed(key=log_key(), time=None),
        Signed(key=WITNESS.key, time=1679315147),
    ]


def test_a_cosigned_note_keeps_no_signature_of_strangers() -> None:
    stranger = Cosigner("other.example", Ed25519PrivateKey.generate())
    twice = stranger.cosign(parse_checkpoint(NOTE), log=[log_key()], now=1)
    cosigned = parse_checkpoint(WITNESS.cosign(parse_checkpoint(twice), log=[log_key()], now=2))
    assert [each.name for each in cosigned.signatures] == ["log.example", "witness.example"]


def test_a_false_signature_of_a_known_key_is_refused_and_of_an_unknown_one_skipped() -> None:
    other = checkpoint_text(2)
    forged = NOTE.replace(checkpoint_text(), other)
    assert find_signed(parse_checkpoint(forged), [parse_key(FOO)]) == []
    with pytest.raises(NoteInvalid, match=r"log\.example: its signature is false"):
        find_signed(parse_checkpoint(forged), [log_key()])


def test_another_logs_key_signs_no_checkpoint_of_this_log() -> None:
    key = log_key("other.example")
    note = signed_note(checkpoint_text(), key)
    assert find_signed(parse_checkpoint(note), [key]) == []


def test_a_stored_key_is_read_back_and_names_no_other() -> None:
    line = WITNESS.write()
    assert Cosigner.parse(line).key == WITNESS.key
    for wrong in (
        line.replace("witness", "someone"),
        line[:-10],
        line.removeprefix("PRIVATE+"),
        "",
        str(WITNESS.key),
    ):
        with pytest.raises(NoteInvalid):
            Cosigner.parse(wrong)


@pytest.mark.parametrize(
    "note",
    [
        "", "\n", "\n\n", checkpoint_text(), NOTE[:-1], NOTE + "\n", NOTE + "x\n", NOTE + "y" * 70_000,
        NOTE.replace("\n1\n", "\n01\n"), NOTE.replace("\n1\n", "\n-1\n"), NOTE.replace("\n1\n", "\n\n"),
        NOTE.replace("\n1\n", f"\n1{'0' * 18}\n"), NOTE.replace("1\n", "1\r\n"),
        NOTE.replace("cnJy", "cn!y"), NOTE.replace("cnJy", ""), NOTE.replace("\N{EM DASH} ", "- "),
        NOTE.replace("log.example\n1", "\n1"), NOTE.replace("log.example\n1", "log\x9b2J\n1"),
        NOTE.replace("log.example\n1", "l" * 256 + "\n1"), NOTE.replace("log", "l\x00g"),
        NOTE.replace("\N{EM DASH} log.example", "\N{EM DASH} log example"),
        NOTE.replace("\N{EM DASH} log.example", "\N{EM DASH} log\u202eexample"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_checkpoint_is_refused_as_such(note: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_checkpoint(note)


@pytest.mark.parametrize("name", ["\x1b[2J", "log\x9b31m", "log\u202eexample", "log\x7f"])
def test_a_name_that_could_steer_a_terminal_is_no_name_of_a_key(name: str) -> None:
    with pytest.raises(NoteInvalid, match=r"^not a key; expected name\+id\+base64"):
        parse_key(str(replace(log_key(), name=name)))


@given(st.text(alphabet=st.sampled_from("\N{EM DASH} \nlog.ex1+0=/ABab\x00é"), max_size=300))
def test_no_text_breaks_a_parser_otherwise_than_by_its_refusal(text: str) -> None:
    for parse in (parse_checkpoint, parse_key, parse_keys, parse_proof, Cosigner.parse):
        for tried in (text, NOTE + text, f"c2sp.org/tlog-proof@v1\nindex 0\n{text}\n\n{NOTE}"):
            try:
                parse(tried)
            except NoteInvalid:
                continue


@given(at=st.integers(0, len(NOTE) - 1), put=st.sampled_from("A=\n x\N{EM DASH}+"))
def test_a_note_with_one_changed_character_has_no_valid_signature(at: int, put: str) -> None:
    changed = NOTE[:at] + put + NOTE[at + 1 :]
    try:
        found = find_signed(parse_checkpoint(changed), [log_key()])
    except NoteInvalid:
        return
    assert (
        found == []
        or changed == NOTE
        or parse_checkpoint(changed).signatures == parse_checkpoint(NOTE).signatures
    )


LEAF = b"r" * 32
PROOF = "c2sp.org/tlog-proof@v1\nextra {extra}\nindex 0\n\n{note}"


def proof_text(note: str, leaf: bytes = LEAF) -> str:
    return PROOF.format(extra=base64.b64encode(leaf).decode(), note=note)


def cosigned_note() -> str:
    return WITNESS.cosign(parse_checkpoint(NOTE), log=[log_key()], now=5)


def test_a_proof_under_a_cosigned_checkpoint_names_row_leaf_and_signers() -> None:
    found = verify_proof(parse_proof(proof_text(cosigned_note())), [WITNESS.key, log_key()], leaf=LEAF)
    assert (found.row, found.leaf, [each.key.name for each in found.signed]) == (
        1,
        LEAF,
        ["log.example", "witness.example"],
    )


@pytest.mark.parametrize(
    ("text", "keys", "leaf", "reason"),
    [
        (proof_text(NOTE), [WITNESS.key], LEAF, "not signed by a witness whose key was given"),
        (proof_text(cosigned_note()), [log_key()], LEAF, "no key of a witness was given"),
        (proof_text(cosigned_note()), [WITNESS.key, log_key("other")], LEAF, "not signed by the log whose key was given"),
        (proof_text(cosigned_note()), [WITNESS.key], b"x" * 32, "about another row than the receipt"),
        (proof_text(cosigned_note(), b"x" * 32), [WITNESS.key], None, "doesn't lead to the checkpoint's root"),
        (proof_text(cosigned_note(), b"x"), [WITNESS.key], None, "has no leaf hash"),
        (proof_text(cosigned_note()).replace("index 0", "index 1"), [WITNESS.key], LEAF, "doesn't lead"),
        (
            proof_text(cosigned_note()).replace("index 0", f"index 0\n{base64.b64encode(LEAF).decode()}"),
            [WITNESS.key], LEAF, "too long",
        ),
    ],
)  # fmt: skip
def test_a_proof_that_lacks_a_part_is_refused_by_its_name(
    text: str, keys: list[VerifierKey], leaf: bytes | None, reason: str
) -> None:
    with pytest.raises(NoteInvalid, match=reason):
        verify_proof(parse_proof(text), keys, leaf=leaf)
