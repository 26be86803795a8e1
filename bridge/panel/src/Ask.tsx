import { useState } from "preact/hooks";
import { perform } from "./commands";
import { busy, jobs, say, session, vocabulary } from "./store";

function Number_(props: { label: string; value: number; low: number; high: number; address: string }) {
  const [draft, setDraft] = useState<string | null>(null);
  const send = (text: string): void => {
    const number = Math.round(Number(text));
    if (text.trim() && number !== props.value) say(props.address, number);
    setDraft(null); // what the daemon does not take does not stay in the field
  };
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        type="number" min={props.low} max={props.high} value={draft ?? props.value} aria-label={props.label}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onChange={(event) => send(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Escape" && setDraft(null)}
      />
    </label>
  );
}

/** What is asked for, the button that asks, and how far it is. */
export function Ask() {
  const now = session.value;
  const [draft, setDraft] = useState<string | null>(null);
  if (!now) return null;
  const send = (): void => {
    if (draft !== null && draft !== now.prompt) say("/sideman/prompt", draft);
    setDraft(null);
  };
  const engines = vocabulary.value.engines.length ? vocabulary.value.engines : [now.engine];
  return (
    <div class="ask" role="group" aria-label="Ask">
      <input
        id="prompt" class="prompt" aria-label="Prompt" placeholder="What should it be? e.g. bossa nova, nylon guitar"
        value={draft ?? now.prompt}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onBlur={send}
        onKeyDown={(event) => {
          if (event.key === "Escape") setDraft(null);
          if (event.key !== "Enter") return;
          send();
          perform("generate");
        }}
      />
      <div class="row">
        <label class="field">
          <span>Engine</span>
          <select aria-label="Engine" value={now.engine} onChange={(event) => say("/sideman/engine", event.currentTarget.value)}>
            {engines.map((engine) => <option key={engine}>{engine}</option>)}
          </select>
        </label>
        <Number_ label="Bars" value={now.bars} low={1} high={512} address="/sideman/bars" />
        <Number_ label="Takes" value={now.takes} low={1} high={16} address="/sideman/takes" />
        <Number_ label="Seed" value={now.seed} low={-1} high={2147483647} address="/sideman/seed" />
        <span class="grow" />
        {busy.value && <button onClick={() => perform("cancel")}>Cancel</button>}
        <button class="main" onClick={() => perform("generate")}>Generate</button>
      </div>
      <div class="jobs" aria-live="polite">
        {[...jobs.value].map(([id, share]) => (
          <label key={id}><span>{id}</span><progress max={1} value={share} aria-label={`Request ${id}`} /><b>{Math.round(share * 100)} %</b></label>
        ))}
      </div>
    </div>
  );
}
