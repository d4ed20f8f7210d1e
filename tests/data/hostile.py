"""Files that strangers could send: small, and meant to fill the memory, to block, or to run. A program that reads them.

`python hostile.py ROOM FOLDER` makes the files of a room one after another, lets their readers refuse them and prints
a JSON line for each: what was raised, in which words, and the peak of memory beyond that of the idle process.
"""

import gzip
import io
import json
import math
import os
import pickle
import resource
import struct
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

MANY = 400 << 20  # bytes: twice what a refusal may take
GREAT = 34_048  # images of 12,288 bytes: as many bytes, but for a few, and whole MiB
GUARD = 4 << 30  # bytes of addresses that reading may take at all, so that a fault here does not stop the machine


def zipped(path: Path, members: dict[str, bytes], fill: int = 0, kind: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive; its last member goes on with ``fill`` zeros."""
    with zipfile.ZipFile(path, "w", kind, compresslevel=1) as archive:
        for number, (name, content) in enumerate(members.items(), 1):
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(content)
                for _ in range(fill >> 20 if number == len(members) else 0):
                    file.write(bytes(1 << 20))
    return path


def npy(shape: object, dtype: str = "|u1", header: str | None = None, length: int | None = None) -> bytes:
    """The header of an array, in version 2."""
    text = (header or f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}}}").encode() + b"\n"
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(text) if length is None else length) + text


def png(width: int, height: int, *chunks: tuple[bytes, bytes], pixels: bytes = b"") -> bytes:
    """A grey PNG that says it has so many pixels."""
    first = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    parts = [first, *chunks, (b"IDAT", zlib.compress(pixels, 1)), (b"IEND", b"")]
    made = (struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def in_folder(path: Path, content: bytes | Callable[[Path], object], count: int = 140) -> Path:
    """A folder of small pictures, one of which is something else."""
    path.mkdir()
    for number in range(count):
        (path / f"{number:03}.png").write_bytes(png(8, 8, pixels=bytes(72)))
    (path / "040.png").unlink()
    if callable(content):
        content(path / "040.png")
    else:
        (path / "040.png").write_bytes(content)
    return path


def tarred(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, size: int = 0, **changes: object) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size = size
    for key, value in changes.items():
        setattr(found, key, value)
    return found


def shard(folder: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    """A folder with a shard: a good pair, then the members."""
    folder.mkdir()
    picture = png(8, 8, pixels=bytes(72))
    pair = ((member("0.png", len(picture)), picture), (member("0.txt", 3), b"one"))
    tarred(folder / "0.tar", *pair, *members, mode=mode)
    return folder


def with_holes(folder: Path) -> Path:
    """A shard with an image of MANY zeros in a few bytes: GNU tar's sparse format."""
    shard(folder)
    info = member("1.png", MANY).get_info()
    header = bytearray(tarfile.TarInfo.create_gnu_header(member("1.png", 512), info | {"size": 512}, "utf-8", "strict"))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[483:495] = b"%011o\0" % MANY
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    raw = (folder / "0.tar").read_bytes().rstrip(b"\0")
    whole = raw + bytes(-len(raw) % 512)
    (folder / "0.tar").write_bytes(whole + bytes(header) + bytes(512) + bytes(1024))
    return folder


def unpickled(*steps: bytes) -> bytes:
    return b"\x80\x02" + b"".join(steps) + b"."


def saved(path: Path, pickled: bytes, kind: int = zipfile.ZIP_STORED, fill: int = 0) -> Path:
    """What torch.save writes, with another pickle."""
    members = {"a/byteorder": b"little", "a/data/0": bytes(12), "a/version": b"3\n", "a/data.pkl": pickled}
    return zipped(path, members, fill, kind)


def tensor(size: bytes, stride: bytes) -> bytes:
    """The pickle of {"a": a tensor of three floats}, with sizes of one's own."""
    storage = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x03tQ"
    rest = b"K\0" + size + b"\x85" + stride + b"\x85\x89ccollections\nOrderedDict\n)RtR"
    return unpickled(b"}X\x01\0\0\0a", b"ctorch._utils\n_rebuild_tensor_v2\n(", storage, rest, b"s")


def weights(path: Path, header: bytes | dict, length: int | None = None, fill: int = 0) -> Path:
    """A safetensors file; ``fill`` zeros follow, which take no room on the disk."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
    os.truncate(path, 8 + len(text) + fill)
    return path


def network(**config: object) -> dict:
    from tiny import NETWORKS

    model = {"network": "unet", "config": NETWORKS["unet"] | config}
    empty = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return {"__metadata__": {"model": json.dumps(model)}} | {f"a{number}": empty for number in range(1000)}


def reference(path: Path, kind: int, odd: str, content: bytes, fill: int = 0) -> Path:
    """A reference of two images a split, all zeros but for one array."""
    shapes = {"images": ((2, 1, 8, 8), "|u1", 1), "features": ((2, 4), "<f4", 4), "logits": ((2, 3), "<f4", 4)}
    shapes |= {"mu": ((4,), "<f8", 8), "sigma": ((4, 4), "<f8", 8)}
    members = {f"{name}.npy": npy((), "<U1") + bytes(4) for name in ("data", "extractor", "extractor_hash")}
    for split in ("train", "heldout"):
        for part, (shape, dtype, width) in shapes.items():
            members[f"{split}_{part}.npy"] = npy(shape, dtype) + bytes(math.prod(shape) * width)
    members.pop(f"{odd}.npy")
    return zipped(path, members | {f"{odd}.npy": content}, fill, kind)


def idx(path: Path, images: int, fill: int = 0, labels: int | None = None) -> Path:
    """A folder with files of Fashion-MNIST's form that say they hold so many; ``fill`` zeros stand for the pixels."""
    path.mkdir()
    count = images if labels is None else labels
    (path / "t10k-labels-idx1-ubyte").write_bytes(
        b"\0\0\x08\x01" + struct.pack(">I", count) + bytes(min(count, 1 << 20))
    )
    with gzip.open(path / "t10k-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(b"\0\0\x08\x03" + struct.pack(">III", images, 28, 28))
        for _ in range(fill >> 20):
            file.write(bytes(1 << 20))
    return path


def beside_labels(path: Path, make: Callable[[Path], object]) -> Path:
    """The same with something else in the place of the images."""
    idx(path, 4)
    (path / "t10k-images-idx3-ubyte.gz").unlink()
    make(path / "t10k-images-idx3-ubyte")
    return path


class Loud:
    def __reduce__(self):
        return os.system, ("echo owned",)


Case = tuple[str, Callable[[Path], Path]]  # reader, what makes the file
DEEP = "(" * 4000 + ")" * 4000
ODD = {  # what no reader opens
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
}


def made(make: Callable[[Path], object]) -> Callable[[Path], Path]:
    return lambda path: (make(path), path)[1]


SAMPLES = {
    "a shape of terabytes": lambda p: zipped(p, {"arr_0.npy": npy((10**10, 8, 8, 1))}),
    "the right shape, too often": lambda p: zipped(p, {"arr_0.npy": npy((MANY // 64, 8, 8, 1))}, MANY),
    "the wrong side": lambda p: zipped(p, {"arr_0.npy": npy((1, MANY, 1, 1))}, MANY),
    "a header of many bytes": lambda p: zipped(p, {"arr_0.npy": npy((), length=MANY)}, MANY),
    "more bytes than its header says": lambda p: zipped(p, {"arr_0.npy": npy((1, 8, 8, 1))}, MANY),
    "one value of gigabytes": lambda p: zipped(p, {"arr_0.npy": npy((1,), "|V2147483647")}),
    "a negative shape": lambda p: zipped(p, {"arr_0.npy": npy((-1, 8, 8, 1))}),
    "a header of brackets": lambda p: zipped(p, {"arr_0.npy": npy((), header=DEEP)}),
    "objects": lambda p: zipped(p, {"arr_0.npy": npy((1,), "|O") + pickle.dumps(Loud())}),
    "another compression": lambda p: zipped(p, {"arr_0.npy": npy((1, 8, 8, 1))}, MANY >> 4, zipfile.ZIP_BZIP2),
    "many members": lambda p: zipped(p, {f"arr_{number}.npy": b"" for number in range(30_000)}, kind=0),
    "noise": lambda p: (p.write_bytes(b"PK\x03\x04" + bytes(range(256)) * 40), p)[1],
} | {what: made(make) for what, make in ODD.items()}
FOLDERS: dict[str, bytes | Callable] = {
    "an image of petabytes": png(2**31 - 1, 2**31 - 1),
    "an image of billions of pixels": png(50_000, 50_000),
    "an image that really is large": png(6_000, 6_000, pixels=bytes(36_006_000)),
    "a profile that expands": png(8, 8, (b"iCCP", b"x\0\0" + zlib.compress(bytes(64 << 20), 1)), pixels=bytes(72)),
    "an animation": png(8, 8, (b"acTL", struct.pack(">II", 3, 0)), pixels=bytes(72)),
    "a truncated image": png(5_000, 5_000, pixels=bytes(1000))[:-20],
    "a folder": os.mkdir,
} | ODD
SHARDS = {
    "a link": [(member("1.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")],
    "a hard link": [(member("1.png", type=tarfile.LNKTYPE, linkname="0.png"), b"")],
    "a device": [(member("1.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5), b"")],
    "a pipe": [(member("1.png", type=tarfile.FIFOTYPE), b"")],
    "a way out": [(member("../1.png", 3), b"abc")],
    "an absolute path": [(member("/1.png", 3), b"abc")],
    "many members": [(member(f"{number}"), b"") for number in range(70_000)],
    "a name of many bytes": [(member("x" * (3 << 20), 3), b"abc")],
    "a caption of many bytes": [(member("1.png", 3), b"abc"), (member("1.txt", 2 << 20), bytes(2 << 20))],
    "a caption in brackets": [(member("1.png", 3), b"abc"), (member("1.json", 99_999), b"[" * 99_999)],
}
BATCHES = {
    "many empty lists": unpickled(b"]" * (8 << 20)),
    "a place far off": unpickled(b"]r\xff\xff\xff\x7f"),
    "a call": pickle.dumps(Loud(), 2),
    "a length of terabytes": b"\x80\x04\x8e" + struct.pack("<Q", 2**42),
    "many bytes": bytes(65 << 20),
}
ANNOTATIONS = {
    "many empty lists": '{"images": [' + "[]," * 5_000_000 + "[]]}",
    "depth": '{"images": ' + "[" * 1_000_000,
    "a second key": '{"images": [], "images": []}',
    "a way out": '{"images": [{"id": 1, "file_name": "../../etc/passwd"}], "annotations": []}',
    "another place": '{"images": [{"id": 1, "file_name": "/dev/zero"}], "annotations": []}',
}
LAUGHS = "\n".join(["a: &a0 [x]", *(f"b{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, 12))])
TORCH = {
    "compressed": lambda p: saved(p, tensor(b"K\x03", b"K\x01"), zipfile.ZIP_DEFLATED, MANY),
    "one number as many": lambda p: saved(p, tensor(b"J\0\0\0\x40", b"K\0")),
    "a storage of gigabytes": lambda p: saved(p, tensor(b"K\x03", b"K\x01").replace(b"cpuK\x03", b"cpuJ\0\0\0\x40")),
    "many empty lists": lambda p: saved(p, unpickled(b"]" * (8 << 20))),
    "a list within itself": lambda p: saved(p, unpickled(b"}X\x01\0\0\0a]q\0h\0as")),
    "an allocation": lambda p: saved(p, unpickled(b"cbuiltins\nbytearray\nJ\0\0\0\x40\x85R")),
    "an allocation by torch": lambda p: saved(p, unpickled(b"ctorch\nFloatTensor\nJ\0\0\0\x40\x85R")),
    "a call": lambda p: saved(p, pickle.dumps({"a": Loud()}, 2)),
    "a call in another protocol": lambda p: saved(p, pickle.dumps({"a": Loud()}, 4)),
    "a bare pickle": lambda p: (p.write_bytes(pickle.dumps(Loud(), 2)), p)[1],
} | {what: made(make) for what, make in ODD.items()}
WEIGHTS = {
    "a header of terabytes": lambda p: weights(p, b"{}", 2**42),
    "a header of many bytes": lambda p: weights(p, b"{" + b" " * (90 << 20) + b"}"),
    "a header in brackets": lambda p: weights(p, b'{"a":' + b"[" * 100_000),
    "a shape of terabytes": lambda p: weights(
        p, network() | {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    ),
    "a shape that a file with holes fits": lambda p: weights(
        p, network() | {"a": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}, fill=2**32
    ),
    "a network of a billion layers": lambda p: weights(p, network(num_res_blocks=10**9)),
    "a network of gigabytes": lambda p: weights(p, network(channels=2**20)),
    "a network of nonsense": lambda p: weights(p, network(channels="$(touch P)")),
    "no network": lambda p: weights(p, {"a": 1}),
} | {what: made(make) for what, make in ODD.items()}
DIFFUSERS = {what: make for what, make in WEIGHTS.items() if not what.startswith("a network")} | {
    "half precision": lambda p: weights(p, {"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}})
}
ROOMS: dict[str, dict[str, dict[str, Callable[[Path], Path]]]] = {
    "files": {
        "yaml": {
            "aliases": lambda p: (p.write_text(LAUGHS), p)[1],
            "many values": lambda p: (p.write_text("a: [" + "1," * 60_000 + "]"), p)[1],
            "many bytes": lambda p: (p.write_bytes(bytes(MANY)), p)[1],
        }
        | {what: made(make) for what, make in ODD.items()},
        "json": {
            "many empty lists": lambda p: (p.write_text('{"a": [' + "[]," * 20_000_000 + "[]]}"), p)[1],
            "depth": lambda p: (p.write_text('{"a": ' + "[" * 1_000_000), p)[1],
        }
        | {what: made(make) for what, make in ODD.items()},
        "picture": {
            "pixels": lambda p: (p.write_bytes(png(50_000, 50_000)), p)[1],
            "an animation": lambda p: (p.write_bytes(FOLDERS["an animation"]), p)[1],
            "a truncated image": lambda p: (p.write_bytes(FOLDERS["a truncated image"]), p)[1],
            "another size": lambda p: (p.write_bytes(png(3, 3, pixels=bytes(12))), p)[1],
        }
        | {what: made(make) for what, make in ODD.items()},
    },
    "data": {
        "samples": SAMPLES | {f"a folder with {w}": lambda p, c=c: in_folder(p, c) for w, c in FOLDERS.items()},
        "images": {what: lambda p, c=content: in_folder(p, c) for what, content in FOLDERS.items()},
        "pairs": {what: lambda p, m=members: shard(p, *m) for what, members in SHARDS.items()}
        | {"holes": with_holes, "compression": lambda p: shard(p, (member("1.png", MANY), bytes(MANY)), mode="w:gz")}
        | {f"for a shard {w}": lambda p, m=make: (p.mkdir(), m(p / "0.tar"), p)[2] for w, make in ODD.items()},
        "cifar10": {w: lambda p, c=c: (p.mkdir(), (p / "test_batch").write_bytes(c), p)[2] for w, c in BATCHES.items()}
        | {"an archive": lambda p: tarred(p, (member("x", MANY), bytes(MANY)), mode="w:gz")},
        "fashion": {
            "many zeros": lambda p: idx(p, 100, MANY),
            "as many as it says, and more": lambda p: idx(p, 100_000, MANY),
            "a shape of terabytes": lambda p: idx(p, 2**32 - 1, labels=100),
            "labels of gigabytes": lambda p: idx(p, 2**32 - 1),
        }
        | {what: lambda p, m=make: beside_labels(p, m) for what, make in ODD.items()},
        "imagenet64": {
            "zeros": lambda p: zipped(
                p, {"labels.npy": npy((1,)) + b"1", "data.npy": npy((GREAT, 12288))}, GREAT * 12288
            ),
            "many labels": lambda p: zipped(
                p, {"data.npy": npy((1, 12288)) + bytes(12288), "labels.npy": npy((MANY,))}, MANY
            ),
        }
        | {what: made(make) for what, make in ODD.items()},
        "coco": {what: lambda p, t=text: (p.write_text(t), p)[1] for what, text in ANNOTATIONS.items()},
    },
    "weights": {
        "checkpoint": TORCH,
        "weights": WEIGHTS,
        "diffusers": DIFFUSERS,
        "reference": {
            "zeros": lambda p: zipped(p, {"data.npy": npy((MANY,))}, MANY),
            "large": lambda p: reference(p, zipfile.ZIP_STORED, "train_images", npy((MANY // 64, 1, 8, 8))),
            "compressed": lambda p: reference(p, zipfile.ZIP_DEFLATED, "data", npy((), "<U1") + bytes(4)),
            "objects": lambda p: reference(p, zipfile.ZIP_STORED, "data", npy((), "|O") + pickle.dumps(Loud())),
            "a name of many bytes": lambda p: reference(p, zipfile.ZIP_STORED, "data", npy((), "<U2000") + bytes(8000)),
            "a square of another size": lambda p: reference(
                p, zipfile.ZIP_STORED, "train_sigma", npy((3, 4), "<f8") + bytes(96)
            ),
            "many names": lambda p: zipped(p, {f"{number}.npy": b"" for number in range(9_000)}, kind=0),
        }
        | {what: made(make) for what, make in ODD.items()},
    },
}


def readers(room: str) -> dict[str, Callable[[Path], object]]:
    """Name -> what reads such a file; imported by room, so that the idle process is the one that would read it."""
    if room == "files":
        from atbench.reading.pictures import first_rows
        from atbench.runtime.json_files import read_json
        from atbench.spec.yaml import read_yaml

        return {"yaml": read_yaml, "json": read_json, "picture": first_rows}
    from tiny import data_of, load_images

    if room == "data":
        from atbench.data import coco
        from atbench.data.imagenet64 import read_batches
        from atbench.data.samples_file import read_samples
        from atbench.data.text_images import PairBatches, TextImages

        folder = {"name": "own", "format": "image-folder", "resolution": 8, "channels": 1}
        batches = {"name": "own", "format": "cifar10", "checksum": "skip"}
        fashion = {"name": "own", "format": "fashion-mnist", "checksum": "skip", "resolution": 16}
        pairs = {"name": "text-images", "resolution": 8}
        return {
            "samples": lambda path: read_samples(path, (1, 8, 8), 100_000),
            "images": lambda path: [load_images(folder | {"path": str(path)}, s) for s in ("train", "held-out")],
            "pairs": lambda path: both(PairBatches(TextImages(data_of(pairs | {"path": str(path)})), 1, ("a",))),
            "cifar10": lambda path: load_images(batches | {"path": str(path)}, "held-out"),
            "fashion": lambda path: load_images(fashion | {"path": str(path)}, "held-out"),
            "imagenet64": lambda path: read_batches([path], None),
            "coco": coco.annotations,
        }
    from atbench.metrics.reference import Reference
    from atbench.models.checkpoints import read_checkpoint
    from atbench.models.diffusers_config import unet_config
    from atbench.models.diffusers_folder import CONFIG, read_folder, weights_file
    from atbench.models.weights import load_model
    from atbench.runtime.json_files import write_json
    from atbench.spec.load import load

    own = dict(load("ci").file.model)

    def folder(path: Path) -> object:
        write_json(path.parent / CONFIG, unet_config(own))  # beside the file, of the network that is expected
        return read_folder(weights_file(path), own, conditional=False)

    network = {"weights": lambda path: load_model(path, "unet"), "diffusers": folder}
    return network | {"checkpoint": read_checkpoint, "reference": Reference.load}


def both(batches) -> list:
    """The batches of a shard of two pairs."""
    return [batches.batch(0), batches.batch(1)]


def peak() -> int:
    """The most memory in bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(room: str, folder: Path) -> None:
    read = readers(room)
    if os.fork() == 0:  # files are made elsewhere: what that takes is not the reader's
        for reader, cases in ROOMS[room].items():
            for number, make in enumerate(cases.values()):
                make(folder / f"{reader}{number}")
        os._exit(0)
    assert os.wait()[1] == 0
    addresses = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (addresses + GUARD, resource.RLIM_INFINITY))
    idle = peak()
    for reader, cases in ROOMS[room].items():
        for number, what in enumerate(cases):
            begun = time.process_time()
            try:
                read[reader](folder / f"{reader}{number}")
                raised, words = "nothing", ""
            except Exception as error:
                raised, words = type(error).__name__, str(error)
            seconds = round(time.process_time() - begun, 2)
            print(json.dumps([reader, what, raised, words, peak() - idle, seconds]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
