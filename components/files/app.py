"""Reads the text files of a granted folder."""

import json
import os
import stat
import sys

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.files import (
    Entry,
    FilesError_Denied,
    FilesError_Failed,
    FilesError_InvalidPath,
    FilesError_NotFound,
    FilesError_NotText,
    FilesError_TooLarge,
)
from wit_world.imports import store
from wit_world.imports.documents import Document

import patterns
import shares
import texts

DEEPEST = 64


class Settings:
    """The node's configuration, read once an instance."""

    def __init__(self):
        self.folder = store.get("folder") or "/docs"
        self.max_files = _number("max-files", 20_000)
        self.max_file_bytes = _number("max-file-bytes", 1 << 20)
        self.max_bytes = _number("max-bytes", 32 << 20)


def _number(key, default):
    text = store.get(key)
    return default if text is None else int(json.loads(text))


class Files(exports.Files):
    settings = None

    def list(self, pattern):
        return [Entry(path, size) for path, size in self._found(pattern)]

    def read(self, path):
        settings = self._settings()
        try:
            names = patterns.parts(path)
        except patterns.InvalidPath as error:
            raise Err(FilesError_InvalidPath(str(error))) from None
        name = "/".join(names)
        try:
            document = _document(settings.folder, name, min(settings.max_file_bytes, settings.max_bytes))
        except (FileNotFoundError, NotADirectoryError):
            raise Err(FilesError_NotFound(name)) from None
        except IsADirectoryError:
            raise Err(FilesError_NotFound(f"{name} is a folder")) from None
        except OSError as error:
            raise Err(_refusal(error, name)) from None
        if document is None:
            raise Err(FilesError_NotText(name))
        return document

    def read_all(self, pattern):
        settings, found = self._settings(), self._found(pattern)
        sizes = [min(size, settings.max_file_bytes) for _, size in found]
        share = shares.longest_beginning(sizes, settings.max_bytes)
        most = settings.max_file_bytes if share is None else share
        documents, left_out = [], []
        for path, _ in found:
            try:
                document = _document(settings.folder, path, most)
            except OSError as error:
                left_out.append(f"{path}: {error.strerror or 'cannot be read'}")
                continue
            if document is None:
                left_out.append(f"{path}: not text")
            else:
                documents.append(document)
        _report(left_out)
        return documents

    def _settings(self):
        if self.settings is None:
            Files.settings = Settings()
        return self.settings

    def _found(self, pattern):
        settings = self._settings()
        try:
            compiled = patterns.Pattern(pattern)
        except patterns.InvalidPath as error:
            raise Err(FilesError_InvalidPath(str(error))) from None
        found = []
        try:
            for entry in _walk(settings.folder, "", compiled, compiled.start(), DEEPEST):
                found.append(entry)
                if len(found) > settings.max_files:
                    raise Err(FilesError_TooLarge(f"more than {settings.max_files} files fit `{pattern}`"))
        except (FileNotFoundError, NotADirectoryError):
            raise Err(FilesError_Denied(f"no folder is granted at {settings.folder}")) from None
        except OSError as error:
            raise Err(_refusal(error, settings.folder)) from None
        found.sort()
        return found


def _walk(root, prefix, pattern, places, deepest):
    """Path and size of the regular files below a folder that fit a pattern; unreadable folders are passed over."""
    with os.scandir(f"{root}/{prefix}" if prefix else root) as entries:
        for entry in entries:
            after = pattern.step(places, entry.name)
            if not after:
                continue
            path = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.is_dir(follow_symlinks=False):
                if deepest:
                    try:
                        yield from _walk(root, path, pattern, after, deepest - 1)
                    except OSError:
                        continue
            elif pattern.ends(after) and (size := _size(entry)) is not None:
                yield path, size


def _size(entry):
    """The size of a regular file; None for what is not one, such as a link out of the granted folder."""
    try:
        status = entry.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _document(root, path, most):
    """The file as a document, at most `most` bytes of it; None when it is not text."""
    descriptor = os.open(f"{root}/{path}", os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(path)
        data = _read(descriptor, most)
    finally:
        os.close(descriptor)
    cut = status.st_size > len(data)
    text = texts.decode(data, cut)
    if text is None:
        return None
    return Document(path, texts.title(text, path), text, [("truncated", str(status.st_size))] if cut else [])


def _read(descriptor, most):
    parts = []
    while most > 0 and (part := os.read(descriptor, min(most, 1 << 16))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def _refusal(error, path):
    if isinstance(error, PermissionError):
        return FilesError_Denied(f"{path}: not within the granted folder, or not readable")
    return FilesError_Failed(f"{path}: {error.strerror or error}")


def _report(left_out):
    """What was left out goes to the log: a caller gets the documents that there are."""
    for line in left_out[:20]:
        sys.stderr.write(f"left out {line}\n")
    if len(left_out) > 20:
        sys.stderr.write(f"left out {len(left_out) - 20} files more\n")
