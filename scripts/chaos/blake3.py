"""BLAKE3 with 32 bytes of output: the hash that an artefact is cited by, the same that `b3sum` prints. Plain and slow, for files of some megabytes."""
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK, BLOCK, ROUNDS, MASK = 1024, 64, 7, 0xFFFFFFFF
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def compress(chaining, words, counter, length, flags):
    """The first eight words of the output."""
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for _ in range(ROUNDS):
        for i, (a, b, c, d) in enumerate(COLUMNS):
            for x, first, second in ((words[2 * i], 16, 12), (words[2 * i + 1], 8, 7)):
                v[a] = (v[a] + v[b] + x) & MASK
                t = v[d] ^ v[a]
                v[d] = (t >> first | t << (32 - first)) & MASK
                v[c] = (v[c] + v[d]) & MASK
                t = v[b] ^ v[c]
                v[b] = (t >> second | t << (32 - second)) & MASK
        words = [words[i] for i in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def chunk_value(data, counter, root):
    """Chaining value of one chunk; with `root` the hash of a text that is not longer."""
    chaining = IV
    blocks = [data[i:i + BLOCK] for i in range(0, len(data), BLOCK)] or [b""]
    for i, block in enumerate(blocks):
        last = i == len(blocks) - 1
        flags = (CHUNK_START if i == 0 else 0) | (CHUNK_END | root if last else 0)
        chaining = compress(chaining, struct.unpack("<16I", block.ljust(BLOCK, b"\0")), counter, len(block), flags)
    return chaining


def parent(left, right, root=0):
    return compress(IV, [*left, *right], 0, BLOCK, PARENT | root)


def blake3(data):
    """Hash of bytes, as hexadecimal digits."""
    if len(data) <= CHUNK:
        return struct.pack("<8I", *chunk_value(data, 0, ROOT)).hex()
    chunks = [data[i:i + CHUNK] for i in range(0, len(data), CHUNK)]
    stack = []   # complete subtrees, the largest first
    for counter, chunk in enumerate(chunks[:-1]):
        value, total = chunk_value(chunk, counter, 0), counter + 1
        while total % 2 == 0:
            value, total = parent(stack.pop(), value), total // 2
        stack.append(value)
    value = chunk_value(chunks[-1], len(chunks) - 1, 0)
    while stack:
        value = parent(stack.pop(), value, 0 if stack else ROOT)
    return struct.pack("<8I", *value).hex()
