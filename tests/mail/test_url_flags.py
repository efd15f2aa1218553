# SPDX-License-Identifier: Apache-2.0
"""Flags have the names that Rspamd's rules and selectors ask for."""

from __future__ import annotations

from gatepost.mail.url_flags import NO_FLAGS, PHISHED, URL_FLAGS


def test_names_are_those_of_rspamd() -> None:
    # content reference 1.8
    expected = """
        phished html_displayed display_url obscured zw_spaces unnormalised numeric no_tld idn
        has_port has_user schemaless missing_slashes schema_encoded host_encoded path_encoded
        query_encoded from_text subject query image content invisible redirected redirect_target
        truncated special
    """
    assert frozenset(expected.split()) == URL_FLAGS


def test_a_flag_is_its_name() -> None:
    assert PHISHED == "phished" and PHISHED in URL_FLAGS and not NO_FLAGS
