"""Category: unit. Drafts: which takes have one, what becomes of it in the engine, in receipts and in the DAW."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bridge_engine_client import PREAMBLE, request

from bridge.clips import ClipFolder
from bridge.conditioning import AudioFormat, plan
from bridge.config import EngineConfig
from bridge.drafts import draft_request, drafts_of
from bridge.engine import Done, Job, JobEvent, JobQueue
from bridge.engine_client import EngineClient, TakeAudio
from bridge.jasco_plan import JascoSettings
from bridge.live_takes import LiveTakes
from bridge.neural_config import DRAFT_FIRST, BadSetting, drafts_first, require_setting
from bridge.receipt_schema import receipt_from_json
from bridge.requests import TakeScored
from bridge.session import SessionState
from bridge.takes import Order, Takes
from models.generator import JascoControls, MagnetPrompt
from models.presets import DECODINGS
from plugin_host.virtual import VirtualHost

MODEL = JascoSettings(
    model="m", licence="", segment_s=10.0, frame_rate_hz=50.0, melody=False, all_weight=5.0, text_weight=0.0,
    solver="standard", caption=("{prompt}",),
)  # fmt: skip
STATE = SessionState(engine="jasco", prompt="funk", bars=1, takes=2)


def planned(**change: Any) -> Any:
    model = replace(MODEL, solver=change.pop("solver", "standard"))
    state = replace(STATE, **change)
    return plan(state, request_id="a", seed=5, audio=AudioFormat(), model=model, draft_first=True).request


# Which takes have a draft


@pytest.mark.parametrize(("solver", "has"), [("draft", False), ("standard", True), ("fine", True), ("reference", True)])
def test_a_take_that_is_better_than_a_draft_has_one_from_its_seed(solver: str, has: bool) -> None:
    asked = planned(solver=solver)
    assert bool(asked.drafts) is has
    for take, draft in zip(asked.controls, asked.drafts, strict=False):
        assert isinstance(take, JascoControls)
        assert draft == replace(take, solver="draft")


def test_the_best_of_several_has_no_drafts() -> None:
    assert planned(best=True).drafts == ()
    assert len(planned(best=True, takes=1).drafts) == 1


def test_masks_are_filled_in_fewer_steps_and_never_in_more() -> None:
    few = replace(DECODINGS["standard"], decoding_steps=(4, 10, 10, 3))
    take = MagnetPrompt(description="", duration_s=1.0, decoding=few, seed=1)
    (draft,) = drafts_of([take])
    assert isinstance(draft, MagnetPrompt)
    assert draft == replace(take, decoding=replace(few, decoding_steps=(4, 5, 5, 3)))
    assert drafts_of([draft]) == ()


def test_the_sketch_engine_has_no_drafts() -> None:
    assert drafts_of(request().controls) == ()


def test_drafts_are_a_request_of_their_own() -> None:
    asked = planned()
    drafts = draft_request(asked)
    assert drafts.controls == asked.drafts and drafts.drafts == ()
    assert drafts.id == asked.id


@pytest.mark.parametrize(
    ("config", "session", "on"), [(False, None, False), (True, None, True), (False, "true", True), (True, "off", False)]
)
def test_a_session_may_set_it(config: bool, session: str | None, on: bool) -> None:
    settings = () if session is None else ((DRAFT_FIRST, session),)
    assert drafts_first(EngineConfig(draft_first=config), settings) is on


def test_what_is_no_switch_is_refused() -> None:
    require_setting(DRAFT_FIRST, "on")
    with pytest.raises(BadSetting, match="draft_first"):
        require_setting(DRAFT_FIRST, "perhaps")


# What becomes of them

DRAFTS_FIRST = """
say(type="ready")
while True:
    run = hear()
    if run["type"] == "run":
        name = run["request"]["id"]
        take({**run, "audio": run["drafts"]}, value=0.25, draft=True)
        take(run, value=0.5)
        say(type="finished", id=name)
"""
DRAFTING = PREAMBLE.replace("value=0.5):", "value=0.5, draft=False):").replace("seed=1,", "seed=1, draft=draft,")


def test_a_draft_is_written_placed_and_replaced_where_it_lies(tmp_path: Path) -> None:
    """Same number and seed, a file of its own each, one slot; both receipts tell of it, and one clip is counted."""
    asked = request().model_copy(update={"drafts": request().controls})
    folder, host = ClipFolder(tmp_path), VirtualHost()
    told: list[Any] = []
    outcomes: list[JobEvent] = []

    async def scene() -> None:
        client = EngineClient((sys.executable, "-c", DRAFTING + DRAFTS_FIRST), stall_s=20.0)
        await host.start()
        takes = Takes(
            folder,
            host,
            broadcast=lambda reply, client: told.append(reply),
            sound_source=lambda name: None,
            sounds_sha256=lambda name: None,
            live=LiveTakes(late=lambda name, take, at_s: None, clock=lambda: 0.0),
            note=lambda path: None,
            note_placed=lambda path, where: None,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        )
        ended = asyncio.Event()

        def notify(job: Job[Order], event: JobEvent) -> None:
            outcomes.append(event)
            if isinstance(event, Done):
                ended.set()

        queue: JobQueue[Order] = JobQueue(client, notify, takes.deliver)
        state = SessionState()
        chart = plan(STATE, request_id="p", seed=1, audio=AudioFormat(), model=MODEL).chart
        queue.start()
        try:
            queue.submit(asked, Order(client=None, state=state, chart=chart, notices=()))
            async with asyncio.timeout(60):
                await ended.wait()
        finally:
            await queue.close()
            await client.close()
        assert takes.to_continue("a", 0).path == host.tracks["Sideman"].slots[0].placement.path  # type: ignore[union-attr]

    asyncio.run(scene())
    (slot,) = host.tracks["Sideman"].slots
    assert slot is not None
    draft, final = (receipt_from_json(path.read_bytes()) for path in sorted(tmp_path.glob("*.json"), key=_age))
    assert (draft.draft, draft.replaces) == (True, None)
    assert (final.draft, final.replaces) == (False, draft.file)
    assert draft.file != final.file and (draft.take, draft.seed) == (final.take, final.seed) == (0, 1)
    assert (tmp_path / draft.file).is_file(), "the draft stays where it is"
    assert slot.placement.path == tmp_path / final.file
    assert slot.placement.replaces == tmp_path / draft.file
    assert [event.clips for event in outcomes if isinstance(event, Done)] == [1]


def _age(path: Path) -> tuple[int, str]:
    return len(path.name), path.name


def test_an_engine_makes_the_drafts_before_the_takes() -> None:
    """Through the engine's own process: the first bytes are the draft's, and both have the take's seed."""
    from bridge.engine_client import engine_command

    asked = request().model_copy(update={"drafts": tuple(replace(one, prompt="d") for one in request().controls)})  # type: ignore[type-var]
    found: list[TakeAudio | TakeScored] = []
    shares: list[float] = []

    async def scene() -> None:
        client = EngineClient(engine_command("sketch"), stall_s=60.0)
        try:
            async with asyncio.timeout(120):
                found.extend([take async for take in client.run(asked, shares.append)])
        finally:
            await client.close()

    asyncio.run(scene())
    audio = [one for one in found if isinstance(one, TakeAudio)]
    assert [(one.facts.take, one.facts.draft) for one in audio] == [(0, True), (0, False)]
    assert audio[0].facts.seed == audio[1].facts.seed
    assert shares == sorted(shares)
    np.testing.assert_array_equal(audio[0].samples, audio[1].samples)
