# SPDX-License-Identifier: Apache-2.0
"""Which direction the domains of a letter say it has, and whose its addresses are."""

import pytest

from gatepost.config import ConfigError
from gatepost.modules.aliases import Aliases
from gatepost.modules.ratelimit import Ratelimit
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.scan.selectors import parse_selector
from gatepost.testing import Bench, build_app, mail, scan

OURS = 'local_domains = ["Ours.example", "also.example"];'
PUBLIC, LOCAL = "203.0.113.7", "127.0.0.1"
ANNA, EVE, MAX = "anna@ours.example", "eve@others.example", "max@also.example"
FWD = {"headers": {"X-Yandex-Forward": "1"}, "hostname": "mx.yandex.net"}


async def found(letter, config=OURS, modules=()):
    return await scan([*modules, Aliases], letter, config=f"aliases {{ {config} }}")


# content reference §8: by domains, and our people's mail to others goes out
@pytest.mark.parametrize(
    "sender, rcpt, more, symbol",
    [
        (EVE, ANNA, {}, "LOCAL_INBOUND"),
        (ANNA, EVE, {}, "LOCAL_OUTBOUND"),
        (ANNA, MAX, {}, "INTERNAL_MAIL"),
        ("anna@OURS.example", "max@ALSO.EXAMPLE", {}, "INTERNAL_MAIL"),
        (EVE, "carol@third.example", {}, None),
        ("eve@sub.ours.example", ANNA, {}, "LOCAL_INBOUND"),
        ("", ANNA, {}, "LOCAL_INBOUND"),
        (EVE, [EVE, ANNA], {}, "LOCAL_INBOUND"),
        (ANNA, [EVE, MAX], {}, "INTERNAL_MAIL"),
        (EVE, [], {}, None),
        # who sent it decides where no recipient is ours
        (EVE, "carol@third.example", {"user": "anna"}, "LOCAL_OUTBOUND"),
        (EVE, "carol@third.example", {"ip": LOCAL}, "LOCAL_OUTBOUND"),
        ("", EVE, {"ip": LOCAL, "user": "anna"}, "LOCAL_OUTBOUND"),
        (ANNA, MAX, {"user": "anna"}, "INTERNAL_MAIL"),
        (EVE, ANNA, {"user": "anna"}, "LOCAL_INBOUND"),
        (EVE, ANNA, {"ip": None}, "LOCAL_INBOUND"),
        # forwarded mail is neither, unless our own people send it
        (EVE, ANNA, FWD, None),
        (EVE, "carol@third.example", {**FWD, "user": "anna"}, "LOCAL_OUTBOUND"),
        (ANNA, MAX, {**FWD, "user": "anna"}, "INTERNAL_MAIL"),
    ],
)
async def test_the_direction_that_domains_say(sender, rcpt, more, symbol):
    hits = (await found(mail(sender=sender, rcpt=rcpt, **more))).hits
    named = {"LOCAL_INBOUND", "LOCAL_OUTBOUND", "INTERNAL_MAIL"} & hits.keys()
    assert named == ({symbol} if symbol else set())


async def test_without_domains_of_ours_no_direction_is_named():
    result = await found(mail(user="anna"), config="")
    assert not {"LOCAL_INBOUND", "LOCAL_OUTBOUND", "INTERNAL_MAIL"} & result.hits.keys()
    assert "aliases_classification" not in result.task.variables


@pytest.mark.parametrize("letter", [{"ip": PUBLIC}, {"ip": LOCAL}, {"user": "a"}, {"ip": None}])
async def test_it_runs_in_every_direction(letter):
    result = await found(mail(sender="a+b@x.example", **letter), config="")
    assert result.hits["TAGGED_FROM"] == ["b"]


@pytest.mark.parametrize(
    "sender, headers, hits",
    [
        ("anna+shop@x.example", {"From": "anna@x.example"}, {"TAGGED_FROM": ["shop"]}),
        ("anna@x.example", {"From": "anna+a+b@x.example"}, {"TAGGED_FROM": ["a", "b"]}),
        ("anna+a@x.example", {"From": "anna+a@x.example"}, {"TAGGED_FROM": ["a"]}),
        ("anna@x.example", {"To": "bob+c@x.example"}, {"TAGGED_RCPT": ["c"]}),
        ("an.na@gmail.com", {}, {}),
        ("anna@googlemail.com", {}, {}),
    ],
)
async def test_tags(sender, headers, hits):
    result = await found(mail(sender=sender, headers=headers), config="")
    assert result.hits == {**hits, "ALIAS_RESOLVED": []}


async def test_plain_addresses_get_no_symbol():
    assert (await found(mail(), config="")).hits == {}


@pytest.mark.parametrize(
    "config, hits",
    [
        ("enable_plus_aliases = no", {"ALIAS_RESOLVED"}),
        ("enable_gmail_rules = no", {"TAGGED_FROM", "ALIAS_RESOLVED"}),
        ("enable_plus_aliases = no; enable_gmail_rules = no", set()),
        ("apply_to_smtp = no", {"ALIAS_RESOLVED"}),
        ("apply_to_smtp = no; apply_to_mime = no", set()),
        ("symbol_tagged_from = ''; symbol_alias_resolved = OTHER", {"OTHER"}),
    ],
)
async def test_what_can_be_switched_off(config, hits):
    config = config.replace("''", '""')
    letter = mail(sender="anna+x@x.example", headers={"From": "an.na@gmail.com"})
    result = await found(letter, config=config)
    assert result.hits.keys() == hits


def files(tmp_path):
    (tmp_path / "aliases").write_text(
        "postmaster: root\nroot: anna, bob\nloop: loop2\nloop2: loop\n"
    )
    (tmp_path / "virtual").write_text(
        "sales@ours.example team@ours.example\n"
        "team@ours.example anna@ours.example, max@also.example\n"
        "@also.example catch@ours.example\n"
    )
    return (
        f'{OURS} system_aliases = "{tmp_path}/aliases"; '
        f'virtual_aliases {{ type = map; url = "{tmp_path}/virtual"; }} '
        'rspamd_aliases { "info@ours.example" = "Sales@ours.example"; }'
    )


@pytest.mark.parametrize(
    "rcpt, first, ends",
    [
        ("postmaster@ours.example", "anna@ours.example", ["anna@ours.example", "bob@ours.example"]),
        ("Sales@ours.example", "anna@ours.example", ["anna@ours.example", "catch@ours.example"]),
        ("info+x@ours.example", "anna@ours.example", ["anna@ours.example", "catch@ours.example"]),
        ("who@also.example", "catch@ours.example", ["catch@ours.example"]),
        ("loop@ours.example", "loop2@ours.example", ["loop@ours.example"]),
        ("eve@others.example", "eve@others.example", ["eve@others.example"]),
    ],
)
async def test_aliases_of_the_mail_system(tmp_path, rcpt, first, ends):
    result = await found(mail(rcpt=rcpt), config=files(tmp_path))
    resolved = result.task.resolve(result.task.envelope.recipients[0])
    assert resolved.addr.lower() == first
    assert ("ALIAS_RESOLVED" in result.hits) == (first != rcpt.lower())
    classification = result.task.variables["aliases_classification"]
    assert list(classification.canonical_recipients) == ends


async def test_one_target_only_and_the_steps_to_it(tmp_path):
    config = files(tmp_path) + "expand_multiple = no; track_chain = yes;"
    letter = mail(sender="info@ours.example", rcpt="postmaster@ours.example")
    found_ = (await found(letter, config=config)).task.variables["aliases_classification"]
    assert found_.canonical_from == "anna@ours.example"
    assert found_.canonical_recipients == ("anna@ours.example",)
    assert [list(chain) for chain in found_.chains] == [
        [f"{name}@ours.example" for name in ("info", "sales", "team", "anna")],
        [f"{name}@ours.example" for name in ("postmaster", "root", "anna")],
    ]


async def test_maps_are_read_again_when_they_change(tmp_path):
    domains = tmp_path / "domains"
    domains.write_text("# ours\nours.example\n")
    async with Bench([Aliases], config=f'aliases {{ local_domains = "{domains}"; }}') as bench:
        letter = mail(sender=EVE, rcpt=MAX)
        assert "LOCAL_INBOUND" not in (await bench.scan(letter)).hits
        domains.write_text("ours.example\nalso.example # new\n")
        bench.app.maps.refresh()
        assert "LOCAL_INBOUND" in (await bench.scan(letter)).hits


@pytest.mark.parametrize(
    "selector, value",
    [
        ("from('smtp')", "anna@x.example"),
        ("from('smtp', 'orig')", "anna+a@x.example"),
        ("from('mime'):user", "anna"),
        ("rcpts('smtp')", "bob@y.example"),
        ("rcpts('smtp', 'raw')", "bob+c@y.example"),
        ("to", "bob@y.example"),
    ],
)
async def test_selectors_see_the_mailbox_unless_they_ask_for_what_was_written(selector, value):
    letter = mail(sender="anna+a@x.example", rcpt="bob+c@y.example")
    task = (await found(letter, config="")).task
    assert parse_selector(selector).values(task) == [value]
    # the letter itself is as it came
    assert task.sender.addr == "anna+a@x.example"
    assert task.recipients[0].addr == "bob+c@y.example"


async def test_tags_do_not_get_around_a_limit():
    config = (
        'ratelimit { rates { sender { selector = "from"; '
        'bucket { burst = 1; rate = "1 / 1h"; } } } }'
    )
    async with Bench([Aliases, Ratelimit], config=config) as bench:
        assert (await bench.scan(mail(sender="anna+1@x.example"))).action == "no action"
        assert (await bench.scan(mail(sender="anna+2@x.example"))).action == "soft reject"


class Asks(Module):
    """Asks in the first place."""

    name = "asks"
    group = "test"
    outbound = RunAlways()
    SEEN = Symbol("SEEN", 0.0)

    @runs(Stage.PREFILTER, callback="ASKS", priority=10)
    def check(self, task) -> PlainHits:
        yield self.SEEN(task.variables["aliases_direction"])


async def test_the_direction_is_there_for_all_other_checks():
    assert (await found(mail(sender=ANNA, rcpt=EVE), modules=[Asks])).hits["SEEN"] == ["outbound"]


async def test_scores_can_be_given():
    result = await found(mail(sender=ANNA, rcpt=EVE), config=OURS + "score_local_outbound = 2.5;")
    assert result.scores["LOCAL_OUTBOUND"] == 2.5


@pytest.mark.parametrize(
    "config, said",
    [
        ("local_domains { type = redis; }", "of the type `redis`"),
        ('system_aliases { type = cdb; path = "/x.cdb"; }', "of the type `cdb`"),
        ("virtual_aliases { type = file; }", "expected `path`"),
        ("max_recursion_depth = -1", "0 or more"),
        ("local_domain = [a]", "did you mean"),
    ],
)
def test_mistakes_are_named(config, said):
    with pytest.raises(ConfigError, match=said):
        build_app([Aliases], config=f"aliases {{ {config} }}")
