import { useState } from "preact/hooks";
import { type ChordCell, chordCells, withBar } from "./chart";
import { barsOf, counted, type Session } from "./session";
import { edit, position, say, session } from "./store";

/** More bars than the clip's are shown where the chart is longer, up to this many. */
const MOST_BARS = 64;

export function barsShown(now: Session): number {
  const last = Math.max(0, ...now.chord_changes.map(({ beat }) => counted(now, beat).bar));
  return Math.min(MOST_BARS, Math.max(now.bars, last));
}

/** Every change goes as it is where a bar is not shared equally, so that bars that were not touched keep theirs to the tick. */
function send(cells: ChordCell[], index: number, text: string): void {
  const changes = withBar(cells, index, text);
  const even = cells.every((cell, place) => place === index || cell.even);
  const bars = cells.map((cell, place) => (place === index ? text.trim() : cell.text) || "%");
  const places: [string, string, number][] = changes.map(({ chord, beat }) => ["/sideman/chord", chord, beat]);
  edit(
    even && bars[0] !== "%" ? [["/sideman/chords", bars.join(" | ")]] : [["/sideman/chords/clear"], ...places],
    { chords: null, chord_changes: changes },
  );
}

function Cell(props: { cells: ChordCell[]; index: number; here: boolean }) {
  const cell = props.cells[props.index] as ChordCell;
  // From the first look into the field its text is the writer's, whatever the daemon tells meanwhile.
  const [draft, setDraft] = useState<{ text: string; was: string } | null>(null);
  const finish = (): void => {
    if (draft && draft.text.trim() !== draft.was) send(props.cells, props.index, draft.text);
    setDraft(null);
  };
  return (
    <label class={props.here ? "bar here" : "bar"}>
      <small>{cell.bar.number}</small>
      <input
        id={`chord-${cell.bar.number}`}
        aria-label={`Chords of bar ${cell.bar.number}`}
        value={draft?.text ?? cell.text}
        placeholder="%"
        spellcheck={false}
        autocomplete="off"
        title={cell.even ? "" : "Its chords do not share the bar equally; written anew, they do"}
        class={cell.even ? "" : "uneven"}
        onFocus={(event) => {
          setDraft({ text: cell.text, was: cell.text });
          event.currentTarget.select();
        }}
        onInput={(event) => setDraft({ text: event.currentTarget.value, was: draft?.was ?? cell.text })}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Escape") setDraft(null);
          if (event.key !== "Enter") return;
          document.getElementById(`chord-${cell.bar.number + (event.shiftKey ? -1 : 1)}`)?.focus();
        }}
      />
    </label>
  );
}

export function ChordLane() {
  const now = session.value;
  if (!now) return null;
  const cells = chordCells(barsOf(now, barsShown(now)), changesOf(now));
  const here = counted(now, position.value).bar;
  return (
    <div class="lane" role="group" aria-label="Chords">
      <h2>Chords <button class="quiet" onClick={() => say("/sideman/chords/clear")}>clear</button></h2>
      <div class="bars">{cells.map((cell, index) => <Cell key={cell.bar.number} cells={cells} index={index} here={cell.bar.number === here} />)}</div>
    </div>
  );
}

/** The changes of the chart; a progression in bar notation begins at bar 1. */
function changesOf(now: Session) {
  if (now.chord_changes.length || !now.chords) return now.chord_changes;
  const texts = now.chords.split("|").map((text) => text.trim());
  return barsOf(now, texts.length).flatMap((bar, index) => {
    const words = (texts[index] ?? "").split(/\s+/).filter(Boolean);
    return words.map((chord, place) => ({ beat: bar.start + (place * bar.beats) / words.length, chord }));
  });
}
