# SPDX-License-Identifier: Apache-2.0
"""The network: DNS resolver, upstreams with health, and where the text of maps comes from."""

from gatepost.net.address_database import AddressDatabase, AddressOrigin
from gatepost.net.answers import (
    Answer,
    Mx,
    Rcode,
    Record,
    RecordType,
    Soa,
    find_query_name,
    reversed_labels,
)
from gatepost.net.dns_cache import DnsCache
from gatepost.net.errors import DatabaseError, HttpError, MapError, NetError, UpstreamError
from gatepost.net.fake_records import read_fake_records
from gatepost.net.http_client import HttpAnswer, fetch, parse_url
from gatepost.net.map_definition import MapDefinition, read_definition
from gatepost.net.map_sources import INLINE, MapSources, MapText
from gatepost.net.resolver import (
    DnsResolver,
    PromptResolver,
    Resolver,
    ResolverSettings,
    answer_of,
    name_servers,
)
from gatepost.net.task_resolver import TaskResolver
from gatepost.net.upstreams import Health, Rotation, Upstream, UpstreamList

__all__ = [
    "INLINE",
    "AddressDatabase",
    "AddressOrigin",
    "Answer",
    "DatabaseError",
    "DnsCache",
    "DnsResolver",
    "Health",
    "HttpAnswer",
    "HttpError",
    "MapDefinition",
    "MapError",
    "MapSources",
    "MapText",
    "Mx",
    "NetError",
    "PromptResolver",
    "Rcode",
    "Record",
    "RecordType",
    "Resolver",
    "ResolverSettings",
    "Rotation",
    "Soa",
    "TaskResolver",
    "Upstream",
    "UpstreamError",
    "UpstreamList",
    "answer_of",
    "fetch",
    "find_query_name",
    "name_servers",
    "parse_url",
    "read_definition",
    "read_fake_records",
    "reversed_labels",
]
