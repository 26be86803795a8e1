import { useState } from "preact/hooks";
import { type ChordCell, cellsOf, cellsToWrite, withBar } from "./chart";
import { barNow, edit, say, session } from "./store";

/** More bars than the clip's are shown where the chart is longer, up to this many. */
const MOST_BARS = 64;

/** Every change goes as it is where a bar is not shared equally, so that bars that were not touched keep theirs to the tick. */
function send(all: ChordCell[], index: number, text: string): void {
  const cells = cellsToWrite(all, index);
  const changes = withBar(cells, index, text);
  const even = cells.every((cell, place) => place === index || cell.even);
  const bars = cells.map((cell, place) => (place === index ? text.trim() : cell.text) || "%");
  const places: [string, string, number][] = changes.map(({ chord, beat }) => ["/sideman/chord", chord, beat]);
  edit(
    even && bars[0] !== "%" ? [["/sideman/chords", bars.join(" | ")]] : [["/sideman/chords/clear"], ...places],
    { chords: null, chord_changes: changes, chart_bars: { ...lengths(), chords: cells.length } },
  );
}

function lengths() {
  return session.value?.chart_bars ?? { chords: null, drums: null, melody: null };
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
        title={cell.repeats ? "The chart begins again; written here, it is written out" : cell.even ? "" : "Its chords do not share the bar equally; written anew, they do"}
        class={`${cell.even ? "" : "uneven"}${cell.repeats ? " repeats" : ""}`}
        onFocus={(event) => {
          setDraft({ text: cell.text, was: cell.text });
          event.currentTarget.select();
        }}
        onInput={(event) => setDraft({ text: event.currentTarget.value, was: draft?.was ?? cell.text })}
        onBlur={finish}
        onKeyDown={(event) => {
          if (event.key === "Escape") setDraft(null);
          if (event.key !== "Enter") return;
          const next = document.getElementById(`chord-${cell.bar.number + (event.shiftKey ? -1 : 1)}`);
          if (next) next.focus();
          else event.currentTarget.blur();
        }}
      />
    </label>
  );
}

export function ChordLane() {
  const now = session.value;
  if (!now) return null;
  const cells = cellsOf(now, now.bars);
  const shown = cells.slice(0, MOST_BARS);
  const here = barNow.value;
  return (
    <div class="lane" role="group" aria-label="Chords">
      <h2>
        Chords <button class="quiet" aria-label="Clear the chords" onClick={() => say("/sideman/chords/clear")}>clear</button>
        {cells.length > shown.length && <span>{shown.length} of {cells.length} bars</span>}
      </h2>
      <div class="bars">{shown.map((cell, index) => <Cell key={cell.bar.number} cells={cells} index={index} here={cell.bar.number === here} />)}</div>
    </div>
  );
}
