import { useState } from "preact/hooks";
import { drumPages, pagesFilled, signAt, toggled, writtenOut } from "./chart";
import { counted, type Session } from "./session";
import { barNow, edit, say, session, stepNow, vocabulary } from "./store";

/** Rows that are shown before anything was written. */
const USUAL = ["kick", "snare", "closed_hat"];
/** So many bars can be turned to; longer patterns keep what lies beyond. */
const MOST_PAGES = 16;
/** No pattern that the daemon takes has more bars. */
const MOST_WRITTEN = 1024;

function rowsOf(now: Session, added: string[]): string[] {
  const written = [...Object.keys(now.drums), ...now.drum_hits.map(({ voice }) => voice)];
  const rows = new Set(written.length ? [...written, ...added] : [...USUAL, ...added]);
  const order = vocabulary.value.voices;
  return [...rows].sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

/** Steps of a bar in which a hit of the chart lies, which a DAW or a player told. */
function hitSteps(now: Session, voice: string, start: number, beats: number): Set<number> {
  const inside = now.drum_hits.filter((hit) => hit.voice === voice && hit.beat >= start - 0.125 && hit.beat < start + beats - 0.125);
  return new Set(inside.map((hit) => Math.round((hit.beat - start) * 4)));
}

const ARROWS: Record<string, [down: number, right: number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function DrumLane() {
  const [turned, setTurned] = useState(0);
  const [added, setAdded] = useState<string[]>([]);
  const [at, setAt] = useState({ row: 0, step: 0 });
  const now = session.value;
  if (!now) return null;
  const longest = Math.max(0, ...Object.values(now.drums).map((text) => text.length));
  const pages = drumPages(now, Math.min(MOST_WRITTEN, Math.max(MOST_PAGES + 1, longest)));
  const filled = Math.max(1, ...Object.values(now.drums).map((text) => pagesFilled(text, pages)));
  const told = Math.max(0, ...now.drum_hits.map(({ beat }) => counted(now, beat).bar));
  const count = Math.min(MOST_PAGES, Math.max(filled, told));
  const shown = Math.min(turned, count - 1);
  const page = pages[shown];
  if (!page) return null;
  const beat_steps = Math.max(1, 16 / page.bar.meter.denominator);
  const rows = rowsOf(now, added);
  // The light is on the bar that sounds: that of the patterns, which repeat.
  const lit_step = now.transport.playing && (barNow.value - 1) % count === shown ? stepNow.value : -1;
  const change = (voice: string, step: number): void => {
    const pattern = toggled(writtenOut(now.drums[voice] ?? "", pages, Math.max(filled, shown + 1)), page.start + step);
    edit([["/sideman/drums", voice, pattern]], { drums: { ...now.drums, [voice]: pattern } });
  };
  const lengthen = (): void => {
    const longer = Object.entries(now.drums).map(([voice, text]): [string, string] => [voice, writtenOut(text, pages, count + 1)]);
    if (!longer.length) longer.push([rows[0] ?? "kick", writtenOut("", pages, count + 1)]);
    edit(longer.map(([voice, text]) => ["/sideman/drums", voice, text]), { drums: Object.fromEntries(longer) });
    setTurned(count);
  };
  const move = (event: KeyboardEvent, row: number, step: number): void => {
    const [down, right] = ARROWS[event.key] ?? [0, 0];
    const next = document.getElementById(`step-${row + down}-${step + right}`);
    if ((!down && !right) || !next) return;
    event.preventDefault();
    setAt({ row: row + down, step: step + right });
    next.focus();
  };
  const held = { row: Math.min(at.row, rows.length - 1), step: Math.min(at.step, page.steps - 1) };
  return (
    <div class="lane drums" role="group" aria-label="Drums">
      <h2>
        Drums
        <span class="pages">
          {Array.from({ length: count }, (_, index) => (
            <button key={index} class={index === shown ? "quiet on" : "quiet"} aria-pressed={index === shown} onClick={() => setTurned(index)} aria-label={`Bar ${index + 1} of the pattern`}>{index + 1}</button>
          ))}
          {count < MOST_PAGES && <button class="quiet" title="A bar more" aria-label="A bar more" onClick={lengthen}>+</button>}
        </span>
        <select aria-label="Add a drum" value="" onChange={(event) => setAdded([...added, event.currentTarget.value])}>
          <option value="">add …</option>
          {vocabulary.value.voices.filter((voice) => !rows.includes(voice)).map((voice) => <option key={voice}>{voice}</option>)}
        </select>
        <button class="quiet" aria-label="Clear the drums" onClick={() => say("/sideman/drums/clear")}>clear</button>
      </h2>
      <div role="grid" aria-label={`Drums of bar ${shown + 1}`}>
        {rows.map((voice, row) => {
          const hits = hitSteps(now, voice, page.bar.start, page.bar.beats);
          return (
            <div class="row" role="row" key={voice}>
              <span class="name" role="rowheader">{voice.replaceAll("_", " ")}</span>
              {Array.from({ length: page.steps }, (_, step) => {
                const sign = signAt(now.drums[voice] ?? "", pages, shown, step);
                const kind = { x: "hit", X: "accent", o: "ghost" }[sign] ?? (hits.has(step) ? "told" : "");
                const is_held = held.row === row && held.step === step;
                return (
                  <button
                    key={step}
                    id={`step-${row}-${step}`}
                    role="gridcell"
                    tabIndex={is_held ? 0 : -1}
                    class={`step ${kind}${step % beat_steps === 0 ? " beat" : ""}${step === lit_step ? " now" : ""}`}
                    aria-label={`${voice}, step ${step + 1}: ${kind || "rest"}`}
                    onFocus={() => {
                      if (!is_held) setAt({ row, step });
                    }}
                    onClick={() => change(voice, step)}
                    onKeyDown={(event) => move(event, row, step)}
                  />
                );
              })}
            </div>
          );
        })}
      </div>
    </div>
  );
}
