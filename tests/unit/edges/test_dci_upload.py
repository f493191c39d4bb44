"""A message as a file: what is no such form is refused, and soon."""

import time

import pytest

from gateway.edges.dci.failure import DciError
from gateway.edges.dci.operations import OPERATIONS
from gateway.edges.dci.upload import file_of, parameter

FORM = "multipart/form-data; boundary=x"
A_MOMENT = 3.0  # seconds; the reader of mail took 81 for the parts, and failed over the nested
PART = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n\r\n\r\n" * 1_000_000,
        b"--x\r\n" + b"a: b\r\n" * 2_000_000 + b"\r\n\r\n--x--\r\n",
        b"".join(b"--x\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
        PART % (b"action", b"search") + PART % (b"action", b"search") + PART % (b"fileName", b"{}") + b"--x--\r\n",
        PART % (b"action", b"search") + PART % (b"fileName", b"{}"),
        (PART % (b"action", b"search")).replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
    ],
    ids=["parts", "headers", "nested", "twice", "unended", "encoded"],
)
def test_a_form_that_is_made_to_be_slow_is_refused_in_a_moment(body: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(DciError):
        file_of(FORM, body, OPERATIONS["search"])
    assert time.monotonic() - began < A_MOMENT


@pytest.mark.parametrize("boundary", ["x", '"x"', "x; charset=utf-8"])
def test_a_form_is_read_whatever_stands_around_its_parts(boundary: str) -> None:
    file = b'{"a": "--x is no boundary here\r\n\r\n--"}'
    body = b"before\r\n" + PART % (b"fileName", file) + PART % (b"action", b"search") + b"--x--\r\nafter"
    assert file_of(f"multipart/form-data; boundary={boundary}", body, OPERATIONS["search"]) == file


def test_a_parameter_is_one_text_or_what_stands_for_it() -> None:
    assert parameter('application/json; charset="UTF-8"', "charset", "none") == "UTF-8"
    assert parameter("application/json", "charset", "none") == "none"
    assert parameter("application/json; charset*=utf-8''x", "charset", "none") == "none"
