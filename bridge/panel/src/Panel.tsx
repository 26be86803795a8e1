import { useEffect } from "preact/hooks";
import { Ask } from "./Ask";
import { ChordLane } from "./ChordLane";
import { perform } from "./commands";
import { DrumLane } from "./DrumLane";
import { Help } from "./Help";
import { actionOf } from "./keys";
import { Lines } from "./Lines";
import { connected, session } from "./store";
import { Takes } from "./Takes";
import { Transport } from "./Transport";

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select");
}

function onKey(event: KeyboardEvent): void {
  const target = event.target;
  if (event.key === "Escape" && isWriting(target)) {
    (target as HTMLElement).blur();
    return;
  }
  if (target instanceof HTMLElement && target.matches("button, a[href], summary, [role=gridcell]") && [" ", "Enter"].includes(event.key)) return;
  const action = actionOf(event, isWriting(target));
  if (!action) return;
  event.preventDefault();
  perform(action);
}

export function Panel() {
  useEffect(() => {
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  if (!session.value) {
    return <p class="waiting" role="status">{connected.value === false ? "The daemon is not there. It is looked for again …" : "…"}</p>;
  }
  return (
    <div class={connected.value ? "panel" : "panel lost"}>
      <Transport />
      <main>
        <section class="session" aria-label="Session">
          <ChordLane />
          <DrumLane />
          <Ask />
        </section>
        <Takes />
      </main>
      <Lines />
      <Help />
    </div>
  );
}
