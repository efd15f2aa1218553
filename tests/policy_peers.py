# SPDX-License-Identifier: Apache-2.0
"""How do a test's Rspamd and Gatepost get one configuration, one DNS and one Redis?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from authn_dkim import RSA_PEM
from gatepost_server import GatepostServer, run_gatepost, write_files
from policy_zone import SENDERS, fake_records
from servers_redis import RedisServer, run_redis
from servers_rspamd import RspamdServer, run_rspamd
from servers_unbound import start_unbound

MODULES = (
    *("arc", "asn", "dkim", "dkim_signing", "dmarc", "external_relay", "greylist", "hfilter"),
    *("milter_headers", "mx_check", "once_received", "ratelimit", "rbl", "redis", "replies"),
    *("reputation", "spamtrap", "spf", "whitelist"),
)
"""Aliases and known_senders are not among them: 3.4 has neither."""

RBLS = """
default_exclude_users = true;
default_unknown = true;
url_whitelist = ["white.org"];
rbls {
  addresses { symbol = "ADDRESSES"; rbl = "ip.test"; checks = ["from", "received"];
    symbols_prefixes { from = "RBL"; received = "RECEIVED"; }
    returncodes { BAD = "127.0.0.2"; WORSE = ["127.0.0.4", "127.0.0.5"]; } }
  good { symbol = "GOOD"; rbl = "wl.test"; checks = ["from"]; is_whitelist = true;
    whitelist_exception = "GOOD"; whitelist_exception = "GOOD_NONE";
    returncodes { GOOD_NONE = "127.0.%d+.0"; GOOD_HIGH = "127.0.%d+.3"; } }
  later { symbol = "LATER"; rbl = "later.test"; checks = ["from"]; }
  six { symbol = "SIX"; rbl = "six.test"; ipv4 = false; checks = ["from"]; }
  all_hosts { symbol = "ALL_HOSTS"; rbl = "local.test"; checks = ["from"];
    exclude_local = false; exclude_users = false; }
  USERS { ignore_defaults = true; rbl = "users.test"; exclude_users = true; checks = ["urls"];
    symbol = "NOT_OF_USERS"; }
  LOCALS { ignore_defaults = true; rbl = "users.test"; exclude_local = true; checks = ["urls"];
    symbol = "NOT_OF_LOCALS"; }
  NAMES { ignore_defaults = true; rbl = "names.test"; emails_domainonly = true;
    checks = ["emails", "helo", "rdns", "replyto", "urls"];
    returnbits { BLACK = 2; GREY = 4; BOTH = 6; } }
  NO_IP { ignore_defaults = true; rbl = "names.test"; no_ip = true; checks = ["urls"];
    symbol = "NO_IP"; }
  SIGNERS { ignore_defaults = true; rbl = "signers.test"; checks = ["dkim"];
    dkim_domainonly = true; symbol = "SIGNED_BY_LISTED"; }
  BLAKE { ignore_defaults = true; rbl = "blake.test"; checks = ["emails", "urls"];
    emails_domainonly = true; hash = "blake2"; hash_format = "base32"; hash_len = 32; }
  DOTTED { ignore_defaults = true; rbl = "mail.test"; checks = ["emails"]; }
  RESOLVED { ignore_defaults = true; rbl = "ip.test"; checks = ["urls"]; resolve_ip = true;
    returncodes { RESOLVED_BAD = "127.0.0.2"; } }
  SELECTED { ignore_defaults = true; rbl = "names.test"; selector = "from('mime'):domain";
    returnbits { SELECTED_BLACK = 2; } }
}
"""
LISTS = """
check_local = false;
rules {
  PRAISE_S { valid_spf = true; domains = "FOLDER/praised"; score = -1; inverse_symbol = "BLAME_S"; }
  PRAISE_D { valid_dkim = true; domains = "FOLDER/praised"; score = -1;
    inverse_symbol = "BLAME_D"; }
  PRAISE_SD { valid_spf = true; valid_dkim = true; domains = "FOLDER/praised"; score = -1;
    inverse_symbol = "BLAME_SD"; }
  PRAISE_M { valid_dmarc = true; domains = "FOLDER/praised"; score = -2;
    inverse_symbol = "BLAME_M"; }
}
"""
REPUTATIONS = """
rules {
  SENDER { selector "ip" { lower_bound = 50000; } backend "redis" { } symbol = "SENDER_REP"; }
  USER_OUT {
    selector "generic" { selector = "user"; inbound = false; lower_bound = 50000; }
    backend "redis" { prefix = "RU:"; }
  }
  RCPT_IN {
    selector "generic" { selector = "rcpts:domain"; outbound = false; lower_bound = 50000; }
    backend "redis" { prefix = "RD:"; }
  }
}
"""
SHARED = {
    # Only we have it.
    "local.d/aliases.conf": "enabled = false;",
    "local.d/actions.conf": 'reject = 15; "add header" = 6; greylist = 4;',
    "local.d/arc.conf": """
        sign_authenticated = true; sign_local = true; sign_inbound = true;
        allow_username_mismatch = true; try_fallback = false; use_domain = "recipient";
        domain { ours.org { selector = "arc"; path = "FOLDER/ours.key"; } }
    """,
    "local.d/dkim_signing.conf": """
        try_fallback = false;
        domain { ours.org { selector = "k"; path = "FOLDER/ours.key"; } }
    """,
    "local.d/dmarc.conf": 'actions { quarantine = "add header"; }',
    "local.d/external_relay.conf": """
        enabled = true;
        rules {
          BEHIND_RELAY { strategy = "hostname_map"; hostname_map = ["relay.ours.org"]; }
          BEHIND_USER { strategy = "authenticated"; user_map = ["relay@ours.org"]; }
        }
    """,
    # All but one network: most letters would have to wait for others of the same text.
    "local.d/greylist.conf": """
        whitelisted_ip = ["192.0.2.0/24", "203.0.113.0/24", "2001:db8::/32"];
    """,
    # 3.4 has other scores for these two; with the same ones, actions can be compared.
    "local.d/groups.conf": 'group "mx" { symbols { MX_WHITE { weight = -0.1; } } }',
    "local.d/headers_group.conf": "symbols { RDNS_NONE { weight = 2.0; } }",
    "local.d/hfilter.conf": "mid_enabled = true;",
    "local.d/milter_headers.conf": """
        use = ["x-spamd-bar", "x-spam-status", "authentication-results", "x-rspamd-server"];
        local_headers = ["x-spam-status"];
        authenticated_headers = ["authentication-results", "x-spam-status"];
        # 3.4 removes all of them, we only those that claim to be ours, unless we are told.
        routines { authentication-results { remove = 0; } }
    """,
    "local.d/mx_check.conf": """
        enabled = true; check_mime_from = false; check_reply_to = false;
        exclude_domains = "FOLDER/excluded";
    """,
    "local.d/ratelimit.conf": """
        info_symbol = "RATELIMITED";
        rates {
          user { bucket { burst = 5; rate = "5 / 1d"; } }
          bounce_to { bucket { burst = 3; rate = "3 / 1d"; } }
        }
    """,
    "local.d/replies.conf": 'action = "no action";',
    "local.d/reputation.conf": REPUTATIONS,
    "local.d/spamtrap.conf": """
        enabled = true; action = "reject"; map = "FOLDER/traps"; score = 1;
    """,
    "override.d/rbl.conf": RBLS,
    "override.d/whitelist.conf": LISTS,
}
"""What both read."""
MAPS = {
    "praised": "listed.org both:1\nours.org wl:1\nreject.org\n",
    "excluded": "".join(
        f"{name}\n" for name in [*SENDERS, "sub.strict.org", "good.org", "black.org"]
    ),
    "traps": "/^trap@/\n/@trap\\.net$/\n",
    "ours.key": RSA_PEM,
}
OPTIONS = "check_all_filters = true; disable_monitoring = true; dns_max_requests = 10000;\n"


class Peers(NamedTuple):
    """The two, and what they share."""

    gatepost: GatepostServer
    rspamd: RspamdServer
    redis: RedisServer


@contextmanager
def run_peers(folder: Path) -> Iterator[Peers]:
    """Both run while this does; of the DNS they know the zone and nothing else."""
    write_files(folder, MAPS)
    with ExitStack() as running:
        redis = running.enter_context(run_redis(folder / "redis"))
        unbound = start_unbound(folder)
        running.callback(unbound.stop)
        dns = f'dns {{ nameserver = ["{unbound.address}"]; {fake_records()} }}\n'
        state = {"local.d/redis.conf": f'servers = "{redis.address}";'}
        shared = {name: text.replace("FOLDER", str(folder)) for name, text in SHARED.items()}
        ours = {**shared, **state, "override.d/options.inc": OPTIONS + dns}
        theirs = {**shared, **state, "local.d/options.inc": OPTIONS + dns}
        gatepost = running.enter_context(run_gatepost(folder / "gatepost", ours))
        rspamd = running.enter_context(run_rspamd(folder / "rspamd", theirs, modules=MODULES))
        yield Peers(gatepost, rspamd, redis)
