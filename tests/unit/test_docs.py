"""The documentation: links lead somewhere, what it tells users to type exists, and its words are plain."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from mesh.cli.verify import table
from mesh.config.schema import StackSections
from mesh.diagram.drawing import drawing
from mesh.diagram.picture import picture
from mesh.health.discovery import token_refused
from mesh.health.finding import Reason
from mesh.health.verification import PairResult, VerificationReport
from mesh.live.facts import ClusterFacts, LinkFacts, PairFacts, TokenCheck
from mesh.load import load
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stacks import stack_config
from tests.program.recording import PROJECT

_TO_AVOID = ("anew", "nobody's way", "taken over", "is not right")
_OWN_FOLDERS = "mesh|sandbox|standins|policy|tests|benchmarks|examples|docs"
_SECTIONS = "|".join(field.alias or name for name, field in StackSections.model_fields.items())


def _pages() -> Iterator[Path]:
    for folder, folders, files in os.walk(PROJECT):
        folders[:] = [name for name in folders if not name.startswith(".")]  # .venv, .sandbox
        yield from (Path(folder) / name for name in files if name.endswith(".md"))


PAGES = {str(page.relative_to(PROJECT)): page for page in sorted(_pages())}
each_page = pytest.mark.parametrize("page", PAGES)


def _text(page: str) -> str:
    return PAGES[page].read_text(encoding="utf-8")


def _without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def _anchors(page: Path) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    anchors: list[str] = []
    text = _without_code(page.read_text(encoding="utf-8"))
    for heading in re.findall(r"^#{1,6} (.+)$", text, flags=re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        anchors.append(f"{slug}-{anchors.count(slug)}" if slug in anchors else slug)
    return frozenset(anchors)


def _broken(link: str, base: Path) -> str | None:
    path, _, anchor = link.partition("#")
    target = (base.parent / path).resolve() if path else base
    if not target.exists():
        return f"{link}: no such file"
    if anchor and anchor not in (_anchors(target) if target.suffix == ".md" else ()):
        return f"{link}: no such heading"
    return None


@each_page
def test_every_link_leads_somewhere(page: str) -> None:
    """To a file of the repository, and to a heading in it where the link has an anchor."""
    links = re.findall(r"\]\(([^)\s]+)\)", _without_code(_text(page)))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    broken = [problem for link in local if (problem := _broken(link, PAGES[page]))]
    assert broken == [], f"{page} has links that lead nowhere"


@each_page
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Paths of this repository, such as `mesh/config/schema.py`."""
    named = re.findall(rf"`((?:{_OWN_FOLDERS})/[^`\s<…]*)`", _text(page))
    missing = [path for path in named if not any(PROJECT.glob(path.rstrip("/")))]
    assert missing == [], f"{page} names files that do not exist"


def test_every_page_that_the_code_names_exists() -> None:
    """Messages lead users in trouble to a page."""
    sources = [*PROJECT.glob("mesh/**/*.py"), *PROJECT.glob("benchmarks/**/*.py"), PROJECT / "Makefile"]
    named = {
        link
        for source in sources
        for link in re.findall(r"\bdocs/[\w./-]+\.md(?:#[\w-]+)?", source.read_text(encoding="utf-8"))
    }
    broken = [problem for link in named if (problem := _broken(link, PROJECT / "README.md"))]
    assert broken == [], "the code names pages or headings that do not exist"


@cache
def _help(module: str, command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *command.split(), "--help"],
        cwd=PROJECT,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"python -m {module} {command} --help: {done.stdout}{done.stderr}"
    return done.stdout


@each_page
def test_every_command_and_option_that_a_page_names_exists(page: str) -> None:
    """`python -m mesh` and `python -m sandbox`, by their own help."""
    for module, line in re.findall(r"python -m (mesh|sandbox)\b([^`\n#)]*)", _text(page)):
        words = line.split()
        command = words[0] if words and re.fullmatch(r"[a-z-]+", words[0]) else ""
        missing = {word for word in words if word.startswith("--")} - {*_help(module, command).split()}
        assert missing == set(), f"{page}: python -m {module}{line} has options that do not exist"


@each_page
def test_every_benchmark_that_a_page_names_exists(page: str) -> None:
    """By the list of them; their own help needs packages of their own."""
    for name in re.findall(r"python -m benchmarks ([a-z]+)", _text(page)):
        assert f"  {name} " in _help("benchmarks", ""), f"{page}: there is no benchmark {name}"


@each_page
def test_every_target_of_make_that_a_page_names_exists(page: str) -> None:
    """In a line of code, or between backticks."""
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    fenced = "\n".join(re.findall(r"^ *```.*?^ *```", _text(page), flags=re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^ *make ([^#\n]*)", fenced, re.MULTILINE) + re.findall(
        r"`make ([^`]*)`", _text(page)
    )
    named = {word for line in lines for word in line.split() if re.fullmatch(r"[a-z-]+", word)}
    assert named <= {*targets}, f"{page} names targets that the Makefile does not have"


def _is_setting(annotation: Any, keys: list[str]) -> bool:
    """Whether keys such as `clusters`, `north`, `network` lead to a setting or a section."""
    if not keys:
        return True
    arguments = get_args(annotation)
    if keys[0].endswith("[]"):  # an entry of a list
        return _is_setting(annotation, [keys[0].removesuffix("[]"), *keys[1:]])
    if get_origin(annotation) is dict:
        return arguments[1] is Any or _is_setting(arguments[1], keys[1:])
    for model in (annotation, *arguments):
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            return keys[0] in fields and _is_setting(fields[keys[0]].annotation, keys[1:])
    return False


@each_page
def test_every_setting_that_a_page_names_exists(page: str) -> None:
    """Between backticks, or as the path of `pulumi config set` and `rm`."""
    text = _text(page)
    named = re.findall(rf"`(?:istio-mesh:)?((?:{_SECTIONS})\.[^\s`:/]+)(?:: [^`]*)?`", text)
    paths = re.findall(r"--path '?(?:istio-mesh:)?([^\s'`]+)", text)
    unknown = [key for key in [*named, *paths] if not _is_setting(StackSections, key.split("."))]
    assert unknown == [], f"{page} names settings that do not exist"


def _stack_files(page: str) -> Iterator[dict[str, Any]]:
    """The parts of stack files on a page: blocks of YAML with keys such as `istio-mesh:clusters`."""
    blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```", _text(page), flags=re.DOTALL | re.MULTILINE)
    for indent, block in blocks:
        for document in yaml.safe_load_all(re.sub(rf"^{indent}", "", block, flags=re.MULTILINE)):
            settings = document.get("config", document)
            sections = {key.removeprefix("istio-mesh:"): value for key, value in settings.items()}
            if any(key.startswith("istio-mesh:") for key in settings):
                yield sections


@pytest.mark.parametrize("page", [page for page in PAGES if any(_stack_files(page))])
def test_the_lines_that_a_page_shows_are_a_stack_file(page: str) -> None:
    """A reader copies them: each part by itself has no mistake, in a mesh with the clusters that it names."""
    for sections in _stack_files(page):
        clusters = sections.pop("clusters", {name: {"context": name} for name in ("canary", "eu", "us")})
        servers = {name: f"https://{name}.example.com:6443" for name in clusters}
        text = kubeconfig(servers, current=next(iter(servers)))
        load(
            {"mesh": {"id": "dev"}, **sections, "clusters": clusters}, read=lambda _, text=text: text
        ).valid()


_RELAYS = [page for page in PAGES if page.startswith("docs/relays/") and not page.endswith("README.md")]


@pytest.mark.parametrize("page", _RELAYS)
def test_a_page_about_a_relay_says_that_it_was_not_run(page: str) -> None:
    """With the sources and their date, and in the table of all relays."""
    begin = _text(page).split("\n\n")[1]
    assert "**not run by this project**" in begin
    assert re.search(r"Read on \d{4}-\d\d-\d\d", begin)
    assert begin.count("](https://") >= 2
    assert f"]({Path(page).name})" in _text("docs/relays/README.md")


@pytest.mark.parametrize("page", _RELAYS)
def test_what_goes_wrong_with_a_relay_has_names_that_check_knows(page: str) -> None:
    """A reader looks them up in the troubleshooting."""
    section = _text(page).split("## What goes wrong\n")[1].split("\n## ")[0]
    rows = [row.rstrip(" |").rpartition(" | ")[2] for row in section.splitlines() if row.startswith("| ")]
    named = {name for cell in rows[1:] for name in re.findall(r"`([^`]+)`", cell)}
    assert named, f"{page} names no finding"
    assert named <= {reason.value for reason in Reason}


def test_the_report_on_the_page_is_what_the_command_prints() -> None:
    """A reader compares it with their own."""
    clusters = {name: ClusterFacts(name=name, network=f"net-{name}") for name in ("east", "west")}
    link = LinkFacts(token=TokenCheck(refused=True))
    finding = token_refused(PairFacts(caller=clusters["west"], target=clusters["east"], link=link))
    assert finding is not None
    counts = {("east", "east"): 18, ("east", "west"): 12, ("west", "east"): 0, ("west", "west"): 30}
    pairs = tuple(
        PairResult(
            caller=caller,
            target=target,
            answers=answers,
            calls=30,
            findings=() if answers else (finding,),
        )
        for (caller, target), answers in counts.items()
    )
    printed = table(VerificationReport(stack="dev", seconds=30.4, pairs=pairs))
    assert f"$ python -m mesh verify\n{printed}\n" in _text("docs/verify.md"), printed


def test_the_picture_of_an_example_is_what_the_command_draws() -> None:
    """`python -m mesh diagram --output svg` for it."""
    document = yaml.safe_load((PROJECT / "examples/three-clusters.yaml").read_text(encoding="utf-8"))
    sections = {key.removeprefix("istio-mesh:"): value for key, value in document["config"].items()}
    clusters = sections.pop("clusters")
    sections.pop("pulumi:disable-default-providers")
    drawn = drawing(picture(stack_config(clusters, **sections)))
    assert (PROJECT / "docs/three-clusters.svg").read_text(encoding="utf-8") == f"{drawn}\n"


@pytest.mark.parametrize("name", ["istio-upgrade", "narrowed-exposure", "removed-cluster"])
def test_the_digests_on_the_page_are_those_of_real_previews(name: str) -> None:
    """The end-to-end tests compare the files with what the command prints."""
    golden = PROJECT / "tests" / "e2e" / "golden" / f"{name}.md"
    assert golden.read_text(encoding="utf-8") in _text("docs/preview.md")


@each_page
def test_pages_are_in_plain_words(page: str) -> None:
    """Words that a reader knows from Istio and Pulumi: again, expires, loaded, invalid."""
    text = " ".join(_text(page).split()).lower()
    found = [phrase for phrase in _TO_AVOID if re.search(rf"\b{re.escape(phrase)}\b", text)]
    assert found == [], f"{page} has words to avoid"
