"""Files of other formats as Python's own modules write and read them.

    formats.py write <folder>
    formats.py read <folder>
"""

import csv
import io
import json
import os
import sys
import tarfile
import zipfile

ROWS = [
    ("a", "one"),
    ("b", "two\nlines, with \"quotes\" and, commas"),
    ("c", "three\r\nlines\r\nof them"),
    ("d", "Grüße, 世界; 🙂"),
    ("", "without a name"),
    ("f", " spaces stay "),
]
LONG = "/".join(["a folder with a long name"] * 12) + "/größer.png"
PICTURES = {
    "a.png": bytes(range(256)) * 40,
    "deep/er/b.jpg": b"\xff\xd8" + os.urandom(5000),
    LONG: b"long",
    "empty.webp": b"",
}
PASSED_OVER = {".DS_Store": b"x", "__MACOSX/._a.png": b"x", "deep/.hidden.png": b"x"}


def write(folder):
    at = lambda name: os.path.join(folder, name)
    tables = {
        "plain.csv": dict(delimiter=",", lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL),
        "quoted.csv": dict(delimiter=",", lineterminator="\n", quoting=csv.QUOTE_ALL),
        "semicolons.csv": dict(delimiter=";", lineterminator="\n", quoting=csv.QUOTE_MINIMAL),
    }
    for name, dialect in tables.items():
        # With a byte order mark, as spreadsheets write it.
        with open(at(name), "w", newline="", encoding="utf-8-sig") as file:
            table = csv.writer(file, **dialect)
            table.writerow(["id", "ignored", "the text"])
            for id, text in ROWS:
                table.writerow([id, "x", text])

    def fill(archive, method):
        archive.writestr("deep/", b"")
        for name, content in {**PASSED_OVER, **PICTURES}.items():
            archive.writestr(name, content, compress_type=method)

    for name, method in {"deflated.zip": zipfile.ZIP_DEFLATED, "stored.zip": zipfile.ZIP_STORED}.items():
        with zipfile.ZipFile(at(name), "w") as archive:
            archive.comment = b"a comment that looks like an end: PK\x05\x06" + bytes(30)
            fill(archive, method)

    class Pipe(io.RawIOBase):
        """A file that cannot go back, so that sizes stand behind what they are of."""

        def __init__(self, file):
            self.file = file

        def writable(self):
            return True

        def write(self, data):
            return self.file.write(data)

    with open(at("streamed.zip"), "wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        for name, content in {**PASSED_OVER, **PICTURES}.items():
            archive.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)

    # What is larger than four gigabytes is written like this, and so may be what is not.
    with zipfile.ZipFile(at("large.zip"), "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name, content in PICTURES.items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                file.write(content)

    forms = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
    for form, number in forms.items():
        for suffix, mode in {"tar": "w", "tar.gz": "w:gz"}.items():
            with tarfile.open(at(f"{form}.{suffix}"), mode, format=number) as archive:
                directory = tarfile.TarInfo("deep")
                directory.type = tarfile.DIRTYPE
                archive.addfile(directory)
                link = tarfile.TarInfo("link.png")
                link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(link)
                for name, content in {**PASSED_OVER, **PICTURES}.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))

    told = {"rows": ROWS, "pictures": {name: content.hex() for name, content in PICTURES.items()}}
    with open(at("told.json"), "w") as file:
        json.dump(told, file)


def read(folder):
    import pyarrow.parquet

    at = lambda name: os.path.join(folder, name)
    with open(at("told.json")) as file:
        told = json.load(file)
    for shape in ("embedding", "labels", "json"):
        expected = told[shape]
        table = pyarrow.parquet.read_table(at(f"{shape}.parquet")).to_pylist()
        assert table == expected, (shape, table, expected)
        with open(at(f"{shape}.csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(expected)
        for row, other in zip(rows, expected):
            assert list(row) == list(other), (list(row), list(other))
            for name, value in other.items():
                cell = row[name]
                if value is None:
                    assert cell == "", (name, cell)
                elif isinstance(value, list):
                    assert json.loads(cell) == value, (name, cell)
                elif isinstance(value, float):
                    assert float(cell) == value, (name, cell)
                else:
                    assert cell == str(value), (name, cell)


{"write": write, "read": read}[sys.argv[1]](sys.argv[2])
