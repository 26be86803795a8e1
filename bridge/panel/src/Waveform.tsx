import { useEffect, useRef, useState } from "preact/hooks";
import WaveSurfer from "wavesurfer.js";
import type { Peaks, Take } from "./api";
import { daemon, tellError } from "./store";

const WIDTH = 400;

/** Where the bar lines inside a take lie, as shares of its length. */
export function barLines(take: Pick<Take, "bar_lines" | "seconds">): number[] {
  return take.bar_lines.map((at) => at / take.seconds).filter((share) => share > 0 && share < 1);
}

/** How far the wave goes from the middle in each stretch, in any channel. */
export function loudest({ channels }: Peaks): number[] {
  const [first] = channels;
  return (first?.max ?? []).map((_, at) => Math.max(...channels.flatMap(({ min, max }) => [-(min[at] ?? 0), max[at] ?? 0])));
}

/** The waveform over the bar grid, drawn by wavesurfer.js once it comes into view. */
export function Waveform({ take, at }: { take: Take; at: number | null }) {
  const box = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setSeen(true);
    });
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (!seen || !box.current) return undefined;
    let gone = false;
    daemon.get<Peaks>(`api/clips/${encodeURIComponent(take.id)}/peaks?width=${WIDTH}`).then((peaks) => {
      if (gone || !box.current) return;
      surfer.current = WaveSurfer.create({
        container: box.current, height: 44, peaks: [loudest(peaks)], duration: take.seconds, interact: false,
        waveColor: "#5f7f9e", progressColor: "#9fd0ff", cursorColor: "#ffd166", cursorWidth: 2,
      });
    }, tellError);
    return () => {
      gone = true;
      surfer.current?.destroy();
      surfer.current = null;
    };
  }, [seen, take.id]);
  useEffect(() => surfer.current?.setTime(at ?? 0), [at]);
  return (
    <div class="wave" aria-hidden="true">
      {barLines(take).map((share) => <i key={share} style={{ left: `${share * 100}%` }} />)}
      <div ref={box} />
    </div>
  );
}
