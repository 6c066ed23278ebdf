"""Asks for several addresses at once."""

import asyncio

import poll_loop
import wit_world
from componentize_py_types import Err
from poll_loop import PollLoop, Stream
from wit_world.imports.types import Fields, Method_Get, OutgoingRequest, Scheme_Http


async def _size(authority, path):
    request = OutgoingRequest(Fields.from_list([]))
    request.set_method(Method_Get())
    request.set_scheme(Scheme_Http())
    request.set_authority(authority)
    request.set_path_with_query(path)
    response = await poll_loop.send(request)
    stream, size = Stream(response.consume()), 0
    while (chunk := await stream.next()) is not None:
        size += len(chunk)
    return size


class WitWorld(wit_world.WitWorld):
    def sizes(self, authority, paths):
        loop = PollLoop()
        asyncio.set_event_loop(loop)
        try:
            every = asyncio.gather(*(_size(authority, path) for path in paths))
            return loop.run_until_complete(every)
        except Err as refused:
            raise Err(repr(refused.value)) from None
