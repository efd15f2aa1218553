# SPDX-License-Identifier: Apache-2.0
"""Who gets a report, that he gets it once, and what a crash costs."""

import asyncio

import msgspec
import pytest

from dmarc_letters import ReportLetter
from gatepost.authn import parse_dmarc_record
from gatepost.modules.dmarc.delivery import Deliveries, Sent
from gatepost.modules.dmarc.options import Reporting
from gatepost.modules.dmarc.report_keys import ReportKeys, day_of, rua_text
from gatepost.testing import NOW, zone

DAY = day_of(NOW)
ROW = "192.0.2.1,fail,fail,reject,,a.example,,,,,b.example,fail,mfrom,"
OTHER = "192.0.2.2,pass,fail,none,,a.example,,,,,a.example,pass,mfrom,"
OPTIONS = Reporting(enabled=True, email="dmarc@example.org", domain="mx.example.org")
KEYS = ReportKeys(OPTIONS.redis_keys)
RUA = "mailto:d@a.example"


class Outbox:
    """Takes letters; ``says`` is what it answers for some recipients."""

    def __init__(self, **says):
        self.letters = []
        self.recipients = []
        self.says = says

    async def __call__(self, letter, recipients):
        refused = {one: "550" for one in recipients if one in self.says.get("refused", ())}
        deferred = {one: "450" for one in recipients if one in self.says.get("deferred", ())}
        accepted = tuple(one for one in recipients if one not in refused | deferred)
        if accepted:
            self.letters.append(ReportLetter(letter))
            self.recipients.append(list(accepted))
        return Sent(accepted, refused, deferred)


async def counted(store, rua=RUA, rows=((ROW, 3), (OTHER, 1)), domain="a.example", record=True):
    """Counts as the scan leaves them."""
    text = f"v=DMARC1; p=reject; adkim=s; rua={rua}"
    parsed = parse_dmarc_record(text.encode())
    key = KEYS.report(domain, rua_text(parsed.rua), DAY.period)
    await store.set_add(KEYS.index(DAY.period), key.encode())
    for line, count in rows:
        await store.ranked_increment(key, line, count, keep=1000)
    if record:
        await store.hash_set(KEYS.records(DAY.period), {domain: msgspec.json.encode(parsed)})
    return key


def deliveries(store, resolver=None, owner="me", wanted=list, **options):
    return Deliveries(
        store,
        resolver or zone(),
        msgspec.structs.replace(OPTIONS, **options),
        owner=owner,
        wanted=wanted,
    )


async def run(store, outbox, **more):
    """Delivers all reports of the day."""
    one = deliveries(store, **more)
    return [
        await one.deliver(DAY, domain, keys, outbox, now=NOW + 90_000)
        for domain, keys in (await one.domains(DAY)).items()
    ]


async def left(store):
    """What of the counts is still there."""
    keys = await store.set_members(KEYS.index(DAY.period))
    return keys, await store.hash_get_all(KEYS.records(DAY.period))


async def test_a_report_says_what_was_counted(store):
    await counted(store)
    outbox = Outbox()
    (delivery,) = await run(store, outbox)
    (letter,) = outbox.letters
    feedback = letter.feedback
    assert letter.counts == {"192.0.2.1": 3, "192.0.2.2": 1}
    assert feedback.findtext("policy_published/p") == "reject"
    assert feedback.findtext("policy_published/adkim") == "s"
    assert feedback.findtext("report_metadata/org_name") == "mx.example.org"
    assert feedback.findtext("report_metadata/date_range/begin") == str(DAY.begin)
    assert feedback.findtext("report_metadata/date_range/end") == str(DAY.end)
    assert letter.file_name == f"mx.example.org!a.example!{DAY.begin}!{DAY.end}.xml.gz"
    assert letter.mail["Subject"] == (
        f"Report Domain: a.example Submitter: mx.example.org Report-ID: <{letter.report_id}>"
    )
    assert letter.mail["From"] == "Gatepost <dmarc@example.org>"
    assert outbox.recipients == [["d@a.example"]]
    assert (delivery.status, delivery.recipients) == ("sent", ("d@a.example",))
    assert (delivery.rows, delivery.messages) == (2, 4)


async def test_a_report_is_sent_once(store):
    await counted(store)
    outbox = Outbox()
    await run(store, outbox)
    assert await left(store) == (frozenset(), {})
    assert await run(store, outbox) == []
    await counted(store)  # a scan that ended late
    assert [one.status for one in await run(store, outbox)] == ["sent before"]
    assert await left(store) == (frozenset(), {})
    assert len(outbox.letters) == 1


async def test_many_processes_at_once_send_it_once(store):
    for number in range(5):
        await counted(store, domain=f"d{number}.example", rua=f"mailto:d@d{number}.example")
    outbox = Outbox()
    found = await asyncio.gather(*(run(store, outbox, owner=f"p{n}") for n in range(4)))
    assert sorted(outbox.recipients) == [[f"d@d{n}.example"] for n in range(5)]
    assert {one.status for several in found for one in several} <= {"sent", "busy", "sent before"}


async def test_a_claim_of_another_process_is_respected(store):
    await counted(store)
    outbox = Outbox()
    await store.lease(KEYS.claim("a.example", DAY.period), "another", 100)
    (delivery,) = await run(store, outbox)
    assert (delivery.status, delivery.pending, outbox.letters) == ("busy", True, [])
    await store.delete(KEYS.claim("a.example", DAY.period))  # its time runs out
    assert [one.status for one in await run(store, outbox)] == ["sent"]


async def test_a_crash_between_sending_and_noting_sends_that_one_again(store):
    for domain in ("a.example", "b.example", "c.example"):
        await counted(store, domain=domain, rua=f"mailto:d@{domain}")
    outbox = Outbox()

    class Crash(Exception):
        pass

    async def send(letter, recipients):
        sent = await outbox(letter, recipients)
        if "d@b.example" in recipients:
            raise Crash
        return sent

    with pytest.raises(Crash):
        await run(store, send)
    assert [one.status for one in await run(store, outbox)] == ["sent", "sent"]
    assert outbox.recipients == [
        ["d@a.example"],
        ["d@b.example"],
        ["d@b.example"],
        ["d@c.example"],
    ]
    first, again = outbox.letters[1:3]
    assert first.report_id == again.report_id, "by which receivers know it"
    assert first.mail["Message-ID"] == again.mail["Message-ID"]


async def test_who_could_not_be_reached_is_tried_again_and_nobody_else(store):
    await counted(store, rua="mailto:d@a.example,mailto:e@a.example")
    (first,) = await run(store, Outbox(deferred={"e@a.example"}))
    assert (first.status, first.pending, first.recipients) == ("failed", True, ("d@a.example",))
    assert first.problems == ("e@a.example: 450",)
    outbox = Outbox()
    (second,) = await run(store, outbox)
    assert (second.status, outbox.recipients) == ("sent", [["e@a.example"]])
    assert outbox.letters[0].mail["To"] == "e@a.example"
    assert await left(store) == (frozenset(), {})


async def test_who_refuses_for_good_is_not_asked_again(store):
    await counted(store, rua="mailto:d@a.example,mailto:e@a.example")
    (delivery,) = await run(store, Outbox(refused={"e@a.example"}))
    assert (delivery.status, delivery.pending) == ("sent", False)
    assert delivery.problems == ("e@a.example: refused: 550",)
    assert await left(store) == (frozenset(), {})


OUTSIDE = "mailto:r@reports.example"
GRANT = "a.example._report._dmarc.reports.example. TXT 'v=DMARC1'"


@pytest.mark.parametrize(
    "resolver, status, recipients, kept",
    [
        (zone(GRANT), "sent", [["d@a.example", "r@reports.example"]], False),
        (zone(), "sent", [["d@a.example"]], False),
        (
            zone(fail=["TXT a.example._report._dmarc.reports.example"]),
            "later",
            [["d@a.example"]],
            True,
        ),
    ],
    ids=["agrees", "does not", "DNS is away"],
)
async def test_others_get_it_only_if_they_agree(store, resolver, status, recipients, kept):
    await counted(store, rua=f"{RUA},{OUTSIDE}")
    outbox = Outbox()
    (delivery,) = await run(store, outbox, resolver=resolver)
    assert (delivery.status, outbox.recipients) == (status, recipients)
    assert bool((await left(store))[0]) == kept
    if kept:  # and then only the one that is missing
        await run(store, outbox, resolver=zone(GRANT))
        assert outbox.recipients[1:] == [["r@reports.example"]]
        assert not (await left(store))[0]


async def test_nobody_who_wants_it_ends_it(store):
    await counted(store, rua=OUTSIDE)
    outbox = Outbox()
    (delivery,) = await run(store, outbox)
    assert (delivery.status, delivery.pending, outbox.letters) == ("unwanted", False, [])
    assert delivery.problems == (f"{OUTSIDE}: the host does not ask for these reports",)
    assert await left(store) == (frozenset(), {})


async def test_a_destination_that_takes_less_gets_nothing(store):
    await counted(store, rua="mailto:d@a.example!10m,mailto:e@a.example!100")
    outbox = Outbox()
    (delivery,) = await run(store, outbox)
    assert outbox.recipients == [["d@a.example"]]
    assert outbox.letters[0].mail["To"] == "d@a.example"
    assert "e@a.example: takes no letter of" in delivery.problems[0]
    assert not delivery.pending


async def test_whom_the_postmaster_leaves_out_gets_nothing(store):
    await counted(store, rua="mailto:d@a.example,mailto:e@a.example")
    outbox = Outbox()
    await run(store, outbox, wanted=lambda uris: [u for u in uris if u.address[0] != "e"])
    assert outbox.recipients == [["d@a.example"]]


async def test_not_even_where_a_host_names_him_instead(store):
    await counted(store, rua=OUTSIDE)
    grant = GRANT.replace("v=DMARC1", "v=DMARC1; rua=mailto:x@reports.example")
    outbox = Outbox()
    await run(
        store,
        outbox,
        resolver=zone(grant),
        wanted=lambda uris: [u for u in uris if u.address[0] != "x"],
    )
    assert outbox.recipients == []


async def test_one_who_has_it_is_enough_when_the_other_does_not_want_it(store):
    await counted(store, rua=f"{RUA},{OUTSIDE}")
    away = zone(fail=["TXT a.example._report._dmarc.reports.example"])
    await run(store, Outbox(), resolver=away)
    (delivery,) = await run(store, Outbox(), resolver=zone())
    assert (delivery.status, delivery.recipients) == ("sent", ())


async def test_a_change_of_rua_during_the_day_makes_one_report(store):
    await counted(store, rua="mailto:old@a.example", rows=[(ROW, 2)])
    await counted(store, rua="mailto:new@a.example", rows=[(ROW, 5), (OTHER, 1)])
    outbox = Outbox()
    await run(store, outbox)
    assert outbox.recipients == [["new@a.example"]]
    assert outbox.letters[0].counts == {"192.0.2.1": 7, "192.0.2.2": 1}
    assert await left(store) == (frozenset(), {})


@pytest.mark.parametrize(
    "resolver, status",
    [
        (zone(f"_dmarc.a.example. TXT 'v=DMARC1; p=none; rua={RUA}'"), "sent"),
        (zone("_dmarc.a.example. TXT 'v=DMARC1; p=none'"), "unwanted"),
        (zone(), "unwanted"),
        (zone(fail=["TXT _dmarc.a.example"]), "later"),
    ],
    ids=["there", "no rua", "gone", "DNS is away"],
)
async def test_what_only_rspamd_counted_goes_by_the_record_of_now(store, resolver, status):
    await counted(store, record=False, rows=[(",".join(ROW.split(",")[:12]), 2)])
    outbox = Outbox()
    (delivery,) = await run(store, outbox, resolver=resolver)
    assert delivery.status == status
    assert [letter.counts for letter in outbox.letters] == (
        [{"192.0.2.1": 2}] if status == "sent" else []
    )


async def test_copies_go_out_with_the_first_letter(store):
    await counted(store, rua="mailto:d@a.example,mailto:e@a.example")
    options = {"bcc_addrs": ["post@example.org"]}
    outbox = Outbox(deferred={"e@a.example"})
    await run(store, outbox, **options)
    assert outbox.recipients == [["d@a.example", "post@example.org"]]
    assert "post@" not in str(outbox.letters[0].mail)
    again = Outbox()
    await run(store, again, **options)
    assert again.recipients == [["e@a.example"]]


async def test_rubbish_in_the_store_does_no_harm(store):
    await counted(store, rows=[("rubbish", 1), (ROW, 1), ("a,b,c,d,e,f,g,h,i,j,k,l", 9)])
    index = KEYS.index(DAY.period)
    for member in (b"\xff\xfe", b"dmarc_rpt;;;", b"dmarc_rpt;not a name;x;" + DAY.period.encode()):
        await store.set_add(index, member)
    await store.hash_set(KEYS.records(DAY.period), {"a.example": b"{broken"})
    await store.set(KEYS.state("a.example", DAY.period), b"{broken")
    outbox = Outbox()
    resolver = zone(f"_dmarc.a.example. TXT 'v=DMARC1; p=none; rua={RUA}'")
    (delivery,) = await run(store, outbox, resolver=resolver)
    assert delivery.status == "sent"
    assert outbox.letters[0].counts == {"192.0.2.1": 1}


async def test_without_rows_there_is_nothing_to_send(store):
    await counted(store, rows=[])
    outbox = Outbox()
    assert [one.status for one in await run(store, outbox)] == ["nothing"]
    assert outbox.letters == []


async def test_a_preview_changes_nothing(store):
    key = await counted(store)
    one = deliveries(store)
    told, report = await one.preview(DAY, "a.example", [key], now=NOW)
    assert (told.status, told.recipients, told.messages) == ("sent", ("d@a.example",), 4)
    assert report.domain == "a.example"
    assert (await left(store))[0] == {key.encode()}
    outbox = Outbox()
    await run(store, outbox)
    assert len(outbox.letters) == 1
    told, report = await one.preview(DAY, "a.example", [key], now=NOW)
    assert (told.status, report) == ("sent before", None)


async def test_a_big_report_is_valid_and_complete(store):
    rows = [(ROW.replace("192.0.2.1", f"10.0.{n >> 8}.{n & 255}"), n + 1) for n in range(1000)]
    await counted(store, rows=rows)
    outbox = Outbox()
    await run(store, outbox)
    assert sum(outbox.letters[0].counts.values()) == 1000 * 1001 // 2
