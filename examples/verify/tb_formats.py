"""The formats of docs/wire-formats.md in plain Python, without any package: what a client signs, and what a verifier computes.

Written for reading, not for speed: a signature takes some milliseconds, a megabyte some seconds to hash. Nothing here asks a node;
`verify_node.py` beside it does. Every function raises FormatError, which says what is wrong, when it meets bytes that have no meaning.
"""
import hashlib
import json
import struct


class FormatError(ValueError):
    pass


# ---- BLAKE3, 256 bits, no key (the paper's tree of chunks of 1024 bytes)

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_MIX = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_M32 = 0xFFFFFFFF


def _compress(chaining, block, counter, length, flags):
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))
    v = list(chaining) + list(_IV[:4]) + [counter & _M32, counter >> 32, length, flags]
    for turn in range(7):
        for i, (a, b, c, d) in enumerate(_MIX):
            for word, left, right in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & _M32
                x = v[d] ^ v[a]
                v[d] = (x >> left | x << (32 - left)) & _M32
                v[c] = (v[c] + v[d]) & _M32
                x = v[b] ^ v[c]
                v[b] = (x >> right | x << (32 - right)) & _M32
        m = [m[i] for i in _ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def _chunk(data, number, root):
    chaining, at = _IV, 0
    while True:
        block, last = data[at:at + 64], at + 64 >= len(data)
        flags = (_CHUNK_START if at == 0 else 0) | (_CHUNK_END if last else 0) | (_ROOT if last and root else 0)
        chaining = _compress(chaining, block, number, len(block), flags)
        if last:
            return chaining
        at += 64


def _subtree(data, first, root):
    if len(data) <= 1024:
        return _chunk(data, first, root)
    left = 1 << ((len(data) - 1) // 1024).bit_length() - 1  # chunks: the largest power of two that leaves something for the right
    words = _subtree(data[:left * 1024], first, False) + _subtree(data[left * 1024:], first + left, False)
    return _compress(_IV, struct.pack("<16I", *words), 0, 64, _PARENT | (_ROOT if root else 0))


def blake3(*parts):
    return struct.pack("<8I", *_subtree(b"".join(parts), 0, True))


# ---- Ed25519 (RFC 8032)

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_M1 = pow(2, (_P - 1) // 4, _P)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar, point):
    out = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            out = _add(out, point)
        point, scalar = _add(point, point), scalar >> 1
    return out


def _point(text):
    number = int.from_bytes(text, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= _P:
        raise FormatError("not a point of the curve")
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_M1 % _P
    if (x * x - square) % _P or (x == 0 and sign):
        raise FormatError("not a point of the curve")
    x = _P - x if x & 1 != sign else x
    return (x, y, 1, x * y % _P)


def _text_of(point):
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))


def _sha512(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _secret(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254, digest[32:]


def public_key(seed):
    return _text_of(_times(_secret(seed)[0], _BASE))


def sign(seed, message):
    scalar, prefix = _secret(seed)
    key = _text_of(_times(scalar, _BASE))
    r = _sha512(prefix, message) % _L
    point = _text_of(_times(r, _BASE))
    return point + ((r + _sha512(point, key, message) * scalar) % _L).to_bytes(32, "little")


def signature_holds(key, message, signature):
    try:
        point, a = _point(signature[:32]), _point(key)
    except FormatError:
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        return False
    right = _add(point, _times(_sha512(signature[:32], key, message) % _L, a))
    return _text_of(_times(s, _BASE)) == _text_of(right)


# ---- canonical JSON

MAX_SAFE = 2**53 - 1
MAX_LEVELS = 64
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _string(text):
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise FormatError("a lone surrogate has no bytes")
    return '"' + "".join(_ESCAPES.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text) + '"'


def canonical_text(value, level=1):
    if level > MAX_LEVELS and isinstance(value, (dict, list)):
        raise FormatError("more than 64 levels")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        if abs(value) > MAX_SAFE:
            raise FormatError(f"{value} is above 2^53-1: write it as a decimal string")
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical_text(v, level + 1) for v in value) + "]"
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda m: m[0].encode("utf-16-be"))
        return "{" + ",".join(_string(k) + ":" + canonical_text(v, level + 1) for k, v in members) + "}"
    raise FormatError(f"{value!r} has no canonical form")


def canonical(value):
    return canonical_text(value).encode()


# ---- addresses

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32M = 0x2BC830A3


def _polymod(values):
    check = 1
    for value in values:
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for i, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> i & 1 else 0
    return check


def _bech32m(payload):
    bits = "".join(f"{byte:08b}" for byte in payload)
    bits += "0" * (-len(bits) % 5)
    data = [int(bits[i:i + 5], 2) for i in range(0, len(bits), 5)]
    human = [3, 3, 0, 20, 2]  # "tb"
    check = _polymod(human + data + [0] * 6) ^ _BECH32M
    return "tb1" + "".join(_BECH32[v] for v in data + [check >> 5 * (5 - i) & 31 for i in range(6)])


def address(key):
    return _bech32m(blake3(b"tb/address/v1\0", key))


def group_address(threshold, keys):
    return _bech32m(blake3(b"tb/address/v1\x01", bytes([threshold, len(keys)]), *sorted(keys)))


def is_address(text):
    if text != text.lower() and text != text.upper() or len(text) != 61:
        return False
    text = text.lower()
    if not text.startswith("tb1") or any(c not in _BECH32 for c in text[3:]):
        return False
    data = [_BECH32.index(c) for c in text[3:]]
    return _polymod([3, 3, 0, 20, 2] + data) == _BECH32M and data[51] & 15 == 0  # 260 bits for 256: four of padding


# ---- commands

def command_id(command):
    """`command`: the object, or its canonical bytes."""
    return blake3(b"tb/command/v1", command if isinstance(command, bytes) else canonical(command))


def envelope(command, *seeds):
    """The canonical bytes that are sent: the command with a signature by each seed, in the order of the keys."""
    text = canonical(command)
    signatures = sorted((public_key(seed).hex(), sign(seed, command_id(text)).hex()) for seed in seeds)
    return b'{"command":' + text + b',"signatures":' + canonical([{"key": k, "sig": s} for k, s in signatures]) + b"}"


# ---- fees

def fee_split(fee, pct):
    """Consumer's and industrial's share."""
    consumer = (fee * pct + 99) // 100
    return consumer, fee - consumer


def next_base_fee(previous, gas):
    def toward_zero(a, b):
        return abs(a) // b * (1 if a >= 0 else -1)
    return max(1, previous + toward_zero(toward_zero(previous * (gas - 1_000_000), 1_000_000), 8))


def tip_per_byte(fee, base_fee, envelope_bytes):
    return max(0, fee - base_fee) // envelope_bytes


def fee_floor(samples, percentile=75, window=256):
    values = sorted(samples[-window:])
    return values[min(len(values) * percentile // 100, len(values) - 1)] if values else 0


# ---- trees

def tree(leaves):
    """The root T of a block's lists: a last odd node moves up unchanged."""
    level = [blake3(b"\0", leaf) for leaf in leaves]
    while len(level) > 1:
        pairs = [blake3(b"\1", level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2:]
    return level[0] if level else bytes(32)


def mmr_peaks(leaves):
    """Peaks of the mountain range over `leaves`, highest mountain first."""
    peaks = []  # (height, hash)
    for leaf in leaves:
        peaks.append((0, leaf))
        while len(peaks) > 1 and peaks[-1][0] == peaks[-2][0]:
            (height, left), (_, right) = peaks[-2:]
            peaks[-2:] = [(height + 1, blake3(left, right))]
    return [peak for _, peak in peaks]


def bag(peaks):
    if not peaks:
        return bytes(32)
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = blake3(peak, root)
    return root


def inclusion_holds(leaf, index, count, siblings, peaks, root):
    """`siblings` from the leaf up; which side each stands on follows from index and count, never from the proof."""
    if index >= count or len(peaks) != bin(count).count("1"):
        return False
    first, place = 0, 0
    for height in (h for h in reversed(range(count.bit_length())) if count >> h & 1):
        if index < first + (1 << height):
            break
        first, place = first + (1 << height), place + 1
    if len(siblings) != height:
        return False
    node = leaf
    for level, sibling in enumerate(siblings):
        node = blake3(sibling, node) if index - first >> level & 1 else blake3(node, sibling)
    return node == peaks[place] and bag(peaks) == root


def consistency_holds(old, new, proof, old_root, new_root):
    """That the range over `old` leaves is the beginning of the one over `new`."""
    if old > new:
        return False
    if old in (0, new):
        return not proof and old_root == (new_root if old else bytes(32))
    top = (old ^ new).bit_length() - 1
    heights = [h for h in reversed(range(old.bit_length())) if old >> h & 1]
    common, rest = [h for h in heights if h > top], [h for h in heights if h < top]
    right = bin(new & (1 << top) - 1).count("1")
    peaks, tail = proof[:len(heights)], proof[len(heights):]
    lowest = rest[-1] if rest else None
    path_length = 1 + sum(not old >> h & 1 for h in range(lowest + 1, top)) if rest else 1
    if len(peaks) != len(heights) or len(tail) != path_length + right or bag(peaks) != old_root:
        return False
    path = tail[:path_length]
    if rest:
        node, path = blake3(peaks[-1], path[0]), path[1:]
        left = peaks[len(common):-1]
        for h in range(lowest + 1, top):
            if old >> h & 1:
                node = blake3(left.pop(), node)
            else:
                node, path = blake3(node, path[0]), path[1:]
    else:
        node = path[0]
    return bag(peaks[:len(common)] + [node] + tail[path_length:]) == new_root


# ---- headers and blocks

_HEADER = struct.Struct("<HQ32sQQ32s32s32s32s32s32s32sB")
_FIELDS = ("version", "height", "previous", "time_ms", "epoch", "proposer", "command_root", "receipt_root", "write_set_root", "roster_hash",
           "validators_hash", "mmr_root", "macro")


def decode_header(data):
    if len(data) not in (_HEADER.size, _HEADER.size + 40):
        raise FormatError(f"a header has 283 or 323 bytes, not {len(data)}")
    header = dict(zip(_FIELDS, _HEADER.unpack_from(data)))
    if header["version"] != 1 or header["macro"] > 1 or len(data) != _HEADER.size + 40 * header["macro"]:
        raise FormatError("version 1, and 40 bytes more exactly in a macro block")
    if header["macro"]:
        header["state_height"], header["state_root"] = struct.unpack_from("<Q32s", data, _HEADER.size)
    return header


def encode_header(header):
    data = _HEADER.pack(*(header[name] for name in _FIELDS))
    return data + (struct.pack("<Q32s", header["state_height"], header["state_root"]) if header["macro"] else b"")


def header_hash(data):
    return blake3(data)


def validators_hash(validators):
    """`validators`: (key, power) in the order of the set."""
    return blake3(*(key + struct.pack("<Q", power) for key, power in validators))


def genesis_hash(document):
    return blake3(b"tb/genesis/v1", canonical(document))


def roster_hash(kernel_sm, plugins):
    return blake3(b"tb/roster/v1", canonical({"kernel": kernel_sm, "plugins": sorted(plugins, key=lambda p: p["id"])}))


def vote_bytes(chain, height, hash_of_header, domain=b"tb/vote/v1"):
    name = chain.encode()
    return domain + bytes([len(name)]) + name + struct.pack("<Q", height) + hash_of_header


def quorum(power):
    return 2 * power // 3 + 1


def certificate_holds(data, chain, height, hash_of_header, validators):
    """Whether more than two thirds of the power signed the header."""
    count = struct.unpack_from("<H", data)[0]
    if len(data) != 2 + 66 * count:
        return False
    signed, last, message = 0, -1, vote_bytes(chain, height, hash_of_header)
    for i in range(count):
        index, signature = struct.unpack_from("<H64s", data, 2 + 66 * i)
        if index <= last or index >= len(validators) or not signature_holds(validators[index][0], message, signature):
            return False
        signed, last = signed + validators[index][1], index
    return signed >= quorum(sum(power for _, power in validators))


def command_root(envelopes):
    return tree(envelopes)


def receipt_root(commitment, records):
    """`commitment`: 32 bytes over the block's receipts; `records`: canonical texts in order."""
    return tree([commitment] + [r if isinstance(r, bytes) else r.encode() for r in records])


def _blob(data):
    return struct.pack("<I", len(data)) + data


def namespace_root(entries):
    """`entries`: (key, value) in key order."""
    return tree([_blob(key) + value for key, value in entries])


def namespace_leaf(name, entries):
    return bytes([len(name)]) + name.encode() + struct.pack("<Q", len(entries)) + namespace_root(entries)


def state_root(namespaces):
    """`namespaces`: {name: {key: value}}; empty ones do not count."""
    return tree([namespace_leaf(name, sorted(rows.items())) for name, rows in sorted(namespaces.items()) if rows])


# ---- snapshot files

def crc32c(data):
    crc = _M32
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ _M32


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if self.at + count > len(self.data):
            raise FormatError(f"the file ends at byte {len(self.data)}, in the middle of something")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]


def read_snapshot(data):
    """A full snapshot file: (head, {namespace: {key: value}}, header bytes, certificate bytes). Checks all that the file says of itself."""
    reader = _Reader(data)
    if reader.take(8) != b"TBSNAP01":
        raise FormatError("not a snapshot file")
    text = reader.take(reader.number("I"))
    head = json.loads(text)
    if canonical(head) != text:
        raise FormatError("the head is not canonical JSON")
    rows, hashes = {n["id"]: {} for n in head["namespaces"]}, []
    for number in range(head["pages"]):
        begin = reader.at
        length, crc = reader.number("I"), reader.number("I")
        page = reader.take(length)
        if crc32c(page) != crc:
            raise FormatError(f"page {number} has another checksum")
        hashes.append(blake3(data[begin:reader.at]))
        entries = _Reader(page)
        while entries.at < length:
            op, place = entries.number("B"), entries.number("H")
            key, value = entries.take(entries.number("I")), entries.take(entries.number("I"))
            if op != 1:
                raise FormatError("a deleted row in a file that has no base")
            rows[head["namespaces"][place]["id"]][key] = value
    if reader.take(32 * len(hashes)) != b"".join(hashes):
        raise FormatError("the footer has another hash of a page")
    header = reader.take(reader.number("I"))
    count = struct.unpack("<H", reader.data[reader.at:reader.at + 2])[0]
    certificate = reader.take(2 + 66 * count)
    end = reader.at
    if reader.take(32) != blake3(data[:end]) or reader.at != len(data):
        raise FormatError("the file's own hash is another")
    return head, rows, header, certificate
