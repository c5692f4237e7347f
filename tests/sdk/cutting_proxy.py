"""A proxy that passes a request on, waits for the reply, and lets the client not have it."""

from __future__ import annotations

import asyncio
import re
from typing import Self
from urllib.parse import urlsplit


class CuttingProxy:
    """``cut_next`` replies are cut: whole, or but for a part that ends inside the body. The
    service has acted on the request by then.
    """

    def __init__(self, upstream: str, *, keep_part: bool = False) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname, parts.port)
        self._keep_part = keep_part
        self.cut_next = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._open: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(self, *_) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        self._open |= {writer, up_writer}
        onward = asyncio.create_task(self._pass_on(reader, up_writer))
        try:
            while reply := await _whole_reply(up_reader):
                if self.cut_next:
                    self.cut_next -= 1
                    writer.write(reply[:-5] if self._keep_part else b"")
                    break
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            onward.cancel()
            for one in (writer, up_writer):
                one.close()
                self._open.discard(one)

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def _whole_reply(reader: asyncio.StreamReader) -> bytes:
    """Headers and body: a reply that is cut among its headers looks complete to some clients."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: *([0-9]+)", head)
    return head + await reader.readexactly(int(found[1]) if found else 0)
