"""Images: the tar's form, what is in each of them, and that it runs."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import IO, Any

import pytest

from sandbox import images, tools, versions
from sandbox.errors import SandboxError
from sandbox.images import archive, on_demand, recipes
from sandbox.images.content import File, Folder, Link, Text, command, libraries, loaded
from sandbox.tools.catalogue import catalogue, earlier
from tests.sandbox.supply.needs import needs_commands, needs_go, needs_root

BOOTSTRAP = """{"bootstrap_extensions": [
    {{- if .metadata_discovery }}
    {"name": "metadata_discovery", "type_url": "type.googleapis.com/istio.workload.BootstrapExtension"},
    {{- end }}
    {"name": "internal"}],
    "stats": ["one" {{- if .metadata_discovery }} , "workload_discovery" {{- end }}]}
"""


def an_image(tmp_path: Path, *, reverse: bool = False) -> archive.Image:
    """Build a small image's description; with `reverse` its entries are listed the other way round."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF program")
    entries = (
        File(path="/usr/bin/program", source=program),
        Link(path="/usr/bin/alias", target="program"),
        Text(path="/etc/passwd", text="root:x:0:0\n"),
        Folder(path="/data", mode=0o1777),
    )
    return archive.Image(
        name="small",
        references=("localhost/small:1", "localhost/small:2"),
        entrypoint=("/usr/bin/program", "run"),
        user="65532:65532",
        entries=entries[::-1] if reverse else entries,
    )


def write(image: archive.Image, folder: Path) -> Path:
    """Write an image below `folder`; return the tar."""
    folder.mkdir()
    archive.write(image, "amd64", folder, "image.tar")
    return folder / "image.tar"


def read(tar_path: Path) -> tuple[dict, dict, tarfile.TarFile]:
    """Return an image's manifest, its configuration and its layer."""
    tar = tarfile.open(tar_path)  # noqa: SIM115 - the layer is read from it by the caller
    (manifest,) = json.load(member(tar, "manifest.json"))
    config = json.load(member(tar, manifest["Config"]))
    (layer,) = manifest["Layers"]
    return manifest, config, tarfile.open(fileobj=member(tar, layer))


def member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Return a file of an archive, opened."""
    file = tar.extractfile(name)
    assert file, f"{name} must be a file"
    return file


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the order of entries nor the time nor the owner of a file shows."""
    first = write(an_image(tmp_path), tmp_path / "a")
    (tmp_path / "program").touch()
    second = write(an_image(tmp_path, reverse=True), tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == ["image.tar"], "the layer must not stay behind"


def test_the_manifest_leads_to_a_layer_with_its_digest(tmp_path: Path) -> None:
    """References, entry point, user and platform are there; the layer has the digest that is claimed."""
    path = write(an_image(tmp_path), tmp_path / "a")
    manifest, config, _ = read(path)
    assert manifest["RepoTags"] == ["localhost/small:1", "localhost/small:2"]
    assert config["config"]["Entrypoint"] == ["/usr/bin/program", "run"]
    assert config["config"]["User"] == "65532:65532"
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    with tarfile.open(path) as tar:
        layer = member(tar, manifest["Layers"][0]).read()
        raw_config = member(tar, manifest["Config"]).read()
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert manifest["Config"] == f"{hashlib.sha256(raw_config).hexdigest()}.json"


def test_the_layer_has_every_entry_below_its_folders(tmp_path: Path) -> None:
    """Folders come before what is in them; modes and link targets are kept."""
    *_, layer = read(write(an_image(tmp_path), tmp_path / "a"))
    found = {member.name: member for member in layer}
    assert list(found) == ["data", "etc", "usr", "usr/bin", "etc/passwd", "usr/bin/alias", "usr/bin/program"]
    assert found["data"].mode == 0o1777
    assert found["usr/bin"].isdir()
    assert found["usr/bin/program"].mode == 0o755
    assert found["usr/bin/alias"].linkname == "program"


def test_ldd_output_is_read_by_path() -> None:
    """Libraries after an arrow and the loader count; the kernel's own does not."""
    output = (
        "\tlinux-vdso.so.1 (0x00007ffd)\n"
        "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f09c361e000)\n"
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007f09caa16000)\n"
    )
    assert loaded(output) == ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]


def test_a_static_binary_needs_no_libraries(tmp_path: Path) -> None:
    """What ldd refuses to look at is taken as it is."""
    script = tmp_path / "static"
    script.write_bytes(b"no dynamic section")
    assert libraries([script]) == []


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have nothing fetched and built: all that goes into images is a small file, which is returned."""
    tool = tmp_path / "tool"
    tool.write_bytes(b"tool")
    monkeypatch.setattr(recipes, "_tool", lambda _: tool)
    monkeypatch.setattr(recipes.tools, "module_dir", lambda *_: tmp_path)
    template = tmp_path / "tools/packaging/common/envoy_bootstrap.json"
    template.parent.mkdir(parents=True)
    template.write_text(BOOTSTRAP)
    monkeypatch.setattr(recipes, "command", lambda _: tool)
    monkeypatch.setattr(recipes, "with_links", lambda *_: ([], []))
    monkeypatch.setattr(recipes, "_iptables_extensions", list)
    monkeypatch.setattr(recipes, "_name_service", list)
    monkeypatch.setattr(recipes.go, "build_program", lambda _, target: target.write_bytes(b"server"))
    monkeypatch.setenv("ISTIO_MESH_SANDBOX_CACHE", str(tmp_path / "cache"))
    return tool


def test_only_istios_own_images_have_the_user_that_the_sidecar_leaves_alone(small_parts: Path) -> None:
    """Traffic of user 1337 goes past the proxy: a client of that user would not be in the mesh."""
    users = {name: recipes.recipe(name).user.split(":")[0] for name in images.references()}
    assert {name for name, user in users.items() if user == "1337"} == {"pilot", "proxyv2"}
    assert {name for name, user in users.items() if user == "0"} == {"coredns", "install-cni"}
    assert recipes.ztunnel(small_parts).user == "0:0"


def test_images_of_the_earlier_istio_have_its_programs_and_the_tag_that_its_charts_ask_for(
    small_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They take no reference from the images of the present one."""
    programs = {}

    def ensure(names: list[str], **_: Any) -> dict[str, Path]:
        for name in names:
            programs[name] = tmp_path / name
            programs[name].write_text(name)
        return programs

    monkeypatch.setattr(on_demand.tools, "ensure", ensure)
    read_images = [read(tar) for tar in on_demand.earlier_istio()]
    found = {manifest["RepoTags"][0]: layer for manifest, _, layer in read_images}
    assert set(found) == {f"localhost/istio/{name}:{versions.ISTIO_EARLIER}" for name in ("pilot", "proxyv2")}
    assert set(found).isdisjoint(r for names in images.references().values() for r in names)
    for name, program in (("pilot", "pilot-discovery"), ("proxyv2", "pilot-agent")):
        layer = found[f"localhost/istio/{name}:{versions.ISTIO_EARLIER}"]
        content = member(layer, f"usr/local/bin/{program}").read().decode()
        assert content == f"{program}-{versions.ISTIO_EARLIER}"


def test_what_is_had_on_demand_is_no_part_of_every_sandbox() -> None:
    """A setup would take minutes more."""
    assert earlier("pilot-discovery") in catalogue("amd64")
    assert not [name for name in tools.NAMES if name.startswith("prom") or versions.ISTIO_EARLIER in name]
    assert "connections" not in images.references()


@needs_commands
def test_an_image_is_made_once_and_kept_by_its_inputs(cache_folder: Path) -> None:
    """The second time nothing is made or said; a different input makes another entry."""
    said: list[str] = []
    first = images.ensure(["pause"], say=said.append)
    assert len(said) == 1
    assert first[0].is_relative_to(cache_folder / "images" / "pause")
    before = first[0].stat().st_mtime_ns
    assert images.ensure(["pause"], say=said.append) == first
    assert len(said) == 1
    assert first[0].stat().st_mtime_ns == before


@needs_commands
@needs_root
def test_the_client_has_a_curl_a_shell_and_a_sleep_that_run(cache_folder: Path, tmp_path: Path) -> None:
    """Run in a chroot of nothing but the image's files: a library left out would stop them."""
    (tar,) = images.ensure(["client"], say=print)
    root = tmp_path / "root"
    read(tar)[2].extractall(root, filter="tar")
    script = ["chroot", root, "/bin/sh", "-c", "curl --version && echo shell | cat"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("curl ")
    assert done.stdout.endswith("shell\n")
    with subprocess.Popen(["chroot", root, "sleep", "infinity"]) as sleeper:
        with pytest.raises(subprocess.TimeoutExpired):
            sleeper.wait(1)
        sleeper.kill()


@needs_root
def test_the_proxy_has_an_agent_an_envoy_and_iptables_that_run(tmp_path: Path) -> None:
    """Every name by which Istio calls iptables runs in a chroot of the image's files."""
    (tar,) = images.ensure(["proxyv2"], say=print)
    root = tmp_path / "root"
    read(tar)[2].extractall(root, filter="tar")
    commands = ["/usr/local/bin/envoy", *(f"/usr/sbin/{name}" for name in recipes.IPTABLES)]
    for name in commands:
        done = subprocess.run(
            ["chroot", root, name, "--version"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{name}: {done.stderr}"
    agent = subprocess.run(
        ["chroot", root, "/usr/local/bin/pilot-agent", "version"], capture_output=True, check=False
    )
    assert agent.returncode == 0
    bootstrap = root / "var/lib/istio/envoy/envoy_bootstrap_tmpl.json"
    assert "static_resources" in bootstrap.read_text()
    assert list(root.glob("usr/lib/*/xtables/libxt_REDIRECT.so")) or list(
        root.glob("usr/lib/*/xtables/libipt_REDIRECT.so")
    )


def test_the_bootstrap_of_an_upstream_envoy_lacks_the_extension_and_nothing_else() -> None:
    """In the template of this Istio, and in a small one whose other parts can be told."""
    first, _, _, _, *rest = BOOTSTRAP.splitlines()
    assert recipes.for_upstream_envoy(BOOTSTRAP).splitlines() == [first, *rest]
    module = tools.module_dir("istio", "istio.io/istio")
    template = (module / "tools/packaging/common/envoy_bootstrap.json").read_text()
    kept = recipes.for_upstream_envoy(template)
    assert "istio.workload" in template
    assert template.count("{{- end }}") - kept.count("{{- end }}") == 1
    assert "envoy.bootstrap.internal_listener" in kept


@pytest.mark.parametrize(
    "template",
    ["{}", BOOTSTRAP.replace(".metadata_discovery", ".renamed"), BOOTSTRAP.replace("{{- end }}", "")],
)
def test_a_bootstrap_whose_extension_is_elsewhere_is_refused(template: str) -> None:
    """Not put into an image, where Envoy would end without a word of why."""
    with pytest.raises(SandboxError, match=r"istio\.workload\.BootstrapExtension is elsewhere"):
        recipes.for_upstream_envoy(template)


@needs_root
def test_the_cni_agent_has_its_plugin_and_iptables_that_run(tmp_path: Path) -> None:
    """The plugin is where the agent takes it from (`cni/pkg/constants`), and says what it is."""
    (tar,) = images.ensure(["install-cni"], say=print)
    root = tmp_path / "root"
    read(tar)[2].extractall(root, filter="tar")
    version = f"CNI plugin istio-cni {versions.ISTIO}"
    expected = {
        ("/opt/cni/bin/istio-cni",): version,
        ("/usr/local/bin/install-cni", "version", "--short"): versions.ISTIO,
        ("/usr/sbin/nft", "--version"): "nftables",
        **{(f"/usr/sbin/{name}", "--version"): "v" for name in recipes.IPTABLES},
    }
    for argv, words in expected.items():
        done = subprocess.run(["chroot", root, *argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        assert words in done.stdout + done.stderr


def an_archive(path: Path, **files: object) -> Path:
    """Write an archive of JSON files and one blob."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {**files, "blobs/sha256/0a": "blob"}.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def contents(path: Path) -> dict[str, Any]:
    """Return an archive's files."""
    with tarfile.open(path) as tar:
        return {name: json.load(member(tar, name)) for name in tar.getnames()}


DOCKER = [{"Config": "blobs/sha256/0b", "RepoTags": ["registry/old:1"], "Layers": ["blobs/sha256/0a"]}]
OCI = {"schemaVersion": 2, "manifests": [{"digest": "sha256:0c", "annotations": {"kept": "yes"}}]}


@pytest.mark.parametrize("form", ["manifest.json", "./manifest.json"])
def test_an_archive_of_docker_gets_another_name(tmp_path: Path, form: str) -> None:
    """The rest is as it was; a second list of images, with the old name, is left out."""
    source = an_archive(tmp_path / "old", **{form: DOCKER, "index.json": OCI, "oci-layout": {}})
    archive.copy_as(["new:1", "new:2"], source, tmp_path / "new")
    assert contents(tmp_path / "new") == {
        "blobs/sha256/0a": "blob",
        "manifest.json": [{**DOCKER[0], "RepoTags": ["new:1", "new:2"]}],
    }


def test_an_archive_of_the_open_container_initiative_gets_another_name(tmp_path: Path) -> None:
    """By the annotation that containerd reads."""
    source = an_archive(tmp_path / "old", **{"index.json": OCI, "oci-layout": {}})
    archive.copy_as(["new:1", "new:2"], source, tmp_path / "new")
    found = contents(tmp_path / "new")
    assert found["oci-layout"] == {"imageLayoutVersion": "1.0.0"}
    assert found["index.json"]["manifests"] == [
        {"digest": "sha256:0c", "annotations": {"kept": "yes", "io.containerd.image.name": name}}
        for name in ("new:1", "new:2")
    ]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"manifest.json": [*DOCKER, *DOCKER]}, "the archive of one image: it has 2"),
        ({"other.json": {}}, "the archive of an image; it has no manifest.json"),
    ],
)
def test_another_archive_is_refused(tmp_path: Path, files: dict, words: str) -> None:
    """The message says what was expected."""
    with pytest.raises(SandboxError, match=words):
        archive.copy_as(["new:1"], an_archive(tmp_path / "old", **files), tmp_path / "new")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    """One sentence, no traceback of tarfile's."""
    (tmp_path / "old").write_text("words")
    with pytest.raises(SandboxError, match="old: expected the archive of one image"):
        archive.copy_as(["new:1"], tmp_path / "old", tmp_path / "new")


def test_a_missing_command_is_named() -> None:
    """The error says what is needed and where it was looked for."""
    with pytest.raises(Exception, match="`no-such-command` is needed for the sandbox's images"):
        command("no-such-command")


@needs_go
@pytest.mark.parametrize("program", ["helloworld", "connections"])
def test_a_program_of_ours_passes_its_own_tests(program: str) -> None:
    """`go test` in its folder."""
    done = subprocess.run(
        ["go", "test", "-trimpath", "./..."],
        cwd=Path(recipes.__file__).parent / program,
        env={**os.environ, "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
