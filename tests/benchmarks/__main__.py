"""The command line of the benchmark; `make bench` calls it.

python -m benchmarks                    measure everything: record, figure and docs/speed.md
python -m benchmarks --quick            smaller work and fewer pairs, below build/benchmarks
python -m benchmarks --only NAME ...    some rows or curves, below build/benchmarks too
python -m benchmarks page               figure and docs/speed.md anew, from the released records
"""

import argparse
import os
import sys
from pathlib import Path

from atbench.runtime.errors import UserError


def main() -> None:
    """Measure, or write what follows from the records."""
    options = arguments()
    try:
        if options.verb == "measure":
            from benchmarks import measure

            measure.main(options.name, options.column, options.quick, options.file)
        elif options.verb == "page":
            from benchmarks import page

            print(*page.write(), sep="\n")
        else:
            whole(options)
    except UserError as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def whole(options: argparse.Namespace) -> None:
    """Run the suite. What is quick, in parts or has failures is no result: it stays below build/.

    Raises UserError at the end where a row failed.
    """
    from benchmarks import machine, page, record, run

    made = run.run(options.only, options.quick, options.lanes)
    failed = run.failures(made)
    released = not (options.quick or options.only or failed)
    folder = page.RELEASED if released else page.BUILT
    path = record.write(folder / f"{machine.name_of(made['machine'])}{'-quick' if options.quick else ''}.json", made)
    print(page.table(record.read(path)), path, sep="\n")
    if failed:
        raise UserError(f"{', '.join(failed)} failed: {path} says why")
    if released:
        print(*page.write(), sep="\n")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.set_defaults(verb="run")
    parser.add_argument("--quick", action="store_true", help="smaller work, fewer pairs: two minutes on two idle cores")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these rows and curves")
    lanes = min(2, os.cpu_count() or 1)
    parser.add_argument("--lanes", type=int, default=lanes, help="rows side by side, a core each (%(default)s)")
    verbs = parser.add_subparsers()
    verbs.add_parser("page", help="figure and docs/speed.md from the released records").set_defaults(verb="page")
    one = verbs.add_parser("measure", help="one row in one column, into a file")
    one.set_defaults(verb="measure")
    one.add_argument("name")
    one.add_argument("column")
    one.add_argument("file", type=Path)
    one.add_argument("--quick", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
