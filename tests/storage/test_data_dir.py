"""The folder of one machine: for its owner alone, for one server at a time, with one key for ever."""

import stat
from pathlib import Path

import pytest

from quart_chat.storage.data_dir import DataDir, write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def opened(path: Path) -> DataDir:
    data_dir = DataDir(path)
    data_dir.open(patience=0)
    return data_dir


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    opened(tmp_path / "new" / "data").close()
    assert mode(tmp_path / "new" / "data") == 0o700


def test_a_folder_that_others_could_look_into_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    opened(tmp_path).close()
    assert mode(tmp_path) == 0o700


def test_the_key_is_made_once_and_is_nobody_else_s_to_read(tmp_path: Path) -> None:
    data_dir = opened(tmp_path)
    key = data_dir.secret_key()
    assert len(key) == 64
    assert mode(data_dir.key_file) == 0o600
    data_dir.close()
    data_dir = opened(tmp_path)
    assert data_dir.secret_key() == key
    data_dir.close()
    assert opened_elsewhere(tmp_path) != key


def opened_elsewhere(tmp_path: Path) -> str:
    data_dir = opened(tmp_path / "elsewhere")
    key = data_dir.secret_key()
    data_dir.close()
    return key


def test_a_key_that_is_no_key_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("short")
    data_dir = opened(tmp_path)
    with pytest.raises(OSError, match="holds no key"):
        data_dir.secret_key()
    data_dir.close()


def test_two_servers_cannot_use_one_folder(tmp_path: Path) -> None:
    first = opened(tmp_path)
    with pytest.raises(OSError, match="another server uses it"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_a_file_that_was_half_written_by_a_killed_process_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.with_name("file.new").write_text("half of it")
    write_atomically(path, b"all of it")
    assert path.read_text() == "all of it"
    assert mode(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_snapshot_is_taken_once_and_half_of_one_never(tmp_path: Path) -> None:
    data_dir = opened(tmp_path)
    write_atomically(data_dir.snapshot_file, b"all talks")
    data_dir.snapshot_file.with_name("restart.json.new").write_text("half of them")
    assert data_dir.take_snapshot() == b"all talks"
    assert data_dir.take_snapshot() is None
    assert [each.name for each in tmp_path.iterdir()] == []
    data_dir.close()
