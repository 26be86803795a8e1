import { useState } from "preact/hooks";
import { type ChordCell, chordCells, withBar } from "./chart";
import { barsOf, counted, type Session } from "./session";
import { position, say, sayAll, session } from "./store";

/** More bars than the clip's are shown where the chart is longer, up to this many. */
const MOST_BARS = 64;

export function barsShown(now: Session): number {
  const last = Math.max(0, ...now.chord_changes.map(({ beat }) => counted(now, beat).bar));
  return Math.min(MOST_BARS, Math.max(now.bars, last));
}

/** Every change goes as it is, so that bars that were not touched keep theirs to the tick. */
function send(cells: ChordCell[], index: number, text: string): void {
  const changes = withBar(cells, index, text);
  if (cells.every((cell, place) => place === index || cell.even)) {
    say("/sideman/chords", cells.map((cell, place) => (place === index ? text.trim() : cell.text) || "%").join(" | "));
    return;
  }
  sayAll([["/sideman/chords/clear"], ...changes.map(({ chord, beat }): [string, string, number] => ["/sideman/chord", chord, beat])]);
}

function Cell(props: { cells: ChordCell[]; index: number; here: boolean }) {
  const cell = props.cells[props.index] as ChordCell;
  const [draft, setDraft] = useState<string | null>(null);
  const finish = (): void => {
    if (draft !== null && draft.trim() !== cell.text) send(props.cells, props.index, draft);
    setDraft(null);
  };
  return (
    <label class={props.here ? "bar here" : "bar"}>
      <small>{cell.bar.number}</small>
      <input
        id={`chord-${cell.bar.number}`}
        aria-label={`Chords of bar ${cell.bar.number}`}
        value={draft ?? cell.text}
        placeholder="%"
        spellcheck={false}
        autocomplete="off"
        title={cell.even ? "" : "Its chords do not share the bar equally; written anew, they do"}
        class={cell.even ? "" : "uneven"}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Escape") setDraft(null);
          if (event.key !== "Enter") return;
          finish();
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
