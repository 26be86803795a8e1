import { useState } from "preact/hooks";
import { perform } from "./commands";
import { meterAt } from "./session";
import { barNow, beatNow, connected, say, session } from "./store";

/** A number or word that can be rewritten in place: Enter sends it, Escape leaves it. */
function Field(props: { label: string; value: string; send: (text: string) => void; width: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const finish = (): void => {
    if (draft !== null && draft.trim() && draft !== props.value) props.send(draft.trim());
    setDraft(null);
  };
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        style={{ width: props.width }}
        value={draft ?? props.value}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") setDraft(null);
        }}
        onBlur={finish}
        aria-label={props.label}
      />
    </label>
  );
}

function sendMeter(text: string): void {
  const [numerator, denominator] = text.split("/").map(Number);
  say("/sideman/meter", numerator ?? 0, denominator ?? 0);
}

/** Bar and beat as they go by: the number counts, and a light for each beat of the bar moves. */
function Position() {
  const now = session.value;
  if (!now) return null;
  const [bar, beat] = [barNow.value, beatNow.value];
  const meter = meterAt(now, bar);
  const lights = Array.from({ length: Math.min(meter.numerator, 16) }, (_, index) => index + 1);
  return (
    <div class="position" role="timer" aria-label={`bar ${bar}, beat ${beat}`}>
      <span class="count">{bar}<small>.{beat}</small></span>
      <span class="lights" aria-hidden="true">
        {lights.map((light) => <i key={light} class={light === beat ? (light === 1 ? "on first" : "on") : ""} />)}
      </span>
    </div>
  );
}

export function Transport() {
  const now = session.value;
  if (!now) return null;
  const { playing, tempo } = now.transport;
  return (
    <header>
      <button class={playing ? "go on" : "go"} onClick={() => perform("play")} aria-label={playing ? "Stop" : "Play"}>
        {playing ? "■" : "▶"}
      </button>
      <Position />
      <Field label="Tempo" width="6ch" value={tempo.toFixed(2).replace(/\.?0+$/, "")} send={(text) => say("/sideman/tempo", Number(text))} />
      <Field label="Meter" width="4ch" value={now.transport.meter} send={sendMeter} />
      <Field label="Key" width="9ch" value={now.key ?? ""} send={(text) => say("/sideman/key", text)} />
      <span class="grow" />
      <span class={connected.value ? "state" : "state bad"} role="status">{connected.value ? "connected" : "no daemon, looking for it"}</span>
      <button class="quiet" onClick={() => perform("help")} aria-label="Keys">?</button>
    </header>
  );
}
