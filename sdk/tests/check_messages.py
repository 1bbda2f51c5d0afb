"""check_messages.py COMPILER INCLUDE_DIR...: what the compiler says first about the usual mistakes of an author must be a sentence of the SDK
that says what to write instead, and the output must stay short enough to be read."""
import pathlib
import subprocess
import sys
import tempfile

MAX_ERRORS = 2  # one for the declaration, one for the handler; what follows from them is not printed

SDK = "#include <tb/sdk.hpp>\n#include <map>\n"
HEAD = "namespace m {\nnamespace {\n"
TAIL = "\n}  // namespace\n}  // namespace m\nTB_PLUGIN(m::describe)\n"
PARAMS = "struct P { std::uint64_t n = 0; };\nBOOST_DESCRIBE_STRUCT(P, (), (n))\n"
RIGHT = "tb::Status go(tb::Ctx& ctx, const P& in, tb::Out& out) { out.put(\"h\", ctx.height() + in.n); return tb::ok(); }\n"
COMMAND = 'void describe(tb::Plugin& p) { p.id("m").version("1.0.0").sm(1).schema(1); p.command("m.go", &go).role("operator"); }'
QUERY = COMMAND.replace("p.command", "p.query")
IS_COMMAND = "a command is handled by a function tb::Status f(tb::Ctx&"
IS_QUERY = "a query is answered by a function tb::Status f(tb::View&"
NOT_DESCRIBED = "this struct is not described"
FORGOTTEN = "a member of this struct is missing in its BOOST_DESCRIBE_STRUCT"


def row(members, names, head=""):
    """A command that stores a row with these members."""
    return (f"{head}struct R {{ {members} }};\nBOOST_DESCRIBE_STRUCT(R, (), ({names}))\n"
            "tb::Status go(tb::Ctx& ctx, tb::Out&) { ctx.store(\"x\", R{}); return tb::ok(); }\n" + COMMAND)


MISTAKES = {
    "a handler without Out": (PARAMS + "tb::Status go(tb::Ctx& ctx, const P&) { ctx.erase(\"x\"); return tb::ok(); }\n" + COMMAND, IS_COMMAND),
    "a command that takes a View": (PARAMS + RIGHT.replace("tb::Ctx&", "tb::View&") + COMMAND, IS_COMMAND),
    "a command that returns void": (PARAMS + "void go(tb::Ctx&, const P& in, tb::Out& out) { out.put(\"n\", in.n); }\n" + COMMAND, IS_COMMAND),
    "params by value": (PARAMS + RIGHT.replace("const P&", "P") + COMMAND, IS_COMMAND),
    "a query that takes a Ctx": (PARAMS + RIGHT + QUERY, IS_QUERY),
    "params that are not described": (PARAMS.split("\n")[0] + "\n" + RIGHT + COMMAND, NOT_DESCRIBED),
    "a forgotten param": (PARAMS.replace("n = 0;", "n = 0; bool late = false;") + RIGHT + COMMAND, FORGOTTEN),
    "a forgotten member of a row": (row("std::uint64_t a = 0; std::string b; std::uint8_t c = 0;", "a, b"), FORGOTTEN),
    "a forgotten member in the middle": (row("std::uint64_t a = 0; std::vector<std::string> b; std::string c;", "a, c"), FORGOTTEN),
    "a forgotten member beside an optional": (row("std::optional<std::string> a; std::uint64_t b = 0;", "a"), FORGOTTEN),
    "a row that is not described": ("struct R { std::uint64_t n = 0; };\ntb::Status go(tb::Ctx& ctx, tb::Out&) "
                                    "{ ctx.store(\"x\", R{}); return tb::ok(); }\n" + COMMAND, NOT_DESCRIBED),
    "a price in floating point": (row("double price = 0;", "price"), "a member is a float or a double"),
    "a param in floating point": (PARAMS.replace("std::uint64_t n", "float n") + RIGHT + COMMAND, "a member is a float or a double"),
    "an enum in a row": (row("State s{};", "s", "enum class State { kFree, kTaken };\n"), "a member is an enum"),
    "a map in a row": (row("std::map<std::string, std::uint64_t> all;", "all"), "a member is a map or a set"),
    "a plain int in a row": (row("int n = 0;", "n"), "a member is an integer of another width"),
    "an undescribed struct in a list": (row("std::vector<Inner> all;", "all", "struct Inner { bool b = false; };\n"), NOT_DESCRIBED),
    "a row that borrows": ("struct R { std::string_view text; };\nBOOST_DESCRIBE_STRUCT(R, (), (text))\n"
                           "tb::Status go(tb::Ctx& ctx, tb::Out& out) { out.put(\"t\", ctx.load<R>(\"x\")->text); return tb::ok(); }\n" + COMMAND,
                           "the loaded row would point into bytes that are gone"),
    "a result in floating point": (PARAMS + RIGHT.replace("ctx.height() + in.n", "1.5 * in.n") + COMMAND, "a member is a float or a double"),
    "a timer that is no member": ('void tick() {}\nvoid describe(tb::Plugin& p) { p.id("m").version("1.0.0").timer("tick", 1000, &tick); }',
                                  "a timer is a member of the face"),
}
RIGHT_ONES = {
    "the right handler": PARAMS + RIGHT + COMMAND,
    "a lambda": COMMAND.replace("&go", "[](tb::Ctx&, tb::Out&) { return tb::ok(); }"),
    "a row of everything": row("std::optional<Inner> a; std::vector<Inner> b; tb::Hash c; tb::Blob d; std::string e; bool f = false; tb::U128 g = 0;",
                               "a, b, c, d, e, f, g",
                               "struct Inner { std::int64_t n = 0; };\nBOOST_DESCRIBE_STRUCT(Inner, (), (n))\n"),
}


class Compiler:
    """Reads the SDK once."""

    def __init__(self, program, includes, folder):
        self.command = [program, "-std=c++20", "-Wall", "-Wextra", *(f"-isystem{d}" for d in includes)]
        self.header, self.source = folder / "sdk.hpp", folder / "plugin.cpp"
        self.header.write_text(SDK)
        subprocess.run([*self.command, "-x", "c++-header", self.header, "-o", f"{self.header}.gch"], check=True)

    def compile(self, text):
        self.source.write_text(HEAD + text + TAIL)
        return subprocess.run([*self.command, "-fsyntax-only", "-include", self.header, self.source], text=True, capture_output=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(check(Compiler(sys.argv[1], sys.argv[2:], pathlib.Path(folder))))


def check(compiler):
    wrong = []
    for name, (text, sentence) in MISTAKES.items():
        result = compiler.compile(text)
        errors = [line for line in result.stderr.splitlines() if " error: " in line]
        if result.returncode == 0:
            wrong.append(f"{name}: it compiles")
        elif sentence not in errors[0]:
            wrong.append(f"{name}: the first error is not '{sentence}':\n  {errors[0]}")
        elif len(errors) > MAX_ERRORS:
            wrong.append(f"{name}: {len(errors)} errors, {MAX_ERRORS} are allowed:\n{result.stderr}")
    for name, text in RIGHT_ONES.items():
        result = compiler.compile(text)
        if result.returncode != 0 or result.stderr:
            wrong.append(f"{name}: refused:\n{result.stderr}")
    print("\n".join(wrong) or f"{len(MISTAKES)} mistakes are explained, {len(RIGHT_ONES)} right ones compile")
    return 1 if wrong else 0


if __name__ == "__main__":
    main()
