import { lines } from "./store";

/** What the daemon had to tell, the newest first. */
export function Lines() {
  const newest = lines.value[0];
  if (!newest) return <footer aria-live="polite"><span>? shows the keys</span></footer>;
  return (
    <footer aria-live="polite" class={newest.kind}>
      <details>
        <summary>{newest.text}</summary>
        <ol>{lines.value.slice(1).map((line, index) => <li key={index} class={line.kind}>{line.text}</li>)}</ol>
      </details>
      <button class="quiet" onClick={() => (lines.value = [])}>clear</button>
    </footer>
  );
}
