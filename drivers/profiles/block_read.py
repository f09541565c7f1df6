"""Which reads fetch the items of a profile: as few blocks as the instrument allows, single items where it does not.

A block may bridge registers that nobody asked for (`max_gap`): a longer answer is cheaper than another request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from drivers.profiles.register import RegisterItem, read_item


@dataclass(frozen=True, slots=True)
class BlockRead:
    """One request and the items that its answer holds."""

    function: int
    address: int
    count: int
    items: tuple[RegisterItem, ...]


def plan_reads(items: Iterable[RegisterItem], *, max_registers: int, max_gap: int) -> list[BlockRead]:
    """Blocks that cover `items`, by function and address; none reads more than `max_registers`."""
    reads: list[BlockRead] = []
    for item in sorted(items, key=lambda item: (item.function, item.address)):
        last = reads[-1] if reads else None
        end = item.address + item.span
        if last is not None and last.function == item.function:
            gap = item.address - (last.address + last.count)
            if gap <= max_gap and end - last.address <= max_registers:
                count = max(last.count, end - last.address)
                reads[-1] = BlockRead(last.function, last.address, count, (*last.items, item))
                continue
        reads.append(BlockRead(item.function, item.address, item.span, (item,)))
    return reads


def single_reads(read: BlockRead) -> list[BlockRead]:
    """The same items one by one, for an instrument that refuses the block."""
    return [BlockRead(read.function, item.address, item.span, (item,)) for item in read.items]


def read_block(read: BlockRead, registers: Sequence[int]) -> list[tuple[RegisterItem, float, str]]:
    """Items, values and flags of an answer with exactly `read.count` registers."""
    if len(registers) != read.count:
        raise ValueError(f"asked for {read.count} registers, got {len(registers)}")
    return [(item, *read_item(item, registers[item.address - read.address :])) for item in read.items]
