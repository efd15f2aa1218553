# SPDX-License-Identifier: Apache-2.0
"""What tests of signing share: keys in files, other checks, and a scan that tells who signed."""

from gatepost.authn import generate_key
from gatepost.modules.dkim_signing import DkimSigning
from gatepost.scan.module import Module, PlainHits, RunAlways, Stage, Symbol, runs
from gatepost.testing import scan

RSA = generate_key("rsa", 1024)
ED25519 = generate_key("ed25519")
SEED = generate_key("ed25519-seed")

ANNA = {"user": "anna@example.org", "sender": "anna@example.org"}
ME = "anna@example.org"
SIGNED = ["example.org:s=dkim"]

RULES = """
def of_recipient(task):
    return task.recipients[0].domain

def condition(task):
    word = task.message.subject
    if word == "no":
        return None
    if word == "wrong":
        return {"domain": "example.org"}
    one = {"domain": "cond.example", "selector": "c", "key": "rsa.key"}
    one["key"] = KEYS + "/rsa.key"
    return [one, {**one, "selector": "d", "expire": 3600}] if word == "two" else one

async def slow_condition(task):
    key = Path(KEYS, "seed.key").read_text()
    return {"domain": "cond.example", "selector": "raw", "rawkey": key}

from pathlib import Path
KEYS = str(Path(__file__).parent)
"""


class Before(Module):
    """What other checks have found and decided before; the request says what."""

    name = "before"
    group = "test"
    outbound = RunAlways()
    WRONG = Symbol("R_DKIM_REJECT")

    @runs(Stage.PREFILTER, callback="BEFORE")
    def check(self, task) -> PlainHits:
        if task.envelope.header("Found"):
            yield self.WRONG()
        action = task.envelope.header("Force")
        if action:
            task.set_pre_result(action, module="before")
        name = task.envelope.header("Munge")
        if name:
            task.remove_header(name)
            task.add_header(name, f'"Anna" <{ME}>', 1)


def write_keys(folder):
    """Key files and rules in ``folder``; gives it back."""
    for name, key in (("rsa", RSA), ("ed25519", ED25519), ("seed", SEED)):
        (folder / f"{name}.key").write_text(key.private_text)
    (folder / "example.org.dkim.key").write_text(RSA.private_text)
    (folder / "example.org.second.key").write_text(ED25519.private_text)
    (folder / "example.net.dkim.key").write_text(RSA.private_text)
    (folder / "rules.py").write_text(RULES)
    return folder


async def signed(letter, keys, config="", *, path="rsa.key", dns=None, modules=(DkimSigning,)):
    """The options of DKIM_SIGNED."""
    text = f'dkim_signing {{ path = "{keys}/{path}"; {config} }}'
    found = await scan(list(modules), letter, config=text, dns=dns)
    assert all(outcome.outcome != "failed" for outcome in found.outcomes.values())
    assert len(found.task.dkim_signatures) == len(found.hits.get("DKIM_SIGNED", []))
    return found.hits.get("DKIM_SIGNED", [])


def dns_of(*places):
    records = {f"{place}.".encode(): key.record(form="dnskey").encode() for place, key in places}
    return lambda name, timeout=5: records.get(name)


def with_signatures(raw, task):
    top = b"".join(b"DKIM-Signature: " + s.encode() + b"\r\n" for s in task.dkim_signatures)
    return top + raw
