#!/usr/bin/env python3
"""chat.py HOST PORT NAME: says each line of standard input once, and prints what comes, once.

Made from docs/PROTOCOL.md alone. It ends with 0 when every line has been taken."""
import contextlib, re, socket, sys, threading, time

MOST = 50  # so many lines are on their way at most, few enough that sending them does not block
UNSAFE = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\xad\u200b\u202a-\u202e\u2060-\u206f\ufeff]")  # the server removes it, too
OURS = re.compile(r"\s*/(tags|resume|quit)(\s|$)", re.IGNORECASE)  # what is not for the user to send


class Client:
    def __init__(self, host, port, name):
        self.address, self.name = (host, int(port)), name
        self.token, self.seen = None, 0  # who we are, and the last event that we have
        self.change = threading.Condition()  # guards all of this
        self.connection, self.settled = None, False  # whether we have our name on this connection
        self.lines, self.ended = [], False  # those not known to be taken, and whether no more come
        self.taken = self.written = self.asked = 0  # before `lines`; of them sent; before our `/tags`

    def read_input(self):
        for line in open(0, encoding="utf-8", errors="replace", newline="\n"):
            line = UNSAFE.sub("", line)
            with self.change:
                self.change.wait_for(lambda: len(self.lines) < MOST)
                self.lines += [] if OURS.match(line) else [line]
                self.write()
        with self.change:
            self.ended = True
            self.write()

    def send(self, *lines):
        with contextlib.suppress(OSError):  # whoever reads will see it, too
            self.connection.sendall("".join(line + "\n" for line in lines).encode())

    def write(self):
        if self.settled:
            self.send(*self.lines[self.written:])
            self.written = len(self.lines)
            if self.ended and not self.lines:
                self.send("/quit")
            elif not self.asked and (self.ended or len(self.lines) == MOST):
                self.asked = self.taken + self.written  # some lines have no receipt; this has an answer
                self.send("/tags")
        self.change.notify_all()

    def take(self, number):
        done = max(0, number - self.taken)
        self.lines, self.taken, self.written = self.lines[done:], self.taken + done, self.written - done

    def next_name(self):
        self.taken += 1  # this line counts, too
        return f"/nick {self.name}{self.taken if self.taken > 1 else ''}"

    def receive(self, body):
        if body.startswith("= token "):
            self.token = body[8:]
        elif body.startswith("= nick ") and not self.settled:
            self.settled, self.written, self.asked = True, 0, 0
        elif body.startswith(("= resumed ", "+ ")):
            self.take(int(body.split()[-1]))
        elif body.startswith("!! /tags") and self.asked:
            self.asked = self.take(self.asked)
        elif not self.settled and re.match("!! /resume|!! /nick.* is taken$", body):
            if self.token:
                print(f"-- lines may have been missed, {self.written} of ours said twice", flush=True)
                self.token, self.seen, self.taken = None, 0, 0
            self.send(self.next_name())
        elif not body.startswith("= "):
            print(body, flush=True)

    def talk(self):
        with socket.create_connection(self.address, timeout=10) as self.connection:
            stream = self.connection.makefile(encoding="utf-8", errors="replace", newline="\n")
            self.taken = self.taken if self.token else 0
            self.send("/tags", f"/resume {self.token} {self.seen}" if self.token else self.next_name())
            if not (banner := stream.readline()).startswith("-- chatroom 1:"):
                raise OSError(banner.strip() or "no banner")
            self.connection.settimeout(None)
            while (line := stream.readline()).endswith("\n"):
                is_tagged = line.startswith("@")  # or else we are a guest, until the server hears from us
                seq, _, body = line[1:-1].split(" ", 2) if is_tagged else ("-", "", line[:-1])
                if not is_tagged and self.token and not body.startswith("!! /resume"):
                    continue  # it comes again
                with self.change:
                    self.seen = self.seen if seq == "-" or body.startswith("| ") else int(seq)
                    self.receive(body)
                    self.write()


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    client = Client(*sys.argv[1:])
    threading.Thread(target=client.read_input, daemon=True).start()
    while client.lines or not client.ended:
        try:
            client.talk()
        except OSError as why:
            print("chat.py:", why, file=sys.stderr)
        with client.change:
            client.settled = False
        time.sleep(0.1)
