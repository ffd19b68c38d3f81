"""The original chat server on asyncio, rewritten: a coroutine for each connection, direct messages only.

It knows `register`, `list` and `chat` of the protocol `line`. The original had no line ends and no text.
"""

import asyncio

BACKLOG = 4096

users = {}


async def serve(reader, writer):
    """Talk to one user until the connection ends."""
    name = None
    try:
        while line := await reader.readline():
            verb, _, rest = line.rstrip(b"\r\n").partition(b",")
            if verb == b"chat":
                to, _, text = rest.partition(b",")
                if to in users:
                    users[to].write(b"%b says %b\n" % (name, text or b"hi"))
                    await users[to].drain()
                else:
                    writer.write(b"error,no-such-user,nobody has that name\n")
            elif verb == b"register":
                if rest in users:
                    writer.write(b"error,name-taken,somebody else has that name\n")
                else:
                    users.pop(name, None)
                    name = rest
                    users[name] = writer
                    writer.write(b"ack\n")
            elif verb == b"list":
                writer.write(b",".join(users) + b"\n")
            else:
                writer.write(b"error,unknown-command,there are register, list and chat\n")
            await writer.drain()
    except (ConnectionError, ValueError):
        pass
    finally:
        users.pop(name, None)
        writer.close()


async def main():
    """Accept connections for ever. asyncio sets TCP_NODELAY on each."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG)
    host, port = server.sockets[0].getsockname()
    print(f"listening line://{host}:{port}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
