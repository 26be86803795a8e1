import type { Take } from "./api";
import { perform } from "./commands";
import { hear, sounding, soundingAt, stopHearing } from "./hearing";
import { Player } from "./Player";
import { roleOf } from "./session";
import { chosen, daemon, search, searched, session, takes, takesInAll } from "./store";
import { Waveform } from "./Waveform";

/** Chromium hands a dragged file to other programs in this form: its type, its name and where it is. */
function onDragStart(event: DragEvent, take: Take): void {
  const url = daemon.url(`api/clips/${encodeURIComponent(take.id)}/audio`);
  event.dataTransfer?.setData("DownloadURL", `audio/wav:${take.id}.wav:${url}`);
  event.dataTransfer?.setData("text/uri-list", url);
  event.dataTransfer?.setData("text/plain", url);
}

function State({ take }: { take: Take }) {
  const role = session.value ? roleOf(session.value.player, take) : "";
  return (
    <span class="marks">
      {role && <i class="role">{role}</i>}
      {take.total_score !== null && <b class="score" title="How near it comes to its chart">{Math.round(take.total_score * 100)}</b>}
      {take.kept && <i class="kept">kept</i>}
      {take.placed && <i title={take.placed}>placed</i>}
      {take.stale && take.stale.length > 0 && <i class="stale" title={`Changed since: ${take.stale.join(", ")}. A makes it again`}>stale</i>}
      {take.rejected && <i class="rejected">rejected</i>}
    </span>
  );
}

function Row({ take }: { take: Take }) {
  const heard = sounding.value === take.id;
  const marked = chosen.value === take.id;
  const choose = (): void => {
    chosen.value = take.id;
  };
  return (
    <li
      id={`take-${take.id}`} class={`take${marked ? " chosen" : ""}${take.rejected ? " out" : ""}`} aria-selected={marked} role="option"
      draggable onDragStart={(event) => onDragStart(event, take)} onClick={choose}
    >
      <div class="head">
        <button class="hear" aria-label={heard ? `Stop ${take.id}` : `Hear ${take.id}`} onClick={() => (choose(), heard ? stopHearing() : void hear(take))}>{heard ? "■" : "▶"}</button>
        <span class="what"><b>{take.prompt || take.request_id}</b> <small>{take.bars} bars · {Number(take.tempo.toFixed(1))} · {take.key ?? ""} · {take.engine} · take {take.take + 1}</small></span>
        <State take={take} />
      </div>
      <Waveform take={take} at={heard ? soundingAt.value : null} />
      {marked && (
        <div class="acts">
          <button onClick={() => perform("launch")} title="In the daemon's player, from the next bar on">Play</button>
          <button onClick={() => perform("audition")} title="In the daemon's player, alone and once">Alone</button>
          <button onClick={() => perform("keep")}>Keep</button>
          <button onClick={() => perform("reject")}>Reject</button>
          <button onClick={() => perform("again")} title="With the chart as it is now">Again</button>
          <button onClick={() => perform("next")}>Next</button>
          <a class="drag" href={daemon.url(`api/clips/${encodeURIComponent(take.id)}/audio`)} download={`${take.id}.wav`} title="Drag this into the DAW">⠿ WAV</a>
        </div>
      )}
    </li>
  );
}

export function Takes() {
  return (
    <section class="takes" aria-label="Takes">
      <Player />
      <h2>
        Takes {takesInAll.value > takes.value.length && <small>{takes.value.length} of {takesInAll.value}</small>}
        <input
          id="search" class="search" type="search" aria-label="Search takes" placeholder="key:Am bossa kept"
          value={searched.value} onInput={(event) => search(event.currentTarget.value)}
        />
      </h2>
      <ul role="listbox" aria-label="Takes">{takes.value.map((take) => <Row key={take.id} take={take} />)}</ul>
      {!takes.value.length && <p class="none">{searched.value ? "No take is like that." : "No takes yet. Write chords, then press G."}</p>}
    </section>
  );
}
