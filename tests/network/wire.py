"""A wire between two hosts, which loses, delays and reorders packets as the test says.

wire.py NAME NAME: makes a network interface for each end. Each line on standard input is
"DELAY LOSS REORDER": seconds that a packet takes, and the parts of them that are lost and that
overtake the others. It ends with its input.
"""

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


def main():
    near, far = (end_of_wire(name) for name in sys.argv[1:3])
    across = {near: far, far: near}
    print("ready", flush=True)
    chance = random.Random(7)
    delay = loss = reorder = 0.0
    packets = []  # (when, number, where to, packet)
    number = 0
    while True:
        wait = max(0.0, packets[0][0] - time.monotonic()) if packets else None
        ready, _, _ = select.select([near, far, sys.stdin], [], [], wait)
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            delay, loss, reorder = map(float, line.split())
            if loss == 1:
                packets.clear()
            print("done", flush=True)
        for end in (near, far):
            if end not in ready:
                continue
            packet = os.read(end, 65536)
            if chance.random() >= loss:
                when = time.monotonic() + (0 if chance.random() < reorder else delay)
                number += 1
                heapq.heappush(packets, (when, number, across[end], packet))
        while packets and packets[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(packets)
            try:
                os.write(end, packet)
            except OSError:
                pass  # That end is down, or takes no more.


main()
