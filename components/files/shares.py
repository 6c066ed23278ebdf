"""Dividing what may be read at most among files of different sizes."""


def longest_beginning(sizes, total):
    """The length to which each file must be cut so that all together stay within `total`: the small ones stay whole.

    None when nothing needs to be cut.
    """
    if sum(sizes) <= total:
        return None
    room, left = total, len(sizes)
    for size in sorted(sizes):
        if size * left > room:
            return room // left
        room, left = room - size, left - 1
    return None
