"""Writes a descriptor set from the `*_pb2.py` files of Python packages, without importing them.

    python_descriptors.py OUTPUT FOLDER...

The set has the files of the first folder, and of the others those that they import. A file without one of its imports is
left out. Generated modules hold their serialized
FileDescriptorProto as a literal, so neither protobuf nor the packages' own dependencies are needed. Prints the imports
that no folder has.
"""

import ast
import pathlib
import sys


def literals(source):
    """The serialized files of a generated module: `AddSerializedFile(b"…")`, `FileDescriptor(serialized_pb=b"…")`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        values = [keyword.value for keyword in node.keywords if keyword.arg == "serialized_pb"]
        if getattr(node.func, "attr", "") == "AddSerializedFile":
            values += node.args
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, bytes):
                yield value.value


def varint(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data, number):
    """The values of a field of a message, of those that have a length."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            _, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            if tag >> 3 == number:
                yield data[at : at + length]
            at += length
        else:
            at += {1: 8, 5: 4}[kind]


# Fields of a FileDescriptorProto.
NAME, IMPORTS = 1, 3


def texts(data, number):
    return [value.decode() for value in fields(data, number)]


def files(folder):
    """The descriptors of a folder by their names; the first of one name counts."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*_pb2.py")):
        for data in literals(path.read_text(encoding="utf-8")):
            found.setdefault(texts(data, NAME)[0], data)
    return found


def encoded(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def main(output, first, *others):
    known = files(first)
    wanted = sorted(known)
    for folder in others:
        for name, data in files(folder).items():
            known.setdefault(name, data)
    written, missing = {}, set()

    def write(name):
        """Whether a file and all of its imports are known; imports come first."""
        if name in written:
            return True
        if name not in known:
            missing.add(name)
            return False
        # A list, so that every missing import is reported.
        if not all([write(imported) for imported in texts(known[name], IMPORTS)]):
            print(f"left out {name}: an import is missing", file=sys.stderr)
            return False
        written[name] = known[name]
        return True

    for name in wanted:
        write(name)
    with open(output, "wb") as out:
        for data in written.values():
            out.write(b"\x0a" + encoded(len(data)) + data)
    for name in sorted(missing):
        print(f"no package has {name}", file=sys.stderr)
    return 0 if written else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
