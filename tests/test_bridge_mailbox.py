"""Category: unit. The mailbox: messages as text, whole files by rename, and what a folder full of rubbish does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import mailbox as module
from bridge.errors import StartError
from bridge.mailbox import HOST, MAX_REJECTED, MAX_UNREAD, SILENCE_S, Mailbox
from bridge.mailbox_text import HEAD, MailName, read_mail, write_mail
from bridge.osc_clients import Client
from bridge.osc_codec import Message, understand
from bridge.osc_errors import MessageError
from bridge.osc_replies import NoticeReply, PlacedReply, ProgressReply
from bridge.osc_wire import WireMessage
from midi.events import SetTempo

RUN = 123456789


def mail(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (HEAD, *lines)).encode()


# The text


def test_a_file_holds_messages_with_their_tags_and_loses_nothing_of_a_double() -> None:
    first, second = read_mail(mail("/sideman/tempo\td\t97.300000000000011", "/sideman/generate"))
    assert (first.tags, first.values, first.due, first.place) == ("d", (97.300000000000011,), None, "1")
    assert (second.address, second.tags, second.values, second.place) == ("/sideman/generate", "", (), "2")


def test_what_is_read_becomes_the_commands_of_the_table() -> None:
    (message,) = understand(read_mail(mail("/sideman/tempo\tf\t97.25")))
    assert isinstance(message, Message)
    assert message.command == SetTempo(bpm=97.25)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")), st.integers(0, 2**31 - 1))
def test_text_comes_through_whatever_is_in_it(text: str, take: int) -> None:
    (message,) = read_mail(write_mail(PlacedReply(id=text, take=take, where=text)))
    assert (message.tags, message.values) == ("sis", (text, take, text))


@given(st.floats(0, 1))
def test_numbers_come_through_to_the_bit(share: float) -> None:
    (message,) = read_mail(write_mail(ProgressReply(id="a", share=share)))
    assert message.values == ("a", share)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "first line"),
        (b"sideman 2\n/a\n", "first line"),
        (b"sideman 1\n/sideman/tem", "cut short"),
        (b"sideman 1\n\xff\n", "UTF-8"),
        (mail("tempo\tf\t1"), "does not begin with an address"),
        (mail("/a b\tf\t1"), "does not begin with an address"),
        (mail("/" + "a" * 300), "does not begin with an address"),
        (mail("/a\tff\t1"), "1 arguments for the type tags"),
        (mail("/a\tf\tone"), "'one' is no 32-bit float"),
        (mail("/a\ti\t1.5"), "'1.5' is no 32-bit integer"),
        (mail("/a\tb\tx"), "type tag 'b' is not read"),
        (mail("/a\ts\ta\\x"), "no escape"),
        (mail("/a\ts\ta\\"), "no escape"),
        (mail(*["/a"] * 1025), "at most 1024"),
        (b"sideman 1\n" + b"/" * (1 << 20), "at most 1048576"),
        (mail("/a\t" + "T" * 5000 + "\t" * 5000), "at most 4096"),
    ],
)
def test_what_is_no_mail_is_said(data: bytes, says: str) -> None:
    with pytest.raises(MessageError, match=says):
        read_mail(data)


@given(st.binary(max_size=400) | st.text(max_size=200).map(mail))
def test_any_bytes_are_messages_or_one_error(data: bytes) -> None:
    try:
        messages = read_mail(data)
    except MessageError:
        return
    assert all(len(message.tags) == len(message.values) for message in messages)


def test_names_are_the_mailbox_s_own_and_nothing_else() -> None:
    name = MailName(7, 12)
    assert MailName.parse(str(name)) == name
    for other in (
        "7-12.txt",
        "000000007-000000012.part",
        "a.txt",
        "../000000007-000000012.txt",
        "٠٠٠٠٠٠٠٠٧-000000012.txt",
    ):
        assert MailName.parse(other) is None


# The folder


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Box:
    """A mailbox that does not poll by itself, and what it took."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = Clock(), folder
        self.taken: list[tuple[str, int]] = []
        self.mailbox = Mailbox(folder, run="abc", take=self._take, clock=self.clock)

    def _take(self, messages: Sequence[WireMessage], client: Client) -> None:
        assert client.host == HOST
        self.taken += [(message.address, client.port) for message in messages]

    def put(self, number: int, data: bytes, run: int = RUN) -> Path:
        path = self.folder / "to-sideman" / str(MailName(run, number))
        path.write_bytes(data)
        return path

    def told(self, run: int = RUN) -> list[WireMessage]:
        paths = sorted((self.folder / "from-sideman").glob(f"{run:09d}-*.txt"))
        return [message for path in paths for message in read_mail(path.read_bytes())]


def in_box(folder: Path, act: Callable[[Box], None]) -> None:
    async def run() -> None:
        box = Box(folder)
        box.mailbox.start()
        try:
            act(box)
        finally:
            box.mailbox.close()

    asyncio.run(run())


def test_files_are_taken_in_order_and_removed_and_answers_lie_in_order(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        second = box.put(10, mail("/b"))
        first = box.put(9, mail("/a1", "/a2"))
        box.mailbox.poll()
        assert box.taken == [("/a1", RUN), ("/a2", RUN), ("/b", RUN)]
        assert not first.exists() and not second.exists()
        for share in (0.25, 0.5):
            box.mailbox.send(Client(HOST, RUN), ProgressReply(id="a", share=share))
        assert [message.values[1] for message in box.told()] == [0.25, 0.5]

    in_box(tmp_path / "box", act)


def test_rubbish_is_told_kept_aside_and_holds_nothing_up(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        inbox = box.folder / "to-sideman"
        for name in ("notes.txt", "1-1.txt", "000000001-000000001.part", "ünï.txt"):
            (inbox / name).write_bytes(b"mine")
        (inbox / str(MailName(RUN, 1))).mkdir()
        (box.folder / "secret").write_bytes(mail("/secret"))
        (inbox / str(MailName(RUN, 2))).symlink_to(box.folder / "secret")
        box.put(3, b"\xff\xfe\0")
        box.put(4, mail("/sideman/generate"))
        box.mailbox.poll()
        box.mailbox.poll()
        assert box.taken == [("/sideman/generate", RUN)]
        assert [message.address for message in box.told()] == ["/sideman/error"] * 3
        assert {path.name for path in inbox.iterdir()} == {
            "notes.txt", "1-1.txt", "000000001-000000001.part", "ünï.txt"
        }  # fmt: skip
        assert (box.folder / "rejected" / str(MailName(RUN, 3))).read_bytes() == b"\xff\xfe\0"
        # The same name again: what was kept aside before is not overwritten.
        again = box.put(3, b"other")
        box.mailbox.poll()
        assert again.read_bytes() == b"other"

    in_box(tmp_path / "box", act)


def test_what_is_kept_aside_is_bounded(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        for number in range(MAX_REJECTED + 3):
            box.put(number, b"bad")
        box.put(MAX_REJECTED + 9, mail("/good"))
        for _ in range(8):
            box.mailbox.poll()
        assert box.taken == [("/good", RUN)]
        assert len(list((box.folder / "rejected").iterdir())) == MAX_REJECTED
        assert len(list((box.folder / "to-sideman").iterdir())) == 3

    in_box(tmp_path / "box", act)


def test_a_script_that_does_not_read_is_not_written_to_without_end(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        box.put(1, mail("/hello"))
        box.mailbox.poll()
        for _ in range(MAX_UNREAD + 20):
            box.mailbox.send(Client(HOST, RUN), NoticeReply(id="", code="a", message="b"))
        assert len(box.told()) == MAX_UNREAD
        # Silent for long, it is forgotten, and what waited for it is swept out.
        box.clock.now += SILENCE_S + 1
        box.mailbox.poll()
        assert box.told() == []
        box.mailbox.send(Client(HOST, RUN), NoticeReply(id="", code="a", message="b"))
        assert box.told() == []

    in_box(tmp_path / "box", act)


def test_daemon_txt_rises_while_the_daemon_lives_and_is_gone_after(tmp_path: Path) -> None:
    folder = tmp_path / "box"

    def act(box: Box) -> None:
        before = (folder / "daemon.txt").read_text()
        assert before == f"{HEAD}\nabc 1\n"
        box.mailbox.poll()
        assert (folder / "daemon.txt").read_text() == before
        box.clock.now += module.BEAT_S
        box.mailbox.poll()
        assert (folder / "daemon.txt").read_text() == f"{HEAD}\nabc 2\n"

    in_box(folder, act)
    assert not (folder / "daemon.txt").exists()


def test_what_lay_there_before_is_swept_out_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    for name in ("to-sideman", "from-sideman"):
        (folder / name).mkdir(parents=True)
        (folder / name / str(MailName(1, 1))).write_bytes(mail("/old"))
        (folder / name / "mine.txt").write_bytes(b"mine")

    def act(box: Box) -> None:
        box.mailbox.poll()
        assert box.taken == []
        for name in ("to-sideman", "from-sideman"):
            assert [path.name for path in (folder / name).iterdir()] == ["mine.txt"]

    in_box(folder, act)


def test_a_second_daemon_is_told_that_the_mailbox_is_served(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        with pytest.raises(StartError, match="Another daemon serves the mailbox"):
            Mailbox(box.folder, run="other", take=lambda *_: None).start()
        assert (box.folder / "daemon.txt").read_text().split()[2] == "abc"

    in_box(tmp_path / "box", act)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(b"a file")
    with pytest.raises(StartError, match="cannot be used"):
        Mailbox(tmp_path / "box", run="abc", take=lambda *_: None).start()


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = module._read

    def read_or_not(path: Path) -> bytes:
        if path.name == str(MailName(RUN, 1)):
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(module, "_read", read_or_not)

    def act(box: Box) -> None:
        closed = box.put(1, mail("/closed"))
        box.put(2, mail("/open"))
        box.mailbox.poll()
        box.mailbox.poll()
        assert box.taken == [("/open", RUN)]
        assert closed.exists()

    in_box(tmp_path / "box", act)


def test_what_cannot_be_kept_aside_holds_nothing_up(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        (box.folder / "rejected").write_bytes(b"a file where the folder should be")
        bad = box.put(1, b"bad")
        box.put(2, mail("/good"))
        box.mailbox.poll()
        assert box.taken == [("/good", RUN)]
        assert bad.read_bytes() == b"bad"
        box.mailbox.poll()
        assert [message.address for message in box.told()] == ["/sideman/error"]
        # What was passed over is forgotten with its file: the name is a new file's then.
        bad.unlink()
        box.mailbox.poll()
        box.put(1, mail("/again"))
        box.mailbox.poll()
        assert box.taken == [("/good", RUN), ("/again", RUN)]

    in_box(tmp_path / "box", act)


def test_a_poll_leaves_the_event_loop_to_others_after_a_while(tmp_path: Path) -> None:
    def act(box: Box) -> None:
        for number in range(3):
            box.put(number, mail(f"/m{number}"))
        take = box._take

        def slowly(messages: Sequence[WireMessage], client: Client) -> None:
            box.clock.now += module.LONGEST_S * 1.5
            take(messages, client)

        box.mailbox._take = slowly
        for count in range(1, 4):
            box.mailbox.poll()
            assert [address for address, _ in box.taken] == [f"/m{number}" for number in range(count)]

    in_box(tmp_path / "box", act)


def test_nothing_is_written_through_a_link_that_lies_in_the_way(tmp_path: Path) -> None:
    victim = tmp_path / "mine"
    victim.write_bytes(b"mine")

    def act(box: Box) -> None:
        (box.folder / "daemon.part").symlink_to(victim)
        box.clock.now += module.BEAT_S
        box.mailbox.poll()
        assert victim.read_bytes() == b"mine"
        assert (box.folder / "daemon.txt").read_text() == f"{HEAD}\nabc 2\n"

    in_box(tmp_path / "box", act)
