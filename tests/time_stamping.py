"""A time-stamping authority made of `openssl ts`, for tests: a root, a certificate for time stamping, replies."""

import shutil
import subprocess
from pathlib import Path

import pytest

from audit.errors import Unreachable
from audit.watching import Reply

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256
accuracy = secs:1
"""
USE = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


class Authority:
    """Answers queries in `folder`; `down` makes it unreachable, `wrong` makes it answer rubbish."""

    url = "http://tsa.example/tsr"

    def __init__(self, folder: Path) -> None:
        if not shutil.which("openssl"):
            pytest.fail("the time-stamp tests need OpenSSL; run: apt-get install -y openssl", pytrace=False)
        self.folder = folder
        self.down = False
        self.wrong = b""
        folder.mkdir()
        (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
        (folder / "serial").write_text("01\n")
        (folder / "use").write_text(USE)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        self._openssl(
            "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test root", "-days", "30"
        )
        self._openssl("req", *key, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test time stamps")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "use", "-days", "30")
        self._openssl("x509", "-req", "-in", "tsa.csr", "-out", "tsa.pem", *signing)

    @property
    def root(self) -> bytes:
        """The root certificate, PEM."""
        return (self.folder / "ca.pem").read_bytes()

    async def post(self, url: str, body: bytes, content_type: str) -> Reply:
        """What `audit.watching.Post` promises."""
        if self.down or url != self.url:
            raise Unreachable("nobody listens there")
        assert content_type == "application/timestamp-query"
        return Reply(200, self.wrong or self.reply(body))

    def reply(self, query: bytes) -> bytes:
        """The reply to a query, DER."""
        (self.folder / "q.tsq").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "q.tsq", "-out", "r.tsr")
        return (self.folder / "r.tsr").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
