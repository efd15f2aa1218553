# SPDX-License-Identifier: Apache-2.0
"""Every condition of a settings rule, in every form it may be written in."""

import pytest

from gatepost.config import Problems
from gatepost.scan.maps import MapLibrary
from gatepost.scan.settings_matchers import MatcherReader
from gatepost.testing import mail
from gatepost.ucl import parse
from scan_tasks import task_of


@pytest.fixture
def maps(tmp_path):
    (tmp_path / "nets").write_text("192.0.2.0/24\n")
    (tmp_path / "addresses").write_text("alice@example.org\nexample.net\n@list.example\n")
    (tmp_path / "hosts").write_text("mx.example.org\n")
    return MapLibrary(tmp_path)


def read(text, maps=None):
    problems = Problems()
    rule = parse(text, "settings.conf")
    found = MatcherReader(rule, "settings.r", maps or MapLibrary(), problems).read()
    return found, [str(one) for one in problems.all]


def matches(text, task, maps=None):
    found, problems = read(text, maps)
    assert problems == []
    return all(matcher.test(task) for matcher in found) and bool(found)


@pytest.mark.parametrize(
    ("condition", "ip", "matched"),
    [
        ('ip = "192.0.2.1"', "192.0.2.1", True),
        ('ip = "192.0.2.1"', "192.0.2.2", False),
        ("ip = 192.0.2.1", "192.0.2.1", True),
        ('ip = "192.0.2.0/24"', "192.0.2.77", True),
        ('ip = "192.0.2.9/24"', "192.0.2.77", True),  # host bits are no mistake
        ('ip = ["198.51.100.1", "192.0.2.0/24"]', "192.0.2.77", True),
        ('ip = "2001:db8::/32"', "2001:db8::1", True),
        ('ip = "2001:db8::/32"', "192.0.2.1", False),
        ('ip = "192.0.2.0/24"', "::ffff:192.0.2.1", True),
        ('ip = "map:nets"', "192.0.2.77", True),
        ('ip = ["map:nets", "203.0.113.5"]', "203.0.113.5", True),
        ('ip = "map:nets"', "203.0.113.5", False),
        ('ip = "192.0.2.0/24"', None, False),
        ('ip = "0.0.0.0/0"', None, False),
        ('ip_map = ["192.0.2.0/24"]', "192.0.2.77", True),
        ('ip_map = "map:nets"', "192.0.2.77", True),
        ('ip_map { url = "map:nets" }', "192.0.2.77", True),
        ('ip_map = "map:nets"', "203.0.113.5", False),
        ('ip_map = "map:nets"', None, False),
    ],
)
def test_address_of_the_client(condition, ip, matched, maps):
    assert matches(condition, task_of(mail(ip=ip)), maps) is matched


@pytest.mark.parametrize(
    ("condition", "peer", "matched"),
    [
        ('client_ip = "127.0.0.0/8"', "127.0.0.1", True),
        ('client_ip = "127.0.0.0/8"', "192.0.2.1", False),
        ('client_ip = "127.0.0.0/8"', "/run/gatepost.sock", False),
        ('client_ip = "map:nets"', "::ffff:192.0.2.1", True),
        ('client_ip_map = "map:nets"', "192.0.2.1", True),
        ('client_ip_map = "map:nets"', "127.0.0.1", False),
    ],
)
def test_address_of_who_connected_to_us(condition, peer, matched, maps):
    assert matches(condition, task_of(mail(ip="203.0.113.7"), peer=peer), maps) is matched


FORMS = [
    ("alice@example.org", True),
    ("Alice@Example.ORG", True),  # [fix] of the reference: case is nobody's business
    ("bob@example.org", False),
    ("@example.org", True),
    ("@EXAMPLE.org", True),
    ("@org", False),
    ("@sub.example.org", False),
    ("alice", True),
    ("ALICE", True),
    ("bob", False),
    ("/^alice@/", True),
    ("/^ALICE@/i", True),
    ("/^A.*e@/", True),  # as written
    ("/@example\\\\.(org|net)$/", True),
    ("/^bob/", False),
    ("map:addresses", True),
]


@pytest.mark.parametrize(("form", "matched"), FORMS)
@pytest.mark.parametrize("key", ["from", "from_mime", "rcpt", "rcpt_mime", "user"])
def test_addresses_of_mail(key, form, matched, maps):
    """One letter after the other has the address in that one place and others elsewhere."""
    wanted = "Alice@example.org"
    task = task_of(
        mail(
            sender=wanted if key == "from" else "x@elsewhere.example",
            rcpt=["y@elsewhere.example", wanted] if key == "rcpt" else "y@elsewhere.example",
            user=wanted if key == "user" else "z@elsewhere.example",
            headers={
                "From": wanted if key == "from_mime" else "v@elsewhere.example",
                "To": "w@elsewhere.example",
                "Cc": wanted if key == "rcpt_mime" else "u@elsewhere.example",
            },
        )
    )
    assert matches(f'{key} = "{form}"', task, maps) is matched
    assert matches(f'{key} = ["nobody@example.com", "{form}"]', task, maps) is matched


@pytest.mark.parametrize(
    ("condition", "letter", "matched"),
    [
        ('from = "map:addresses"', mail(sender="x@example.net"), True),
        ('from = "map:addresses"', mail(sender="x@list.example"), True),
        ('from = "map:addresses"', mail(sender="x@example.com"), False),
        ('from = "alice"', mail(sender=None), False),
        ('from = "/./"', mail(sender=""), False),
        ('from = "@"', mail(sender=""), False),
        ('user = "12345"', mail(user="12345"), True),
        ("user = 12345", mail(user="12345"), True),
        ('user = "@example.org"', mail(user="alice"), False),
        ('user = "/^al@ice@/"', mail(user="al@ice@example.org"), True),
        ('user = "@example.org"', mail(user="al@ice@example.org"), True),
        ('user = "alice"', mail(user=None), False),
    ],
)
def test_addresses_that_are_missing_or_odd(condition, letter, matched, maps):
    assert matches(condition, task_of(letter), maps) is matched


@pytest.mark.parametrize(
    ("condition", "letter", "matched"),
    [
        ("authenticated = yes", mail(user="alice"), True),
        ("authenticated = true", mail(user=None), False),
        ("authenticated = 1", mail(user="alice"), True),
        ("authenticated = yes", mail(user=""), False),
        ("local = yes", mail(ip="10.0.0.5"), True),
        ("local = yes", mail(ip="203.0.113.7"), False),
        ("local = yes; authenticated = yes", mail(ip="10.0.0.5"), False),
    ],
)
def test_direction(condition, letter, matched):
    assert matches(condition, task_of(letter)) is matched


@pytest.mark.parametrize("value", ["no", "false", "off", "0", '"no"', "null"])
def test_authenticated_no_is_no_condition(value):
    assert read(f"authenticated = {value}; local = {value}") == ([], [])


@pytest.mark.parametrize(
    ("value", "host", "matched"),
    [
        ('"mx.example.org"', "mx.example.org", True),
        ('"MX.example.org"', "mx.Example.org", True),
        ('"example.org"', "mx.example.org", False),
        ('"/\\\\.example\\\\.org$/"', "mx.example.org", True),
        ('"map:hosts"', "mx.example.org", True),
        ('"map:hosts"', "other.example", False),
        ('["other.example", "/^mx/"]', "mx.example.org", True),
        ('""', None, True),
        ('"mx.example.org"', None, False),
    ],
)
def test_host_name(value, host, matched, maps):
    assert matches(f"hostname = {value}", task_of(mail(hostname=host)), maps) is matched


@pytest.mark.parametrize(
    ("wanted", "values", "matched"),
    [
        ('"/^news/"', "newsletter", True),
        ('"news"', "some news", True),  # without slashes it is a regular expression too
        ('"n.ws"', "some news", True),
        ('"^ws"', "some news", False),
        ('"/NEWS/i"', "news", True),
        ('["a", "b"]', "b", True),
        ("5", "X-5", True),
        ("true", "anything", True),
        ("true", None, False),
        ("false", None, True),
        ("false", "anything", False),
    ],
)
@pytest.mark.parametrize("key", ["header", "request_header"])
def test_header(key, wanted, values, matched):
    fields = {} if values is None else {"X-Test": values}
    letter = mail(headers=fields) if key == "header" else mail(request=fields)
    task = task_of(letter)
    for name in ("X-Test", "x-test"):
        assert matches(f'{key} {{ "{name}" = {wanted} }}', task) is matched


def test_any_of_several_headers_of_one_name_will_do():
    task = task_of(mail(headers={"X-Test": ["one", "two"]}))
    assert matches('header { "X-Test" = "^two" }', task)


def test_an_encoded_header_is_decoded_first():
    task = task_of(mail(headers={"Subject": "=?utf-8?q?caf=C3=A9?="}))
    assert matches('header { Subject = "^café$" }', task)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('header { A = "x"; B = true }', ["header:A", "header:B"]),
        ('header { A = "x" } header { B = true }', ["header:A", "header:B"]),
        ('request_header { "MTA-Name" = "/^ORIGINATING$/" }', ["request_header:MTA-Name"]),
        ('selector = ["user", "ip"]', ["selector:user", "selector:ip"]),
        ("user = a; ip = 192.0.2.1", ["user", "ip"]),
    ],
)
def test_each_header_and_each_selector_is_a_condition_of_its_own(text, names):
    found, problems = read(text)
    assert ([matcher.name for matcher in found], problems) == (names, [])


@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        ('selector = "user.lower"', True),
        ('selector = "helo"', False),
        ('selector = ["user", "helo"]', False),
        ('selector = "user.in(alice)"', True),
        ('selector = "user.in(bob)"', False),
    ],
)
def test_selector(condition, matched):
    assert matches(condition, task_of(mail(user="alice", helo=None))) is matched


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('\nip = "300.1.1.1"', "settings.conf:2: error: settings.r.ip: `300.1.1.1` is no address, "
         "network or map:NAME"),
        ('\nip = "!192.0.2.1"', "settings.conf:2: error: settings.r.ip: `!192.0.2.1` is no"),
        ('\nuser = "/(/"', "settings.conf:2: error: settings.r.user: `/(/` is not a regular"),
        ("\nuser { a = 1 }", "settings.conf:2: error: settings.r.user: expected a string or a"),
        ("\nfrom = true", "settings.conf:2: error: settings.r.from: expected a string or a list"),
        ("\nheader = yes", 'settings.conf:2: error: settings.r.header: expected an object such'),
        ("\nheader { A { b = 1 } }", "settings.conf:2: error: settings.r.header: A: expected a"),
        ('\nheader { A = "(" }', "settings.conf:2: error: settings.r.header: `(` is not a regular"),
        ('\nselector = "usr"', "settings.conf:2: error: settings.r.selector: "),
        ('\nhostname = "/[/"', "settings.conf:2: error: settings.r.hostname: `/[/` is not a"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(text, problem):
    _, problems = read(text)
    assert len(problems) == 1
    assert problems[0].startswith(problem)
