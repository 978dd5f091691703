"""The packets of a stream entry, whose format is in docs/scaling-out.md. `fields` are the entry's fields, as bytes."""


def parts(index):
    """Yields connection, number of its first packet, packets, bytes, receive time (Unix ms) of each part."""
    position = connection = packets = size = received = 0

    def number():
        nonlocal position
        value = shift = 0
        while True:
            byte = index[position]
            position, value, shift = position + 1, value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    def signed():
        value = number()
        return value >> 1 ^ -(value & 1)

    while position < len(index):
        head = number()
        connection, first = connection + signed(), number()
        before, packets = packets, head >> 2
        size = size * packets // before if head & 2 else number()
        received += 0 if head & 1 else signed()
        yield connection, first, packets, size, received


def packets(fields, length=lambda data, at: 7 + int.from_bytes(data[at + 1:at + 3], "little")):
    """Yields connection, peer, number on its connection, receive time, bytes of each packet; `length` is the layout's."""
    names, peers, data, at = iter(fields[b"peers"].decode().split("\n")), {}, fields[b"bytes"], 0
    for connection, first, count, _, received in parts(fields[b"parts"]):
        peer = peers.get(connection) or peers.setdefault(connection, next(names))
        for packet in range(first, first + count):
            end = at + length(data, at)
            yield connection, peer, packet, received, data[at:end]
            at = end
