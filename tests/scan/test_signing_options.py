# SPDX-License-Identifier: Apache-2.0
"""The options of signing are Rspamd's: its documented examples load, and its defaults hold."""

from gatepost.config import Problems, bind
from gatepost.scan.signing_options import SigningOptions
from gatepost.ucl import Loader

EXAMPLE = """
allow_envfrom_empty = true;
allow_hdrfrom_mismatch = false;
allow_hdrfrom_multiple = false;
allow_username_mismatch = false;
path = "/var/lib/rspamd/dkim/$domain.$selector.key";
selector = "dkim";
sign_authenticated = true;
sign_local = true;
use_domain = "header";
use_redis = false;
key_prefix = "DKIM_KEYS";
use_esld = true;
check_pubkey = true;
allow_pubkey_mismatch = true;
sign_networks = "/etc/rspamd/maps/sign_networks.map";
domain {
  example.com {
    selectors [
      { path = "/var/lib/rspamd/dkim/one.key"; selector = "dkim1"; },
      { path = "/var/lib/rspamd/dkim/two.key"; selector = "dkim2"; }
    ]
  }
  example.net { path = "/var/lib/rspamd/dkim/$domain.key"; selector = "old"; }
}
"""


def read(text):
    problems = Problems()
    section = Loader({}, environment={}).parse(text, "dkim_signing.conf")
    return bind(SigningOptions, section, "dkim_signing", problems), problems


def test_the_documented_example_loads():
    options, problems = read(EXAMPLE)
    assert not problems.all
    assert [one.selector for one in options.domain["example.com"].selectors] == ["dkim1", "dkim2"]
    assert options.domain["example.net"].selector == "old"
    # Variables that are not the configuration's own are left for each letter.
    assert options.path == "/var/lib/rspamd/dkim/$domain.$selector.key"


def test_a_wrong_key_of_a_domain_is_named_with_its_line():
    _, problems = read("domain {\n  example.com { selecter = x; }\n}")
    assert "dkim_signing.conf:2" in str(problems.errors[0])
    assert "selector" in str(problems.errors[0])


def test_without_a_word_our_own_people_are_signed_for():
    options, _ = read("")
    assert (options.sign_authenticated, options.sign_local, options.sign_inbound) == (1, 1, 0)
    assert (options.use_domain, options.use_esld, options.selector) == ("header", True, "dkim")
    assert not options.allow_username_mismatch and not options.allow_hdrfrom_mismatch
