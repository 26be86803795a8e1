import { perform } from "./commands";
import { LEVELS, type Named, type Player as Sound } from "./session";
import { say, session, takes } from "./store";

/** A take as its row in the list names it; one that is not listed, by its id. */
function words({ id, take }: Named): string {
  const found = takes.value.find((one) => one.id === id || (one.request_id === id && one.take === take));
  return found ? `take ${found.take + 1}, ${found.prompt || found.request_id}` : id;
}

function doing(player: Sound): string {
  if (!player.on) return "off: takes are heard in this page alone";
  if (!player.device) return "no audio device, looking for it";
  if (player.auditioning) return `${words(player.auditioning)}, alone`;
  if (player.waiting) return `${words(player.waiting)}, from the next line on`;
  return player.playing ? words(player.playing) : "nothing yet";
}

/** The daemon's player: takes in time with the session, on the machine of the daemon. */
export function Player() {
  const player = session.value?.player;
  if (!player) return null;
  return (
    <div class={player.on && !player.device ? "player bad" : "player"} role="group" aria-label="Player">
      <button class={player.on ? "on" : ""} aria-pressed={player.on} onClick={() => perform("player")}>Player</button>
      <span class="what" role="status" title={player.device ?? ""}>{doing(player)}</span>
      {player.on && (
        <>
          <input
            type="range" aria-label="Level" min={LEVELS.low} max={LEVELS.high} step={1} value={player.level_db}
            title={`${player.level_db} dB`} onInput={(event) => say("/sideman/player/level", Number(event.currentTarget.value))}
          />
          <button aria-label="Stop the player" title="Stop what it plays" onClick={() => perform("halt")}>■</button>
          <button class="panic" title="Silence at once" onClick={() => perform("panic")}>Panic</button>
        </>
      )}
    </div>
  );
}
