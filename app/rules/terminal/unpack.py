"""Decodes an uploaded file: unzips it, detects its encoding and yields its text, in bounded memory. Pure."""

from __future__ import annotations

import codecs
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final

from app.rules.terminal.values import Encoding, Limits, UnreadableFile, UnreadableReason

_CHUNK: Final = 16 * 1024
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ENTRY: Final = b"PK\x01\x02"
_ZIP_ENTRIES_LOOKED_AT: Final = 100
_ZIP_LOCKED: Final = 0x41
_ZIP_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ZIP_FAULTS: Final = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError)
_PATH: Final = re.compile(r"[/\\:\0]|^\.")
_DECLARED: Final = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS: Final = {
    b"utf-8": Encoding.UTF_8,
    b"utf8": Encoding.UTF_8,
    b"shift_jis": Encoding.SHIFT_JIS,
    b"shift-jis": Encoding.SHIFT_JIS,
    b"sjis": Encoding.SHIFT_JIS,
    b"x-sjis": Encoding.SHIFT_JIS,
    b"windows-31j": Encoding.SHIFT_JIS,
    b"ms932": Encoding.SHIFT_JIS,
    b"cp932": Encoding.SHIFT_JIS,
}


def unpack(data: bytes, limits: Limits) -> tuple[bytes, str]:
    """Return the XML of an upload, and its file name if zipped; nothing touches a disk. Raises `UnreadableFile`."""
    if not data:
        raise UnreadableFile(UnreadableReason.EMPTY)
    if len(data) > limits.file:
        raise UnreadableFile(UnreadableReason.TOO_LARGE)
    if not data.startswith(_ZIP):
        return data, ""
    # zipfile keeps every entry in memory, so count signatures first. Packed data may contain one by chance.
    if data.count(_ZIP_ENTRY) > _ZIP_ENTRIES_LOOKED_AT:
        raise UnreadableFile(UnreadableReason.ZIP_ENTRIES)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entry = _only_entry(archive.infolist(), limits)
            with archive.open(entry) as stream:
                xml = stream.read(limits.unpacked + 1)
    except _ZIP_FAULTS as fault:
        raise UnreadableFile(UnreadableReason.ZIP_BROKEN) from fault
    if len(xml) > limits.unpacked:  # the declared size, checked above, may be false
        raise UnreadableFile(UnreadableReason.TOO_LARGE)
    return xml, entry.filename


def _only_entry(entries: list[zipfile.ZipInfo], limits: Limits) -> zipfile.ZipInfo:
    if any(_PATH.search(entry.orig_filename) for entry in entries):
        raise UnreadableFile(UnreadableReason.ZIP_PATH)
    if len(entries) != 1:
        raise UnreadableFile(UnreadableReason.ZIP_ENTRIES, about=str(len(entries)))
    (entry,) = entries
    if not entry.filename.lower().endswith(".xml"):
        raise UnreadableFile(UnreadableReason.ZIP_NAME)
    if entry.flag_bits & _ZIP_LOCKED:
        raise UnreadableFile(UnreadableReason.ZIP_LOCKED)
    if entry.compress_type not in _ZIP_METHODS:
        raise UnreadableFile(UnreadableReason.ZIP_BROKEN, about="method")
    if entry.file_size > limits.unpacked:
        raise UnreadableFile(UnreadableReason.TOO_LARGE)
    return entry


def encoding_of(xml: bytes) -> Encoding:
    """Return the declared encoding; without a declaration UTF-8 if the bytes are valid, else Shift_JIS."""
    has_bom = xml.startswith(codecs.BOM_UTF8)
    start = xml[:512].removeprefix(codecs.BOM_UTF8)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"<\0", b"\0<")):
        raise UnreadableFile(UnreadableReason.ENCODING, 1, "UTF-16")
    if not start.lstrip().startswith(b"<"):
        raise UnreadableFile(UnreadableReason.NOT_XML)
    declared = _DECLARED.match(start)
    if declared is None:
        return Encoding.UTF_8 if has_bom or _is_utf_8(xml) else Encoding.SHIFT_JIS
    found = _ENCODINGS.get(declared[1].lower())
    if found is None or (has_bom and found is not Encoding.UTF_8):
        raise UnreadableFile(UnreadableReason.ENCODING, 1, declared[1].decode())
    return found


def _is_utf_8(xml: bytes) -> bool:
    try:
        for _ in letters(xml, Encoding.UTF_8):
            pass
    except UnreadableFile:
        return False
    return True


def letters(xml: bytes, encoding: Encoding) -> Iterator[str]:
    """Decode in chunks, so that the whole text is never in memory; raise `UnreadableFile` with the line."""
    decoder = codecs.getincrementaldecoder(encoding.codec)("strict")
    for start in range(0, len(xml), _CHUNK):
        undecoded = len(decoder.getstate()[0])
        try:
            yield decoder.decode(xml[start : start + _CHUNK])
        except UnicodeDecodeError as fault:
            raise UnreadableFile(
                UnreadableReason.LETTERS, xml.count(b"\n", 0, start - undecoded + fault.start) + 1
            ) from fault
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as fault:
        raise UnreadableFile(UnreadableReason.CUT_OFF, xml.count(b"\n") + 1) from fault
