"""A wire between two hosts, which loses, delays and reorders packets as the test says.

wire.py NAME NAME: makes a network interface for each end. Each line on standard input is
"DELAY LOSS REORDER": seconds that a packet takes, and the parts of them that are lost and that
overtake the others. It ends with its input.
"""

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def end_of_wire(name):
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


class Wire:
    def __init__(self, near, far):
        self.across = {near: far, far: near}
        self.delay = self.loss = self.reorder = 0.0
        self.packets, self.number = [], 0  # (when, number, where to, packet), the next one first
        self.chance = random.Random(7)

    def be(self, weather):
        self.delay, self.loss, self.reorder = weather
        if self.loss == 1:
            self.packets.clear()

    def wait(self):
        return max(0.0, self.packets[0][0] - time.monotonic()) if self.packets else None

    def take(self, end):
        """Takes all packets that an end has."""
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = os.read(end, 65536)
                if self.chance.random() >= self.loss:
                    overtakes = self.chance.random() < self.reorder
                    when = time.monotonic() + (0 if overtakes else self.delay)
                    self.number += 1
                    heapq.heappush(self.packets, (when, self.number, self.across[end], packet))

    def give(self):
        """Gives on the packets whose time has come."""
        while self.packets and self.packets[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(self.packets)
            with contextlib.suppress(OSError):  # that end is down, or takes no more
                os.write(end, packet)


def main():
    ends = [end_of_wire(name) for name in sys.argv[1:3]]
    wire = Wire(*ends)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([*ends, sys.stdin], [], [], wire.wait())
        for end in ends:
            wire.take(end)  # what was sent until now, before the weather changes
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            wire.be(map(float, line.split()))
            print("done", flush=True)
        wire.give()


main()
