# SPDX-License-Identifier: Apache-2.0
"""Which URLs a selector sees, and which tell most."""

import pytest

from gatepost.mail.url_flags import URL_FLAGS
from gatepost.scan.maps import MapLibrary
from gatepost.scan.selector_urls import FLAGS, TELLING
from selector_tasks import evaluate, make_task

HTML = b"Content-Type: text/html\n\n" + b"".join(
    b'<a href="%s">x</a> ' % url
    for url in (
        *(b"http://a.example.com/%d" % n for n in range(4)),
        b"http://b.example.org/",
        b"http://c.example.net/",
        b"http://192.0.2.1/",
        b"mailto:ann@example.org",
    )
)


def test_flags_are_those_of_urls():
    assert FLAGS == URL_FLAGS
    assert FLAGS.issuperset(TELLING)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("urls.drop_n(3)", ["a.example.com", "b.example.org", "c.example.net", "192.0.2.1"]),
        ("urls_filtered({numeric})", ["192.0.2.1"]),
        ("urls_filtered(numeric)", ["192.0.2.1"]),
        (
            "urls_filtered({}, {numeric}).drop_n(3)",
            ["a.example.com", "b.example.org", "c.example.net"],
        ),
        ("specific_urls({limit = 1})", ["192.0.2.1"]),
        (
            "specific_urls({limit = 4})",
            ["192.0.2.1", "a.example.com", "b.example.org", "c.example.net"],
        ),
        ("specific_urls({limit=2, exclude_flags={numeric}})", ["a.example.com", "b.example.org"]),
        ("specific_urls({limit=2, ignore_ip=true})", ["a.example.com", "b.example.org"]),
        ("specific_urls({flags={numeric}})", ["192.0.2.1"]),
        ("specific_urls({flags={numeric, idn}, flags_mode=explicit})", None),
        ("emails", ["example.org"]),
    ],
)
def test_hosts(text, hosts):
    assert evaluate(text + ":get_host", make_task(HTML)) == hosts


def test_one_domain_cannot_fill_the_list():
    hosts = evaluate("specific_urls({limit = 9, esld_limit = 2}):get_host", make_task(HTML))
    assert hosts.count("a.example.com") == 2


def test_mail_addresses_count_only_for_who_asks():
    task = make_task(HTML)
    assert "ann@example.org" not in evaluate("specific_urls", task)
    assert "ann@example.org" in evaluate("specific_urls({need_emails = yes})", task)


def test_a_prefix_makes_texts():
    assert evaluate("specific_urls({limit = 1, prefix = 'u:'})", make_task(HTML)) == [
        "u:http://192.0.2.1/"
    ]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("example.org", ["http://b.example.org/"]),
        ("b.example.org", ["http://b.example.org/"]),
        ("http://b.example.org/", ["http://b.example.org/"]),
        ("org", None),
    ],
)
def test_a_map_may_name_url_host_or_domain(tmp_path, entry, found):
    (tmp_path / "hosts").write_text(entry + "\n")
    text = "specific_urls_filter_map(hosts, {limit = 5})"
    assert evaluate(text, make_task(HTML), maps=MapLibrary(tmp_path)) == found


def test_a_method_may_be_an_argument():
    task = make_task(HTML)
    assert evaluate("urls(get_tld).uniq", task) == evaluate("urls:get_tld.uniq", task)
    assert evaluate("emails(get_user)", task) == ["ann"]


def test_pictures_are_no_urls_unless_asked_for():
    task = make_task()
    assert "pictures.example" not in evaluate("urls:get_host", task)
    assert "pictures.example" not in evaluate("specific_urls:get_host", task)
    assert "pictures.example" in evaluate("specific_urls({need_images = true}):get_host", task)
    assert evaluate("urls_filtered({image}):get_host", task) == ["pictures.example"]
