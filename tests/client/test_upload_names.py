"""The names under which images may be uploaded, and how they stand in the header of the part."""

from __future__ import annotations

import pytest
from python_multipart.multipart import parse_options_header

from airflow_provider_vmanage.client.arguments import check_file_name, quoted_file_name
from airflow_provider_vmanage.client.errors import VManageConfigurationError


@pytest.mark.parametrize("name", ["a b.bin", "a'b;c.bin", "größe-日本.bin", "a%22b.bin", "a=b&c.bin", "é.bin"])
def test_odd_name_arrives_exactly_where_headers_are_parsed(name: str) -> None:
    assert check_file_name(name) == name
    header = f'form-data; name="file"; filename="{quoted_file_name(name)}"'.encode()
    _, options = parse_options_header(header.decode("latin-1"))
    assert options[b"filename"].decode() == name
    assert options[b"name"] == b"file"


def test_quote_is_written_as_browsers_do() -> None:
    assert quoted_file_name(check_file_name('a"b".bin')) == "a%22b%22.bin"


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a.bin", "a.bin ", "a.bin\n", ".", ".."),
        *("a,b.bin", "a/b.bin", "a\\b.bin", "[a].bin", "{a}.bin", "../a.bin"),
        *("a\0.bin", "a\r\nb.bin", "a\x7f.bin", "a\x85.bin", "a\u2028.bin", "a\udcff.bin"),
    ],
)
def test_name_that_a_list_cannot_show_is_refused(name: str) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^file_name "):
        check_file_name(name)
