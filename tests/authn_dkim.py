# SPDX-License-Identifier: Apache-2.0
"""What the DKIM and ARC tests share: a zone in memory, keys, letters that are awkward to sign."""

import base64
from functools import cache

from gatepost.authn import Letter, PrivateKey, generate_key, load_private_key
from gatepost.net import Answer

NOW = 1_528_637_909.0  # the day on which RFC 8463's example was signed

# RFC 8463 A.1 and A.2
ED25519_SEED = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
ED25519_PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RSA_PEM = """-----BEGIN RSA PRIVATE KEY-----
MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi
Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM
KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB
AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm
6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe
zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy
6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc
uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy
WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd
WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a
licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst
o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe
uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL
-----END RSA PRIVATE KEY-----
"""
RSA_PUBLIC = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
    "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
    "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
    "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)

# openssl genrsa 768
SHORT_RSA = """\
-----BEGIN PRIVATE KEY-----
MIIB5AIBADANBgkqhkiG9w0BAQEFAASCAc4wggHKAgEAAmEA0fSEL108MTRzq8nX
Sm9RPk3srcSlu77Uk0VdL2/tVwnT4Y/Z3USqBm5OjpDaAc9Hrv5h0sVWQhs0A9Xd
zhylYFXecE6yNQuoW7rjn3mlQxrOvAfEhU0BQd6lJkfqHyFHAgMBAAECYGjSe2xq
UDMAzP9ntmUjTpycqx3WoCgsDlW4u92DNCvQbEihWVRvg7PSPsZO64kbwvaZldTY
21hOdScDNS6YqsUXA6itPWsULz4BK4uSegjyiuCakJF/E+l4P8fw/0GiAQIxAPGZ
07pNEdrFmC24NwUz+dHfHmBckBTSXRvMWq/M+k3MjfOHYXh0Sa4QbQHg9KV78QIx
AN533Hj/FpPSr9Kro6QfLUOXGrKNUCDWUX3k8j2t4DJsBEuGowy5YQI/UAz8nzQI
twIwHF4SdSp9cTGIN74Mf8jliVXoTCoyJK+6jPwGneO0dBQTiseXkzwcNprpIbJX
J2MRAjA7r67QK6g0Cs+vVut1igPL4YuBIhbAaJ++hiFT2QWQoZhZZwrxy/6x6qig
g1p3TGsCMQCTeId0Yj+alaF/AnvKhnwPRP/SjzfsuHwjNhGdHJ4XVWWT01VTO6fj
QeCfNUE64TI=
-----END PRIVATE KEY-----
"""

RSA = load_private_key(RSA_PEM)
ED25519 = load_private_key(ED25519_SEED)


@cache
def rsa_2048() -> PrivateKey:
    return generate_key("rsa", 2048).key


def record_of(key: PrivateKey, tags: str = "") -> bytes:
    public = base64.b64encode(key.public).decode()
    return f"v=DKIM1; k={key.kind}; {tags}p={public}".encode()


class Zone:
    """A resolver that knows these TXT records: bytes, a list of them, or the rcode of a failure."""

    def __init__(self, records: dict[str, bytes | list[bytes] | str] | None = None):
        self.records = records or {}
        self.asked: list[str] = []

    async def query(self, name, type):
        self.asked.append(name)
        found = self.records.get(name.lower().rstrip("."))
        if type != "TXT" or found is None:
            return Answer("nxdomain")
        if isinstance(found, str):
            return Answer(found)
        return Answer("noerror", tuple(found) if isinstance(found, list) else (found,), 300)

    def for_dkimpy(self, name, timeout=5):
        found = self.records.get(name.decode().lower().rstrip("."))
        return found[0] if isinstance(found, list) else found


ZONE = Zone(
    {
        "test._domainkey.football.example.com": record_of(RSA),
        "brisbane._domainkey.football.example.com": record_of(ED25519),
    }
)

HEADER = (
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
)

LETTERS = {
    "plain": HEADER + b"\r\nHi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n",
    "no body": HEADER + b"\r\n",
    "no empty line": HEADER,
    "only empty lines": HEADER + b"\r\n\r\n\r\n\r\n",
    "only blanks": HEADER + b"\r\n \t \r\n\t\r\n",
    "empty lines at the end": HEADER + b"\r\ntext\r\n\r\n\r\n\r\n",
    "blank lines at the end": HEADER + b"\r\ntext\r\n \r\n\t\r\n",
    "empty lines at the start": HEADER + b"\r\n\r\n\r\ntext\r\n",
    "blanks before line ends": HEADER + b"\r\none  \r\n\ttwo \t\r\n  three\t four\r\n",
    "no line end at the end": HEADER + b"\r\nfirst\r\nlast",
    "line ends are LF": (HEADER + b"\r\nfirst\r\n\r\nlast \r\n\r\n").replace(b"\r\n", b"\n"),
    "LF and CRLF": HEADER + b"\r\nfirst\nsecond\r\nthird\n\n",
    "folded": HEADER
    + b"References: <a@b>\r\n\t<c@d>\r\n    <e@f> \r\nCc: x@y,\r\n  z@y\r\n\r\ntext\r\n",
    "blank fold": HEADER + b"Cc: x@y,\r\n \t\r\n z@y\r\n\r\ntext\r\n",
    "long field": HEADER
    + b"References: "
    + b"<%s@x>\r\n " % (b"r" * 60) * 400
    + b"\r\n\r\ntext\r\n",
    "long line": HEADER + b"\r\n" + b"x y  " * 50_000 + b"\r\n",
    "long blanks": HEADER + b"\r\na" + b" \t" * 1000 + b"\r\n" + b" " * 900 + b"b\r\n",
    "repeated": b"Received: one\r\n"
    + HEADER
    + b"List-Id: 1\r\nReceived: two\r\nList-Id: 2\r\n\r\ntext\r\n",
    "odd case": HEADER.replace(b"Subject", b"sUBJECT").replace(b"From:", b"FROM:")
    + b"\r\ntext\r\n",
    "no blank after the colon": HEADER.replace(b": ", b":") + b"\r\ntext\r\n",
    "many blanks after the colon": HEADER.replace(b": ", b":\t  ") + b"\r\ntext\r\n",
    "empty field": HEADER + b"Cc:\r\nReply-To: \r\n\r\ntext\r\n",
    "8-bit": HEADER.replace(b"dinner", "Größe é".encode())
    + b"\r\n"
    + "Grüße \r\n".encode()
    + b"\xff\xfe\r\n",
    "NUL": HEADER + b"\r\nbefore\x00after\r\n",
    "dots": HEADER + b"\r\n.\r\n..\r\n. text\r\n",
    "text like a header": HEADER + b"\r\nFrom: other@example.org\r\n\r\nSubject: none\r\n",
}


def letter(name: str = "plain") -> Letter:
    return Letter.from_bytes(LETTERS[name])


def add_field(name: str, value: str, raw: bytes) -> bytes:
    """The letter with that field on top, in its own line ends."""
    field = f"{name}: {value}\r\n".encode()
    return (field if b"\r\n" in raw else field.replace(b"\r\n", b"\n")) + raw
