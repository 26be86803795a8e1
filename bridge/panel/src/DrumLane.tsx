import { useState } from "preact/hooks";
import { signAt, toggled, writtenOut } from "./chart";
import { barsOf, counted, stepsOf, type Session } from "./session";
import { edit, position, say, session, vocabulary } from "./store";

/** Rows that are shown before anything was written. */
const USUAL = ["kick", "snare", "closed_hat"];
const LONGEST_PATTERN = 16;

function longest(now: Session, steps: number): number {
  const bars = Object.values(now.drums).map((text) => Math.ceil(text.replace(/[\s|]/g, "").length / steps));
  return Math.min(LONGEST_PATTERN, Math.max(1, ...bars));
}

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

function moveFocus(event: KeyboardEvent, row: number, step: number): void {
  const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [0, 0];
  if (!down && !right) return;
  event.preventDefault();
  document.getElementById(`step-${row + (down ?? 0)}-${step + (right ?? 0)}`)?.focus();
}

export function DrumLane() {
  const [bar, setBar] = useState(0);
  const [added, setAdded] = useState<string[]>([]);
  const now = session.value;
  if (!now) return null;
  const meter = barsOf(now, 1)[0]?.meter ?? { numerator: 4, denominator: 4 };
  const steps = stepsOf(meter);
  const bars = longest(now, steps);
  const shown = Math.min(bar, bars - 1);
  const place = counted(now, position.value);
  const step_now = Math.floor((((place.beat - 1 + place.share) * 4) / place.meter.denominator) * 4);
  const beat_steps = 16 / meter.denominator;
  const rows = rowsOf(now, added);
  const change = (voice: string, step: number): void => {
    const pattern = toggled(writtenOut(now.drums[voice] ?? "", bars * steps), shown * steps + step, steps);
    edit([["/sideman/drums", voice, pattern]], { drums: { ...now.drums, [voice]: pattern } });
  };
  return (
    <div class="lane drums" role="grid" aria-label="Drums">
      <h2>
        Drums
        <span class="pages">
          {Array.from({ length: bars }, (_, index) => (
            <button key={index} class={index === shown ? "quiet on" : "quiet"} onClick={() => setBar(index)} aria-label={`Bar ${index + 1} of the pattern`}>{index + 1}</button>
          ))}
          {bars < LONGEST_PATTERN && (
            <button class="quiet" title="A bar more" onClick={() => {
              const longer = Object.entries(now.drums).map(([voice, text]): [string, string] => [voice, writtenOut(text, (bars + 1) * steps)]);
              edit(longer.map(([voice, text]) => ["/sideman/drums", voice, text]), { drums: Object.fromEntries(longer) });
              setBar(bars);
            }}>+</button>
          )}
        </span>
        <select aria-label="Add a drum" value="" onChange={(event) => setAdded([...added, event.currentTarget.value])}>
          <option value="">add …</option>
          {vocabulary.value.voices.filter((voice) => !rows.includes(voice)).map((voice) => <option key={voice}>{voice}</option>)}
        </select>
        <button class="quiet" onClick={() => say("/sideman/drums/clear")}>clear</button>
      </h2>
      {rows.map((voice, row) => {
        const told = hitSteps(now, voice, shown * steps / 4, steps / 4);
        return (
          <div class="row" role="row" key={voice}>
            <span class="name">{voice.replaceAll("_", " ")}</span>
            {Array.from({ length: steps }, (_, step) => {
              const sign = signAt(now.drums[voice] ?? "", shown * steps + step);
              const kind = { x: "hit", X: "accent", o: "ghost" }[sign] ?? (told.has(step) ? "told" : "");
              const lit = now.transport.playing && step === step_now ? " now" : "";
              return (
                <button
                  key={step}
                  id={`step-${row}-${step}`}
                  role="gridcell"
                  class={`step ${kind}${step % beat_steps === 0 ? " beat" : ""}${lit}`}
                  aria-label={`${voice}, step ${step + 1}: ${kind || "rest"}`}
                  onClick={() => change(voice, step)}
                  onKeyDown={(event) => moveFocus(event, row, step)}
                />
              );
            })}
          </div>
        );
      })}
    </div>
  );
}
