#!/usr/bin/env python3
"""Usage: chat.py [--key KEY] [--identity FILE] HOST PORT NAME

Says each line of standard input once, and prints what comes, once, over lost connections too.
Made from docs/PROTOCOL.md alone, to be copied from; bot.py is made of it.

  --key KEY        talk encrypted, and only to the server with this key, which 'chatserver --fingerprint' prints
  --identity FILE  prove to have this key (Ed25519, PKCS#8 in PEM), as chatclient does with its identity.pem, so that
                   the name is one's own; it needs the package cryptography

Exit status: 0 every line was taken, 1 some were refused, 2 wrong usage, 3 not the server that it should be."""
import base64, contextlib, hashlib, os, re, select, socket, ssl, sys, threading, time

MOST = 50  # so many lines are on their way at most, few enough that sending them does not block
LONGEST = 10  # seconds between two attempts to connect
UNSAFE = re.compile("[\0-\x08\n-\x1f\x7f-\x9f\xad\u200b\u202a-\u202e\u2060-\u206f\ufeff]")  # the server removes it, too
OWNED = r"!! \S+ (belongs to somebody else|is kept for an operator);"  # somebody's own name
OURS = re.compile(r"\s*/(tags|resume|key|quit)(\s|$)", re.IGNORECASE)  # what is not for the user to send


class Client:
    """A member that is one over all its connections. Override `hear` to do something else with what comes."""

    def __init__(self, host, port, name, key=None, identity=None):
        self.address, self.name, self.key = (host, int(port)), name, key and key.replace("-", "").lower()
        self.identity, self.nonce = identity and self.load(identity), None  # our own key, and what to sign with it
        self.token, self.seen = None, 0  # who we are, and the last event that we have
        self.change = threading.Condition()  # guards all of this
        self.connection, self.settled = None, False  # whether we have our name on this connection
        self.has_asked = False  # whether we have said there who we are
        self.lines, self.ended = [], False  # those that are not settled, and whether no more come
        self.taken = self.written = 0  # before `lines`; of them sent
        self.refused, self.pause = 0, 0.1  # how many lines were; the seconds until the next attempt

    def hear(self, line):
        """Called with each line that comes, without its tag."""
        try:
            print(line, flush=True)
        except OSError:  # whoever has read it has had enough
            os._exit(0)

    def complain(self, why):
        print("chat.py:", why, file=sys.stderr)

    def say(self, text):
        """Sends a line, a command too. What it says is said once."""
        line = UNSAFE.sub("", text)
        with self.change:
            self.lines += [] if OURS.match(line) else [line]
            self.write()

    def read_input(self):
        for line in open(0, encoding="utf-8", errors="replace", newline="\n"):
            with self.change:
                self.change.wait_for(lambda: len(self.lines) < MOST)
            self.say(line)
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
        self.change.notify_all()

    def take(self, number):
        done = max(0, number - self.taken)
        self.lines, self.taken, self.written = self.lines[done:], self.taken + done, self.written - done

    def load(self, path):
        try:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ImportError:
            self.complain("there is no package cryptography, so no key is proved")
            return None
        try:
            with open(path, "rb") as file:
                return load_pem_private_key(file.read(), None)
        except (OSError, ValueError) as why:
            self.complain(f"cannot use the identity {path}: {why}")
            sys.exit(2)

    def binding(self):
        """What binds a proof to the connection: zeros in plain; None where Python does not tell it of TLS."""
        if not self.key:
            return bytes(32)
        has_exporter = "tls-exporter" in ssl.CHANNEL_BINDING_TYPES
        return self.connection.get_channel_binding("tls-exporter") if has_exporter else None

    def proof(self):
        """The command that proves our key, if we have one and were told a nonce, which serves once."""
        nonce, self.nonce = self.nonce, None
        if not self.identity or not nonce:
            return []
        if not (binding := self.binding()):
            self.complain("Python tells no exporter of TLS, so no key is proved")
            return []
        public = self.identity.public_key().public_bytes_raw()
        nonce = base64.b32decode(nonce.upper() + "====")
        signature = self.identity.sign(b"chatroom 1 key\n" + nonce + binding + public)
        return [f"/key {base32(public)} {base32(signature)}"]

    def next_name(self):
        self.taken += 1  # this line counts, too
        self.has_asked = True
        return f"/nick {self.name}{self.taken if self.taken > 1 else ''}"

    def receive(self, seq, body):
        if body.startswith("= token "):
            self.token = body[8:]
        elif body.startswith("= nonce "):
            self.nonce = body[8:]
            if not self.has_asked:
                self.send(*self.proof(), self.next_name())
        elif body.startswith("= nick ") and not self.has_asked:
            self.send(self.next_name())  # an older server waits for no proof
        elif body.startswith("= nick ") and not self.settled:
            self.settled, self.written, self.pause = True, 0, 0.1
        elif body.startswith(("= resumed ", "+ ")):
            self.take(int(body.split()[-1]))
        elif body == "= done":
            self.take(int(seq[1:]))
        elif not self.settled and re.match("!! /resume|!! /nick.* is taken$|" + OWNED, body):
            if self.token and body.startswith("!! /resume"):
                self.hear(f"-- lines may have been missed, {self.written} of ours said twice")
                self.token, self.seen, self.taken = None, 0, 0
            self.send(*self.proof(), self.next_name())
        elif not self.settled and body.startswith("!! /nick"):
            self.complain(body)
            sys.exit(2)
        elif not body.startswith("= "):
            self.refused += self.settled and seq != "-" and body.startswith("!! ")  # it answers one of our lines
            self.hear(body)

    def connect(self):
        connection = socket.create_connection(self.address, timeout=10)
        if not self.key:
            return connection
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the key is what counts, and no name or date
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
        if not key_of(connection.getpeercert(binary_form=True)).startswith(self.key):
            self.complain(f"the server at {self.address[0]}:{self.address[1]} has another key. Nothing was sent.")
            sys.exit(3)
        return connection

    def lines_that_come(self):
        """Yields each, without its end; what stands without one is none. Nobody writes while this reads (OpenSSL)."""
        rest, timeout = b"", 10
        while True:
            is_there = self.key and self.connection.pending()
            if not is_there and not select.select([self.connection], [], [], timeout)[0]:
                raise OSError("no banner")
            with self.change:
                self.connection.settimeout(0)
                try:
                    data = self.connection.recv(65536)
                except (BlockingIOError, ssl.SSLWantReadError):
                    continue
                finally:
                    self.connection.settimeout(None)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            timeout = None if lines else timeout
            for line in lines:
                yield line.decode("utf-8", "replace")

    def talk(self):
        with self.connect() as self.connection:
            self.taken = self.taken if self.token else 0
            self.nonce, self.has_asked = None, bool(self.token)
            if self.token:
                self.send("/tags", f"/resume {self.token} {self.seen}")
            else:  # with a key, the name is asked for once we know what to sign
                self.send("/tags", *([] if self.identity else [self.next_name()]))
            lines = self.lines_that_come()
            if not (banner := next(lines, "no banner")).startswith("-- chatroom 1:"):
                raise OSError(banner)
            for line in lines:
                is_tagged = line.startswith("@")  # or else we are a guest, until the server hears from us
                seq, _, body = line[1:].split(" ", 2) if is_tagged else ("-", "", line)
                if not is_tagged and self.token and not body.startswith("!! /resume"):
                    continue  # it comes again
                with self.change:
                    self.seen = self.seen if seq[0] == "-" or body.startswith("| ") else int(seq)
                    self.receive(seq, body)
                    self.write()

    def run(self):
        """Goes on until every line is taken."""
        while self.lines or not self.ended:
            try:
                self.talk()
            except OSError as why:
                self.complain(why)
            with self.change:
                self.settled = False
            time.sleep(self.pause)
            self.pause = min(2 * self.pause, LONGEST)


def key_of(certificate):
    """The base32 of the SHA-256 of a certificate's SubjectPublicKeyInfo, which is its seventh part (RFC 5280, 4.1)."""
    def inside(at):  # where the content of the element there begins and ends (DER)
        length, begin = certificate[at + 1], at + 2
        if length > 127:
            begin += length - 128
            length = int.from_bytes(certificate[at + 2 : begin], "big")
        return begin, begin + length

    at = inside(inside(0)[0])[0]
    for _ in range(6):
        at = inside(at)[1]
    return base32(hashlib.sha256(certificate[at : inside(at)[1]]).digest())


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def main(kind):
    arguments, options = sys.argv[1:], {}
    while arguments[:1] in (["--key"], ["--identity"]) and len(arguments) > 1:
        options[arguments[0][2:]] = arguments[1]
        arguments = arguments[2:]
    if len(arguments) != 3 or not arguments[1].isdecimal():
        print(sys.modules["__main__"].__doc__, file=sys.stderr)
        sys.exit(2)
    sys.stdout.reconfigure(encoding="utf-8")
    return kind(*arguments, **options)


if __name__ == "__main__":
    client = main(Client)
    threading.Thread(target=client.read_input, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        client.run()
    sys.exit(1 if client.refused else 0)
