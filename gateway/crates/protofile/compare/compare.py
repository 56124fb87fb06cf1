"""Compares the compiler with protoc: which files they take, and the descriptors that they make, field by field.

    compare.py sets --ours PROGRAM [--protoc PROGRAM] -I FOLDER... NAME...
    compare.py cases --ours PROGRAM
    compare.py mutants --ours PROGRAM --count N --seed N

`sets` compiles all files in one go (`--each`: one by one). `mutants` changes a token of small files at random, and compares
what is accepted. Without --protoc, the protoc of grpcio-tools runs.
"""

import argparse
import difflib
import os
import random
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format


def protoc(program, arguments):
    """Runs a protoc: whether it accepts, and what it says."""
    if program:
        done = subprocess.run([program] + arguments, capture_output=True, text=True, errors="replace")
        return done.returncode == 0, done.stderr
    import grpc_tools.protoc

    # The files that protoc brings.
    arguments = arguments + ["-I", os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")]
    # In a process of its own: some files abort it.
    with tempfile.TemporaryFile() as log:
        child = os.fork()
        if child == 0:
            os.dup2(log.fileno(), 2)
            os._exit(grpc_tools.protoc.main(["protoc"] + arguments))
        _, status = os.waitpid(child, 0)
        log.seek(0)
        return status == 0, log.read().decode(errors="replace")


def ours(program, arguments):
    import grpc_tools

    arguments = arguments + ["-I", os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")]
    done = subprocess.run([program] + arguments, capture_output=True, text=True, errors="replace")
    if done.returncode not in (0, 1):
        return None, done.stderr
    return done.returncode == 0, done.stderr


def read(path):
    with open(path, "rb") as file:
        return descriptor_pb2.FileDescriptorSet.FromString(file.read())


def with_options_known(reference, sets):
    """The sets again, with the custom options that the reference declares decoded."""
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in reference.file:
            pool.AddSerializedFile(file.SerializeToString())
    except TypeError:
        # Python is stricter than protoc about JSON names.
        return sets
    try:
        descriptor = pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet")
    except KeyError:
        return sets
    for file in reference.file:
        for extension in pool.FindFileByName(file.name).extensions_by_name.values():
            message_factory.GetMessageClass(extension.containing_type)
    known = message_factory.GetMessageClass(descriptor)
    return [known.FromString(each.SerializeToString()) for each in sets]


def locations(file):
    return {
        (tuple(x.path), tuple(x.span), x.leading_comments, x.trailing_comments, tuple(x.leading_detached_comments))
        for x in file.source_code_info.location
    }


class Tally:
    def __init__(self):
        self.accepted = self.refused = self.files = self.differ = self.places = 0
        self.seen = set()

    def report(self, what):
        print(
            f"{what}: {self.accepted} runs accepted by both, {self.refused} refused by both, {self.files} files compared, "
            f"{self.differ} differences, {self.places} files whose source info differs"
        )


def compare(arguments, names, tally):
    includes = [part for folder in arguments.I for part in ("-I", folder)]
    with tempfile.TemporaryDirectory() as folder:
        theirs_set, our_set = os.path.join(folder, "theirs"), os.path.join(folder, "ours")
        theirs, said = protoc(
            arguments.protoc,
            includes + ["--include_imports", "--include_source_info", f"--descriptor_set_out={theirs_set}"] + names,
        )
        mine, answer = ours(arguments.ours, includes + ["-o", our_set] + names)
        if theirs != mine:
            tally.differ += 1
            print(f"ACCEPTANCE {names[:3]}\n  protoc {theirs}: {said[:400]}\n  ours {mine}: {answer[:400]}")
            return
        if not theirs:
            tally.refused += 1
            return
        tally.accepted += 1
        reference, made = read(theirs_set), read(our_set)
    if {x.name for x in reference.file} != {x.name for x in made.file}:
        tally.differ += 1
        print(f"FILES {sorted({x.name for x in reference.file} ^ {x.name for x in made.file})[:5]}")
    left, right = with_options_known(reference, [reference, made])
    others = {file.name: file for file in right.file}
    for file in left.file:
        other = others.get(file.name)
        if other is None or file.name in tally.seen or file.name in arguments.ignore:
            continue
        tally.seen.add(file.name)
        tally.files += 1
        if locations(file) != locations(other):
            tally.places += 1
            if arguments.verbose:
                for sign, one, two in (("protoc", file, other), ("ours", other, file)):
                    for place in sorted(locations(one) - locations(two))[:3]:
                        print(f"  {file.name} only {sign}: {place}")
        file.ClearField("source_code_info")
        other.ClearField("source_code_info")
        if file != other:
            texts = [text_format.MessageToString(each).splitlines() for each in (file, other)]
            lines = list(difflib.unified_diff(*texts, "protoc", "ours", lineterm="", n=2))
            if lines:
                tally.differ += 1
                print(f"DESCRIPTOR {file.name}")
                print("\n".join(lines[:30]))


def sets(arguments):
    tally = Tally()
    for names in [[name] for name in arguments.names] if arguments.each else [arguments.names]:
        compare(arguments, names, tally)
    tally.report(arguments.title)
    return tally.differ <= arguments.allowed


TOKEN = re.compile(r'"[^"\n]*"|[A-Za-z_][A-Za-z0-9_]*|[0-9][A-Za-z0-9.]*|\s+|//[^\n]*|.', re.S)
WORDS = (
    "message enum optional repeated required int32 string bytes oneof map extensions reserved max import public default json_name "
    "packed group extend service stream true false inf nan A a M N E x y id RED features deprecated Base Small"
).split()
NUMBERS = "0 1 2 3 7 100 150 19000 536870911 536870912 2147483647 2147483648 0x10 017 1.5 1e3".split()
SIGNS = list("-.,;{}[]()<>=")


def kind(token):
    if not token:
        return "sign"
    return "word" if token[0].isalpha() or token[0] == "_" else "number" if token[0].isdigit() else "string" if token[0] == '"' else "sign"


def mutate(text, chance):
    """Mostly one token for another of its kind: what the syntax refuses at once tells little."""
    tokens = TOKEN.findall(text)
    # Strings with bytes that are not UTF-8 stay where they are: protoc takes them for text, too.
    fixed = lambda token: token.isspace() or token.startswith("//") or token.startswith('"') and "\\" in token
    places = [at for at, token in enumerate(tokens) if not fixed(token)]
    for _ in range(chance.choice((1, 1, 1, 2))):
        at = chance.choice(places)
        alike = [tokens[place] for place in places if kind(tokens[place]) == kind(tokens[at])]
        spare = {"word": WORDS, "number": NUMBERS, "string": ['"x"', '"a b"', '""', '"foo"'], "sign": SIGNS}[kind(tokens[at])]
        what = chance.randrange(10)
        if what == 0:
            tokens[at] = ""
        elif what == 1:
            tokens[at] = tokens[at] + " " + tokens[at]
        elif what < 6 and kind(tokens[at]) != "sign":
            tokens[at] = chance.choice(alike)
        else:
            tokens[at] = chance.choice(spare)
    return "".join(tokens)


def cases(arguments):
    """One small file in each line of cases.txt."""
    tally = Tally()
    lines = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.txt"), encoding="utf-8").read().splitlines()
    with tempfile.TemporaryDirectory() as folder:
        arguments.I = [folder]
        for number, line in enumerate(lines):
            name = f"case{number}.proto"
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(line + "\n")
            before = tally.differ
            compare(arguments, [name], tally)
            if tally.differ > before:
                print(f"  {line}")
    tally.report("cases")
    return tally.differ <= arguments.allowed


def mutants(arguments):
    tally, chance = Tally(), random.Random(arguments.seed)
    seeds = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")
    files = sorted(os.listdir(seeds))
    texts = {name: open(os.path.join(seeds, name), encoding="utf-8").read() for name in files}
    with tempfile.TemporaryDirectory() as folder:
        arguments.I = [folder]
        for name in files:
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(texts[name])
        compare(arguments, files, tally)
        for number in range(arguments.count):
            name = chance.choice(files)
            text = mutate(texts[name], chance)
            target = f"mutant{number}.proto"
            with open(os.path.join(folder, target), "w", encoding="utf-8") as file:
                file.write(text)
            before = tally.differ
            compare(arguments, [target], tally)
            if tally.differ > before:
                diff = difflib.unified_diff(texts[name].splitlines(), text.splitlines(), name, "mutant", lineterm="", n=0)
                print("\n".join(diff))
            os.remove(os.path.join(folder, target))
    tally.report(f"mutants of seed {arguments.seed}")
    return tally.differ <= arguments.allowed


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    for name, run in (("sets", sets), ("cases", cases), ("mutants", mutants)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--ours", required=True)
        command.add_argument("--protoc")
        command.add_argument("--ignore", action="append", default=[], metavar="NAME")
        command.add_argument("--verbose", action="store_true")
        command.add_argument("--allowed", type=int, default=0, help="differences that are known")
        if name == "sets":
            command.add_argument("-I", action="append", required=True)
            command.add_argument("--each", action="store_true")
            command.add_argument("--title", default="files")
            command.add_argument("names", nargs="+")
        elif name == "mutants":
            command.add_argument("--count", type=int, default=500)
            command.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sys.exit(0 if arguments.run(arguments) else 1)


main()
