# SPDX-License-Identifier: Apache-2.0
"""A small DNS server on loopback, UDP and TCP, with a zone written in the test."""

import asyncio
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer:
    """Answers from ``zone``: lines "name ttl type data". Other names: NXDOMAIN.

    ``rcodes`` maps a name to the code it gets, ``silent`` names get no answer (``"*"``: none do),
    ``after`` maps a name to an event that its answer waits for. ``asked`` counts (name, type).
    """

    def __init__(self, zone="", *, rcodes=None, silent=(), after=None):
        self.records = {}
        for line in filter(None, map(str.strip, zone.splitlines())):
            name, ttl, kind, data = line.split(None, 3)
            key = (name.lower().rstrip("."), kind)
            self.records.setdefault(key, (int(ttl), []))[1].append(data)
        self.rcodes = rcodes or {}
        self.silent = set(silent)
        self.after = after or {}
        self.asked = Counter()
        self.over_tcp = Counter()
        self.tasks = set()

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.tcp = await asyncio.start_server(self.serve_tcp, "127.0.0.1", 0)
        self.port = self.tcp.sockets[0].getsockname()[1]
        server = self

        class Udp(asyncio.DatagramProtocol):
            def connection_made(self, transport):
                self.transport = transport

            def datagram_received(self, data, peer):
                task = loop.create_task(server.answer_udp(self.transport, data, peer))
                server.tasks.add(task)
                task.add_done_callback(server.tasks.discard)

        self.udp, _ = await loop.create_datagram_endpoint(Udp, local_addr=("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *_):
        self.udp.close()
        self.tcp.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.sleep(0)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    async def answer_udp(self, transport, data, peer):
        reply = await self.answer(dns.message.from_wire(data))
        if reply is None or transport.is_closing():
            return
        try:
            wire = reply.to_wire(max_size=1232)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            wire = reply.to_wire()
        transport.sendto(wire, peer)

    async def serve_tcp(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = dns.message.from_wire(await reader.readexactly(length))
                self.over_tcp[query.question[0].name.to_text().rstrip(".").lower()] += 1
                reply = await self.answer(query)
                if reply is not None:
                    wire = reply.to_wire(max_size=65535)
                    writer.write(len(wire).to_bytes(2, "big") + wire)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, query):
        question = query.question[0]
        name = question.name.to_text().rstrip(".").lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if name in self.after:
            await self.after[name].wait()
        if name in self.silent or "*" in self.silent:
            return None
        reply = dns.message.make_response(query, recursion_available=True)
        if name in self.rcodes:
            reply.set_rcode(dns.rcode.from_text(self.rcodes[name]))
            return reply
        self.fill(reply, name, kind)
        return reply

    def fill(self, reply, name, kind):
        for _ in range(32):
            found = self.records.get((name, kind))
            if found:
                self.add(reply, name, kind, found)
                return
            alias = self.records.get((name, "CNAME"))
            if not alias:
                break
            self.add(reply, name, "CNAME", alias)
            name = alias[1][0].rstrip(".").lower()
            if name.endswith("elsewhere.test"):  # as a server that does not recurse
                return
        if not any(owner == name for owner, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)

    @staticmethod
    def add(reply, name, kind, found):
        ttl, data = found
        reply.answer.append(dns.rrset.from_text_list(f"{name}.", ttl, "IN", kind, data))
