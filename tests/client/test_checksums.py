"""Digests as users write them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_vmanage.client.errors import VManageChecksumError, VManageConfigurationError
from airflow_provider_vmanage.client.upload.checksums import ALGORITHMS, Checksum, new_digests, parse_checksum

DIGESTS = {name: hashlib.new(name, b"image").hexdigest() for name in ALGORITHMS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("write", [str, str.upper, lambda text: f"  {text}\n"])
def test_checksum_is_read_whatever_its_case_and_blanks(algorithm: str, write: object) -> None:
    text = f"{algorithm}:{DIGESTS[algorithm]}"
    assert parse_checksum(write(text)) == Checksum(algorithm, DIGESTS[algorithm])  # type: ignore[operator]


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_no_checksum_is_none(text: str | None) -> None:
    assert parse_checksum(text) is None


@pytest.mark.parametrize(
    "text",
    [
        DIGESTS["sha512"],
        f"sha1:{'a' * 40}",
        f"sha-512:{DIGESTS['sha512']}",
        f":{DIGESTS['sha512']}",
        "sha512",
        "sha512:",
        f"sha512:{DIGESTS['sha256']}",
        f"sha256:{DIGESTS['sha512']}",
        f"sha512:{DIGESTS['sha512'][:-1]}",
        f"sha512:{DIGESTS['sha512']}0",
        f"sha512:{'g' * 128}",
        f"sha512: {DIGESTS['sha512']}",
        f"md5:{'٣' * 32}",
    ],
)
def test_malformed_checksum_is_an_error_that_names_the_field(text: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^checksum "):
        parse_checksum(text)
    with pytest.raises(VManageConfigurationError, match=r"^image 3 "):
        parse_checksum(text, field="image 3")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_the_promised_digest_passes(algorithm: str) -> None:
    promised = Checksum(algorithm, DIGESTS[algorithm])
    promised.check(DIGESTS[algorithm], what="a.bin")
    other = hashlib.new(algorithm, b"imagf").hexdigest()
    with pytest.raises(VManageChecksumError, match=r"^checksum mismatch for a\.bin: expected ") as caught:
        promised.check(other, what="a.bin")
    error = caught.value
    assert (error.algorithm, error.expected, error.actual) == (algorithm, DIGESTS[algorithm], other)
    sentence, digests = str(error), list(error.lines)
    shortened = f"expected {DIGESTS[algorithm][:4]}…, got {other[:4]}…. Nothing was stored on the manager"
    assert shortened in sentence
    assert len(sentence) < 160
    assert digests == [f"expected {algorithm}:{DIGESTS[algorithm]}", f"got {algorithm}:{other}"]
    assert not error.retryable


@pytest.mark.parametrize(
    ("promised", "names"), [(None, {"sha512"}), ("sha512", {"sha512"}), ("md5", {"sha512", "md5"})]
)
def test_transfer_has_its_sha512_and_what_was_promised(promised: str | None, names: set[str]) -> None:
    digests = new_digests(Checksum(promised, "") if promised else None)
    assert set(digests) == names
    for name, digest in digests.items():
        digest.update(b"image")
        assert digest.hexdigest() == DIGESTS[name]


@given(st.text())
def test_whatever_the_text_only_our_error_comes_out(text: str) -> None:
    try:
        parse_checksum(text)
    except VManageConfigurationError as error:
        assert error.message.startswith("checksum ")  # noqa: PT017
