"""What the site is made of beside docs/: the README as its front page, and every file that a page links to.

Links in pages are those of the repository, so that they work wherever its files are read; here they are turned into
those of the site. A linked source file becomes a page of its own, a linked table or picture is taken as it is.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
SOURCES = {
    ".py": "python",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".smk": "python",
    ".cff": "yaml",
    "": "text",
}  # and their fences
WIDE = ("docs/other-tools.md", "docs/paper-map.md")  # tables that need the width of the table of contents
LINK = re.compile(r"(?<=\]\()([^)#\s]+)(?=(?:#[^)\s]*)?\))")
IN_NOTEBOOK = re.compile(r'href="([\w/-]+\.md)"')
FENCE = re.compile(r"^(`{3,}).*?^\1 *$", re.M | re.S)


def place(path: str) -> str:
    """Where a file of the repository stands in the site's sources."""
    if path in PAGES:
        return PAGES[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{path}.md" if Path(path).suffix in SOURCES else path


def origin(uri: str) -> str:
    """The file of the repository behind a page of the site; the inverse of `place`."""
    for path, at in PAGES.items():
        if uri == at:
            return path
    if (REPOSITORY / "docs" / uri).exists():
        return f"docs/{uri}"
    return uri if (REPOSITORY / uri).exists() else uri.removesuffix(".md")


def linked(path: str, text: str) -> Iterator[tuple[str, str]]:
    """Links of the page at ``path`` to files of the repository, as written and from its root."""
    for link in LINK.findall(FENCE.sub("", text)):
        target = (REPOSITORY / path).parent.joinpath(link).resolve()
        if "://" not in link and target.is_file() and target.is_relative_to(REPOSITORY):
            yield link, target.relative_to(REPOSITORY).as_posix()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take in the front page and whatever pages link to, and what those link to."""
    waiting = [*PAGES, *(origin(file.src_uri) for file in files.documentation_pages())]
    done: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in done or not (REPOSITORY / path).is_file():
            continue
        done.add(path)
        if files.get_file_from_path(place(path)) is None:
            files.append(taken(path, config))
        if path.endswith(".md"):
            waiting += [target for _, target in linked(path, (REPOSITORY / path).read_text(encoding="utf-8"))]
    return files


def taken(path: str, config: MkDocsConfig) -> File:
    """A file of the repository as one of the site."""
    fence = SOURCES.get(Path(path).suffix)
    if fence is None or path in PAGES:
        return File.generated(config, place(path), abs_src_path=str(REPOSITORY / path))
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    return File.generated(config, place(path), content=f"# {path}\n\n`````{fence}\n{text}`````\n")


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between files of the repository into links between places of the site."""
    path = origin(page.file.src_uri)
    if path == "README.md":
        page.meta["hide"] = ["navigation"]  # the landing page has links of its own
    if not path.endswith(".md"):  # a page of source code
        page.meta["search"] = {"exclude": True}
        return markdown
    if path in WIDE:
        page.meta["hide"] = ["toc"]
    if path.startswith("results/") and "/tables/" in path:
        page.meta |= {"search": {"exclude": True}, "hide": ["navigation", "toc"]}
    here = place(path)
    targets = {link: relpath(place(target), str(Path(here).parent)) for link, target in linked(path, markdown)}
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(lambda link: targets.get(link[1], link[1]), markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(lambda link: targets.get(link[1], link[1]), markdown[end:])])


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of a notebook into those of the site: MkDocs leaves them. One that leads nowhere stops the site."""

    def leads(link: re.Match[str]) -> str:
        target = files.get_file_from_path(link[1])
        if target is None:
            raise PluginError(f"{page.file.src_uri}: a link to {link[1]}, which is no page")
        return f'href="{target.url_relative_to(page.file)}"'

    return IN_NOTEBOOK.sub(leads, html) if page.file.src_uri.endswith(".ipynb") else html
