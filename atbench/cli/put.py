"""Putting a listing on standard output: JSON where that is asked for, tables on a terminal, plain text elsewhere."""

import argparse
import sys

from atbench.runtime.listing import Grid, Listing


def put(listing: Listing, options: argparse.Namespace) -> None:
    """Print ``listing``, and nothing else, on standard output."""
    if options.json:
        print(listing.json)
    elif sys.stdout.isatty():
        _on_terminal(listing)
    elif text := str(listing):
        print(text)


def _on_terminal(listing: Listing) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for part in listing.parts:
        if not isinstance(part, Grid):
            console.print(Text(part), soft_wrap=True)
            continue
        table = Table(box=None, pad_edge=False, header_style="bold")
        for place, head in enumerate(part.heads):
            named = place < part.named
            table.add_column(head, justify="left" if named else "right", overflow="fold", no_wrap=not named)
        for row in part.rows:
            table.add_row(*map(Text, row))
        console.print(table)
