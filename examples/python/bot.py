#!/usr/bin/env python3
"""Usage: bot.py [--key KEY] [--identity FILE] HOST PORT NAME

A member that answers. It comes back over lost connections, and answers each line once.

  --key KEY        talk encrypted, and only to the server with this key, which 'chatserver --fingerprint' prints
  --identity FILE  prove to have this key (Ed25519, PKCS#8 in PEM), so that the name is the bot's own; it needs the
                   package cryptography"""
import contextlib, random, re

from chat import Client, main


class Bot(Client):
    def react(self, name, text):
        """What to say when somebody has said that; None for nothing. This is the place for your own reaction."""
        if text == "!roll":
            return f"{name} rolls {random.randint(1, 6)}"
        if text == "!help":
            return "I know !roll"

    def hear(self, line):
        # Lines that are shown again begin with "| ", and our own do not come.
        public, private = re.match(r"<(\S+)> (.*)", line), re.match(r"\[(\S+) -> you\] (.*)", line)
        if public and (answer := self.react(*public.groups())):
            self.say(answer)
        elif private and (answer := self.react(*private.groups())):
            self.say(f"/msg {private[1]} {answer}")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(Bot).run()
