"""Clips into the set: one at a time, a step each tick, each in one undo step.

A clip that was offered is answered once with where it went or why not. The daemon offers again what was not answered;
an offer that is known is answered as before and not placed twice.
"""

from __future__ import annotations

import os
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from . import places
from .clip_fit import fit
from .drafts import Made

if TYPE_CHECKING:
    from typing import Callable, Deque, Generator, Optional, Tuple

    from .lom import Clip, Song

    Key = Tuple[str, int]
    Answer = Tuple[str, str, Tuple[object, ...]]

MOST_WAITING = 64
MOST_KNOWN = 1024
"""Answers that are remembered; the oldest are forgotten first."""


class Offer:
    """What the daemon says of a clip in ``/sideman/place``."""

    TAGS = "isissffffiiis"
    """The last one, the draft that the clip replaces, is left out where there is none."""

    def __init__(self, run: str, *arguments: object) -> None:
        """Raises ``ValueError`` for arguments that are not those of an offer."""
        kinds = {"i": (int,), "f": (int, float), "s": (str,)}
        good = len(arguments) in (len(self.TAGS) - 1, len(self.TAGS)) and all(
            isinstance(argument, kinds[tag]) for tag, argument in zip(self.TAGS, arguments)
        )
        if not good:
            raise ValueError("/sideman/place came with other arguments than this script knows: install it anew")
        number, self.id, take, self.path, self.target, start, beats, seconds, tempo, top, bottom, again = arguments[:12]
        self.replaces = str(arguments[12]) if len(arguments) > 12 else ""
        self.run = run
        self.key: Key = (run, int(str(number)))
        self.take = int(str(take))
        self.start, self.beats = float(str(start)), float(str(beats))
        self.seconds, self.tempo = float(str(seconds)), float(str(tempo))
        self.meter = (int(str(top)), int(str(bottom)))
        self.again = bool(again)

    @property
    def file(self) -> str:
        """The file's path."""
        return str(self.path)

    @property
    def name(self) -> str:
        """The clip's name: that of its file."""
        return os.path.splitext(os.path.basename(self.file))[0]

    @property
    def steady(self) -> bool:
        """Whether one tempo fills the clip: only then do warped beats lie where the audio has them."""
        return abs(self.seconds - self.beats * 60.0 / self.tempo) < 0.005


class Placer:
    """Takes offers, places them, and answers."""

    def __init__(self, song: Song, send: Callable[..., bool], say: Callable[[str], None]) -> None:
        self._song, self._send, self._say = song, send, say
        self._waiting: Deque[Offer] = deque()
        self._known: OrderedDict[Key, Optional[Answer]] = OrderedDict()
        self._steps: Optional[Generator[None, None, None]] = None
        self._made = Made()
        self._run = ""

    def serve(self, run: str) -> None:
        """The run of the daemon that is answered: another one's offers have the same numbers, and are other clips."""
        self._run = run

    @property
    def busy(self) -> bool:
        """Whether a clip is being placed or waits."""
        return self._steps is not None or bool(self._waiting)

    def take(self, offer: Offer) -> None:
        """An offer came: a new one waits its turn, one that was answered is answered again."""
        if offer.key in self._known:
            answer = self._known[offer.key]
            if answer is not None:
                self._send(answer[0], answer[1], *answer[2])
            return
        if len(self._waiting) >= MOST_WAITING:
            return  # it is offered again
        self._known[offer.key] = None
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        self._waiting.append(offer)

    def tick(self) -> None:
        """One step of the clip that is being placed."""
        if self._steps is None:
            if not self._waiting:
                return
            self._steps = self._place(self._waiting.popleft())
        try:
            next(self._steps)
        except StopIteration:
            self._steps = None

    def close(self) -> None:
        """Stop; an undo step that is open ends."""
        self._waiting.clear()
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _place(self, offer: Offer) -> Generator[None, None, None]:
        """Whatever happens, the offer is answered."""
        try:
            found = (yield from places.holding(self._song, offer.file)) if offer.again else None
            where = found + ", where it was already" if found else (yield from self._put(offer))
        except places.NotPlaced as error:
            self._failed(offer, str(error))
        except Exception as error:
            self._failed(offer, "Live does not take it: %s" % (str(error).strip() or type(error).__name__))
        else:
            self._placed(offer, where)

    def _put(self, offer: Offer) -> Generator[None, None, str]:
        """Everything that changes the set, in one undo step; says where the clip is."""
        self._song.begin_undo_step()
        try:
            place = places.Place(offer.target)
            over = self._made.draft_at(offer.replaces) if offer.replaces else None
            put = place.put(self._song, offer.file, offer.start, offer.beats, steady=offer.steady, over=over)
            remark = yield from self._fit(offer, put.clip)
            if offer.replaces:
                return self._made.replace(offer.file, offer.replaces, put) + remark
            return self._made.finish(offer.file, put) + remark
        finally:
            self._song.end_undo_step()

    def _fit(self, offer: Offer, clip: Clip) -> Generator[None, None, str]:
        """Name, warp and loop; what Live does not take is remarked, and the clip stays."""
        try:
            clip.name = offer.name
            return (yield from fit(clip, offer.beats, offer.tempo, offer.steady))
        except Exception as error:
            return " (its warp and loop are as Live set them: %s)" % (str(error).strip() or type(error).__name__)

    def _placed(self, offer: Offer, where: str) -> None:
        self._answer(offer, ("/sideman/place/done", "is", (offer.key[1], where)))
        self._say("%s is in %s" % (offer.name, where))

    def _failed(self, offer: Offer, why: str) -> None:
        why += " Its draft stays where it is." if offer.replaces else ""
        self._answer(offer, ("/sideman/place/failed", "is", (offer.key[1], why)))
        self._say("%s Its file: %s" % (why, offer.file))

    def _answer(self, offer: Offer, answer: Answer) -> None:
        self._known[offer.key] = answer
        if offer.run == self._run:
            self._send(answer[0], answer[1], *answer[2])
