"""The original chat server on threads, rewritten: a thread for each connection, direct messages only.

It knows `register`, `list` and `chat` of the protocol `line`. The original had no line ends and no text.
"""

import socket
import threading

BACKLOG = 4096

users = {}
lock = threading.Lock()


class User:
    """A connection. Several threads may write to it, one at a time."""

    def __init__(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.lock = threading.Lock()
        self.name = None

    def send(self, line):
        with self.lock:
            self.connection.sendall(line)

    def serve(self):
        """Talk to one user until the connection ends."""
        try:
            with self.connection, self.connection.makefile("rb") as lines:
                for line in lines:
                    self.ask(line)
        except OSError:
            pass
        finally:
            with lock:
                users.pop(self.name, None)

    def ask(self, line):
        """Do what a line asks for."""
        verb, _, rest = line.rstrip(b"\r\n").partition(b",")
        if verb == b"chat":
            to, _, text = rest.partition(b",")
            with lock:
                user = users.get(to)
            if user is None:
                self.send(b"error,no-such-user,nobody has that name\n")
                return
            try:
                user.send(b"%b says %b\n" % (self.name, text or b"hi"))
            except OSError:
                pass  # That connection has ended, not this one.
        elif verb == b"register":
            with lock:
                taken = rest in users
                if not taken:
                    users.pop(self.name, None)
                    self.name = rest
                    users[rest] = self
            self.send(b"error,name-taken,somebody else has that name\n" if taken else b"ack\n")
        elif verb == b"list":
            with lock:
                names = list(users)
            self.send(b",".join(names) + b"\n")
        else:
            self.send(b"error,unknown-command,there are register, list and chat\n")


def main():
    """Accept connections for ever."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        host, port = listener.getsockname()
        print(f"listening line://{host}:{port}", flush=True)
        while True:
            connection, _ = listener.accept()
            user = User(connection)
            threading.Thread(target=user.serve, daemon=True).start()


if __name__ == "__main__":
    main()
