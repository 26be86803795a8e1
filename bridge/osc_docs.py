"""Write the OSC reference from the tables: ``python -m bridge.osc_docs`` rewrites ``docs/osc.md``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bridge.config import DEFAULT_PORT
from bridge.osc_arguments import NUMBER_TAGS, TAG_NAMES, Argument
from bridge.osc_clients import MAX_SUBSCRIBERS
from bridge.osc_errors import ERROR_CODES
from bridge.osc_replies import NOTICE_CODES, PLAYER_STATES, REPLIES
from bridge.osc_schema import COMMANDS, CommandRow
from bridge.osc_wire import MAX_ARGUMENTS, MAX_DATAGRAM_BYTES, MAX_ELEMENTS, MAX_NESTING
from bridge.time_tags import HORIZON_S, MAX_WAITING
from midi.drums import VOICES

PAGE: Final = Path(__file__).parent.parent / "docs" / "osc.md"

_HEAD: Final = f"""\
# OSC reference

<!-- Written from the tables in bridge/ by `python -m bridge.osc_docs`. Change the tables, not this page. -->

Sideman speaks OSC 1.0 over UDP, on 127.0.0.1:{DEFAULT_PORT} unless `sideman serve --osc HOST:PORT` says otherwise.
Port `0` picks a free one. When it is ready, the daemon prints `osc udp://HOST:PORT` on a line of its own.

A reply goes to the address and port that the message came from. A client that listens at another port, or wants to
hear of every request, sends [`/sideman/subscribe`](#into-the-daemon): then every broadcast goes there, and so does
each answer to itself.

```sh
oscsend osc.udp://127.0.0.1:{DEFAULT_PORT} /sideman/tempo f 112
oscsend osc.udp://127.0.0.1:{DEFAULT_PORT} /sideman/chords s "Am7 | Dm7 G7 | Cmaj7 | % |"
oscsend osc.udp://127.0.0.1:{DEFAULT_PORT} /sideman/generate s verse-1
```

```python
from pythonosc.udp_client import SimpleUDPClient

daemon = SimpleUDPClient("127.0.0.1", {DEFAULT_PORT})
daemon.send_message("/sideman/tempo", 112.0)
daemon.send_message("/sideman/chords", "Am7 | Dm7 G7 | Cmaj7 | % |")
daemon.send_message("/sideman/generate", "verse-1")
for answer in daemon.get_messages(timeout=5):  # until nothing has come for five seconds
    print(answer.address, *answer.params)
```

A beat is a quarter note, whatever the meter, and the song begins at beat 0. Bars are counted from 1.
"""

_RULES: Final = f"""\
## Numbers

A number may be sent as any of {", ".join(f"`{tag}`" for tag in sorted(NUMBER_TAGS))}: a fader that sends `4.0` sets
four bars.
Where a whole number is wanted, one with a fraction is refused, and `T` and `F` are 1 and 0. Text is never read as a
number. Numbers that are not finite are refused everywhere. A 32-bit float is read as the shortest decimal that has
the same bits: 97.3 is 97.3, and not 97.30000305.

A button may send a number to an address that goes without arguments, `/sideman/generate` and `/sideman/cancel` among
them: it acts when the number is not 0 (or true), and does nothing when it is 0 (or false), as controllers send it when
the button is let go. `/sideman/play` takes a number as the beat to play from.

Type tags that are understood: {", ".join(f"`{tag}` {name}" for tag, name in TAG_NAMES.items())}.

## Bundles

A bundle counts as a whole: if one element cannot be read or is out of range, nothing of it takes effect, and the error
names the element. What only the session can judge (whether a pattern fills bars of the meter, whether an engine can
run) is answered element by element.

A time tag in the future holds the messages back until then, and never blocks others. The tag for "immediately", 0
and any time in the past take effect at once. A bundle inside a bundle is due at the later of both times. Bundles may be
sent at most {HORIZON_S / 60:.0f} minutes ahead, and {MAX_WAITING} messages may wait at once.

## Limits

| what | at most |
| --- | --- |
| bytes in a datagram | {MAX_DATAGRAM_BYTES} |
| nested bundles | {MAX_NESTING} deep |
| messages and bundles in a datagram | {MAX_ELEMENTS} |
| arguments of a message | {MAX_ARGUMENTS} |
| subscribers | {MAX_SUBSCRIBERS}; then the one that subscribed longest ago makes room, and is told |
"""


def reference() -> str:
    """The page."""
    parts = [_HEAD, *_commands(), *_replies(), _RULES, *_voices(), *_notices(), *_errors(), *_player_states()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def example_line(row: CommandRow) -> str:
    """The row's example as arguments of liblo's ``oscsend``."""
    form = row.form_of(len(row.example)) or ()
    tags = "".join(argument.tag for argument in form)
    values = [_shell_word(value) for value in row.example]
    return " ".join([row.address, *([tags, *values] if tags else [])])


def _shell_word(value: float | int | str) -> str:
    return shlex.quote(value) if isinstance(value, str) else f"{value:g}"


def _commands() -> Iterator[str]:
    yield "## Into the daemon"
    yield "A message that cannot be used is answered with `/sideman/error` and changes nothing."
    yield _table(
        ("address", "arguments", "meaning"),
        ((f"`{row.address}`", _forms(row.forms), row.meaning) for row in COMMANDS.values()),
    )
    yield "### Arguments"
    yield _table(
        ("address", "argument", "type", "meaning", "unit", "range"),
        (_argument(row.address, argument) for row in COMMANDS.values() for argument in _distinct(row.forms)),
    )
    yield "### Examples"
    lines = "\n".join(example_line(row) for row in COMMANDS.values())
    yield f"As `oscsend osc.udp://127.0.0.1:{DEFAULT_PORT}` takes them:\n\n```text\n{lines}\n```"


def _replies() -> Iterator[str]:
    yield "## Out of the daemon"
    yield _table(
        ("address", "arguments", "meaning"),
        ((f"`{row.address}`", _forms(row.forms), row.meaning) for row in REPLIES.values()),
    )
    yield _table(
        ("address", "argument", "type", "meaning", "unit"),
        (_argument(row.address, argument)[:-1] for row in REPLIES.values() for argument in row.arguments),
    )


def _voices() -> Iterator[str]:
    yield "## Drum voices"
    yield "Case, spaces and hyphens in names do not matter. The first note of a voice is the one that is played."
    yield _table(
        ("voice", "other names", "General MIDI notes"),
        (
            (f"`{voice.name}`", " ".join(f"`{alias}`" for alias in voice.aliases), ", ".join(map(str, voice.notes)))
            for voice in VOICES
        ),
    )


def _errors() -> Iterator[str]:
    yield "## Error codes"
    yield "The second argument of `/sideman/error`. The third says in words what happened, and what to do."
    yield _table(("code", "meaning"), ((f"`{code}`", sentence) for code, sentence in ERROR_CODES.items()))


def _notices() -> Iterator[str]:
    yield "## Notice codes"
    yield "The second argument of `/sideman/notice`. The third says in words what was substituted or assumed."
    yield _table(("code", "meaning"), ((f"`{code}`", sentence) for code, sentence in NOTICE_CODES.items()))


def _player_states() -> Iterator[str]:
    yield "## States of the player"
    yield "The first argument of `/sideman/player`. The last says it in words."
    yield _table(("state", "meaning"), ((f"`{state}`", sentence) for state, sentence in PLAYER_STATES.items()))


def _forms(forms: Sequence[Sequence[Argument]]) -> str:
    """Every form as type tags and names: ``none, or `f` beat``."""
    return ", or ".join(_form(form) for form in forms)


def _form(form: Sequence[Argument]) -> str:
    tags = "".join(argument.tag for argument in form)
    return f"`{tags}` {', '.join(argument.name for argument in form)}" if form else "none"


def _distinct(forms: Iterable[Sequence[Argument]]) -> tuple[Argument, ...]:
    """The arguments of all forms, each once."""
    return tuple(dict.fromkeys(argument for form in forms for argument in form))


def _argument(address: str, argument: Argument) -> tuple[str, ...]:
    return (f"`{address}`", argument.name, f"`{argument.tag}`", argument.meaning, argument.unit, argument.range)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def main() -> None:
    """Rewrite the page."""
    PAGE.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
