"""The tree is what docs/architecture.md says it is."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CRATES = ROOT / "sfu/native/crates"


def dependencies(crate: Path) -> set[str]:
    manifest = tomllib.loads((crate / "Cargo.toml").read_text())
    return {name for name in manifest.get("dependencies", {}) if name.startswith("sfu-")}


def test_crates_depend_towards_the_core_only() -> None:
    allowed = {
        "core": set(),
        "netem": {"sfu-core"},
        "peer": {"sfu-core", "sfu-netem"},  # its simulation joins endpoints, network and worker
        "io": {"sfu-core"},
        "py": {"sfu-core", "sfu-io", "sfu-netem", "sfu-peer"},
    }
    found = {crate.name: dependencies(crate) for crate in CRATES.iterdir() if crate.is_dir()}
    assert found.keys() == allowed.keys()
    for name, names in found.items():
        assert names <= allowed[name], f"crate {name} imports {names - allowed[name]}"


def test_the_core_reads_no_clock_opens_no_socket_and_is_safe() -> None:
    forbidden = re.compile(r"Instant::now|SystemTime::now|UdpSocket|std::thread|pyo3|\bunsafe\b(?!_code)")
    for name in ("core", "netem", "peer"):
        for source in (CRATES / name / "src").rglob("*.rs"):
            for number, line in enumerate(source.read_text().splitlines(), 1):
                code = line.split("//")[0]
                assert not forbidden.search(code), f"{source.relative_to(ROOT)}:{number}: {line.strip()}"


def test_the_clock_is_read_in_one_file_of_io() -> None:
    readers = {
        source.relative_to(CRATES).as_posix()
        for source in CRATES.rglob("src/**/*.rs")
        if re.search(r"(Instant|SystemTime)::now|clock_gettime", source.read_text())
    }
    assert readers <= {"io/src/clock.rs"}


def test_unsafe_stands_in_io_alone_and_says_why() -> None:
    for source in CRATES.rglob("src/**/*.rs"):
        lines = source.read_text().splitlines()
        for number, line in enumerate(lines):
            if not re.search(r"\bunsafe\s*(\{|impl|fn)", line.split("//")[0]):
                continue
            assert "/io/" in source.as_posix(), f"unsafe outside io: {source}:{number + 1}"
            above = "\n".join(lines[max(0, number - 8) : number + 1])
            assert "SAFETY" in above or "# Safety" in above, f"unsafe without a reason: {source}:{number + 1}"


def test_nothing_imports_the_benchmarks_or_the_tests() -> None:
    for package in ("mediaserver", "signaling", "sfu", "recorder", "qos", "workflows"):
        for source in (ROOT / package).rglob("*.py"):
            assert not re.search(r"^\s*(from|import) (bench|tests)\b", source.read_text(), re.M), source


def test_no_request_of_a_page_leaves_the_server() -> None:
    outside = re.compile(
        r"""(src|href|url\(|import|fetch\()\s*[=(]?\s*["']?https?://(?!localhost|127\.0\.0\.1|www\.w3\.org)"""
    )
    for source in (ROOT / "web").rglob("*"):
        if source.suffix not in {".js", ".html", ".css"} or {"node_modules", "dist"} & set(source.parts):
            continue
        assert not outside.search(source.read_text()), source


def test_every_decision_stands_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text()
    for page in (ROOT / "docs/adr").glob("0*.md"):
        assert page.name in index, f"{page.name} is missing in docs/adr/README.md"


def test_every_link_between_documents_leads_somewhere() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
